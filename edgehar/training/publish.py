"""Where the results of an evaluation are written: beside the model that they belong to."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edgehar import manifest
from edgehar.errors import ConfigError
from edgehar.training import export, further, picture, work
from edgehar.training.results import TURNED, Results, metrics, skipped, tables

_END = "<!-- /scores -->"


def publish(path: Path, results: Results) -> None:
    """Write `results.json`, `confusion.png`, the manifest's metrics and the tables of README.md beside `path`.

    In README.md they replace what stands between `<!-- scores NAME -->` and `<!-- /scores -->`; a README
    without these marks stays as it is. ConfigError, before anything is written, without matplotlib or if
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


def add(stem: Path, name: str, found: Any, table: str) -> None:
    """Put what another command found about the model `stem` into its `results.json`, where there is one, and README.md.

    There its table replaces what stands between `<!-- scores STEM NAME -->` and `<!-- /scores -->`.
    """
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
    except msgspec.DecodeError as error:
        raise ConfigError(f"{file}: no results of `edgehar-train evaluate`: {error}; run it again") from error


def _write(file: Path, results: Results) -> None:
    content = msgspec.json.format(msgspec.json.encode(results)) + b"\n"
    work.write(file, lambda new: new.write_bytes(content))


def _kept(file: Path, results: Results) -> Results:
    """With what other commands found out about the same network."""
    try:
        former = msgspec.json.decode(file.read_bytes(), type=Results)
    except (FileNotFoundError, msgspec.DecodeError):
        return results
    if former.sha256 != results.sha256:
        return results
    return replace(results, more=former.more | results.more)


def rewrite(readme: Path, name: str, tables: str) -> None:
    """Put the tables between the marks of a README that has such."""
    begin = f"<!-- scores {name} -->"
    text = readme.read_text() if readme.is_file() else ""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(_END)
    if found and closed:
        readme.write_text(f"{before}{begin}\n{tables}\n{_END}{after}")
