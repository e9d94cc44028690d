"""The curve of people: macro-F1 over the share of the people whom a model is fine-tuned on, with and without pre-training.

Every fit is kept in the work folder and scored on people whom no fit of its seed has seen, by the arg-max on the
windows of `plan`, without the decision. Two means are taken: over the collections of sets that some of the people belong
to, and over those never seen.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.evaluation import picture
from edgehar.evaluation.comparison import mean_of_collections
from edgehar.evaluation.evaluate import left_out, set_names
from edgehar.evaluation.headlines import headlines
from edgehar.evaluation.markdown import table
from edgehar.evaluation.plan import GESTURES_ROW
from edgehar.evaluation.unseen import NEVER, OTHERS, Recordings
from edgehar.pipeline import manifest
from edgehar.recordings.datasets import set_files
from edgehar.training import export
from edgehar.training.cache import cache_key, file_digests
from edgehar.training.files import write_whole
from edgehar.training.finetune import Finetune
from edgehar.training.finetune_recipe import changed
from edgehar.training.provenance import TUNED_ON, named, persons

CURVE_VERSION = 1
"""Raise it with any change that scores the same fits otherwise: of plan, truth, headlines, or the windows of sets."""
FOLDER = "curve"
"""Name of the folder of the fits, in a work folder."""
_STARTS = {False: "pre-trained", True: "random start, recordings alone"}
_MARKS = {OTHERS: "other people of the same sets", NEVER: "sets never seen"}


class Point(Struct, frozen=True):
    """One fit, scored."""

    portion: float
    seed: int
    is_random_start: bool
    steps: int
    people: int
    """Number of people whom its weights have seen: each once, in however many sets of a collection."""
    fine: dict[str, float]
    """Macro-F1 by row."""
    coarse: dict[str, float]
    marks: dict[str, str]
    """One of `unseen` by row: how well a fit to all of them knows who is scored."""


class _Kept(Struct, frozen=True):
    """One point in the work folder."""

    key: str
    """Key of the fit, and of the sets that it was scored on."""
    point: Point


def portion(word: str) -> float:
    """Read a share; ConfigError if it is none."""
    try:
        share = float(word)
    except ValueError:
        share = 0.0
    if not 0.0 < share <= 1.0:
        raise ConfigError(f"--portions: expected shares above 0, up to 1, got {word!r}")
    return share


def points(
    tuning: Finetune, data: Path, seeds: int, portions: Sequence[float], only: Sequence[str] = ()
) -> Iterator[Point]:
    """Yield a point for each seed, start and portion, fitted and scored unless it is kept; the largest portion first.

    Portions are of the people who are not held out, of each set at least one; 1 comes in any case.
    """
    first, scored = tuning.recipe.seed, _scored_on(data, only)
    for seed in range(first, first + seeds):
        # Of both starts: what the base has met, a random start is not scored on either.
        whole: Path | None = None
        for is_random_start in _STARTS:
            for portion in sorted({*portions, 1.0}, reverse=True):
                # Who learns nothing of simulated people before shall not while fitting, either.
                simulated = 0.0 if is_random_start else None
                recipe = changed(tuning.recipe, portion=portion, seed=seed, synthetic=simulated)
                start = "random" if is_random_start else "base"
                stem = f"{FOLDER}/{seed}_{start}_{portion:g}".replace(".", "_")
                this = replace(tuning, recipe=recipe, random_start=is_random_start, kept_as=stem)
                pair = tuning.folder / f"{stem}.json"
                whole = whole or pair
                yield _kept(this, pair, whole, data, only, scored)


def _scored_on(data: Path, only: Sequence[str]) -> str:
    """Return the key of the sets that points are scored on, and of how."""
    sets = {name: file_digests(set_files(data, name)) for name in set_names(data, only)}
    return cache_key({"sets": sets}, f"curve {CURVE_VERSION}")


def _kept(
    tuning: Finetune, pair: Path, whole: Path, data: Path, only: Sequence[str], scored_on: str
) -> Point:
    some = "".join(f".{name}" for name in sorted({*only}))
    file, key = pair.with_suffix(f"{some}.point.json"), f"{tuning.state().key} {scored_on}"
    kept = _read(file)
    if kept and kept.key == key:
        return kept.point
    pair.parent.mkdir(exist_ok=True)
    content, spec, _ = tuning.pair()
    export.write_pair(pair.with_suffix(""), content, spec)
    point = _scored(tuning, pair, whole, data, only)
    content = msgspec.json.encode(_Kept(key, point))
    write_whole(file, lambda new: new.write_bytes(content))
    return point


def _read(file: Path) -> _Kept | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except msgspec.DecodeError:
        return None  # of another version: made anew


def _scored(tuning: Finetune, pair: Path, whole: Path, data: Path, only: Sequence[str]) -> Point:
    recordings = Recordings(data, left_out(pair, whole))
    lines = headlines(
        pair, recordings, tuning.workers, tuning.progress, only=only, knows=manifest.read(whole)
    )
    return Point(
        tuning.recipe.portion,
        tuning.recipe.seed,
        tuning.random_start,
        tuning.recipe.tuning.steps,
        len(persons(named(manifest.read(pair), TUNED_ON))),
        {name: line.everybody.macro_f1 for name, line in lines.items()},
        {name: line.coarse.macro_f1 for name, line in lines.items()},
        {name: line.mark for name, line in lines.items()},
    )


class Mean(Struct, frozen=True):
    """One portion and start: the mean over seeds of the mean over collections."""

    seeds: tuple[float, ...]
    """Macro-F1 of each seed."""
    mean: float
    margin: float
    """Half of the 95 % interval by Student's t; 0 for one seed."""


