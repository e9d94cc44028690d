"""The verbs of `edgehar`: parse, call, print. stdout is data, stderr is messages."""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
import typer

from edgehar import __version__
from edgehar.errors import EdgeharError, OperatorError

EXIT_REFUSED = 78
"""EX_CONFIG of sysexits.h: systemd is told not to restart on it."""
EXIT_MISSING = 3
EXIT_FAILED = 1

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Example: edgehar demo\n\nRecognizes what a person does from body-worn motion sensors and publishes it over MQTT.",
)
models_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Example: edgehar models info imu_tcn\n\nThe models at hand.",
)
config_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Example: edgehar config check --config edgehar.toml\n\nThe configuration file.",
)
app.add_typer(models_app, name="models", short_help="The models at hand.")
app.add_typer(config_app, name="config", short_help="The configuration file.")

ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ModelOption = Annotated[
    str, typer.Option("--model", "-m", help="A shipped model's name or a manifest's path.")
]
SubjectOption = Annotated[str | None, typer.Option(help="Which person of an .npz set.")]
DEFAULT_CONFIG = Path("edgehar.toml")
T = TypeVar("T")


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    *,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Also say what is normal.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Set up logging."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")


@app.command(short_help="The daemon: read the sensors, recognize, publish.")
def run(
    config: ConfigOption = DEFAULT_CONFIG,
    stdout: Annotated[
        bool, typer.Option("--stdout", help="Also print every state and event as a JSON line.")
    ] = False,
) -> None:
    """Example: edgehar run --config edgehar.toml

    The daemon: read the sensors, recognize, publish, for ever.
    """
    from edgehar import config as configuration, daemon

    _run(daemon.run(configuration.load(config), stdout=sys.stdout if stdout else None))


@app.command(short_help="A simulated wearer, recognized live on this terminal.")
def demo(
    seconds: Annotated[float | None, typer.Option(help="Stop after this time, s.")] = None,
    placement: Annotated[str, typer.Option(help="Where the simulated sensor is worn.")] = "trouser_pocket",
    model: ModelOption = "imu_tcn",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the embedded broker; a free one if taken.")
    ] = 1883,
    seed: Annotated[int, typer.Option(help="Same seed, same wearer.")] = 5,
    as_json: JsonOption = False,
) -> None:
    """Example: edgehar demo

    A simulated wearer, the shipped model and an embedded MQTT broker, live on this terminal.
    """
    from edgehar import demo as showing

    _run(
        showing.run(seconds=seconds, placement=placement, model=model, port=port, seed=seed, as_json=as_json)
    )


