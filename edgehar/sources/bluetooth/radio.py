"""The Bluetooth adapter: one scanner for all who search, one connect at a time.

A controller does one thing at a time, and BlueZ refuses or aborts what overlaps: whoever connects
pauses the scanner, and the next one waits. A process has one `Radio` for each adapter it uses.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.bluezdbus.version import BlueZFeatures
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from msgspec import Struct

from edgehar.devices import PROFILES, Write
from edgehar.errors import SourceLostError
from edgehar.sources.bluetooth.errors import FAILURES, NO_SERVICE, why

_LOGGER = logging.getLogger(__name__)

CONNECT_S = 15.0
"""Connecting and finding out a device's characteristics take a second or two; by then it will not happen, s."""

STALL_S = 10.0
"""A scanner that has heard nobody for so long is started anew, s: that of a bluetoothd which died hears nothing more."""

_ANSWER_S = 5.0  # for what bluetoothd does by itself
_LOOK_S = 1.0
"""Who listens looks so often whether the scanner is still on: whoever connects switches it off, s."""
_PARTING_S = 3.0
_UNMEASURED = -127  # bleak's word for it, dBm
# The Bluetooth SIG's own, which devices have and need not have, and those of the profiles.
_SERVICES = ["1800", "1801", *(service for profile in PROFILES.values() for service in profile.services)]


class Sighting(Struct, frozen=True, eq=False):
    """A device that was heard."""

    address: str
    """Upper case."""
    name: str | None
    services: tuple[str, ...]
    """UUIDs that it advertises."""
    rssi_dbm: int | None
    """Signal; None where nobody measured it, as of a device that is connected already."""
    device: BLEDevice


Heard = Callable[[Sighting], None]


