"""The verbs of `edgehar-train`: parse, call, print. stdout is data, stderr is messages."""

import hashlib
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from edgehar.cli import progress_bars as bars
from edgehar.cli.terminal import (
    EXIT_MISSING,
    EXIT_REFUSED,
    HELP_OPTIONS,
    ModelArgument,
    RootGroup,
    VerboseOption,
)
from edgehar.errors import ConfigError, OperatorError
from edgehar.training import cache, export, files, recipe as recipes, weights

if TYPE_CHECKING:
    from edgehar.training.build import Build

_Recipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="Such as models/imu_tcn_synthetic.toml.")]
_FinetuneRecipe = Annotated[Path, typer.Argument(metavar="RECIPE", help="Such as models/imu_tcn.toml.")]
_Data = Annotated[Path, typer.Option(help="Folder that holds the recordings, imu/*.npz.")]
_Write = Annotated[bool, typer.Option(help="Write the scores, into the work folder and beside the model.")]
_Only = Annotated[
    str, typer.Option(metavar="SETS", help="Such as motionsense,dsads; nothing is written then.")
]
_Workers = Annotated[int, typer.Option(min=1, help="Processes that simulate people and score.")]
_Work = Annotated[
    Path | None, typer.Option("--work", help="For what is kept on the way and all results; else build/NAME.")
]
_WORKERS = os.cpu_count() or 1

