"""A process whose children record a sensor until they are killed: `python killed_writer.py RECORDING PORT`.

Each line on stdin is a child, which tells its process number, and then each packet and mark once the writer has it.
"""

import os
import socket
import sys
import time
from pathlib import Path

import msgspec

from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.marks import Mark
from edgehar.types import Stream
from edgehar.wire.framing import Deframer

SPEED = 50
"""Seconds of stream time in one of the clock on the wall."""

HEADER = Header("mia", (Stream("wrist_left"),), epoch=1_760_000_000.0)


class Written(msgspec.Struct):
    """A packet, or without a body a mark, that the writer has taken."""

    t: float
    """Stream time, s."""
    label: str
    body: bytes = b""


def record(path: Path, port: int, part: str) -> None:
    """Record a sensor, with another label every few packets, and acknowledge each packet and mark."""
    link, deframer, packets, label = socket.create_connection(("127.0.0.1", port)), Deframer(), 0, ""
    writer = Writer(path, HEADER)
    while data := link.recv(1 << 16):
        for body in deframer.push(data):
            t = SPEED * time.monotonic()
            if packets % 7 == 0:
                label = f"part_{part}_{packets}"
                writer.mark(t, Mark("begin", label))
                _tell(Written(t, label))
            writer.push(t, 0, body)
            _tell(Written(t, label, body))
            packets += 1


def _tell(what: object) -> None:
    os.write(1, msgspec.json.encode(what) + b"\n")


if __name__ == "__main__":
    for number, _ in enumerate(sys.stdin):
        child = os.fork()
        if not child:
            _tell(os.getpid())
            record(Path(sys.argv[1]), int(sys.argv[2]), f"{number}")
            os._exit(0)
        os.waitpid(child, 0)
        _tell(None)
