"""`edgehar-train operate`: parse, call, print."""

from typing import Annotated

import typer

from edgehar.cli import progress_bars as bars
from edgehar.cli.recipe_arguments import WORKERS, DataOption, WorkersOption, WorkOption, work_folder
from edgehar.cli.terminal import ModelArgument


def operate(
    model: ModelArgument,
    data: DataOption,
    write: Annotated[bool, typer.Option(help="Write the thresholds into the manifest.")] = True,
    workers: WorkersOption = WORKERS,
    folder: WorkOption = None,
) -> None:
    """Fit the thresholds of a model's operating points.

    Example: edgehar-train operate models/imu_tcn.json --data ../shared/data

    For each label, kind of labels and placement the lowest belief, from 0.8 on, that lets it begin falsely no oftener than
    0.1, 0.5 and 2 times an hour (quiet, normal, eager), as far as a threshold can avoid it, on recordings of people who
    were held out of the model's tuning, or of those it was tuned on where nobody was. Prints what that costs them, and
    people whom points of the others were fitted to ("others": all but a quarter). Writes the points into the manifest, which is
    sealed anew, and operating_points.md and det.png into the work folder. Needs edgehar[train], though no TensorFlow.
    """
    from edgehar.evaluation import operate as points, operate_report, report
    from edgehar.evaluation.courses import courses, people
    from edgehar.evaluation.exposure import exposure
    from edgehar.pipeline import manifest
    from edgehar.training import export
    from edgehar.training.files import write_whole

    path = manifest.find(model)
    spec = manifest.read(path)
    chosen, work = people(spec, data), folder or work_folder(spec.name)
    if write:
        report.ready(path, work)
    with bars.shown() as progress:
        exposed = exposure(spec, courses(path, data, chosen, workers, progress))
        fitted = points.fit(exposed, progress)
        parts = list(points.apart(exposed, progress))
        totals = operate_report.totals(exposed, fitted, parts)
        text = f"{totals}\n\n{operate_report.markdown(exposed, fitted)}"
        trades = operate_report.trades(exposed, fitted)
    typer.echo(text)
    if write:
        export.write_manifest(path.with_suffix(""), points.with_points(exposed, fitted, chosen))
        write_whole(work / "operating_points.md", lambda new: new.write_text(text + "\n", encoding="utf-8"))
        operate_report.draw(trades, work / "det.png")
