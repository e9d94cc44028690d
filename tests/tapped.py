"""A sensor on a port that somebody taps twice."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from edgehar.wire.framing import frame
from edgehar.wire.protocol import Description, encode_data, encode_description

RATE_HZ = 100.0


def _tapped(seconds: float, *taps: float) -> NDArray[np.int16]:
    """Return the counts of a sensor at rest, at 16 g, that is tapped twice each time."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    counts = np.zeros((len(t), 6), np.int16)
    counts[:, 2] = round(32768 / 16)
    for at in taps:
        for strike in (at, at + 0.25):
            counts[(t >= strike) & (t < strike + 0.0101), 0] = round(3 * 32768 / 16)
    return counts


@contextlib.asynccontextmanager
async def sensor_that_is_tapped(*taps: float) -> AsyncIterator[str]:
    """Serve a sensor of 100 Hz to whoever connects, which is tapped so long after that, s; yield its URL."""
    counts = _tapped(60.0, *taps)
    description = Description(
        device="c0ffee000001",
        period_us=10_000,
        acc_range_g=16,
        gyr_range_dps=2000,
        battery=80,
        firmware=(1, 0),
    )

    serving = list[asyncio.Task[None] | None]()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            began = asyncio.get_running_loop().time()
            for i in range(len(counts) // 10):
                if i % 10 == 0:
                    writer.write(frame(encode_description(description)))
                writer.write(frame(encode_data(i, i * 100_000, counts[10 * i : 10 * i + 10])))
                await writer.drain()
                await asyncio.sleep(began + (i + 1) / 10 - asyncio.get_running_loop().time())

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in serving:
            if task:
                task.cancel()
        await asyncio.sleep(0)
