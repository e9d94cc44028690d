"""Files that the results of an evaluation are written to.

All of them go into a work folder that git leaves alone. Beside the model stand the few lines that a reader needs: in its
manifest, in `scores/NAME.json` and, laid out, between marks in README.md and DETAILS.md.
"""

import logging
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.evaluation import comparison, picture
from edgehar.evaluation.results import Results, metrics
from edgehar.evaluation.tables import document, summary
from edgehar.pipeline import manifest
from edgehar.training import cache, export
from edgehar.training.files import check_writable, write_whole

RESULTS = "results.json"
"""Name of the file of a work folder that holds all figures."""
README, DETAILS = "README.md", "DETAILS.md"
"""Names of the files beside a model that tables stand in."""
_END = "<!-- /scores -->"
_MEND = "--no-write only prints"
_log = logging.getLogger(__name__)


def ready(model: Path, folder: Path, beside: Path | None = None) -> None:
    """Try before minutes of scoring whether `publish` can draw and write; the folders are made.

    Raises:
        ConfigError: if it cannot write.
        ImportError: if it cannot draw.
    """
    picture.libraries()
    for written in (model.parent, beside or model.parent):
        check_writable(written, _MEND)
    cache.make_work_folder(folder)


def publish(model: Path, folder: Path, results: Results, beside: Path | None = None) -> None:
    """Write all results into a work folder, and what a reader needs of them beside the model.

    The work folder gets `results.json`, `results.md` and `confusion.png`, the manifest its metrics, and the folder
    `beside`, else the model's, `scores/NAME.json`, a summary in DETAILS.md and the tables of `comparison` in README.md, which
    replace what stands between `<!-- scores NAME -->` or `<!-- scores NAME table -->` and `<!-- /scores -->`; a file without
    these marks stays as it is, with a warning. ConfigError, before anything is written, if the model is no longer the
    one that was scored.
    """
    spec = manifest.read(model)
    if spec.sha256 != results.sha256:
        raise ConfigError(f"{model}: another network than the one that was scored; evaluate it anew")
    cache.make_work_folder(folder)
    drawn = {name: line.everybody for name, line in results.lines.items() if line.is_headline}
    drawn = {name: score for name, score in drawn.items() if len(score.f1) > 1}
    picture.draw(drawn, folder / "confusion.png")
    _write(folder / RESULTS, _with_former(folder / RESULTS, results))
    _write_text(folder / "results.md", document(results) + "\n")
    export.write_manifest(model.with_suffix(""), replace(spec, metrics=metrics(results)))
    beside = beside or model.parent
    rewrite(beside / DETAILS, spec.name, summary(results))
    comparison.write(beside, spec.name, comparison.scores_of_results(results))
    lay_out(beside, comparison.stem_of(spec.name))


def lay_out(folder: Path, name: str, *, write: bool = True) -> str:
    """Return the tables of the model `name` and of those that it is compared with, and write them into README.md.

    A README without marks for them is not about this model.
    """
    tables = comparison.tables(comparison.read(folder, name))
    page = folder / README
    if write and page.is_file() and _begin(f"{name} table") in page.read_text(encoding="utf-8"):
        rewrite(page, f"{name} table", tables)
    return tables


def _begin(name: str) -> str:
    return f"<!-- scores {name} -->"


def check(stem: Path, folder: Path, *, write: bool) -> None:
    """Refuse, before minutes of work, what `add` would refuse; without `write` other figures only get a warning.

    Raises:
        ConfigError: as `add`.
    """
    why = _stale(stem, folder)
    if write:
        check_writable(stem.parent, _MEND)
        if why:
            raise ConfigError(why)
    elif why:
        _log.warning("%s", why)


def _stale(stem: Path, folder: Path) -> str:
    """Say why the figures in the folder and beside the model `stem` may not be its own; empty if they are.

    Without results in the folder the manifest's metrics tell whether it was scored; a recipe without a model has none.
    """
    file, pair = folder / RESULTS, manifest.file_of(stem, ".json")
    results = read_results(file)
    if results is None:
        was_scored = not pair.is_file() or manifest.read(stem).metrics
        why = "" if was_scored else f"{pair}: a network that was not scored yet"
    else:
        is_same = results.sha256 == manifest.read(stem).sha256
        why = "" if is_same else f"{file}: figures of another network than that of {pair}"
    return f"{why}; run `edgehar-train evaluate {pair}` first" if why else ""


def add(stem: Path, folder: Path, name: str, scores: Any, long: str, short: str) -> None:
    """Put the scores of another command about the model `stem` where `publish` put its own.

    They go into `results.json`, where there is one, their long table into `NAME.md`, and the short one in DETAILS.md
    between `<!-- scores STEM NAME -->` and `<!-- /scores -->`. ConfigError, before anything is written, if the
    results are those of another network, or the model was not scored yet.
    """
    if why := _stale(stem, folder):
        raise ConfigError(why)
    results = read_results(folder / RESULTS)
    if results:
        _write(folder / RESULTS, replace(results, more={**results.more, name: msgspec.to_builtins(scores)}))
    _write_text(folder / f"{name}.md", long + "\n")
    rewrite(stem.with_name(DETAILS), f"{stem.name} {name}", short)


def read_results(file: Path) -> Results | None:
    """Read those of an evaluation, if there was one; ConfigError if the file holds something else."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Results)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: no results of `edgehar-train evaluate`: {error}; run it again") from error


def _write(file: Path, results: Results) -> None:
    content = msgspec.json.format(msgspec.json.encode(results)) + b"\n"
    write_whole(file, lambda new: new.write_bytes(content))


def _write_text(file: Path, text: str) -> None:
    write_whole(file, lambda new: new.write_text(text, encoding="utf-8"))


def _with_former(file: Path, results: Results) -> Results:
    """Return the results with what other commands measured of the same network."""
    try:
        former = read_results(file)
    except ConfigError:
        return results
    if former is None or former.sha256 != results.sha256:
        return results
    return replace(results, more=former.more | results.more)


def rewrite(page: Path, name: str, tables: str) -> None:
    """Put tables between the marks of a page; where it has none, a warning tells how to set them."""
    if not page.is_file():
        return
    begin = _begin(name)
    before, opened, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(_END)
    if not (opened and closed):
        _log.warning("%s: left as it is; the tables go between %s and %s", page, begin, _END)
        return
    _write_text(page, f"{before}{begin}\n{tables}\n{_END}{after}")
