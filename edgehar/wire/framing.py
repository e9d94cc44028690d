"""Bodies in a byte stream: COBS(body, CRC-16), then a 0x00. `firmware_bridge/README.md` specifies it.

`sources.serial` reads it; the sensor's side is `firmware_bridge/imu_link.c`.
"""

from binascii import crc_hqx

from edgehar.wire.protocol import MAX_BODY

# CRC and the first COBS code; with at most 237 bytes no group ever reaches 254, so no other code is added.
_MAX_FRAME = MAX_BODY + 2 + 1
_CODES = [bytes((code,)) for code in range(_MAX_FRAME + 1)]


def frame(body: bytes) -> bytes:
    """Return a body as a byte stream carries it; ValueError over 235 bytes."""
    if not 0 < len(body) <= MAX_BODY:
        raise ValueError(f"a body of {len(body)} bytes; 1..{MAX_BODY} expected")
    groups = (body + crc_hqx(body, 0xFFFF).to_bytes(2, "little")).split(b"\0")
    return b"".join([_CODES[len(group) + 1] + group for group in groups]) + b"\0"


def _unframe(stuffed: bytes) -> bytes | None:
    """Return the body from the bytes between two 0x00; None if COBS or CRC say that it is damaged."""
    end, at = len(stuffed), 0
    if not 3 < end <= _MAX_FRAME:
        return None
    raw = bytearray(stuffed)
    while at < end:
        code = raw[at]
        raw[at] = 0
        at += code
    body = bytes(raw[1:-2])
    if at != end or crc_hqx(body, 0xFFFF) != raw[-2] | raw[-1] << 8:
        return None
    return body


class Deframer:
    """A finder of bodies in one life of a byte stream, however cut; drops and counts what is damaged."""

    def __init__(self) -> None:
        self.damaged = 0
        """Frames whose length, COBS or CRC was wrong; a run without 0x00 counts once."""
        self._rest = b""
        self._overrun = False

    def push(self, chunk: bytes) -> list[bytes]:
        """Return the bodies that this chunk completes. What it keeps never exceeds one frame."""
        parts = chunk.split(b"\0")
        parts[0] = self._rest + parts[0]
        self._rest = parts.pop()
        if parts and self._overrun:
            del parts[0]
            self._overrun = False
        bodies = [_unframe(stuffed) for stuffed in parts if stuffed]
        self.damaged += bodies.count(None)
        if self._overrun or len(self._rest) > _MAX_FRAME:
            self.damaged += not self._overrun
            self._rest, self._overrun = b"", True
        return [body for body in bodies if body is not None]
