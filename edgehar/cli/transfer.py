"""`edgehar import` and `edgehar export`: recordings from and to other programs."""

from pathlib import Path
from typing import Annotated

import typer

from edgehar.cli import completion
from edgehar.cli.terminal import JsonOption, show, tidied_up


def _formats() -> list[str]:
    """List what `--format` takes."""
    from edgehar.recordings.imports.registry import AUTO, FORMATS

    return [AUTO, *FORMATS]


def import_(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="A file, a folder or a zip.")],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="The recording to write; else beside FILE, with .ehr."),
    ] = None,
    *,
    placement: Annotated[
        str, typer.Option(help="Where the sensor was worn.", autocompletion=completion.placements)
    ],
    wearer: Annotated[str, typer.Option(help="Who wore it: a pseudonym.")] = "wearer",
    label: Annotated[str | None, typer.Option(help="What was done all the while.")] = None,
    name: Annotated[
        str,
        typer.Option(
            "--format", help="Whose form it has; auto: what it looks like.", autocompletion=_formats
        ),
    ] = "auto",
    column: Annotated[
        list[str] | None,
        typer.Option(help="Of any other table: KEY=VALUE, as acceleration=ax,ay,az; may be repeated."),
    ] = None,
    columns: Annotated[Path | None, typer.Option(help="The same keys in a TOML file.")] = None,
    timezone: Annotated[
        str, typer.Option(help="Zone of dates that name none, such as Europe/Berlin.")
    ] = "UTC",
    device: Annotated[str | None, typer.Option(help="Which sensor, where a file holds several.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a recording of another program's file.

    Example: edgehar import walk.zip --placement trouser_pocket

    It says what was understood: rate, gaps, units, gravity, labels. It reads Sensor Logger, phyphox, WitMotion's and Movella DOT's programs, Axivity and ActiGraph; any other table by --column, with the keys
    time, acceleration, angular_rate, label, time_unit (s, ms, us, ns, date), acceleration_unit (m/s^2, g, -m/s^2, -g),
    angular_rate_unit (rad/s, deg/s).
    """
    from edgehar.apps.imports import columns_of, import_file, zone_of
    from edgehar.recordings.imports.form import Wish

    wish = Wish(placement, zone_of(timezone), device, columns_of(column or [], columns))
    with tidied_up():
        answer = import_file(path, out, wish, wearer=wearer, label=label, name=name)
    show(answer, as_json)


def export(
    path: Annotated[Path, typer.Argument(metavar="RECORDING", help="An .ehr recording, or an .npz set.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The table to write: .csv or .parquet.")],
    rate: Annotated[
        float | None,
        typer.Option(help="So many rows a second, as the recognizer sees them, Hz; else every sample."),
    ] = None,
    subject: Annotated[str | None, typer.Option(help="Which person of an .npz set.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a recording's samples as a table, CSV or Parquet.

    Example: edgehar export walk.ehr walk.csv

    One row for each sample and sensor: time, placement, acceleration, angular rate, label; s, m/s^2, rad/s. Parquet wants the extra `parquet`.
    """
    from edgehar.apps.export import export_recording

    with tidied_up():
        answer = export_recording(path, out, rate_hz=rate, subject=subject)
    show(answer, as_json)
