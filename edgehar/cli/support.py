"""`edgehar support`: one file for who is to help."""

import time
from pathlib import Path
from typing import Annotated

import typer

from edgehar.cli.terminal import DEFAULT_CONFIG, ConfigOption, JsonOption, answer_of, show


def support(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; edgehar-support-DATE.zip unless set.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0, help="Also listen to the sensors for so long, s; 0: not.")
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Pack one file without names for who is to help.

    Example: edgehar support --config edgehar.toml --out bundle.zip

    Versions, what `edgehar doctor` says, the configuration, models, health and the last lines of the log. People,
    machines, accounts, sensors and addresses become stand-ins; recordings are never in it. Look through it before you send it.
    """
    from edgehar.apps.support import bundle, default_name, write

    parts = answer_of(bundle(config, seconds))
    target = out or default_name(time.time())
    for part in parts:
        typer.echo(f"{part.name:<14}  {len(part.content):>7,} bytes  {part.about}", err=True)
    write(parts, target)
    show({"bundle": str(target), "files": [part.name for part in parts]}, as_json)
