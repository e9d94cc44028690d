"""The verbs of `edgehar-train study`: parse, call, print."""

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from edgehar.cli import progress_bars as bars
from edgehar.cli.recipe_arguments import WORKERS, WorkersOption
from edgehar.errors import ConfigError
from edgehar.training import cache, files, recipe

DATA = Annotated[Path, typer.Option(help="Folder that holds imu/, pose/, video/, and archives as published.")]
SETTINGS = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="TOML that changes what is fitted.")
]
OUT = Annotated[Path, typer.Option(help="Folder of studies.md; figures and pictures go into its studies/.")]
WORK = Annotated[
    Path | None, typer.Option("--work", help="For what is kept on the way; else build/study_NAME.")
]
FIT = Annotated[bool, typer.Option(help="Make the fits that are missing; else only lay out what is kept.")]
DOCS = Path("docs")
_Settings = TypeVar("_Settings")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make the studies that edgehar grew from anew.\n\n"
    "Example: edgehar-train study transfer --data ../shared/data\n\n"
    "Each has its table beside the published one.",
)


@app.command()
def transfer(
    data: DATA,
    settings: SETTINGS = None,
    out: OUT = DOCS,
    work: WORK = None,
    fit: FIT = True,
) -> None:
    """Transfer from video poses to sensors (ICPR 2022).

    Example: edgehar-train study transfer --data ../shared/data

    Pre-train on poses of films, on their accelerations, and on simulated people; transfer the convolutions; fine-tune on
    10 to 100 % of the people of each target. What is not at hand is a row that says so. Needs edgehar[train]. Writes
    studies/transfer.json and .png below --out, and the tables into its studies.md; after Ctrl-C the same command goes on.
    """
    from edgehar.evaluation.studies.transfer import study, tables
    from edgehar.evaluation.studies.transfer.plan import Settings
    from edgehar.evaluation.studies.transfer.scores import Scores

    chosen = _chosen(settings, Settings)
    study.check(chosen, data)
    _ready(out)
    results = study.open_results(out)
    if fit:
        folder = cache.make_work_folder(work or Path("build") / "study_transfer")
        with bars.shown(lambda: study.kept(chosen, results)) as progress:
            study.Study(chosen, data, results, folder, progress).run()
    scores = Scores(chosen, results, data)
    _lay_out(tables.tables(scores), out, "transfer", tables.short(scores))
    tables.draw(scores, out / "studies" / "transfer.png")


@app.command()
def joint(
    data: DATA,
    settings: SETTINGS = None,
    out: OUT = DOCS,
    work: WORK = None,
    workers: WorkersOption = WORKERS,
    fit: FIT = True,
) -> None:
    """Pre-train on text, pose and IMU together (Multi³Net, 2024).

    Example: edgehar-train study joint --data ../shared/data

    Pre-train one encoder by each set of objectives, on the same simulated people and recorded motion; fine-tune it, frozen
    and not, on the wrists of recorded people. An archive that is not at hand is a row that says so. Needs edgehar[train]. Writes
    studies/joint.json and .png below --out, and the tables into its studies.md; after Ctrl-C the same command goes on.
    """
    from edgehar.evaluation.studies.joint import study, tables

    chosen = _chosen(settings, study.Settings)
    study.check(chosen)
    _ready(out)
    results = study.open_results(out)
    if fit:
        folder = cache.make_work_folder(work or Path("build") / "study_joint")
        with bars.shown(lambda: study.kept(chosen, results)) as progress:
            study.Study(chosen, data, results, folder, workers, progress).run()
    scores = tables.Scores(chosen, results, data)
    _lay_out(tables.tables(scores), out, "joint", tables.short(scores))
    tables.draw(scores, out / "studies" / "joint.png")


@app.command()
def clips(
    data: DATA,
    settings: SETTINGS = None,
    out: OUT = DOCS,
    work: WORK = None,
    fit: FIT = True,
) -> None:
    """Classify clips of people by LRCN, and by MoveNet's keypoints.

    Example: edgehar-train study clips --data ../shared/data

    On clips of films, each recording tested by who learned from the others; on HMDB51 where --data holds it; and on the
    poses of JHMDB and Penn Action. What is not at hand is a row that says so. Needs edgehar[train,camera]. Writes
    studies/clips.json and .png below --out, and the tables into its studies.md; after Ctrl-C the same command goes on.
    """
    from edgehar.evaluation.studies.clips import study, tables

    chosen = _chosen(settings, study.Settings)
    _ready(out)
    results = study.open_results(out)
    if fit:
        with bars.shown(
            lambda: f"{len(results.entries)} figures are kept; the same command goes on"
        ) as progress:
            study.run(data, chosen, work or Path("build") / "study_clips", results, progress)
    scored = study.scored(chosen, results)
    _lay_out(tables.tables(scored, data), out, "clips")
    tables.picture(scored, out / "studies" / "clips.png")


@app.command()
def zero_shot(
    data: DATA,
    settings: SETTINGS = None,
    out: OUT = DOCS,
    work: WORK = None,
    workers: WorkersOption = WORKERS,
    fit: FIT = True,
    export: Annotated[
        Path | None, typer.Option(metavar="STEM", help="Also write the pair here, such as models/wrist_text.")
    ] = None,
) -> None:
    """Tell people's movements by their names alone.

    Example: edgehar-train study zero-shot --data ../shared/data --export build/wrist_text

    Pre-train on text, pose and IMU of simulated people, and let the nearest label text answer on gestures and daily activities. With
    --export the int8 pair is written for `edgehar-train prototype`. After Ctrl-C the same command goes on where it was stopped.
    Needs edgehar[train].
    """
    from edgehar.evaluation.studies.zero_shot import study, tables
    from edgehar.training.studies import text_pair

    chosen = _chosen(settings, study.Settings)
    study.check(chosen)
    files.check_writable(out / "studies", "--out takes a folder to write to")
    if export is not None:
        if not fit:
            raise ConfigError("--export makes the pair, --no-fit makes nothing; leave one away")
        files.check_writable(export.parent, "--export takes the path of a pair to write")
    results = study.open_results(out)
    if fit:
        kept = cache.make_work_folder(work or Path("build") / "study_zero_shot")
        with bars.shown(
            lambda: f"what was simulated and scored is kept in {kept} and {results.path}"
        ) as progress:
            made = study.run(chosen, data, results, kept, workers, progress, always=export is not None)
        if export is not None and made is not None:
            text_pair.write(export, made)
    _lay_out(tables.tables(chosen, results), out, "zero_shot", tables.short(chosen, results))


def _ready(out: Path) -> None:
    """Refuse, before an hour of fits, figures that cannot be written and pictures that cannot be drawn."""
    from edgehar.evaluation import picture

    picture.libraries()
    files.check_writable(out / "studies", "--out takes a folder to write to")


def _chosen(file: Path | None, kind: type[_Settings]) -> _Settings:
    return kind() if file is None else recipe.decode(recipe.read(file), file, kind)


def _lay_out(tables: str, out: Path, name: str, short: str | None = None) -> None:
    """Show a study's tables and put them into its page, or short ones there and all of them into a page of their own."""
    from edgehar.evaluation import report

    typer.echo(tables)
    if short is not None:
        page = out / "studies" / f"{name}.md"
        head = f"# All tables of `edgehar-train study {name.replace('_', '-')}`\n\nTheir words are those of [the studies](../studies.md).\n\n"
        files.write_whole(page, lambda new: new.write_text(f"{head}{tables}\n", encoding="utf-8"))
        tables = f"{short}\n\n[All tables](studies/{page.name})"
    report.rewrite(out / "studies.md", f"study {name}", tables)
