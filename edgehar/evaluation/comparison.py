"""Figures of several models side by side.

What `edgehar-train evaluate` and `baselines` keep of each is one small file in the folder `scores` beside the model; the
tables are laid out from those that lie there. Who is compared is told by the names: NAME is the model that ships,
NAME_synthetic what it was pre-trained to, NAME_random_start the same recipe without that, NAME_random_forest.
"""

from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import msgspec
from msgspec import Struct

from edgehar.errors import ConfigError
from edgehar.evaluation.alarms import Null
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import GESTURES_ROW
from edgehar.evaluation.results import Line, Results
from edgehar.evaluation.unseen import NEVER, OTHERS
from edgehar.pipeline.model_spec import SEEN
from edgehar.recordings.datasets import collection
from edgehar.training.files import write_whole

FOLDER = "scores"
FEWEST = 100
"""Windows of the rows of the table; the others are left to the work folder: round number."""
COLUMNS: Mapping[str, str] = {
    "": "fine-tuned",
    "_synthetic": "synthetic only",
    "_random_start": "random start, same recordings",
    "_random_forest": "random forest",
}
"""Titles of the models that are compared, by the end of their names."""


class Figures(Struct, frozen=True):
    """One row of one model."""

    windows: int
    people: int
    fine: float
    """Macro-F1."""
    coarse: float
    mark: str
    """One of `unseen`."""


class FalseStarts(Struct, frozen=True):
    """False starts of all labels together on people who do none of them."""

    hours: float
    per_hour: float
    bound_per_hour: float | None
    """95 % upper bound."""
    mark: str


class Scores(Struct, frozen=True):
    """The figures of one model that are compared."""

    model: str
    sha256: str
    rows: dict[str, Figures]
    """Those that stand for a set and placement."""
    false_starts: dict[str, FalseStarts]


def scores_of(model: str, sha256: str, lines: Mapping[str, Line]) -> Scores:
    """Choose what is compared of a model's rows."""
    rows = {
        name: Figures(
            line.everybody.windows,
            line.everybody.people,
            line.everybody.macro_f1,
            line.coarse.macro_f1,
            line.mark,
        )
        for name, line in lines.items()
        if line.is_headline
    }
    return Scores(model, sha256, rows, {})


def scores_of_results(results: Results) -> Scores:
    """Choose what is compared of an evaluation."""
    nulls = msgspec.convert(results.more.get("alarms", {}), dict[str, Null])
    starts = {
        name: FalseStarts(null.hours, total.per_hour, total.bound_per_hour, null.mark)
        for name, null in nulls.items()
        for total in [null.labels["any"]]
    }
    return msgspec.structs.replace(
        scores_of(results.model, results.sha256, results.lines), false_starts=starts
    )


def file_of(folder: Path, name: str) -> Path:
    """Return the file of a model's scores, beside the models in `folder`."""
    return folder / FOLDER / f"{name}.json"


def write(folder: Path, name: str, scores: Scores) -> None:
    """Write a model's scores; ConfigError if they cannot be written."""
    file = file_of(folder, name)
    content = msgspec.json.format(msgspec.json.encode(scores), indent=1) + b"\n"
    try:
        file.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{file.parent}: {error.strerror}") from error
    write_whole(file, lambda new: new.write_bytes(content))


def read(folder: Path, name: str) -> dict[str, Scores]:
    """Read the scores of the model `name` and of those that it is compared with, by column; only what lies there.

    ConfigError if a file holds something else.
    """
    columns = {}
    for ending, title in COLUMNS.items():
        file = file_of(folder, f"{name}{ending}")
        try:
            columns[title] = msgspec.json.decode(file.read_bytes(), type=Scores)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{file}: no scores of `edgehar-train evaluate`: {error}; run it again"
            ) from error
    tuned, synthetic, *_ = COLUMNS.values()
    if tuned in columns and synthetic not in columns and not _is_tuned(columns[tuned]):
        columns = {synthetic: columns.pop(tuned)} | columns
    return columns


def _is_tuned(scores: Scores) -> bool:
    return any(row.mark != NEVER for row in scores.rows.values())


def stem_of(name: str) -> str:
    """Return the name of the model that a model of this name is compared with."""
    endings = [ending for ending in COLUMNS if ending and name.endswith(ending)]
    return name.removesuffix(endings[0]) if endings else name


def tables(columns: Mapping[str, Scores]) -> str:
    """Lay out macro-F1 by row, and false starts; in the order and with the marks of the first column."""
    if not columns:
        return ""
    parts = (_macro_f1(columns), _false_starts(columns))
    return "\n\n".join(part for part in parts if part)


def _macro_f1(columns: Mapping[str, Scores]) -> str:
    first = next(iter(columns.values()))
    names = [name for name, row in first.rows.items() if row.windows >= FEWEST]
    lines: list[list[str]] = []
    for mark in (OTHERS, NEVER, SEEN):
        group = [name for name in names if first.rows[name].mark == mark]
        for name in group:
            row = first.rows[name]
            cells = [_cell(row, scores.rows.get(name)) for scores in columns.values()]
            lines.append([name, mark, str(row.people), str(row.windows), *cells])
        averaged = {name: first.rows[name] for name in group if name != GESTURES_ROW}
        if averaged and mark != SEEN:
            means = [_mean(averaged, scores) for scores in columns.values()]
            lines.append(["**mean of collections**", mark, "", "", *means])
    head = ("macro-F1, fine / coarse", "", "people", "windows", *columns)
    return table(head, lines, words=(0, 1))


def _cell(row: Figures, other: Figures | None) -> str:
    """Show a row of another model; nothing if it is of other people or windows."""
    if other is None or (other.windows, other.people) != (row.windows, row.people):
        return ""
    return f"{other.fine:.3f} / {other.coarse:.3f}"


def _mean(rows: Mapping[str, Figures], scores: Scores) -> str:
    """Show the mean of a model over rows; nothing if one cannot be compared."""
    others = {name: scores.rows.get(name) for name in rows}
    if not all(_cell(row, others[name]) for name, row in rows.items()):
        return ""
    fine, coarse = (
        mean_of_collections({name: getattr(other, level) for name, other in others.items()})
        for level in ("fine", "coarse")
    )
    return f"**{fine:.3f} / {coarse:.3f}**"


def mean_of_collections(by_row: Mapping[str, float]) -> float:
    """Return the mean over collections of sets of the mean of each one's rows; people count once, whatever they wore."""
    by_collection: dict[str, list[float]] = {}
    for row, value in by_row.items():
        by_collection.setdefault(collection(row.partition(" ")[0]), []).append(value)
    return fmean([fmean(values) for values in by_collection.values()])


def _false_starts(columns: Mapping[str, Scores]) -> str:
    counted = {title: scores.false_starts for title, scores in columns.items() if scores.false_starts}
    if not counted:
        return ""
    first = next(iter(counted.values()))
    lines = [
        [
            name,
            start.mark,
            f"{start.hours:.1f}",
            *(_rate(start, other.get(name)) for other in counted.values()),
        ]
        for name, start in first.items()
    ]
    head = ("false starts per hour (at most, 95 %)", "", "hours", *counted)
    return table(head, lines, words=(0, 1))


def _rate(start: FalseStarts, other: FalseStarts | None) -> str:
    if other is None or other.hours != start.hours:
        return ""
    bound = "" if other.bound_per_hour is None else f" ({other.bound_per_hour:.1f})"
    return f"{other.per_hour:.1f}{bound}"
