"""One sensor over Bluetooth Low Energy: found, connected, started, and watched.

BlueZ tells of a lost link, but not when its own daemon dies: then a link looks connected for ever. So
silence alone counts. Who was silent for too long is let go without waiting and looked for anew.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakCharacteristicNotFoundError

from edgehar.devices import PROFILES, Profile, matching_profiles
from edgehar.errors import SourceLostError
from edgehar.sources import Deliver, LinkState
from edgehar.sources.bluetooth.errors import BLUETOOTH_ERRORS
from edgehar.sources.bluetooth.radio import Radio, Sighting
from edgehar.sources.silence_timeout import SilenceError, silence_timeout

_LOGGER = logging.getLogger(__name__)

SEARCH_S = 20.0
"""A sensor that nobody heard for so long is not there, s. Between two searches the radio belongs to the others."""

START_S = 15.0
"""Time for subscribing and all start commands, s."""

BATTERY_S = 600.0
"""Period at which the charge is read, s."""

WAITING = 10_000
"""Notifications that wait for the loop at most: more than a minute of a fast sensor. Of more the oldest is dropped."""


class Inbox:
    """Notifications that callbacks put down and nobody has taken yet; a callback does nothing else."""

    def __init__(self, link: LinkState, name: str) -> None:
        """Hold nothing yet; `link` counts what is dropped, and the log names its sensor the first time."""
        self._link, self._name = link, name
        self._waiting: deque[tuple[float, bytes]] = deque(maxlen=WAITING)
        self._news = asyncio.Event()
        self._is_closed = False

    def close(self) -> None:
        """Let no more come."""
        self._is_closed = True
        self._news.set()

    def slot(self, prefix: bytes) -> Callable[[BleakGATTCharacteristic, bytearray], None]:
        """Make a callback for the notifications of one characteristic, whose bodies begin with `prefix`."""
        waiting, news = self._waiting, self._news

        def put(_: BleakGATTCharacteristic, payload: bytearray) -> None:
            # A client that was left behind may be told for a while what its successor is not.
            if self._is_closed:
                return
            if len(waiting) == WAITING:
                self._note_drop()
            waiting.append((time.monotonic(), prefix + payload))
            news.set()

        return put

    def _note_drop(self) -> None:
        if not self._link.dropped:
            message = "%s sends faster than it is read: %d packets wait, and the oldest are dropped"
            _LOGGER.warning(message, self._name, WAITING)
        self._link.dropped += 1

    async def take(self) -> AsyncIterator[tuple[float, bytes]]:
        """Yield (time of arrival, body) until it is closed."""
        while not self._is_closed:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                yield self._waiting.popleft()


class Ble:
    """A sensor of one profile; delivers stream 0, bodies as `devices.profile.Reader` takes them."""

    def __init__(
        self,
        radio: Radio,
        profile: Profile,
        *,
        address: str | None = None,
        name: str | None = None,
        search_s: float = SEARCH_S,
    ) -> None:
        """Say which sensor; nothing is opened yet.

        Args:
            radio: Shared by all sensors of an adapter.
            profile: What kind of sensor it is.
            address: Bluetooth address.
            name: The whole name it advertises. With neither, the first that fits the profile and that no
                other source names is taken, and once it has sent something, it and no other.
            search_s: A sensor that nobody heard for so long is not there, s.
        """
        self.radio = radio
        self.profile = profile
        self.link = LinkState(silence_s=profile.silence_s)
        self.rssi_dbm: int | None = None
        """Signal when it was found; None of one that was found connected."""
        self._address = address.upper() if address else None
        self._name = name
        self._search_s = search_s
        self._client: BleakClient | None = None
        self._claimed = self._address or ""
        if self._address:
            radio.claimed_addresses.add(self._address)
        elif name:
            radio.claimed_names.add(name)

    @property
    def address(self) -> str | None:
        """The one of the sensor that was meant or taken; None before one was."""
        return self._claimed or None

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`: find it, connect, start it, deliver until it is lost or silent."""
        inbox = Inbox(self.link, f"the {self.profile.title} {self._whom()}")
        is_silent = False
        try:
            sighting = await self._find()
            client = await self.radio.connect(sighting, inbox.close)
            try:
                await self._start(client, inbox)
                self._client = client
                await self._pump(client, inbox, deliver)
            except SilenceError:
                is_silent = True
                raise
            finally:
                self._client = None
                inbox.close()
                await self.radio.part(client, self.profile.stop, wait=not is_silent)
        finally:
            if self._claimed != (self._address or ""):
                self.radio.claimed_addresses.discard(self._claimed)
                self._claimed = ""

    async def send(self, body: bytes) -> None:
        """Write a command of the wire format; SourceLostError if the link is down, or the kind takes none."""
        if self._client is None:
            raise SourceLostError(f"the {self.profile.title} {self._whom()} is not connected")
        if self.profile.command is None:
            raise SourceLostError(f"a {self.profile.title} takes no commands")
        with self.radio.errors_as_source_lost(f"commanding {self._client.address}"):
            async with asyncio.timeout(START_S):
                await self._client.write_gatt_char(self.profile.command, body)

    async def _find(self) -> Sighting:
        sighting = await self.radio.find(self._claims, self._search_s)
        if sighting is None:
            raise SourceLostError(
                f"no {self.profile.title} {self._whom()} is heard: is it charged, on, near, "
                "and not connected to another device?"
            )
        self.rssi_dbm = sighting.rssi_dbm
        return sighting

    def _whom(self) -> str:
        if self._address:
            return f"with address {self._address}"
        return f"called {self._name!r}" if self._name else "of any name"

    def _claims(self, sighting: Sighting) -> bool:
        """Tell whether it is the one; from then on no other source may take it."""
        if self._is_meant(sighting):
            self._claimed = sighting.address
            self.radio.claimed_addresses.add(sighting.address)
            return True
        return False

    def _is_meant(self, sighting: Sighting) -> bool:
        if self._address:
            return sighting.address == self._address
        if sighting.address in self.radio.claimed_addresses:
            return False
        if self._name:
            return sighting.name == self._name
        if sighting.name in self.radio.claimed_names:
            return False
        return self.profile.name in {p.name for p in matching_profiles(sighting.services, sighting.name)}

    async def _start(self, client: BleakClient, inbox: Inbox) -> None:
        """Subscribe first and ask then: what a start command is answered with must be heard."""
        profile = self.profile
        with self.radio.errors_as_source_lost(f"starting the {profile.title} {client.address}"):
            async with asyncio.timeout(START_S):
                for characteristic, uuid in enumerate(profile.notify):
                    callback = inbox.slot(profile.body_prefix(characteristic))
                    try:
                        await client.start_notify(uuid, callback, bluez={"use_start_notify": True})
                    except BleakCharacteristicNotFoundError as error:
                        raise SourceLostError(self._explain_missing(client.address, uuid)) from error
                for write in profile.start:
                    await client.write_gatt_char(write.characteristic, write.payload, response=write.response)
                    await asyncio.sleep(profile.pause_s)

    def _explain_missing(self, address: str, characteristic: str) -> str:
        """Say that a device is not of this profile, and of which it may be by its name."""
        others = [
            other.name
            for other in PROFILES.values()
            if other is not self.profile and set(other.name_prefixes) & set(self.profile.name_prefixes)
        ]
        which = f"another one, such as {' or '.join(others)}" if others else "another one"
        return (
            f"starting the {self.profile.title} {address}: it has no characteristic {characteristic}; "
            f"is its profile {which}?"
        )

    async def _pump(self, client: BleakClient, inbox: Inbox, deliver: Deliver) -> None:
        silent = f"{client.address} is connected but sent nothing for {self.link.silence_s:.0f} s"
        asking = asyncio.create_task(self._ask_battery(client), name=f"battery of {client.address}")
        try:
            async with silence_timeout(self.link, silent):
                async for t, body in inbox.take():
                    if self._address is None and self._name is None:
                        self._address = client.address.upper()
                        _LOGGER.info("the %s at %s is the one", self.profile.title, self._address)
                    self.link.heard_at = t
                    deliver(t, 0, body)
        finally:
            asking.cancel()
        raise SourceLostError(f"the link to {client.address} was lost: is the sensor near, on and charged?")

    async def _ask_battery(self, client: BleakClient) -> None:
        """Read the charge now and then, where the sensor has it."""
        while True:
            try:
                value = await client.read_gatt_char(self.profile.battery)
            except BLUETOOTH_ERRORS as error:
                _LOGGER.debug("%s does not tell its battery: %s", client.address, error)
                return
            if value and value[0] <= 100:
                self.link.battery = value[0]
            await asyncio.sleep(BATTERY_S)
