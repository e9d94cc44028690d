"""The verbs of `edgehar-train study`: parse, call, print."""

from pathlib import Path
from typing import Annotated

import typer

DATA = Annotated[Path, typer.Option(help="Folder that holds imu/, pose/, video/, and archives as published.")]
SETTINGS = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="TOML that changes what is fitted.")
]
OUT = Annotated[Path, typer.Option(help="Folder of studies.md; figures and pictures go into its studies/.")]
WORK = Annotated[
    Path | None, typer.Option("--work", help="For what is kept on the way; else build/study_NAME.")
]
DOCS = Path("docs")

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make the studies that edgehar grew from anew, each with its table beside the published one.\n\n"
    "Example: edgehar-train study transfer --data ../shared/data",
)
