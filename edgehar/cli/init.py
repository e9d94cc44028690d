"""`edgehar init`: the questions of a first run."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgehar.cli import completion
from edgehar.cli.conversation import Conversation, Given
from edgehar.cli.devices import AdapterOption
from edgehar.cli.questions import Questions, say
from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    ConfigArgument,
    ConfigOption,
    JsonOption,
    answer_of,
    show,
)
from edgehar.errors import one_line

if TYPE_CHECKING:
    from edgehar.config.first import First


YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: defaults, and the options below.")]
GatewayOption = Annotated[str | None, typer.Option(help="This machine's name in topics.")]
HomeOption = Annotated[
    bool | None,
    typer.Option("--home-assistant/--no-home-assistant", help="Make devices in Home Assistant."),
]
BrokerOption = Annotated[
    str | None, typer.Option(help="HOST, HOST:PORT, or mqtts://HOST:PORT for encryption.")
]
CaOption = Annotated[
    Path | None, typer.Option(help="Certificates to trust at the broker instead of the system's, PEM.")
]
UserOption = Annotated[str | None, typer.Option(help="Account at the broker.")]
PasswordOption = Annotated[
    Path | None, typer.Option(help="File that holds its password, and is named in the configuration.")
]
WearerOption = Annotated[str | None, typer.Option(help="Pseudonym of who wears the sensors.")]
SensorOption = Annotated[
    list[str] | None,
    typer.Option(help="ADDRESS=PLACEMENT of a Bluetooth sensor, or PORT=PLACEMENT; may be repeated."),
]
SimulateOption = Annotated[
    str | None,
    typer.Option(
        metavar="PLACEMENT", help="Simulate a wearer, no sensor.", autocompletion=completion.placements
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Begin a new file where there is one, which is kept as .bak.")
]
ProofOption = Annotated[bool, typer.Option(help="Try the broker, and run until an event was heard.")]


def init(
    path: ConfigArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    yes: YesOption = False,
    gateway: GatewayOption = None,
    home_assistant: HomeOption = None,
    broker: BrokerOption = None,
    ca_file: CaOption = None,
    username: UserOption = None,
    password_file: PasswordOption = None,
    wearer: WearerOption = None,
    sensor: SensorOption = None,
    simulate: SimulateOption = None,
    adapter: AdapterOption = None,
    force: ForceOption = False,
    proof: ProofOption = True,
    as_json: JsonOption = False,
) -> None:
    """Write a first configuration and prove that it works.

    Example: edgehar init

    A few questions, each with a default that Enter takes. The broker is tried, sensors are looked for, and the daemon
    runs until an event has reached another client of the broker. With --yes nothing is asked, and without --sensor the
    wearer is a simulated one.
    """
    from edgehar.config.first import check_free

    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        # The conversation says what is normal.
        logging.getLogger().setLevel(logging.WARNING)
    path = path or config
    check_free(path, force=force)
    given = Given(
        broker=broker,
        ca_file=ca_file,
        username=username,
        password_file=password_file,
        gateway=gateway,
        home_assistant=home_assistant,
        wearer=wearer,
        sensors=sensor or [],
        simulate=simulate,
        adapter=adapter,
        is_tried=proof,
    )
    given.check()
    first, password = Conversation(Questions(takes_defaults=yes), given).hold(path)
    report = _write(path, first, password)
    if given.is_tried:
        try:
            report["proof"] = _prove(path)
        except KeyboardInterrupt:
            say(f"\nstopped: {path} stands as it was written, but is not proven")
            _say_next_steps(report["config"], first)
            raise
    _print(report, first, as_json=as_json)
    if report["proof"] and report["proof"]["wrong"]:
        raise typer.Exit(EXIT_FAILED)


def _write(path: Path, first: "First", password: str | None) -> dict[str, Any]:
    """Write the files and return what there is now."""
    from edgehar.config.credentials import file_of
    from edgehar.config.first import PASSWORD_NAME, write_first
    from edgehar.daemon.run import check

    kept = write_first(path, first, password, check=check)
    say(f"wrote {path}{f', and the password to {file_of(PASSWORD_NAME, path)}' if password else ''}")
    for aside in kept:
        say(f"what was there is kept as {aside}")
    return {"config": str(path), "kept": list(map(str, kept)), "proof": None}


def _prove(path: Path) -> dict[str, Any]:
    """Run with the file until another client has heard something; return what."""
    from edgehar.apps.first_run import PROOF_S, prove
    from edgehar.config.credentials import by_hand
    from edgehar.config.read import load

    say(f"runs with it until another client of the broker has heard an event, for {PROOF_S:g} s at most ...")
    return answer_of(prove(by_hand(load(path), path)))


def _print(report: Mapping[str, Any], first: "First", *, as_json: bool) -> None:
    if as_json:
        show(report, as_json)
    else:
        proof = report["proof"] or {}
        for key in ("heard", "topic", "payload", "after_s"):
            if proof.get(key) is not None:
                typer.echo(f"{key.replace('_', ' ')}: {one_line(str(proof[key]))}")
        for problem in proof.get("wrong", ()):
            typer.echo(f"wrong: {problem}")
    _say_next_steps(report["config"], first)


def _say_next_steps(config: str, first: "First") -> None:
    """Print what to do now."""
    from edgehar.config.credentials import SERVICE_FOLDER

    if not first.sensors:
        say(
            f"a sensor later: edgehar devices assign ADDRESS --wearer {first.wearer} --placement WHERE --config {config}"
        )
    if Path(config).absolute().parent == SERVICE_FOLDER:
        say(f"next: sudo systemctl restart edgehar, then sudo edgehar status {config}")
    else:
        say(f"next: edgehar run --config {config}")
