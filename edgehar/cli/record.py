"""`edgehar record`: packets into a file, and with them what the wearer is prompted to do."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgehar.cli import completion
from edgehar.cli.devices import AdapterOption, ProfileOption
from edgehar.cli.questions import say
from edgehar.cli.terminal import DEFAULT_CONFIG, EXIT_FAILED, JsonOption, answer_of, show
from edgehar.errors import ConfigError

if TYPE_CHECKING:
    from edgehar.apps.label_with_me import Plan


def record(
    out: Annotated[Path, typer.Argument(help="The recording to write or to append to.")],
    port: Annotated[
        str | None, typer.Option(help="Serial port or URL of one sensor.", autocompletion=completion.ports)
    ] = None,
    ble: Annotated[str | None, typer.Option(help="Bluetooth address or name of one sensor.")] = None,
    phone: Annotated[
        str | None,
        typer.Option(
            help="A phone: SensorServer's ws://address:port, or 0.0.0.0:8000, to which Sensor Logger posts."
        ),
    ] = None,
    camera: Annotated[
        str | None, typer.Option(help="A webcam's number or path: its keypoints, never a picture.")
    ] = None,
    placement: Annotated[
        str | None,
        typer.Option(
            help="Where that sensor is worn; `wrist` unless given.", autocompletion=completion.placements
        ),
    ] = None,
    profile: ProfileOption = None,
    adapter: AdapterOption = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Record a wearer of this file instead.")
    ] = None,
    wearer: Annotated[str | None, typer.Option(help="Which wearer of the file.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after this time, s; else on Ctrl-C.")
    ] = None,
    label_with_me: Annotated[
        bool,
        typer.Option("--label-with-me", help="Be told what to do and when; the recording has the labels."),
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What to do, one after the other, with commas between, such as walking,tape_box; "
            "what the model can tell unless given."
        ),
    ] = None,
    take_s: Annotated[float, typer.Option(min=1, max=3600, help="Length of each activity, s.")] = 10.0,
    pause_s: Annotated[float, typer.Option(min=0, max=3600, help="Countdown before each, s.")] = 3.0,
    as_json: JsonOption = False,
) -> None:
    """Write the packets of one wearer's sensors to a file.

    Example: edgehar record walk.ehr --port /dev/ttyACM0 --placement wrist_left

    Their arrival times are kept, so that `edgehar replay` gives what a live run would have given. With --label-with-me
    it prompts for one activity after the other, and writes what was done when. On a terminal space begins or ends at once,
    as tapping the sensor twice does, n skips, r repeats, m marks a moment, q ends.
    """
    from edgehar.apps.record import OneSensor, record_wearer

    sensor = OneSensor(
        placement, port=port, ble=ble, phone=phone, camera=camera, profile=profile, adapter=adapter
    )
    plan = _plan(labels, take_s, pause_s) if label_with_me else None
    if labels is not None and not plan:
        raise ConfigError("--labels says what --label-with-me prompts for; give that too")
    counts, failure = answer_of(
        record_wearer(out, sensor, config=config, wearer=wearer, seconds=seconds, plan=plan)
    )
    show(counts, as_json)
    if plan:
        _say_next(counts, config)
    if failure is not None:
        raise failure
    if not counts["packets"]:
        raise typer.Exit(EXIT_FAILED)


def _plan(labels: str | None, take_s: float, pause_s: float) -> "Plan":
    """Return what is to be prompted for, and say which labels are written otherwise than they were given."""
    from edgehar.apps.label_session import read_labels
    from edgehar.apps.label_with_me import Plan

    pairs = [] if labels is None else read_labels(labels)
    for given, label in pairs:
        if given != label:
            say(f"`{given}` is recorded as {label}")
    return Plan([label for _, label in pairs], take_s, pause_s)


def _say_next(counts: Mapping[str, Any], config: Path | None) -> None:
    """Say what can be done with a recording that has labels."""
    if not any(counts["taken_s"].values()):
        say("nothing was taken: the recording has no labels")
        return
    recording = quote(counts["recording"])
    settings = quote(str(config or DEFAULT_CONFIG))
    say(f"next: edgehar replay {recording}")
    say(f"      edgehar personalize {recording} --wearer {counts['wearer']} --config {settings}")
