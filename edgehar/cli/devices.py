"""`edgehar devices`: the sensors around, one of them closely, and who wears it where."""

from typing import Annotated

import typer

from edgehar.cli import completion
from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    answer_of,
    show,
    show_table,
)
from edgehar.sources.addresses import DEFAULT_BAUD

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Find sensors, try them, and say who wears them.\n\nExample: edgehar devices scan",
)

AdapterOption = Annotated[
    str | None, typer.Option(help="Bluetooth adapter, e.g. hci1; the first that is switched on unless set.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        help="What it is, if its advertisement does not tell; see `devices profiles`.",
        autocompletion=completion.profiles,
    ),
]
BaudOption = Annotated[int, typer.Option(help="Bits per second of a serial port.")]
Target = Annotated[
    str, typer.Argument(help="Bluetooth address or name, or a serial port.", autocompletion=completion.ports)
]


@app.command("scan")
def devices_scan(
    *,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long to listen, s.")] = 8.0,
    everything: Annotated[bool, typer.Option("--all", help="Also what no profile fits.")] = False,
    adapter: AdapterOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the Bluetooth sensors that are heard.

    Example: edgehar devices scan

    With address, name, signal and the profiles that fit, the strongest first.
    """
    from edgehar.apps.devices import scan

    rows = answer_of(scan(adapter, seconds, everything=everything))
    show_table(rows, as_json)
    if not rows:
        typer.echo(
            "no sensor is heard: is it charged, on, near, and not connected to another device? "
            "--all shows what no profile fits",
            err=True,
        )
        raise typer.Exit(EXIT_FAILED)
    typer.echo("next: edgehar devices test ADDRESS, with the sensor lying still", err=True)


@app.command("test")
def devices_test(
    target: Target,
    *,
    profile: ProfileOption = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long, from its first packet on, s.")] = 10.0,
    adapter: AdapterOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    as_json: JsonOption = False,
) -> None:
    """Listen to one sensor, and say how well it does.

    Example: edgehar devices test D4:CA:6E:F1:00:01

    Signal, battery, its real rate, what is lost, and one g at rest; lay it down for that.
    """
    from edgehar.apps.devices import run_trial

    findings = answer_of(run_trial(target, profile=profile, adapter=adapter, baud=baud, seconds=seconds))
    show(findings, as_json)
    if findings["wrong"]:
        raise typer.Exit(EXIT_FAILED)
    which = "ADDRESS" if "address" in findings else "PORT"
    typer.echo(f"next: edgehar devices assign {which} --wearer WHO --placement WHERE", err=True)


@app.command("assign")
def devices_assign(
    target: Target,
    *,
    wearer: Annotated[str, typer.Option(help="Who wears it: the id in the file; a new one is added.")],
    placement: Annotated[
        str, typer.Option(help="Where, as in `edgehar models info`.", autocompletion=completion.placements)
    ],
    profile: ProfileOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    adapter: AdapterOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    as_json: JsonOption = False,
) -> None:
    """Write into the configuration who wears a sensor where.

    Example: edgehar devices assign D4:CA:6E:F1:00:01 --wearer anna --placement wrist_left

    A sensor worn there before gives way, and so does the place where this one was worn. A Bluetooth sensor has to
    be heard; what sends on a serial port is not looked at.
    """
    from edgehar.apps.targets import entry_of
    from edgehar.config.edit import assign
    from edgehar.daemon.run import check

    sensor = answer_of(entry_of(target, profile, adapter, baud))
    assignment = assign(config, wearer, placement, sensor, check=check)
    if as_json:
        who = {"config": str(config), "wearer": wearer, "placement": placement}
        show({**who, **sensor, "gave_way": assignment.gave_way}, as_json)
    else:
        show(assignment.lines, as_json)
    for sensor_in_words in assignment.gave_way:
        typer.echo(f"gave way: {sensor_in_words}", err=True)
    typer.echo("a running daemon takes it up once it is started anew", err=True)


@app.command("command")
def devices_command(
    target: Target,
    kind: Annotated[
        str, typer.Argument(help="start, stop, set_rate, set_ranges, identify, echo, rest or wake.")
    ],
    value: Annotated[int, typer.Argument(help="As firmware_bridge/README.md says of the kind.")] = 0,
    more: Annotated[int, typer.Argument(help="The same.")] = 0,
    *,
    adapter: AdapterOption = None,
    baud: BaudOption = DEFAULT_BAUD,
    as_json: JsonOption = False,
) -> None:
    """Command a sensor with edgehar's firmware.

    Example: edgehar devices command /dev/ttyACM0 identify 5

    Its answer is printed.
    """
    from edgehar.apps.devices import command, kind_of

    answer = answer_of(command(target, kind_of(kind), value, more, adapter=adapter, baud=baud))
    show(answer, as_json)
    if answer["result"] != "accepted":
        raise typer.Exit(EXIT_FAILED)


@app.command("profiles")
def devices_profiles(*, as_json: JsonOption = False) -> None:
    """List the kinds of Bluetooth sensors that edgehar reads.

    Example: edgehar devices profiles
    """
    from edgehar.apps.devices import profiles

    show_table(profiles(), as_json)
