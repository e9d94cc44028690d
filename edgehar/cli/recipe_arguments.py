"""Arguments that several verbs of `edgehar-train` take, and the work that a recipe stands for."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgehar.cli import progress_bars as bars
from edgehar.errors import ConfigError
from edgehar.training import cache, export, finetune_recipe, recipe as recipes

if TYPE_CHECKING:
    from edgehar.training.build import Build
    from edgehar.training.finetune import Finetune
    from edgehar.training.finetune_recipe import FinetuneRecipe

RecipeArgument = Annotated[Path, typer.Argument(metavar="RECIPE", help="Such as models/imu_tcn.toml.")]
DataOption = Annotated[Path, typer.Option(help="Folder that holds the recordings, imu/*.npz.")]
WriteOption = Annotated[
    bool, typer.Option(help="Write the scores, into the work folder and beside the model.")
]
OnlyOption = Annotated[
    str, typer.Option(metavar="SETS", help="Such as motionsense,dsads; nothing is written then.")
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Processes that simulate people and score.")]
WorkOption = Annotated[
    Path | None, typer.Option("--work", help="For what is kept on the way and all results; else build/NAME.")
]
WORKERS = os.cpu_count() or 1


def names(words: str) -> list[str]:
    """Split what is given with commas."""
    return [name.strip() for name in words.split(",") if name.strip()]


def work_folder(name: str) -> Path:
    """Return the work folder of a model of this name, if none was given."""
    return Path("build") / name


@contextmanager
def opened_build(
    path: Path, folder: Path | None, workers: int, again: str = "the same command", *, fits: bool = False
) -> Iterator["Build"]:
    """Open a build with a progress bar; Ctrl-C ends it with one line on what is kept: see `Build.progress_sentence`."""
    content = recipes.read(path)
    if finetune_recipe.is_finetuned(path):
        raise ConfigError(f"{path}: a recipe of fine-tuning: `edgehar-train finetune`")
    recipe = recipes.parse_any(content, path)
    for problem in export.problems(recipe):
        raise ConfigError(f"{path}: {problem}")
    build = None
    with bars.shown(lambda: build.progress_sentence(again, fits=fits) if build else "") as progress:
        from edgehar.training.build import Build, fitting_libraries

        libraries = fitting_libraries()
        work = cache.make_work_folder(folder or work_folder(recipe.name))
        digest = hashlib.sha256(content).hexdigest()
        build = Build(recipe, work, workers, libraries, progress, digest)
        yield build


@contextmanager
def opened_tuning(
    recipe: "FinetuneRecipe",
    path: Path,
    data: Path | None,
    folder: Path | None,
    workers: int,
    again: str = "the same command",
    *,
    random_start: bool = False,
) -> Iterator["Finetune"]:
    """Open a fine-tuning with a progress bar; Ctrl-C ends it with one line on what is kept for the command `again`."""
    tuning = None
    with bars.shown(lambda: tuning.progress_sentence(again) if tuning else "") as progress:
        from edgehar.training.build import fitting_libraries
        from edgehar.training.finetune import Finetune

        libraries = fitting_libraries()
        work = cache.make_work_folder(folder or work_folder(recipe.name))
        tuning = Finetune(recipe, path, data, work, workers, libraries, progress, random_start)
        yield tuning