app = typer.Typer(
    cls=RootGroup,
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def root(*, verbose: VerboseOption = False) -> None:
    """Make models from recipes, and score them on recordings of people.

    Example: edgehar-train build models/imu_tcn_synthetic.toml
    """


@app.command()
def build(
    path: _Recipe,
    out: Annotated[Path | None, typer.Option(help="Folder for the pair; else beside the recipe.")] = None,
    workers: _Workers = _WORKERS,
    folder: _Work = None,
    fresh: Annotated[bool, typer.Option(help="Start over, whatever is kept.")] = False,
) -> None:
    """Build a model pair from a recipe.

    Example: edgehar-train build models/imu_tcn_synthetic.toml

    Simulate people, fit the network, quantize it, write NAME.tflite and NAME.json. Needs edgehar[train].
    After Ctrl-C the same command goes on where it was stopped.
    """
    again = "the same command without --fresh" if fresh else "the same command"
    where = out or path.parent
    with opened_build(path, folder, workers, again, fits=True) as build:
        files.check_writable(where, "--out takes a folder to write to")
        if fresh:
            cache.forget(build.folder)
        content, spec, floats = build.pair()
    stem = where / spec.name
    export.write_pair(stem, content, spec)
    weights.write(stem, floats, spec.sha256)
    typer.echo(f"{stem}.json")


@app.command()
def finetune(
    path: _FinetuneRecipe,
    data: Annotated[Path | None, typer.Option(help="Folder that holds the sets, imu/*.npz.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pair; else beside the recipe.")] = None,
    portion: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Share of the people.")] = None,
    synthetic: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Simulated share.")] = None,
    frozen: Annotated[str | None, typer.Option(metavar="LAYERS", help="Such as stem0,stem1,fuse.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another than the recipe's.")] = None,
    random_start: Annotated[bool, typer.Option(help="Forget what the base has learned.")] = False,
    workers: _Workers = _WORKERS,
    folder: _Work = None,
    fresh: Annotated[bool, typer.Option(help="Start over, whatever is kept.")] = False,
) -> None:
    """Fine-tune a pair on recordings of people.

    Example: edgehar-train finetune models/imu_tcn.toml --data ../shared/data

    Start from the float weights of a model, cut windows from the recordings that the recipe lists, fit, quantize,
    write NAME.tflite, NAME.json and NAME.weights.npz, and tell what it is worth on people who were held out. Needs
    edgehar[train]. After Ctrl-C the same command goes on where it was stopped.
    """
    from edgehar.training import finetune_recipe, finetune_report
    from edgehar.training.finetune import Finetune

    recipe = finetune_recipe.changed(
        finetune_recipe.load(path),
        portion=portion,
        synthetic=synthetic,
        frozen=None if frozen is None else tuple(_names(frozen)),
        seed=seed,
    )
    where, tuning = out or path.parent, None
    with bars.shown(lambda: tuning.progress_sentence() if tuning else "") as progress:
        from edgehar.training.build import fitting_libraries

        libraries = fitting_libraries()
        work = cache.make_work_folder(folder or _work_folder(recipe.name))
        files.check_writable(where, "--out takes a folder to write to")
        if fresh:
            cache.forget(work)
        tuning = Finetune(recipe, path, data, work, workers, libraries, progress, random_start)
        content, spec, floats = tuning.pair()
        stem = where / spec.name
        export.write_pair(stem, content, spec)
        weights.write(stem, floats, spec.sha256)
        rows = tuning.report(stem)
    typer.echo(finetune_report.text(rows))
    typer.echo(f"{stem}.json")


@app.command()
def evaluate(
    model: ModelArgument,
    data: _Data,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    write: _Write = True,
    only: _Only = "",
    workers: _Workers = _WORKERS,
    folder: _Work = None,
) -> None:
    """Score a model pair on recordings of people.

    Example: edgehar-train evaluate models/imu_tcn.json --data ../shared/data

    The int8 network, with the recognizer of the run time. Needs edgehar[train], though no TensorFlow.
    Writes results.json, results.md and confusion.png into the work folder, and their summary into the manifest's
    metrics and README.md beside the model.
    """
    from edgehar.evaluation import report, tables
    from edgehar.evaluation.evaluate import evaluate as score_pair, set_names
    from edgehar.pipeline import manifest, recognizer

    path = manifest.find(model)
    name = recognizer.load(path).spec.name  # a pair that cannot run is refused at once
    chosen, work = _names(only), folder or _work_folder(name)
    write = write and not chosen
    set_names(data, chosen)  # a wrong folder is refused before anything is made
    if write:
        report.ready(path, work)
    with bars.shown() as progress:
        results = score_pair(path, data, only=chosen, workers=workers, progress=progress)
    typer.echo(msgspec.json.encode(results).decode() if as_json else tables.document(results))
    if write:  # after it was shown: what cannot be written is not lost
        report.publish(path, work, results)


@app.command()
def baselines(
    path: _Recipe,
    data: _Data,
    write: _Write = True,
    only: _Only = "",
    workers: _Workers = _WORKERS,
    folder: _Work = None,
) -> None:
    """Score what the network of a recipe is measured against.

    Example: edgehar-train baselines models/imu_tcn_synthetic.toml --data ../shared/data

    A random forest on the same windows, and the same network untrained. Adds them to the results in the work
    folder and to README.md beside the recipe. Needs edgehar[train].
    """
    from edgehar.evaluation import report
    from edgehar.evaluation.baselines import markdown, model_macro_f1, publish, score, untrained
    from edgehar.evaluation.evaluate import set_names
    from edgehar.evaluation.forest import forest

    chosen, stem = _names(only), path.with_suffix("")
    write = write and not chosen
    set_names(data, chosen)  # a wrong folder is refused before minutes of simulation
    with opened_build(path, folder, workers) as build:
        report.check(stem, build.folder, write=write)
        scores = {
            baseline.stem: score(baseline, data, chosen, workers, build.progress)
            for baseline in (forest(build), untrained(build))
        }
    typer.echo(markdown(scores, model_macro_f1(stem)))
    if write:
        publish(stem, build.folder, scores)


@app.command()
def ablate(
    path: _Recipe,
    data: _Data,
    epochs: Annotated[int, typer.Option(min=1, help="Of fitting for each way.")] = 6,
    write: _Write = True,
    workers: _Workers = _WORKERS,
    folder: _Work = None,
) -> None:
    """Score ways to show a sensor of unknown mounting.

    Example: edgehar-train ablate models/imu_tcn_synthetic.toml --data ../shared/data

    Fit the recipe's network to sensors mounted by habit and anyhow, shown in several axes, and score each on
    the people whose recordings design decisions are taken on. Needs edgehar[train].
    """
    from edgehar.evaluation import ablations, report
    from edgehar.evaluation.evaluate import set_names

    stem = path.with_suffix("")
    set_names(data, ["motionsense", "dsads"])
    with opened_build(path, folder, workers) as build:
        report.check(stem, build.folder, write=write)
        scores = ablations.ablate(build.recipe, build.windows, data, epochs, build.progress)
    table = ablations.markdown(scores)
    typer.echo(table)
    if write:
        short = ablations.short(scores, build.recipe.frames)
        report.add(stem, build.folder, "mounting", scores, table, short)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what the operator can mend is one line on stderr and an exit code."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Lines()])
    try:
        app(arguments)
    except OperatorError as error:
        _fail(f"{error}", EXIT_REFUSED)
    except ImportError as error:
        package = (error.name or "tensorflow").partition(".")[0]
        if package == "edgehar":
            raise
        first, _, _ = f"{error}".partition("\n")  # TensorFlow tells in many lines what it could not load
        why = "is missing" if isinstance(error, ModuleNotFoundError) else f"fails: {first}"
        _fail(f"the package `{package}` {why}; pip install 'edgehar[train]'", EXIT_MISSING)


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"edgehar-train: {sentence}", err=True)
    sys.exit(code)


class _Lines(logging.Handler):
    """Our own warnings as lines between the bars; those of TensorFlow are for who works on it."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == "edgehar":
            typer.echo(f"edgehar-train: {record.getMessage()}", err=True)


def _names(only: str) -> list[str]:
    return [name.strip() for name in only.split(",") if name.strip()]


def _work_folder(name: str) -> Path:
    """Return the work folder of a model of this name, if none was given."""
    return Path("build") / name


@contextmanager
def opened_build(
    path: Path, folder: Path | None, workers: int, again: str = "the same command", *, fits: bool = False
) -> Iterator["Build"]:
    """Open a build with a progress bar; Ctrl-C ends it with one line on what is kept: see `Build.progress_sentence`."""
    content = recipes.read(path)
    recipe = recipes.parse(content, path)
    for problem in export.problems(recipe):
        raise ConfigError(f"{path}: {problem}")
    build = None
    with bars.shown(lambda: build.progress_sentence(again, fits=fits) if build else "") as progress:
        from edgehar.training.build import Build, fitting_libraries

        libraries = fitting_libraries()
        work = cache.make_work_folder(folder or _work_folder(recipe.name))
        digest = hashlib.sha256(content).hexdigest()
        build = Build(recipe, work, workers, libraries, progress, digest)
        yield build
