"""A kind of sensor: how it is recognized, asked to send, and read; `devices.PROFILES` registers each.

How to add one stands in `devices/__init__.py`; `thingy52.py` is a short example.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from edgehar.types import Packet

NORDIC_UART = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
NORDIC_UART_WRITE = "6e400002-b5a3-f393-e0a9-e50e24dcca9e"
NORDIC_UART_NOTIFY = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"

BATTERY_LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"
"""Bluetooth SIG, Battery Service."""


class Reader(Protocol):
    """A reader of one sensor's bodies, which makes packets of them over as many of its lives as it likes.

    A body is what one notification, frame or message brought; of a profile with several characteristics
    it begins with the number of the one that brought it: which of `notify`. It never raises, whatever
    bytes come, and what it keeps between two bodies is bounded.
    """

    @property
    def packets(self) -> int:
        """Packets returned."""
        ...

    @property
    def lost(self) -> int:
        """Packets missing between two that came; 0 where neither clock nor counter of the device tells."""
        ...

    @property
    def malformed(self) -> int:
        """Bodies that break the format, as a whole or in a part that was left out."""
        ...

    @property
    def battery(self) -> int | None:
        """Charge, percent, where the sensor's packets tell it; None if they do not, or not yet."""
        ...

    @property
    def problem(self) -> str | None:
        """Reason, in words, why none of its packets can be used; None as long as some can."""
        ...

    @property
    def remark(self) -> str | None:
        """Remark on what it sends, no fault, in words; None of most sensors."""
        ...

    @property
    def preamble(self) -> tuple[bytes, ...]:
        """Bodies of before that another reader needs to read those that come from now on; none of most sensors."""
        ...

    def health(self) -> dict[str, int]:
        """Return all counters since the start, by name; `packets`, `lost` and `malformed` among them."""
        ...

    def push(self, body: bytes) -> list[Packet]:
        """Return the packets that this body completes."""
        ...


class Write(Struct, frozen=True):
    """One value to be written to a characteristic."""

    characteristic: str
    """UUID."""
    payload: bytes
    response: bool | None = None
    """True to ask for a response; None: as the characteristic offers."""


class Profile(Struct, frozen=True):
    """One kind of sensor. All UUIDs are in lower case."""

    name: str
    """Name in the configuration."""
    title: str
    """Name for people."""
    services: tuple[str, ...]
    """Services by which it is recognized: UUIDs that no other kind of device has."""
    name_prefixes: tuple[str, ...]
    """Beginnings of the names it advertises."""
    notify: tuple[str, ...]
    """Characteristics to subscribe to, in order."""
    rate_hz: float
    """Samples per second once `start` was written."""
    reader: Callable[[str], Reader]
    """Factory of a fresh reader, which takes the device that its packets shall name."""
    start: tuple[Write, ...] = ()
    """Writes in their order, after all of `notify` were subscribed to. May be repeated while it sends."""
    stop: tuple[Write, ...] = ()
    """Writes in their order, before the link is closed."""
    command: str | None = None
    """Characteristic that takes the commands of `commands`."""
    battery: str = BATTERY_LEVEL
    """Characteristic whose first byte is the charge, percent; not every device has it."""
    silence_s: float = 10.0
    """A link that brings nothing for so long is dead, s."""
    bundle_s: float = 1.0
    """Time that the samples of one notification may span, s. A longer one is learnt, at the price of the first."""
    has_gyroscope: bool = True
    """False of what sends acceleration alone."""
    pause_s: float = 0.0
    """Time to let pass after each of `start`, s."""

    def body_prefix(self, characteristic: int) -> bytes:
        """Return the first bytes of bodies from that one of `notify`: its number, where there are several."""
        return bytes((characteristic,)) if len(self.notify) > 1 else b""