@app.command(short_help="A recording's events, and how well they meet the truth.")
def replay(
    path: Annotated[Path, typer.Argument(help="An .ehr recording, or an .npz set.")],
    subject: SubjectOption = None,
    placement: Annotated[
        list[str] | None, typer.Option(help="Which sensors of an .npz set; may be repeated.")
    ] = None,
    model: ModelOption = "imu_tcn",
    speed: Annotated[float, typer.Option(min=0, help="1 is its own pace, 0 as fast as it goes.")] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Example: edgehar replay walk.ehr

    Run a recording through the pipeline and print its events; where the truth is known, how well they meet it.
    """
    from edgehar import report

    asyncio.run(
        report.replay(path, subject=subject, placements=placement, model=model, speed=speed, as_json=as_json)
    )


@app.command(short_help="Write the packets of one wearer's sensors to a file.")
def record(
    out: Annotated[Path, typer.Argument(help="The recording to write or to append to.")],
    port: Annotated[str | None, typer.Option(help="Serial port or URL of one sensor.")] = None,
    placement: Annotated[str, typer.Option(help="Where that sensor is worn.")] = "wrist",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Record a wearer of this file instead.")
    ] = None,
    wearer: Annotated[str | None, typer.Option(help="Which wearer of the file.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after this time, s; else on Ctrl-C.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Example: edgehar record walk.ehr --port /dev/ttyACM0 --placement wrist_left

    Write the packets of one wearer's sensors with their arrival times.
    """
    from edgehar import report

    counts = _run(
        report.record(out, port=port, placement=placement, config=config, wearer=wearer, seconds=seconds)
    )
    assert counts is not None  # told to end, it still counts
    _print(counts, as_json)
    if not counts["packets"]:
        raise typer.Exit(EXIT_FAILED)


@app.command(short_help="A simulated sensor on a port, with faults if you like.")
def sim(
    placement: Annotated[str, typer.Option(help="Where the simulated sensor is worn.")] = "trouser_pocket",
    tcp: Annotated[
        int | None, typer.Option(help="Serve on this loopback port; else on a pseudo-terminal.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same wearer.")] = 1,
    loss: Annotated[float, typer.Option(min=0, max=0.99, help="Share of packets lost, in bursts.")] = 0.0,
    corrupt: Annotated[float, typer.Option(min=0, max=0.99, help="Share of frames damaged.")] = 0.0,
    jitter_s: Annotated[float, typer.Option(min=0, help="Mean extra delay of a packet, s.")] = 0.0,
    drift_ppm: Annotated[float, typer.Option(help="Error of the sensor's clock, ppm.")] = 0.0,
    disconnect_every_s: Annotated[
        float | None, typer.Option(min=1, help="Mean time between lost links, s.")
    ] = None,
    reboot_every_s: Annotated[
        float | None, typer.Option(min=1, help="Mean time between restarts, s.")
    ] = None,
    battery: Annotated[int, typer.Option(min=0, max=100, help="Charge at the start, percent.")] = 100,
) -> None:
    """Example: edgehar sim --tcp 7777, then a sensor with port = "socket://127.0.0.1:7777"

    A simulated sensor that speaks the real wire format to whoever opens its port.
    """
    from edgehar.sources.faults import Faults
    from edgehar.sources.serve import serve_pty, serve_tcp
    from edgehar.sources.simulator import Simulator

    faults = Faults(
        loss=loss,
        corrupt=corrupt,
        jitter_s=jitter_s,
        drift_ppm=drift_ppm,
        disconnect_every_s=disconnect_every_s,
        reboot_every_s=reboot_every_s,
        battery=battery,
        seed=seed,
    )
    simulator = Simulator(placements=[placement], seed=seed, faults=faults)
    if tcp is None:
        _run(serve_pty(simulator, announce=typer.echo))
    else:
        _run(serve_tcp(simulator, "127.0.0.1", tcp, announce=typer.echo))


@models_app.command("list")
def models_list(*, as_json: JsonOption = False) -> None:
    """Example: edgehar models list

    The models that ship with edgehar.
    """
    from edgehar import manifest

    rows = []
    for path in manifest.available():
        spec = manifest.read(path)
        rows.append(
            {"name": spec.name, "version": spec.version, "labels": list(spec.labels), "path": str(path)}
        )
    _print(rows, as_json)


@models_app.command("info")
def models_info(name: str, *, as_json: JsonOption = False) -> None:
    """Example: edgehar models info imu_tcn

    A model's manifest: labels, placements, rate, settings, where it comes from and how it scored.
    """
    from edgehar import manifest

    told = msgspec.to_builtins(manifest.read(manifest.find(name)))
    for sensor in () if as_json else told["sensors"]:
        sensor["labels"] = sensor["labels"] or "all"
    _print(told, as_json)


@models_app.command("verify")
def models_verify(name: str, *, as_json: JsonOption = False) -> None:
    """Example: edgehar models verify models/imu_tcn.json

    Load the pair as the daemon would: checksum, shapes, one inference.
    """
    from edgehar import manifest, recognizer

    spec = recognizer.load(manifest.find(name)).spec
    _print({"model": spec.id, "sha256": spec.sha256, "verified": True}, as_json)


@config_app.command("check")
def config_check(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Example: edgehar config check --config edgehar.toml

    Read the file, load the model, place the sensors; say what does not fit.
    """
    from edgehar import config as configuration, daemon

    _print(daemon.check(configuration.load(config)), as_json)


@config_app.command("show")
def config_show(config: ConfigOption = DEFAULT_CONFIG, *, as_json: JsonOption = False) -> None:
    """Example: edgehar config show --config edgehar.toml

    Every effective key and whether it comes from the file, the model or is a default.
    """
    from edgehar import config as configuration, manifest

    effective = configuration.load(config)
    model = manifest.read(manifest.find(effective.model.path)).decision
    rows = list(configuration.origins(effective, config.read_text("utf-8"), model))
    if as_json:
        _print({path: {"value": value, "origin": origin} for path, value, origin in rows}, as_json)
        return
    for path, value, origin in rows:
        typer.echo(f"{path} = {json.dumps(value)}" + ("" if origin == "file" else f"  # {origin}"))


@config_app.command("schema")
def config_schema() -> None:
    """Example: edgehar config schema > edgehar.schema.json

    JSON Schema of the file, for editors.
    """
    from edgehar import config as configuration

    typer.echo(json.dumps(configuration.schema(), indent=2))


def _print(value: Any, as_json: bool) -> None:  # noqa: FBT001 - what the flag said
    """JSON for programs, indented lines for people."""
    if as_json:
        typer.echo(json.dumps(value))
    else:
        typer.echo("\n".join(_lines(value)))


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict) or (
                isinstance(inner, list | tuple) and inner and isinstance(inner[0], dict)
            ):
                yield f"{indent}{key}:"
                yield from _lines(inner, indent + "  ")
            else:
                text = ", ".join(map(str, inner)) if isinstance(inner, list | tuple) else inner
                yield f"{indent}{key}: {text}"
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from ([""] if i else [])
            yield from _lines(inner, indent)
    else:
        yield f"{indent}{value}"


def _run(work: Coroutine[Any, Any, T]) -> T | None:
    """Run it until its end, Ctrl-C (exit code 130) or SIGTERM, which a service's stop is: success."""

    async def until_terminated() -> T | None:
        task = asyncio.current_task()
        assert task is not None
        terminated = asyncio.Event()

        def terminate() -> None:
            terminated.set()
            task.cancel()

        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
        try:
            return await work
        except asyncio.CancelledError:
            if not terminated.is_set():
                raise
            return None

    return asyncio.run(until_terminated())


def main() -> None:
    """Run a verb; every expected failure is one line on stderr and an exit code."""
    refusal: BaseException | None = None
    try:
        app()
    # Tasks wrap what they raise in groups.
    except* (EdgeharError, ModuleNotFoundError) as group:
        refusal = group
    while isinstance(refusal, BaseExceptionGroup):
        refusal = refusal.exceptions[0]
    if isinstance(refusal, ModuleNotFoundError):
        _fail(f"the package `{refusal.name}` is missing; install edgehar again with pip", EXIT_MISSING)
    if refusal is not None:
        _fail(f"{refusal}", EXIT_REFUSED if isinstance(refusal, OperatorError) else EXIT_FAILED)


def _fail(sentence: str, code: int) -> NoReturn:
    typer.echo(f"edgehar: {sentence}", err=True)
    sys.exit(code)