def means(points: Sequence[Point], mark: str) -> dict[bool, dict[float, Mean]]:
    """Return the means of fine macro-F1 over the collections of one mark, by start (True: random) and portion."""
    result: dict[bool, dict[float, Mean]] = {}
    for is_random_start in _STARTS:
        by_portion: dict[float, list[float]] = {}
        for point in sorted(points, key=lambda point: point.portion):
            fine = point.fine.items()
            rows = {row: f1 for row, f1 in fine if point.marks[row] == mark and row != GESTURES_ROW}
            if point.is_random_start is is_random_start and rows:
                by_portion.setdefault(point.portion, []).append(mean_of_collections(rows))
        if by_portion:
            result[is_random_start] = {portion: _mean(seeds) for portion, seeds in by_portion.items()}
    return result


def _mean(seeds: Sequence[float]) -> Mean:
    if len(seeds) < 2:
        return Mean(tuple(seeds), mean(seeds), 0.0)
    from scipy.stats import t  # noqa: PLC0415  # slow to load

    margin = float(t.ppf(0.975, len(seeds) - 1)) * stdev(seeds) / len(seeds) ** 0.5
    return Mean(tuple(seeds), mean(seeds), margin)


def markdown(points: Sequence[Point]) -> str:
    """Lay out a line per portion: means over collections and seeds, with their intervals."""
    columns = [(mark, start) for mark in _MARKS for start in _STARTS]
    by_mark = {mark: means(points, mark) for mark in _MARKS}
    rows = []
    for portion in sorted({point.portion for point in points}):
        people = sorted({point.people for point in points if point.portion == portion})
        cells = [by_mark[mark].get(start, {}).get(portion) for mark, start in columns]
        shown = ["" if cell is None else f"{cell.mean:.3f} ± {cell.margin:.3f}" for cell in cells]
        rows.append((f"{portion:.0%}", " to ".join(dict.fromkeys((str(people[0]), str(people[-1])))), *shown))
    head = [f"{_MARKS[mark]}, {_STARTS[start]}" for mark, start in columns]
    seeds, steps = len({point.seed for point in points}), max(point.steps for point in points)
    return table((f"macro-F1, {seeds} seeds, {steps} steps", "people", *head), rows)


def draw(points: Sequence[Point], path: Path) -> None:
    """Write a PNG with a panel for each mean: macro-F1 over the portion, with the interval and every seed.

    ImportError without matplotlib, ConfigError if the file cannot be written.
    """
    figure_class, canvas_class, image = picture.libraries()
    figure = figure_class(figsize=(9.0, 3.6), dpi=100, layout="constrained")
    panels = figure.subplots(1, len(_MARKS), sharey=True)
    for ax, (mark, title) in zip(panels, _MARKS.items(), strict=True):
        for start, by_portion in means(points, mark).items():
            # Side by side, so that one interval does not hide the other.
            style, aside = ("k--", 1.05) if start else ("k-", 1 / 1.05)
            portions = [portion * aside for portion in by_portion]
            center = [some.mean for some in by_portion.values()]
            margin = [some.margin for some in by_portion.values()]
            ax.errorbar(portions, center, yerr=margin, fmt=style, capsize=3, lw=1.2, label=_STARTS[start])
            for portion, some in by_portion.items():
                ax.plot([portion * aside] * len(some.seeds), some.seeds, "o", ms=3, mfc="none", mec="0.5")
        ax.set_xscale("log")
        ticks = sorted({point.portion for point in points})
        ax.set_xticks(ticks, [f"{portion:.0%}" for portion in ticks])
        ax.minorticks_off()
        ax.set_title(title, fontsize=9)
        ax.set_xlabel("people of the tuning sets", fontsize=8)
        ax.grid(visible=True, lw=0.3)
    panels[0].set_ylabel("macro-F1", fontsize=8)
    panels[0].legend(fontsize=8, loc="lower right")
    picture.save(figure, canvas_class, image, path)