class Radio:
    """What all sensors of a process share of one adapter."""

    def __init__(self, adapter: str | None = None) -> None:
        """Name the adapter, such as `hci0`; None is the first that is switched on. Nothing is opened yet."""
        self.taken: set[str] = set()
        """Addresses that have a source: no other may choose them."""
        self.named: set[str] = set()
        """Names by which a source looks for its sensor: who looks for no name leaves them alone."""
        # bleak has a type of its own for each that takes this.
        self._options: Any = {"adapter": adapter} if adapter else {}
        self._turn = asyncio.Lock()
        self._listeners: list[Heard] = []
        self._scanner: BleakScanner | None = None
        self._late: asyncio.Task[None] | None = None
        self._heard_at = 0.0
        self._left: list[Sighting] | None = None
        self._partings: set[asyncio.Task[None]] = set()
        self._links: dict[BleakClient, Callable[[], None]] = {}

    @contextlib.contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """Turn what bleak raises into SourceLostError, one line that says what to do."""
        try:
            yield
        except FAILURES as error:
            reason = why(error, doing)
            if reason == NO_SERVICE:
                # With bluetoothd every link has died, and whoever still has one is not told.
                for on_lost in list(self._links.values()):
                    on_lost()
            raise SourceLostError(reason) from error

    async def find(self, accepts: Callable[[Sighting], bool], seconds: float) -> Sighting | None:
        """The first device that is accepted; None if none came for so long. SourceLostError as in `listen`."""
        found: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()

        def heard(sighting: Sighting) -> None:
            if not found.done() and accepts(sighting):
                found.set_result(sighting)

        await self.listen(heard, seconds, found)
        if found.done():
            return found.result()
        # Somebody else may have connected to it meanwhile.
        self._left = None
        return None

    async def listen(
        self, heard: Heard, seconds: float, until: asyncio.Future[Sighting] | None = None
    ) -> None:
        """Scan for so long, or until the future is done; SourceLostError says why it cannot.

        The time that others take for connecting does not count. Devices that another life of this program
        has left connected do not advertise; they are told first, once, and again after a search in vain.
        """
        never: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()
        done = until or never
        self._listeners.append(heard)
        try:
            with self.told("scanning"):
                while not done.done() and seconds > 0.0:
                    async with self._turn:
                        await self._keep_scanning()
                    for sighting in self._left or ():
                        heard(sighting)
                    began = time.monotonic()
                    await asyncio.wait([done], timeout=min(seconds, _LOOK_S))
                    seconds -= time.monotonic() - began
        finally:
            self._listeners.remove(heard)
            async with self._turn:
                if not self._listeners:
                    await self._stop()

    async def _keep_scanning(self) -> None:
        if self._scanner:
            if time.monotonic() - self._heard_at < STALL_S:
                return
            _LOGGER.debug("the scanner heard nobody for %.0f s and is started anew", STALL_S)
            await self._stop()
        async with asyncio.timeout(_ANSWER_S):
            if self._late:
                await asyncio.shield(self._late)
            if self._left is None:
                self._left = await self._connected()
            self._scanner = await self._start()
        self._heard_at = time.monotonic()

    async def _start(self) -> BleakScanner:
        scanner = BleakScanner(self._on_advertisement, bluez=self._options)
        starting = asyncio.create_task(scanner.start(), name="start scanning")
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # What was asked of bluetoothd it may still do, and it refuses to begin what has begun.
            self._late = asyncio.create_task(self._undo(scanner, starting), name="stop scanning")
            raise
        return scanner

    async def _undo(self, scanner: BleakScanner, starting: asyncio.Task[None]) -> None:
        try:
            with contextlib.suppress(*FAILURES):
                await starting
                async with asyncio.timeout(_ANSWER_S):
                    await scanner.stop()
        finally:
            self._late = None

    async def _connected(self) -> list[Sighting]:
        adapter = await BleakAdapter.get(bluez=self._options)
        return [
            Sighting(
                address=device.address.upper(),
                name=device.name,
                services=tuple(device.details["props"].get("UUIDs", ())),
                rssi_dbm=None,
                device=device,
            )
            for device in await adapter.get_connected_devices(_SERVICES)
        ]

    async def _stop(self) -> None:
        scanner, self._scanner = self._scanner, None
        if scanner:
            with contextlib.suppress(*FAILURES):
                async with asyncio.timeout(_ANSWER_S):
                    await scanner.stop()

    def _on_advertisement(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard_at = time.monotonic()
        sighting = Sighting(
            address=device.address.upper(),
            name=data.local_name or device.name,
            services=tuple(data.service_uuids),
            rssi_dbm=None if data.rssi == _UNMEASURED else data.rssi,
            device=device,
        )
        for heard in list(self._listeners):
            heard(sighting)

    async def connect(self, sighting: Sighting, on_lost: Callable[[], None]) -> BleakClient:
        """A client whose characteristics are known; SourceLostError says why there is none.

        `on_lost` is called when the link ends, if bluetoothd lives to tell or another finds it dead.
        """
        client = BleakClient(sighting.device, lambda _: on_lost(), timeout=CONNECT_S, bluez=self._options)
        async with self._turn:
            # Left connected, it can be taken over once: what bluetoothd knew may have died with it.
            self._left = [other for other in self._left or () if other.address != sighting.address]
            await self._stop()
            # bleak asks for it before the first connect; cut short there, all later ones would wait for ever.
            asking = asyncio.ensure_future(BlueZFeatures.check_bluez_version())
            with self.told(f"connecting to {sighting.address}"):
                # To undo a connect that took too long, bleak waits for a bluetoothd that may not answer at all.
                async with asyncio.timeout(CONNECT_S + _ANSWER_S):
                    await asyncio.shield(asking)
                    await client.connect()
        self._links[client] = on_lost
        return client

    async def part(self, client: BleakClient, farewell: Sequence[Write], *, wait: bool) -> None:
        """Write the farewell and close the link in the background; `wait` a moment for it.

        Nobody waits for a link that is silent: where bluetoothd has died, closing never ends by itself.
        """
        self._links.pop(client, None)
        parting = asyncio.create_task(_part(client, farewell), name=f"part from {client.address}")
        self._partings.add(parting)
        parting.add_done_callback(self._partings.discard)
        if wait:
            await asyncio.wait([parting], timeout=_PARTING_S)


async def _part(client: BleakClient, farewell: Sequence[Write]) -> None:
    with contextlib.suppress(*FAILURES):
        async with asyncio.timeout(_PARTING_S):
            for write in farewell if client.is_connected else ():
                await client.write_gatt_char(write.characteristic, write.payload, response=write.response)
    with contextlib.suppress(*FAILURES):
        # Cut short it still forgets everything on this side.
        async with asyncio.timeout(_PARTING_S):
            await client.disconnect()
