"""`python -m benchmarks.packet_path`: how many calls, functions and files one packet goes through.

A simulated sensor on a TCP port feeds the daemon in real time. Counted is the longest way from a piece of the
byte stream to the MQTT outbox: that of a packet which completes a window that changes the activity. `-v` lists it.
"""

import asyncio
import contextlib
import socket
import sys
import time
from types import FrameType

from edgehar.config.read import parse
from edgehar.daemon.daemon import Daemon
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Item
from edgehar.wire.framing import frame

SECONDS = 8.0
"""Longer than the first label takes."""

_PACKAGE = "/edgehar/"
_CONFIG = """
[gateway]
id = "path"
[mqtt]
host = "127.0.0.1"
port = {broker}
[[wearer]]
id = "walker"
[[wearer.serial]]
placement = "trouser_pocket"
port = "socket://127.0.0.1:{sensor}"
"""


class Profile:
    """The calls inside the package since the newest piece of the byte stream came, and the longest such list."""

    def __init__(self) -> None:
        self.longest: list[tuple[str, str]] = []
        self._calls: list[tuple[str, str]] | None = None

    def __call__(self, called: FrameType, event: str, _: object) -> None:
        """Take one event of `sys.setprofile`."""
        code = called.f_code
        if event != "call":
            return
        if code.co_name == "_run_once":  # the event loop's next turn
            if self._calls is not None and len(self._calls) > len(self.longest):
                self.longest = self._calls
            self._calls = None
        elif _PACKAGE in code.co_filename:
            if code.co_qualname == "Deframer.push" and self._calls is None:
                self._calls = []
            if self._calls is not None and not code.co_name.startswith("<"):
                self._calls.append((code.co_filename.rpartition(_PACKAGE)[2], code.co_qualname))


async def profiled(packets: list[Item]) -> Profile:
    """Let the daemon hear the packets at their times, and profile it."""
    over = asyncio.Event()

    async def send(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begin = time.monotonic()
        for t, _stream, body in packets:
            await asyncio.sleep(max(0.0, begin + t - time.monotonic()))
            writer.write(frame(body))
        over.set()

    profile = Profile()
    server = await asyncio.start_server(send, "127.0.0.1", 0)
    # A broker that takes connections and never answers: what is published waits in the outbox.
    with socket.create_server(("127.0.0.1", 0)) as broker:
        ports = {"sensor": server.sockets[0].getsockname()[1], "broker": broker.getsockname()[1]}
        daemon = asyncio.create_task(Daemon(parse(_CONFIG.format(**ports))).run())
        sys.setprofile(profile)
        await over.wait()
        sys.setprofile(None)
        daemon.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await daemon
    server.close()
    return profile


def main() -> None:
    """Print the figures."""
    walk = Simulator(placements=["trouser_pocket"], script=[("walking", SECONDS)], seed=3)
    calls = asyncio.run(profiled(list(walk.packets()))).longest
    files = {file for file, _ in calls}
    print(f"{len(calls)} calls of {len(set(calls))} functions in {len(files)} files")
    if "-v" in sys.argv:
        print("\n".join(f"  {file} {function}" for file, function in calls))


if __name__ == "__main__":
    main()
