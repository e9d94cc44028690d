"""The verbs of `edgehar-train`: parse, call, print. stdout is data, stderr is messages."""

import hashlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from edgehar.errors import ConfigError, OperatorError
from edgehar.evaluation import evaluate as scoring, report as publish
from edgehar.pipeline import manifest, recognizer
from edgehar.training import cache as work, export, recipe as recipes

if TYPE_CHECKING:
    from edgehar.training.build import Build

EXIT_REFUSED = 78
"""EX_CONFIG of sysexits.h, as `edgehar` has it."""
EXIT_STOPPED = 130
"""128 and the number of SIGINT, as shells have it."""

_Recipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="Such as models/imu_tcn.toml.")]
_Data = Annotated[Path, typer.Option(help="Folder that holds the recordings, imu/*.npz.")]
_Write = Annotated[bool, typer.Option(help="Write what was found beside the model.")]
_Only = Annotated[
    str, typer.Option(metavar="SETS", help="Such as motionsense,dsads; nothing is written then.")
]
_Workers = Annotated[int, typer.Option(min=1, help="Processes that simulate people and score.")]
_Work = Annotated[Path | None, typer.Option("--work", help="For what is kept on the way; else build/NAME.")]
_WORKERS = os.cpu_count() or 1

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
    "Simulate people, fit the network, quantize it, write NAME.tflite and NAME.json. Needs edgehar[train]. "
    "After Ctrl-C the same command goes on where it was stopped."
)
def build(
    path: _Recipe,
    out: Annotated[Path | None, typer.Option(help="Folder for the pair; else beside the recipe.")] = None,
    workers: _Workers = _WORKERS,
    folder: _Work = None,
    fresh: Annotated[bool, typer.Option(help="Start over, whatever is kept.")] = False,
) -> None:
    """Recipe to model pair."""
    again = "the same command without --fresh" if fresh else "the same command"
    where = out or path.parent
    with _building(path, folder, workers, again, fits=True) as made:
        work.writable(where, "--out takes a folder to write to")
        if fresh:
            made.forget()
        content, spec = made.pair()
    stem = where / spec.name
    export.write_pair(stem, content, spec)
    typer.echo(f"{stem}.json")


@app.command(
    help="Example: edgehar-train evaluate models/imu_tcn.json --data ../shared/data\n\n"
    "Score the int8 network on people with the recognizer of the run time. Needs no TensorFlow. "
    "Writes results.json, confusion.png, the manifest's metrics and README.md's tables beside the model."
)
def evaluate(
    model: Annotated[str, typer.Argument(help="A manifest's path, or a shipped model's name.")],
    data: _Data,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    write: _Write = True,
    only: _Only = "",
    workers: _Workers = _WORKERS,
) -> None:
    """Model pair and recordings to scores."""
    path = manifest.find(model)
    recognizer.load(path)  # a pair that cannot run is refused at once
    chosen = _names(only)
    if write and not chosen:
        publish.ready(path)
    with _progress() as progress:
        found = scoring.evaluate(path, data, only=chosen, workers=workers, tick=_bars(progress))
    typer.echo(msgspec.json.encode(found).decode() if as_json else publish.document(found))
    if write and not chosen:
        publish.publish(path, found)


@app.command(
    help="Example: edgehar-train baselines models/imu_tcn.toml --data ../shared/data\n\n"
    "Score what the network of a recipe is measured against: a random forest on the same windows, and the "
    "same network untrained. Adds them to results.json and README.md beside the recipe. Needs edgehar[train]."
)
def baselines(
    path: _Recipe,
    data: _Data,
    write: _Write = True,
    only: _Only = "",
    workers: _Workers = _WORKERS,
    folder: _Work = None,
) -> None:
    """Recipe and recordings to scores."""
    chosen, stem = _names(only), path.with_suffix("")
    write = write and not chosen
    scoring.set_names(data, chosen)  # a wrong folder is refused before minutes of simulation
    with _building(path, folder, workers) as made:
        publish.check(stem, write=write)
        from edgehar.evaluation import baselines as against

        found = {
            baseline.stem: against.score(baseline, data, chosen, workers, made.say)
            for baseline in (made.forest(), made.untrained())
        }
    typer.echo(against.publish(stem, found, write=False))
    if write:  # after it was shown: what cannot be written is not lost
        against.publish(stem, found, write=True)


