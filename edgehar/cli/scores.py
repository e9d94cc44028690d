"""The verbs of `edgehar-train` that score models: parse, call, print."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from edgehar.cli import progress_bars as bars
from edgehar.cli.recipe_arguments import (
    WORKERS,
    DataOption,
    OnlyOption,
    RecipeArgument,
    WorkersOption,
    WorkOption,
    WriteOption,
    names,
    opened_build,
    opened_tuning,
    work_folder,
)
from edgehar.cli.terminal import ModelArgument

_Beside = Annotated[
    Path | None, typer.Option("--out", help="Folder whose pages get the figures; else the model's.")
]
_UnseenBy = Annotated[
    list[str], typer.Option(metavar="MODEL", help="Score nobody whom this model was tuned on, either.")
]


def evaluate(
    model: ModelArgument,
    data: DataOption,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    write: WriteOption = True,
    only: OnlyOption = "",
    unseen_by: _UnseenBy = [],  # noqa: B006  # typer wants a list, and copies it
    workers: WorkersOption = WORKERS,
    folder: WorkOption = None,
    out: _Beside = None,
) -> None:
    """Score a model pair on recordings of people.

    Example: edgehar-train evaluate models/imu_tcn.json --data ../shared/data

    The int8 network, with the recognizer of the run time, on people whom it was not tuned on. Needs edgehar[train],
    though no TensorFlow. Writes results.json, results.md and confusion.png into the work folder, a summary into the
    manifest's metrics, scores/NAME.json and DETAILS.md beside the model, and the table of all scores into README.md.
    A camera's model is scored on the annotated poses in pose/ and, by MoveNet, on the films in video/; it has a table
    of its own, and no work folder.
    """
    from edgehar.evaluation import report, tables
    from edgehar.evaluation.evaluate import evaluate as score_pair, set_names
    from edgehar.pipeline import manifest, recognizer
    from edgehar.pipeline.modality import CAMERA

    path = manifest.find(model)
    spec = recognizer.load(path).spec  # a pair that cannot run is refused at once
    if spec.modality is CAMERA:
        _evaluate_pictures(path, data, out or path.parent, as_json=as_json, write=write)
        return
    name = spec.name
    others = [manifest.find(other) for other in unseen_by]
    chosen, work = names(only), folder or work_folder(name)
    write = write and not chosen
    set_names(data, chosen)  # a wrong folder is refused before anything is made
    if write:
        report.ready(path, work, out)
    with bars.shown() as progress:
        results = score_pair(path, data, only=chosen, unseen_by=others, workers=workers, progress=progress)
    typer.echo(msgspec.json.encode(results).decode() if as_json else tables.document(results))
    if write:  # after it was shown: what cannot be written is not lost
        report.publish(path, work, results, out)


def _evaluate_pictures(model: Path, data: Path, beside: Path, *, as_json: bool, write: bool) -> None:
    from edgehar.evaluation import pictures, pictures_report

    with bars.shown() as progress:
        scores = pictures.score(model, data, progress)
    typer.echo(msgspec.json.encode(scores).decode() if as_json else pictures_report.tables(scores))
    if write:
        pictures_report.publish(model, scores, beside)


def table(
    model: Annotated[str, typer.Argument(metavar="NAME", help="Of the model that others are compared with.")],
    folder: Annotated[Path, typer.Option("--in", help="Folder that holds scores/ and README.md.")] = Path(
        "models"
    ),
    write: Annotated[bool, typer.Option(help="Write the table into README.md.")] = True,
) -> None:
    """Lay out the scores of several models side by side.

    Example: edgehar-train table imu_tcn

    What `evaluate` and `baselines` have left in scores/: of the model, and of those called NAME_synthetic,
    NAME_random_start and NAME_random_forest. A row of other people or windows than the model's stays empty: score
    the others with --unseen-by NAME.
    """
    from edgehar.evaluation import report

    typer.echo(report.lay_out(folder, model, write=write))


def baselines(
    path: RecipeArgument,
    data: DataOption,
    write: WriteOption = True,
    only: OnlyOption = "",
    workers: WorkersOption = WORKERS,
    folder: WorkOption = None,
) -> None:
    """Score what the network of a recipe is measured against.

    Example: edgehar-train baselines models/imu_tcn.toml --data ../shared/data

    A random forest on the same windows, recorded ones if the recipe is one of fine-tuning, and, of one that simulates,
    the same network untrained. Adds them to the results in the work folder, to DETAILS.md beside the recipe and to the
    table in README.md. Needs edgehar[train].
    """
    from edgehar.evaluation import report
    from edgehar.evaluation.baselines import markdown, model_macro_f1, publish, score, untrained
    from edgehar.evaluation.evaluate import left_out, set_names
    from edgehar.evaluation.forest import forest, recorded, simulated
    from edgehar.evaluation.unseen import Recordings
    from edgehar.training import finetune_recipe

    chosen, stem = names(only), path.with_suffix("")
    write = write and not chosen
    set_names(data, chosen)  # a wrong folder is refused before minutes of simulation
    if finetune_recipe.is_finetuned(path):
        with opened_tuning(finetune_recipe.load(path), path, data, folder, workers) as tuning:
            report.check(stem, tuning.folder, write=write)
            made, work, progress = [forest(recorded(tuning))], tuning.folder, tuning.progress
            people = Recordings(data, left_out(*(pair.with_suffix(".json") for pair in made)))
            scores = {made[0].stem: score(made[0], people, chosen, workers, progress)}
    else:
        with opened_build(path, folder, workers) as build:
            report.check(stem, build.folder, write=write)
            work = build.folder
            scores = {
                baseline.stem: score(baseline, Recordings(data), chosen, workers, build.progress)
                for baseline in (forest(simulated(build)), untrained(build))
            }
    typer.echo(markdown(scores, model_macro_f1(stem)))
    if write:
        publish(stem, work, scores)


def curve(
    path: RecipeArgument,
    data: DataOption,
    seeds: Annotated[int, typer.Option(min=1, help="Fits of each portion and start.")] = 3,
    portions: Annotated[str, typer.Option(help="Shares of the people; all of them come in any case.")] = (
        "0.01,0.03,0.1,0.3"
    ),
    steps: Annotated[int | None, typer.Option(min=1, help="Of each fit; else those of the recipe.")] = None,
    only: OnlyOption = "",
    write: WriteOption = True,
    workers: WorkersOption = WORKERS,
    folder: WorkOption = None,
) -> None:
    """Score fits to ever more people, with and without pre-training.

    Example: edgehar-train curve models/imu_tcn.toml --data ../shared/data

    Every fit is kept in the work folder, below curve/. Writes curve.png beside the recipe and its table into
    DETAILS.md. Needs edgehar[train]. After Ctrl-C the same command goes on where it was stopped.
    """
    from edgehar.evaluation import curve as curves, picture, report
    from edgehar.evaluation.evaluate import set_names
    from edgehar.training import finetune_recipe

    chosen, stem = names(only), path.with_suffix("")
    write = write and not chosen
    set_names(data, chosen)
    shares = [curves.portion(word) for word in names(portions)]
    recipe = finetune_recipe.changed(finetune_recipe.load(path), steps=steps)
    if write:
        picture.libraries()  # what cannot be drawn shows before hours of fits
    with opened_tuning(recipe, path, data, folder, workers) as tuning:
        report.check(stem, tuning.folder, write=write)
        points = list(curves.points(tuning, data, seeds, shares, chosen))
    typer.echo(curves.markdown(points))
    if write:
        curves.draw(points, path.with_name("curve.png"))
        report.add(stem, tuning.folder, "curve", points, curves.markdown(points), curves.markdown(points))


def ablate(
    path: RecipeArgument,
    data: DataOption,
    epochs: Annotated[int, typer.Option(min=1, help="Of fitting for each way.")] = 6,
    write: WriteOption = True,
    workers: WorkersOption = WORKERS,
    folder: WorkOption = None,
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
        scores = ablations.ablate(build.imu_recipe, build.imu_windows, data, epochs, build.progress)
    laid_out = ablations.markdown(scores)
    typer.echo(laid_out)
    if write:
        short = ablations.short(scores, build.recipe.frames)
        report.add(stem, build.folder, "mounting", scores, laid_out, short)
