"""`edgehar bench`: what this machine can carry, printed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from edgehar.cli.terminal import JsonOption, ModelOption, show, show_table

if TYPE_CHECKING:
    from edgehar.apps.bench.compare import Ratio
    from edgehar.apps.bench.run import Result


def bench(
    model: ModelOption = "imu_tcn",
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Whose wearers are to be carried; else one sensor.")
    ] = None,
    camera: Annotated[
        bool, typer.Option("--camera", help="Time a camera's pictures too, where its weights are here.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="About how long it may take, s.")] = 12.0,
    save: Annotated[Path | None, typer.Option(help="Keep this run, to compare later ones with.")] = None,
    against: Annotated[Path | None, typer.Option(help="A run that was kept: say what got slower.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how many sensors this machine can carry.

    Example: edgehar bench, or edgehar bench --save before.json and later edgehar bench --against before.json

    Simulated packets go through the real pipeline in this process: stage by stage, then with as many wearers as it takes
    to fill half a core.
    """
    from edgehar.apps.bench import run as benches

    earlier = benches.baseline(against) if against else None
    if save:
        benches.require_savable(save)
    result = benches.run(benches.Bench(model, config), seconds, with_camera=camera)
    if save:
        benches.save(result, save)
    ratios = benches.against(result, earlier) if earlier else []
    if as_json:
        written = msgspec.to_builtins(result) | {"more_sensors": result.more}
        if earlier:
            written["against"] = [msgspec.to_builtins(each) | {"verdict": each.verdict} for each in ratios]
            written["differences"] = benches.differences(result, earlier)
        show(written, as_json)
        return
    _print_stages(result)
    typer.echo("\n".join(_words(result)))
    if earlier:
        typer.echo(f"\nbeside the run of {earlier.at}:")
        for line in benches.differences(result, earlier):
            typer.echo(line)
        _print_ratios(ratios)


def _print_stages(result: "Result") -> None:
    from edgehar.apps.bench.stages import INVOKE, YARDSTICK

    machine = result.machine
    typer.echo(
        f"{machine.processor}, {machine.architecture}, {machine.cores} cores; {result.model} on {result.runtime}\n"
    )
    show_table(
        [
            {
                "stage": name,
                "p50_us": f"{stage.p50_us:.1f}",
                "p99_us": f"{stage.p99_us:.1f}",
                "of_the_invoke": f"{result.times(name, INVOKE):.2f}",
                "of_the_yardstick": f"{result.times(name, YARDSTICK):.2f}",
                "times": stage.count,
            }
            for name, stage in result.stages.items()
        ],
        as_json=False,
    )


def _words(result: "Result") -> Iterator[str]:
    from edgehar.apps.bench.capacity import RULE

    yield ""
    for step in result.steps:
        each = 1e3 * step.cores / step.sensors
        yield f"{_sensors(step.sensors)}: {100 * step.cores:.2f} % of a core, {each:.2f} ms a second and sensor"
    about = "" if result.capacity.was_run else "about "
    yours = f"{_sensors(len(result.worn))} take{'s' * (len(result.worn) == 1)}"
    yield ""
    yield f"{result.word}: {yours} {100 * result.yours_cores:.2f} % of a core; {about}{result.more} more fit into half of one"
    yield f"({RULE})"
    if result.energy:
        energy = result.energy
        yield f"energy: {energy.joules:.0f} J in {energy.seconds:.0f} s, {energy.joules / energy.seconds:.1f} W ({energy.source})"
    if result.warmest_celsius is not None:
        yield f"warmest: {result.warmest_celsius:.0f} °C"
    for remark in result.remarks:
        yield f"note: {remark}"


def _sensors(count: int) -> str:
    return f"{count} sensor{'' if count == 1 else 's'}"


def _print_ratios(ratios: "list[Ratio]") -> None:
    show_table(
        [
            {
                "stage": each.stage,
                "then_us": f"{each.then_us:.1f}",
                "now_us": f"{each.now_us:.1f}",
                "verdict": each.verdict,
            }
            for each in ratios
        ],
        as_json=False,
    )
