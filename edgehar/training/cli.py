"""The verbs of `edgehar-train`: parse, call, print. stdout is data, stderr is messages."""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edgehar import __version__, manifest, recognizer
from edgehar.errors import ConfigError, OperatorError
from edgehar.training import evaluate as scoring, export, recipe as recipes

EXIT_REFUSED = 78
"""EX_CONFIG of sysexits.h, as `edgehar` has it."""
_BEGIN, _END = "<!-- scores -->", "<!-- /scores -->"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Example: edgehar-train build models/imu_tcn.toml\n\n"
    "Makes models from recipes and scores them on recordings of people.",
)


@app.command(
    help="Example: edgehar-train build models/imu_tcn.toml\n\n"
    "Simulate people, fit the network, quantize it, write NAME.tflite and NAME.json. Needs edgehar[train]."
)
def build(
    path: Annotated[Path, typer.Argument(metavar="RECIPE", help="Such as models/imu_tcn.toml.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the pair; else beside the recipe.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that simulate people.")] = os.cpu_count()
    or 1,
) -> None:
    """Recipe to model pair."""
    made = recipes.load(path)
    with _progress() as progress:
        content, provenance = _make(made, workers, progress)
    stem = (out or path.parent) / made.name
    provenance["recipe_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    spec = export.describe(made, content, provenance)
    export.write_pair(stem, content, spec)
    typer.echo(f"{stem}.json")


@app.command(
    help="Example: edgehar-train evaluate models/imu_tcn.json --data ../shared/data\n\n"
    "Score the int8 network on people with the recognizer of the run time. Needs no TensorFlow."
)
def evaluate(
    model: Annotated[str, typer.Argument(help="A manifest's path, or a shipped model's name.")],
    data: Annotated[Path, typer.Option(help="Folder with imu/motionsense.npz and imu/dsads.npz.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print scores and confusions as JSON.")] = False,  # noqa: FBT002  # typer's form of a flag
    write: Annotated[bool, typer.Option(help="Write the scores to the manifest and its README.md.")] = True,  # noqa: FBT002  # typer's form of a flag
) -> None:
    """Model pair and recordings to scores."""
    path = manifest.find(model)
    loaded = recognizer.load(path)
    scores = scoring.evaluate(loaded, data)
    if write:
        metrics = scoring.metrics(scores)
        export.write_manifest(path.with_suffix(""), msgspec.structs.replace(loaded.spec, metrics=metrics))
        _rewrite(path.with_name("README.md"), loaded.spec.name, scoring.markdown(scores))
    typer.echo(msgspec.json.encode(scores).decode() if as_json else scoring.markdown(scores))


def main() -> None:
    """Run the command line; what the operator can mend is one line on stderr and exit code 78."""
    try:
        app()
    except OperatorError as error:
        typer.echo(f"edgehar-train: {error}", err=True)
        sys.exit(EXIT_REFUSED)


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (TextColumn("{task.description:40s}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


def _make(made: recipes.Recipe, workers: int, progress: Progress) -> tuple[bytes, dict[str, Any]]:
    """The network's bytes, and where they come from."""
    # numpy only, but the fit below needs TensorFlow: say so before minutes of simulation.
    from edgehar.training import synthesize  # noqa: PLC0415

    tensorflow, fitting = _tensorflow()
    bar = progress.add_task("simulating windows", total=made.synthesis.windows)
    data = synthesize.synthesize(made, workers, lambda windows: progress.advance(bar, windows))
    total = fitting.steps(made, len(data.x))
    bar = progress.add_task("fitting", total=total)
    smooth = [0.0]

    def tick(_loss: float, accuracy: float) -> None:
        smooth[0] = accuracy
        progress.update(bar, advance=1, description=f"fitting, {smooth[0]:.1%} of the epoch right")

    model = fitting.fit(made, data, tick)
    content = export.to_int8(model, made, fitting.representative(made, data))
    return content, {
        "training_data": "synthetic only: the procedural body of edgehar.motion, no recordings of people",
        "seed": made.seed,
        "windows": len(data.x),
        "parameters": int(model.count_params()),
        "edgehar": __version__,
        "tensorflow": tensorflow,
    }


def _tensorflow() -> tuple[str, Any]:
    # Its C++ side reports each start on stderr, in the middle of the progress bar.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf  # noqa: PLC0415  # loads in seconds; only `build` needs it

        from edgehar.training import fit  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(f"building needs TensorFlow: pip install 'edgehar[train]' ({error})") from error
    return str(tf.__version__), fit


def _rewrite(readme: Path, name: str, table: str) -> None:
    """Put the table between the marks of a README that has such."""
    begin, end = f"{_BEGIN.removesuffix(' -->')} {name} -->", _END
    text = readme.read_text() if readme.is_file() else ""
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if found and closed:
        readme.write_text(f"{before}{begin}\n{table}\n{end}{after}")
