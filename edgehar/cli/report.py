"""`edgehar report`: one page of a recording or a day."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from edgehar.cli.terminal import HeadOption, JsonOption, ModelOption, PlacementsOption, SubjectOption, show


def report(
    path: Annotated[Path, typer.Argument(metavar="RECORDING", help="An .ehr recording, or an .npz set.")],
    html: Annotated[Path, typer.Option("--html", help="The page to write.")],
    subject: SubjectOption = None,
    placement: PlacementsOption = None,
    model: ModelOption = "imu_tcn",
    head: HeadOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make one page of a recording or a whole day, to look at.

    Example: edgehar report walk.ehr --html walk.html

    What was done when and how sure that was, what each sensor sent and what is missing, what was uncertain and why, and,
    where the truth is known, how well the answers meet it. The page loads nothing, prints, and needs no program but a browser.
    """
    from edgehar.apps.report.write import write_report

    made = asyncio.run(
        write_report(
            path,
            html,
            subject=subject,
            placements=placement,
            model=model,
            head=head,
            command=["edgehar", *sys.argv[1:]],
        )
    )
    show(made, as_json)
