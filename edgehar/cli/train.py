"""The verbs of `edgehar-train`: parse, call, print. stdout is data, stderr is messages."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from edgehar.cli import prototype, scores, study
from edgehar.cli.operate import operate
from edgehar.cli.recipe_arguments import (
    WORKERS,
    RecipeArgument,
    WorkersOption,
    WorkOption,
    names,
    opened_build,
    opened_tuning,
)
from edgehar.cli.terminal import (
    EXIT_MISSING,
    EXIT_REFUSED,
    HELP_OPTIONS,
    RootGroup,
    VerboseOption,
)
from edgehar.errors import ConfigError, OperatorError
from edgehar.training import cache, export, files, weights

_SimulationRecipe = Annotated[
    Path, typer.Argument(metavar="RECIPE", help="Such as models/imu_tcn_synthetic.toml.")
]

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
    path: _SimulationRecipe,
    out: Annotated[Path | None, typer.Option(help="Folder for the pair; else beside the recipe.")] = None,
    workers: WorkersOption = WORKERS,
    folder: WorkOption = None,
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
    path: RecipeArgument,
    data: Annotated[Path | None, typer.Option(help="Folder that holds the sets, imu/*.npz.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pair; else beside the recipe.")] = None,
    portion: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Share of the people, above 0.")
    ] = None,
    synthetic: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Simulated share.")] = None,
    frozen: Annotated[str | None, typer.Option(metavar="LAYERS", help="Such as stem0,stem1,fuse.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Another than the recipe's.")] = None,
    random_start: Annotated[bool, typer.Option(help="Forget what the base has learned.")] = False,
    workers: WorkersOption = WORKERS,
    folder: WorkOption = None,
    fresh: Annotated[bool, typer.Option(help="Start over, whatever is kept.")] = False,
) -> None:
    """Fine-tune a pair on recordings of people.

    Example: edgehar-train finetune models/imu_tcn.toml --data ../shared/data

    Start from the float weights of a model, cut windows from the recordings that the recipe lists, fit, quantize,
    write NAME.tflite, NAME.json and NAME.weights.npz, and tell what it is worth on people who were held out. Needs
    edgehar[train]. After Ctrl-C the same command goes on where it was stopped. --portion, --synthetic, --frozen and
    --seed make another pair than the recipe says, and want --out for it, so that it takes nobody's place;
    --random-start makes NAME_random_start.
    """
    from edgehar.training import finetune_recipe, finetune_report

    varied = {"--portion": portion, "--synthetic": synthetic, "--frozen": frozen, "--seed": seed}
    if out is None and (given := [option for option, value in varied.items() if value is not None]):
        raise ConfigError(
            f"{', '.join(given)}: makes another pair than {path.name} says; --out takes a folder for it"
        )

    recipe = finetune_recipe.changed(
        finetune_recipe.load(path),
        portion=portion,
        synthetic=synthetic,
        frozen=None if frozen is None else tuple(names(frozen)),
        seed=seed,
    )
    if random_start:  # beside the pair that learned from the base, and not in its place
        recipe = msgspec.structs.replace(recipe, name=f"{recipe.name}_random_start")
    where = out or path.parent
    again = "the same command without --fresh" if fresh else "the same command"
    with opened_tuning(recipe, path, data, folder, workers, again, random_start=random_start) as tuning:
        files.check_writable(where, "--out takes a folder to write to")
        stem = where / recipe.name
        tuning.check_apart(stem)
        if fresh:
            cache.forget(tuning.folder)
        content, spec, floats = tuning.pair()
        export.write_pair(stem, content, spec)
        weights.write(stem, floats, spec.sha256)
        rows = tuning.report(stem)
    typer.echo(finetune_report.text(rows))
    typer.echo(f"{stem}.json")


for verb in (
    prototype.prototype,
    prototype.embed,
    operate,
    scores.evaluate,
    scores.table,
    scores.baselines,
    scores.curve,
    scores.ablate,
):
    app.command()(verb)
app.add_typer(study.app, name="study")


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
