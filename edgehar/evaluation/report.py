"""Where the results of an evaluation are written: beside the model that they belong to."""

import logging
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.evaluation import further, picture
from edgehar.evaluation.results import TURNED, Results, metrics, skipped, tables
from edgehar.pipeline import manifest
from edgehar.training import cache as work, export

_END = "<!-- /scores -->"
_MEND = "--no-write only prints"

_log = logging.getLogger(__name__)


def ready(path: Path) -> None:
    """ConfigError, before minutes of scoring, if `publish` could draw or write nothing beside `path`."""
    picture.libraries()
    work.writable(path.parent, _MEND)


def publish(path: Path, results: Results) -> None:
    """Write `results.json`, `confusion.png`, the manifest's metrics and the tables of README.md beside `path`.

    In README.md they replace what stands between `<!-- scores NAME -->` and `<!-- /scores -->`; a README
    without these marks stays as it is, with a warning. ConfigError, before anything is written, without matplotlib or if
    the model is no longer the one that was scored.
    """
    spec = manifest.read(path)
    if spec.sha256 != results.sha256:
        raise ConfigError(f"{path}: another network than the one that was scored; evaluate it anew")
    drawn = {name: line.everybody for name, line in results.lines.items() if not name.endswith(TURNED)}
    drawn = {name: score for name, score in drawn.items() if len(score.f1) > 1}
    picture.draw(drawn, path.with_name("confusion.png"))
    file = path.with_name("results.json")
    _write(file, _kept(file, results))
    export.write_manifest(path.with_suffix(""), replace(spec, metrics=metrics(results)))
    rewrite(path.with_name("README.md"), spec.name, document(results))


def document(results: Results) -> str:
    """All tables under their titles."""
    parts = tables(results) | further.tables(results.more) | {"Not scored": skipped(results)}
    return "\n\n".join(f"#### {title}\n\n{table}" for title, table in parts.items() if table)


def check(stem: Path, *, write: bool) -> None:
    """Before minutes of work: whatever `add` would refuse; without `write` other figures only get a warning.

    Raises:
        ConfigError: as `add`.
    """
    why = _stale(stem)
    if write:
        work.writable(stem.parent, _MEND)
        if why:
            raise ConfigError(why)
    elif why:
        _log.warning("%s", why)


def _stale(stem: Path) -> str:
    """Why the `results.json` that is there holds no figures of the model `stem`; empty if it does or is not there."""
    file = stem.with_name("results.json")
    results = read_results(file)
    if results is None or results.sha256 == manifest.read(stem).sha256:
        return ""
    pair = f"{stem}.json"
    return (
        f"{file}: figures of another network than that of {pair}; run `edgehar-train evaluate {pair}` first"
    )


def add(stem: Path, name: str, found: Any, table: str) -> None:
    """Put what another command found about the model `stem` into its `results.json`, where there is one, and README.md.

    There its table replaces what stands between `<!-- scores STEM NAME -->` and `<!-- /scores -->`. ConfigError,
    before anything is written, if the results are those of another network.
    """
    if why := _stale(stem):
        raise ConfigError(why)
    file = stem.with_name("results.json")
    results = read_results(file)
    if results:
        _write(file, replace(results, more={**results.more, name: msgspec.to_builtins(found)}))
    rewrite(stem.with_name("README.md"), f"{stem.name} {name}", table)


def read_results(file: Path) -> Results | None:
    """Those of an evaluation, if there was one; ConfigError if the file holds something else."""
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
    work.write(file, lambda new: new.write_bytes(content))


def _kept(file: Path, results: Results) -> Results:
    """With what other commands found out about the same network."""
    try:
        former = read_results(file)
    except ConfigError:
        return results
    if former is None or former.sha256 != results.sha256:
        return results
    return replace(results, more=former.more | results.more)


def rewrite(readme: Path, name: str, tables: str) -> None:
    """Put the tables between the marks of a README; where it has none, a warning tells how to set them."""
    if not readme.is_file():
        return
    begin = f"<!-- scores {name} -->"
    before, found, rest = readme.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(_END)
    if not (found and closed):
        _log.warning("%s: left as it is; the tables go between %s and %s", readme, begin, _END)
        return
    text = f"{before}{begin}\n{tables}\n{_END}{after}"
    work.write(readme, lambda new: new.write_text(text, encoding="utf-8"))
