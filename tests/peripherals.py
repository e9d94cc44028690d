"""The sensors that edgehar knows, as the radio shows them: they lie still and send what they feel."""

import asyncio

from radio import Characteristic, Peripheral
from sensors import ANSWERS, at_rest, period_s

from edgehar.devices import PROFILES
from edgehar.devices.profile import NORDIC_UART, Profile, Write


class Sensor(Peripheral):
    """A sensor that sends at its rate once all was subscribed to and then all of its start was written.

    Its clock runs from when it was switched on, whether it sends or not.
    """

    def __init__(self, profile: Profile, number: int = 1) -> None:
        """Number it, to tell it from others: the number ends its address and its name."""
        self.profile = profile
        written = (write.characteristic for write in (*profile.start, *profile.stop))
        uuids = dict.fromkeys((*profile.notify, *written))
        super().__init__(
            f"C0:FF:EE:00:{number >> 8:02X}:{number & 0xFF:02X}",
            f"{profile.name_prefixes[0]} {number:04d}",
            services=profile.services,
            # In which of its services what lies matters to nobody.
            gatt={
                (*profile.services, NORDIC_UART)[0]: [
                    *(self._characteristic(uuid) for uuid in uuids),
                    Characteristic(profile.battery, ("read",), bytes((80, 0))),
                ]
            },
        )
        self._written: list[tuple[str, bytes]] = []
        self.is_started = not profile.start

    def _characteristic(self, uuid: str) -> Characteristic:
        writes = [w for w in (*self.profile.start, *self.profile.stop) if w.characteristic == uuid]
        flags = ["notify"] if uuid in self.profile.notify else []
        if writes:
            flags.append("write" if writes[0].response else "write-without-response")
        return Characteristic(uuid, flags, on_write=lambda payload: self._obey(uuid, payload))

    def _obey(self, uuid: str, payload: bytes) -> None:
        is_heard = all(map(self.is_subscribed, self.profile.notify))
        # Whatever was written before somebody listened is no part of a start.
        self._written = [*self._written, (uuid, payload)] if is_heard else []
        if self._ends_with(self.profile.stop):
            self.is_started = False
        if self._ends_with(self.profile.start):
            self.is_started = True
        if answer := ANSWERS.get(self.profile.name, {}).get(payload[:2]):
            source, value = answer
            # After the write's own response.
            asyncio.get_running_loop().call_soon(self.notify, self.profile.notify[source], value)

    def _ends_with(self, writes: tuple[Write, ...]) -> bool:
        wanted = [(write.characteristic, write.payload) for write in writes]
        return bool(wanted) and self._written[-len(wanted) :] == wanted

    def unlink(self) -> None:
        """Stop, for there is no link, and forget what was written."""
        self._written.clear()
        self.is_started = not self.profile.start

    async def live(self) -> None:
        """Run its clock, and send."""
        loop, name = asyncio.get_running_loop(), self.profile.name
        start, i = loop.time(), 0
        while True:
            if self.is_started:
                for source, payload in at_rest(name, i):
                    self.notify(self.profile.notify[source], payload)
            i += 1
            await asyncio.sleep(start + i * period_s(name) - loop.time())


def sensor(name: str, number: int = 1) -> Sensor:
    """Make one that fits the profile of this name."""
    return Sensor(PROFILES[name], number)
