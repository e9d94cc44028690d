"""`edgehar doctor`: what is measured, and what to do about it."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    ModelOption,
    answer_of,
    show,
)
from edgehar.errors import ConfigError, one_line


def doctor(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    seconds: Annotated[
        float, typer.Option(min=0, help="How long the sensors are listened to, s; 0: not at all.")
    ] = 30.0,
    wearer: Annotated[str | None, typer.Option(help="Whose sensors; everybody's unless set.")] = None,
    recording: Annotated[
        Path | None, typer.Option(help="Measure a recording's sensors instead; needs no configuration.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="A recording of walking with the sensors worn as they should be.")
    ] = None,
    model: ModelOption = "imu_tcn",
    as_json: JsonOption = False,
) -> None:
    """Measure sensors, links, broker and machine, and say what to do.

    Example: edgehar doctor --config edgehar.toml

    On a terminal you are asked to turn the sensors, stand and walk. A daemon that runs keeps its sensors: then the figures
    are its own. --model is for --recording alone. Exit code 1 if anything fails.
    """
    from edgehar.apps.doctor.doctor import Wish, doctor as examine, examine_recording
    from edgehar.config.credentials import by_hand
    from edgehar.config.read import load, naming_lines

    if recording is not None:
        if wearer is not None:
            raise ConfigError(
                "--wearer chooses among those of --config, and a recording has one; leave it out"
            )
        report = examine_recording(recording, model, like)
    else:
        loaded = by_hand(load(config), config)
        asks = sys.stderr.isatty() and not as_json
        with naming_lines(config):
            report = answer_of(examine(loaded, Wish(seconds, wearer, like), _prompt if asks else None))
    if as_json:
        show(report, as_json)
    else:
        _print(report)
    if report["fail"]:
        raise typer.Exit(EXIT_FAILED)


def _prompt(text: str) -> None:
    typer.echo(f"please {text}", err=True)


def _print(report: dict[str, Any]) -> None:
    findings = report["findings"]
    width = max((len(finding["check"]) for finding in findings), default=0)
    subject = None
    for finding in findings:
        if finding["subject"] != subject:
            subject = finding["subject"]
            typer.echo(f"{one_line(subject) or 'this gateway'}:")
        typer.echo(f"  {finding['level']:<4}  {finding['check']:<{width}}  {one_line(finding['says'])}")
        if finding["fix"]:
            typer.echo(f"  {'':<4}  {'':<{width}}  -> {one_line(finding['fix'])}")
    typer.echo(f"{report['ok']} ok, {report['warn']} to look at, {report['fail']} failed")
