"""`edgehar status`: how it goes with a gateway that runs."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import typer

from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    ConfigArgument,
    ConfigOption,
    JsonOption,
    answer_of,
    show,
    show_table,
)


def status(
    path: ConfigArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say how it goes with a running gateway.

    Example: edgehar status edgehar.toml

    The broker of the file is asked, so it works from anywhere, and systemd where it has the service. The gateway
    itself is not disturbed. Exit code 1 if anything is wrong.
    """
    from edgehar.apps.status import status as status_of
    from edgehar.config.credentials import by_hand
    from edgehar.config.read import load, naming_lines

    path = path or config
    loaded = by_hand(load(path), path)
    with naming_lines(path):
        report = answer_of(status_of(loaded))
    if as_json:
        show(report, as_json)
    else:
        _print(report)
    if report["wrong"]:
        raise typer.Exit(EXIT_FAILED)


def _print(report: Mapping[str, Any]) -> None:
    """Print a report for people."""
    show(dict(_facts(report)), as_json=False)
    for name, row in (("wearers", _wearer_row), ("zones", dict), ("sensors", _sensor_row)):
        if report[name]:
            typer.echo()
            show_table([row(each) for each in report[name]], as_json=False)
    typer.echo()
    if not report["wrong"]:
        typer.echo("all is well")
    for problem in report["wrong"]:
        typer.echo(f"wrong: {problem}")


def _facts(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is told of gateway, broker and service."""
    from edgehar.apps.status import in_words

    gateway, broker, service = report["gateway"], report["broker"], report["service"]
    if gateway:
        since = f" since {_local(gateway['since'])}" if gateway["since"] else ""
        made_of = [text for text in (gateway["version"], gateway["model"]) if text]
        program = f", edgehar {', '.join(made_of)}" if made_of else ""
        yield "gateway", f"{gateway['id']}, {gateway['status'] or 'unknown'}{since}{program}"
    yield "broker", f"{broker['address']}{'' if broker['answers'] else ', no way to it'}"
    if service:
        says = f": {service['says']}" if service["says"] else ""
        restarts = "" if service["restarts"] is None else f", restarts: {service['restarts']}"
        yield "service", f"{service['active']} ({service['sub']}){restarts}{says}"
    if gateway and gateway["events_dropped"] is not None:
        age = gateway["health_age_s"]
        when = "" if age is None else f", {in_words(max(age, 0))} ago"
        lost = f"events dropped: {gateway['events_dropped']:g}, messages refused: {gateway['messages_refused'] or 0:g}"
        yield "health", f"memory: {gateway['memory_mb'] or 0:g} MB, {lost}{when}"


def _wearer_row(wearer: Mapping[str, Any]) -> dict[str, Any]:
    from edgehar.apps.status import in_words

    confidence, age = wearer["confidence"], wearer["told_s_ago"]
    return {
        "wearer": wearer["wearer"],
        "status": "paused" if wearer["paused"] else wearer["status"],
        "activity": wearer["activity"],
        "confidence": None if confidence is None else f"{confidence:.0%}",
        "since": wearer["since"] and _local(wearer["since"]),
        "told": None if age is None else f"{in_words(max(age, 0))} ago",
        "operating_point": wearer["operating_point"],
        "taught": (wearer["model"] or "").partition("+")[2].partition("+")[0],
    }


def _sensor_row(sensor: Mapping[str, Any]) -> dict[str, Any]:
    battery, packets, lost = (sensor[key] for key in ("battery", "packets", "lost"))
    return {
        "sensor": f"{sensor['wearer']}/{sensor['placement']}",
        "state": sensor["state"],
        "battery": None if battery is None else f"{battery:g}%",
        "packets": None if packets is None else f"{packets:.0f}",
        "lost": None if lost is None else f"{lost:.0f}",
    }


def _local(moment: str) -> str:
    """Return a time in UTC as this machine's people write it."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S")
