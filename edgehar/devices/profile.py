"""What is to be known of a kind of sensor: how it is recognized, asked to send, and read."""

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
    """Notifications of one sensor to packets, over as many of its lives as it likes.

    It never raises, whatever bytes come, and what it keeps between two notifications is bounded.
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
        """Notifications that break the format."""
        ...

    def push(self, source: int, payload: bytes) -> list[Packet]:
        """Packets that this notification completes; `source`: which of the profile's `notify` brought it."""
        ...


class Write(Struct, frozen=True):
    """One value to be written to a characteristic."""

    characteristic: str
    """UUID."""
    payload: bytes
    response: bool | None = None
    """Whether to ask for a response; None: as the characteristic offers."""


class Profile(Struct, frozen=True):
    """One kind of sensor. All UUIDs are in lower case."""

    name: str
    """As in the configuration."""
    title: str
    """For people."""
    services: tuple[str, ...]
    """Services by which it is recognized: UUIDs that no other kind of device has."""
    prefixes: tuple[str, ...]
    """Beginnings of the names it advertises."""
    notify: tuple[str, ...]
    """Characteristics to subscribe to, in order."""
    rate_hz: float
    """Samples per second once `start` was written."""
    reader: Callable[[str], Reader]
    """Takes what its packets shall say of the device, and makes a fresh reader."""
    start: tuple[Write, ...] = ()
    """To be written in order, after all of `notify` were subscribed to. May be repeated while it sends."""
    stop: tuple[Write, ...] = ()
    """To be written in order before the link is closed."""
    command: str | None = None
    """Characteristic that takes the commands of `commands`."""
    battery: str = BATTERY_LEVEL
    """Characteristic whose first byte is the charge, percent; not every device has it."""
    silence_s: float = 10.0
    """A link that brings nothing for so long is dead, s."""
    pause_s: float = 0.0
    """Time to let pass after each of `start`, s."""