@app.command(
    help="Example: edgehar-train ablate models/imu_tcn.toml --data ../shared/data\n\n"
    "Fit the recipe's network to sensors mounted by habit and anyhow, shown in several axes, and score each on "
    "the people whose recordings design decisions are taken on. Needs edgehar[train]."
)
def ablate(
    path: _Recipe,
    data: _Data,
    epochs: Annotated[int, typer.Option(min=1, help="Of fitting for each way.")] = 6,
    write: _Write = True,
    workers: _Workers = _WORKERS,
    folder: _Work = None,
) -> None:
    """Recipe and recordings to a table."""
    stem = path.with_suffix("")
    scoring.set_names(data, ["motionsense", "dsads"])
    with _building(path, folder, workers) as made:
        if write:
            publish.check(stem, write=True)
        from edgehar.evaluation import ablations as against

        found = against.ablate(made.recipe, made.windows, data, epochs, made.say)
    table = against.markdown(found)
    typer.echo(table)
    if write:
        publish.add(stem, "mounting", found, table)


def main() -> None:
    """Run the command line; what the operator can mend is one line on stderr and exit code 78."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Lines()])
    try:
        app()
    except OperatorError as error:
        typer.echo(f"edgehar-train: {error}", err=True)
        sys.exit(EXIT_REFUSED)


class _Lines(logging.Handler):
    """Our own warnings as lines between the bars; those of TensorFlow are for who works on it."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == "edgehar":
            typer.echo(f"edgehar-train: {record.getMessage()}", err=True)


def _names(only: str) -> list[str]:
    return [name.strip() for name in only.split(",") if name.strip()]


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (TextColumn("{task.description:40s}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


@contextmanager
def _building(
    path: Path, folder: Path | None, workers: int, again: str = "the same command", *, fits: bool = False
) -> Iterator["Build"]:
    """A build with a progress bar; Ctrl-C ends it with one line on what is kept: see `Build.kept`."""
    content = recipes.read(path)
    recipe = recipes.parse(content, path)
    for problem in export.problems(recipe):
        raise ConfigError(f"{path}: {problem}")
    made = None
    try:
        with _progress() as progress:
            versions = _versions()
            from edgehar.training import build as building

            where = work.make(folder or Path("build") / recipe.name)
            digest = hashlib.sha256(content).hexdigest()
            made = building.Build(recipe, where, workers, versions, _bars(progress), digest)
            yield made
    except KeyboardInterrupt:
        kept = made.kept(again, fits=fits) if made else "nothing was done yet"
        typer.echo(f"edgehar-train: stopped; {kept}", err=True)
        raise typer.Exit(EXIT_STOPPED) from None


def _bars(progress: Progress) -> Callable[[str, int, int], None]:
    """One bar for each stage; what stands behind a comma in its name may change."""
    bars: dict[str, TaskID] = {}

    def say(stage: str, done: int, total: int) -> None:
        name = stage.partition(",")[0]
        if name not in bars:
            bars[name] = progress.add_task(stage)
        progress.update(bars[name], description=stage, completed=done, total=total)

    return say


def _versions() -> str:
    """Of the libraries that fit; ConfigError if there are none, before minutes of simulation."""
    # Its C++ side reports each start on stderr, in the middle of the progress bar.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import keras  # loads in seconds; only a build needs it
        import tensorflow as tf
    except ImportError as error:
        raise ConfigError(f"building needs TensorFlow: pip install 'edgehar[train]' ({error})") from error
    return f"tensorflow {tf.__version__}, keras {keras.__version__}"
