"""`edgehar sim`: a simulated sensor on a port, with faults if one likes."""

from typing import Annotated

import typer

from edgehar.cli import completion
from edgehar.cli.terminal import run_to_end


def sim(
    placement: Annotated[
        str, typer.Option(help="Where the simulated sensor is worn.", autocompletion=completion.placements)
    ] = "trouser_pocket",
    tcp: Annotated[
        int | None, typer.Option(help="Serve on this loopback port; else on a pseudo-terminal.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same wearer.")] = 1,
    loss: Annotated[float, typer.Option(min=0, max=0.99, help="Share of packets lost, in bursts.")] = 0.0,
    corrupt: Annotated[float, typer.Option(min=0, max=0.99, help="Share of frames damaged.")] = 0.0,
    jitter_s: Annotated[float, typer.Option(min=0, help="Mean extra delay of a packet, s.")] = 0.0,
    drift_ppm: Annotated[
        float, typer.Option(min=-1e6, max=1e6, help="Error of the sensor's clock, ppm.")
    ] = 0.0,
    disconnect_every_s: Annotated[
        float | None, typer.Option(min=1, help="Mean time between lost links, s.")
    ] = None,
    reboot_every_s: Annotated[
        float | None, typer.Option(min=1, help="Mean time between restarts, s.")
    ] = None,
    battery: Annotated[int, typer.Option(min=0, max=100, help="Charge at the start, percent.")] = 100,
    misfit: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault of the sensor, KEY=VALUE: swap=acc_x,acc_y mirror=gyr_z stuck=acc_y acc_factor=9.81 gyr_factor=57.3 "
            "acc_range_g=2 gyr_bias=0.1 upside_down=true put_on_s=15 taken_off_s=60; may be repeated."
        ),
    ] = None,
) -> None:
    """Simulate a sensor on a port, with faults if you like.

    Example: edgehar sim --tcp 7777, then a sensor with port = "socket://127.0.0.1:7777"

    It speaks the real wire format to whoever opens its port.
    """
    from edgehar.sources.simulated.faults import Faults
    from edgehar.sources.simulated.misfits import parse_misfits
    from edgehar.sources.simulated.serve import serve_pty, serve_tcp
    from edgehar.sources.simulated.simulator import Simulator

    faults = Faults(
        loss=loss,
        corrupt=corrupt,
        jitter_s=jitter_s,
        drift_ppm=drift_ppm,
        disconnect_every_s=disconnect_every_s,
        reboot_every_s=reboot_every_s,
        battery=battery,
        misfits=parse_misfits(misfit or []),
        seed=seed,
    )
    simulator = Simulator(placements=[placement], seed=seed, faults=faults)
    if tcp is None:
        run_to_end(serve_pty(simulator, announce=typer.echo))
    else:
        run_to_end(serve_tcp(simulator, "127.0.0.1", tcp, announce=typer.echo))
