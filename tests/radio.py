"""Bluetooth LE sensors as the radio shows them, and what may go wrong with them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

BATTERY_SERVICE = "0000180f-0000-1000-8000-00805f9b34fb"
BATTERY_LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"

FAILED = "org.bluez.Error.Failed"

ABORTED = "le-connection-abort-by-local"
"""Text of the refusal of a connect whose link the radio lost at once; it was up for a moment."""


@dataclass
class Characteristic:
    """A value that can be read, written or subscribed to, as its flags say."""

    uuid: str
    flags: Sequence[str] = ("read", "notify")
    value: bytes = b""
    on_write: Callable[[bytes], int | None] = lambda _: None
    """Callback that takes what was written; what it returns is the ATT error of the refusal."""
    written: list[bytes] = field(default_factory=list)
    """Payloads that were written and not refused, in order."""


class Host(Protocol):
    """A host that the peripheral may be connected to."""

    def drop(self, peripheral: "Peripheral") -> None:
        """Notice that its link is gone."""

    def forget(self, peripheral: "Peripheral") -> None:
        """Forget it; a link that is up ends unsaid."""

    def subscribed(self, peripheral: "Peripheral", uuid: str) -> bool:
        """Tell whether somebody is connected and has subscribed."""
        ...

    def notify(self, peripheral: "Peripheral", uuid: str) -> None:
        """Pass on the value of a characteristic."""


class Peripheral:
    """A sensor. Connected, it does not advertise."""

    def __init__(
        self,
        address: str,
        name: str | None,
        *,
        services: Sequence[str] = (),
        gatt: Mapping[str, Sequence[Characteristic]],
        rssi: int = -60,
        battery: int | None = None,
    ) -> None:
        """Say what it advertises, and what it has once connected.

        Args:
            address: As `C0:FF:EE:00:00:01`.
            name: Advertised; None: it has none.
            services: UUIDs that it advertises.
            gatt: Its characteristics by the UUID of their service.
            rssi: dBm.
            battery: %; None: it has no battery service.
        """
        self.address, self.name, self.services, self.rssi = address, name, list(services), rssi
        self.gatt = {service: list(items) for service, items in gatt.items()}
        if battery is not None:
            self.gatt[BATTERY_SERVICE] = [Characteristic(BATTERY_LEVEL, value=bytes((battery,)))]
        self.characteristics = {item.uuid: item for items in self.gatt.values() for item in items}
        self.host: Host | None = None
        self.in_reach = asyncio.Event()
        self.in_reach.set()
        self.connect_delay_s = 0.0
        self.resolves = True
        """False: its services are never discovered."""
        self.mtu = 247
        self.refusals: list[tuple[str, str]] = []
        """Name and text of the errors that the next attempts to connect meet."""

    def refuse(self, times: int, text: str, name: str = FAILED) -> None:
        """Let the next connects fail."""
        self.refusals += [(name, text)] * times

    def leave(self) -> None:
        """Go out of reach: the link drops, nothing is advertised, and connecting takes for ever."""
        self.in_reach.clear()
        self.drop()

    def come_back(self) -> None:
        """Be in reach again."""
        self.in_reach.set()

    def drop(self) -> None:
        """Lose the link, and advertise again."""
        if self.host is not None:
            self.host.drop(self)

    def vanish(self) -> None:
        """Go out of reach, and be forgotten by who knew it."""
        self.leave()
        if self.host is not None:
            self.host.forget(self)

    def is_subscribed(self, uuid: str) -> bool:
        """Tell whether notifications of this characteristic go anywhere."""
        return self.host is not None and self.host.subscribed(self, uuid)

    def notify(self, uuid: str, payload: bytes) -> bool:
        """Send a notification; whether somebody has subscribed to it."""
        if self.host is None or not self.is_subscribed(uuid):
            return False
        self.characteristics[uuid].value = payload
        self.host.notify(self, uuid)
        return True

    def unlink(self) -> None:
        """Take it that the link is down; the host says so."""

    async def live(self) -> None:
        """Do what it does by itself from when it is brought near."""

    async def stream(self, uuid: str, payload_of: Callable[[int], bytes], period_s: float) -> None:
        """Send for ever, the i-th notification i periods after the start; one that nobody has subscribed to is lost."""
        loop = asyncio.get_running_loop()
        start, i = loop.time(), 0
        while True:
            self.notify(uuid, payload_of(i))
            i += 1
            await asyncio.sleep(start + i * period_s - loop.time())
