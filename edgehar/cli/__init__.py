"""The verbs of `edgehar`: parse, call, print. stdout is data, stderr is messages."""

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from edgehar import __version__
from edgehar.cli import (
    bench as bench_verb,
    completion,
    config as config_verbs,
    data as data_verbs,
    devices as devices_verbs,
    doctor as doctor_verb,
    init as init_verb,
    models as models_verbs,
    mqtt as mqtt_verbs,
    personalize as personalize_verb,
    record as record_verb,
    report as report_verb,
    sim as sim_verb,
    status as status_verb,
    support as support_verb,
    transfer as transfer_verbs,
)
from edgehar.cli.logs import LogFormat, choose_format, log_to_stderr, write_last_line
from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    EXIT_MISSING,
    EXIT_REFUSED,
    HELP_OPTIONS,
    ConfigOption,
    HeadOption,
    JsonOption,
    ModelOption,
    PlacementsOption,
    RootGroup,
    SubjectOption,
    VerboseOption,
    how_it_comes,
    run_to_end,
)
from edgehar.errors import EdgeharError, OperatorError

app = typer.Typer(
    cls=RootGroup,
    context_settings=HELP_OPTIONS,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_DEMO_SEED = 349
"""Within its first minute this wearer walks, runs, stands and sits, as README.md says."""


def _print_version(version: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    *,
    verbose: VerboseOption = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Recognize what a person does from body-worn motion sensors, and publish it over MQTT.

    Example: edgehar demo
    """


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Also print every state and event as a JSON line.")
    ] = False,
    log: Annotated[
        LogFormat,
        typer.Option(help="How the log is written; auto: JSON lines but on a terminal and in the journal."),
    ] = LogFormat.AUTO,
) -> None:
    """Read the sensors, recognize, publish, for ever: the daemon.

    Example: edgehar run --config edgehar.toml

    On a terminal it shows what everybody does; with --stdout, in a pipe or as a service it does not.
    """
    from edgehar.apps.page import page_beside
    from edgehar.config.read import load, naming_lines
    from edgehar.daemon.run import run as run_daemon

    choose_format(log)
    loaded = load(config)
    with naming_lines(config):
        if sys.stdout.isatty() and not stdout:
            from edgehar.apps.live import run_on_terminal

            run_to_end(run_on_terminal(loaded, partial(load, config)))
        else:
            out = sys.stdout if stdout else None
            run_to_end(run_daemon(loaded, out, reread=partial(load, config), beside=page_beside))


def demo(
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Stop after this time, s.")] = None,
    placement: Annotated[
        str, typer.Option(help="Where the simulated sensor is worn.", autocompletion=completion.placements)
    ] = "trouser_pocket",
    camera: Annotated[
        str | None,
        typer.Option(help="You instead, before a webcam: its number or path; or a video file, or a stream."),
    ] = None,
    model: ModelOption = "imu_tcn",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the embedded broker; a free one if taken.")
    ] = 1883,
    seed: Annotated[int, typer.Option(help="Same seed, same wearer.")] = _DEMO_SEED,
    page: Annotated[bool, typer.Option(help="Show the live page to browsers on this host.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Recognize a simulated wearer, or you before a webcam, live.

    Example: edgehar demo, or edgehar demo --camera 0

    The wearer, the shipped model and an MQTT broker, all in this one process. Pictures stay in it.
    """
    from edgehar.apps.demo import seen_by, show_demo, simulated
    from edgehar.config.schema import Model

    if camera is None:
        wearer, chosen = simulated(placement, seed), Model(path=model)
    else:
        models_verbs.have_weights()
        wearer, chosen = seen_by(camera), Model() if model == Model().path else Model(camera=model)
    run_to_end(show_demo(wearer, seconds=seconds, model=chosen, port=port, with_page=page, as_json=as_json))


def replay(
    path: Annotated[Path, typer.Argument(help="An .ehr recording, or an .npz set.")],
    subject: SubjectOption = None,
    placement: PlacementsOption = None,
    model: ModelOption = "imu_tcn",
    head: HeadOption = None,
    speed: Annotated[float, typer.Option(min=0, help="1 is its own pace, 0 as fast as it goes.")] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Print a recording's events and how well they meet the truth.

    Example: edgehar replay walk.ehr

    The recording runs through the pipeline as live, decided as the model says; what edgehar.toml says of the decision
    counts for a `replay` of a [[wearer]] there. The truth is known of an .npz set alone; then a matrix shows what was
    taken for what. A placement that no model knows is replayed as another by --placement pocket=thigh.
    """
    from edgehar.apps.replay import replay_recording

    asyncio.run(
        replay_recording(
            path,
            subject=subject,
            placements=placement,
            model=model,
            head=head,
            speed=speed,
            as_json=as_json,
        )
    )


# In the order of --help, which is that in which people come to need them; it shows groups last.
app.command()(demo)
app.command()(init_verb.init)
app.command()(run)
app.command()(status_verb.status)
app.command()(doctor_verb.doctor)
app.command()(record_verb.record)
app.command("import")(transfer_verbs.import_)
app.command()(replay)
app.command()(report_verb.report)
app.command()(personalize_verb.personalize)
app.command()(transfer_verbs.export)
app.command()(sim_verb.sim)
app.command()(bench_verb.bench)
app.command()(support_verb.support)
app.add_typer(devices_verbs.app, name="devices")
app.add_typer(config_verbs.app, name="config")
app.add_typer(models_verbs.app, name="models")
app.add_typer(mqtt_verbs.app, name="mqtt")
app.add_typer(data_verbs.app, name="data")


def main() -> None:
    """Run a verb; every expected failure is one line on stderr and an exit code."""
    log_to_stderr()
    refusal: BaseException | None = None
    try:
        app()
    # Tasks wrap what they raise in groups.
    except* (EdgeharError, ModuleNotFoundError) as group:
        refusal = group
    while isinstance(refusal, BaseExceptionGroup):
        refusal = refusal.exceptions[0]
    if isinstance(refusal, ModuleNotFoundError):
        _fail(f"the package `{refusal.name}` is missing; {how_it_comes(refusal.name)}", EXIT_MISSING)
    if refusal is not None:
        _fail(f"{refusal}", EXIT_REFUSED if isinstance(refusal, OperatorError) else EXIT_FAILED)


def _fail(sentence: str, code: int) -> NoReturn:
    write_last_line(sentence)
    sys.exit(code)
