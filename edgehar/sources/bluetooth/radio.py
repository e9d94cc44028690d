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
from edgehar.sources.bluetooth.errors import BLUETOOTH_ERRORS, NO_SERVICE, explain

_LOGGER = logging.getLogger(__name__)

CONNECT_S = 15.0
"""Connecting and finding out a device's characteristics take a second or two; by then it will not happen, s."""

STALL_S = 10.0
"""A scanner that has heard nobody for so long is started anew, s: that of a bluetoothd which died hears nothing more."""

ANSWER_S = 5.0
"""Time for what bluetoothd does by itself, s."""

PARTING_S = 3.0
"""Time for a farewell, and again for closing the link, s."""

_LOOK_S = 1.0
"""Period at which who listens looks whether the scanner is still on, s: whoever connects switches it off."""
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


OnSighting = Callable[[Sighting], None]


def sighting_of(device: BLEDevice, data: AdvertisementData) -> Sighting:
    """Return what an advertisement tells."""
    return Sighting(
        address=device.address.upper(),
        name=data.local_name or device.name,
        services=tuple(data.service_uuids),
        rssi_dbm=None if data.rssi == _UNMEASURED else data.rssi,
        device=device,
    )


class Radio:
    """One adapter, as all sensors of a process share it."""

    def __init__(
        self,
        adapter: str | None = None,
        *,
        connect_s: float = CONNECT_S,
        stall_s: float = STALL_S,
        answer_s: float = ANSWER_S,
        parting_s: float = PARTING_S,
    ) -> None:
        """Name the adapter; nothing is opened yet.

        Args:
            adapter: Such as `hci0`; None is the first that is switched on.
            connect_s: For connecting and finding out a device's characteristics, s.
            stall_s: A scanner that has heard nobody for so long is started anew, s.
            answer_s: For what bluetoothd does by itself, s.
            parting_s: For a farewell, and again for closing the link, s.
        """
        self.claimed_addresses: set[str] = set()
        """Addresses of sensors that have a source: no other may choose them."""
        self.claimed_names: set[str] = set()
        """Names by which a source looks for its sensor: who looks for no name leaves them alone."""
        self._connect_s, self._stall_s = connect_s, stall_s
        self._answer_s, self._parting_s = answer_s, parting_s
        # bleak has a type of its own for each that takes this.
        self._options: Any = {"adapter": adapter} if adapter else {}
        self._turn = asyncio.Lock()
        self._listeners: list[OnSighting] = []
        self._scanner: BleakScanner | None = None
        self._late_stop: asyncio.Task[None] | None = None
        self._heard_at = 0.0
        self._left_connected: list[Sighting] | None = None
        self._partings: set[asyncio.Task[None]] = set()
        self._links: dict[BleakClient, Callable[[], None]] = {}

    @contextlib.contextmanager
    def errors_as_source_lost(self, doing: str) -> Iterator[None]:
        """Turn what bleak raises into SourceLostError, one line that says what to do."""
        try:
            yield
        except BLUETOOTH_ERRORS as error:
            reason = explain(error, doing)
            if reason == NO_SERVICE:
                # With bluetoothd every link has died, and whoever still has one is not told.
                for on_lost in list(self._links.values()):
                    on_lost()
            raise SourceLostError(reason) from error

    async def find(self, accepts: Callable[[Sighting], bool], seconds: float) -> Sighting | None:
        """Return the first device that is accepted; None if none came for so long. Errors as in `listen`."""
        accepted: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()

        def choose(sighting: Sighting) -> None:
            if not accepted.done() and accepts(sighting):
                accepted.set_result(sighting)

        await self.listen(choose, seconds, accepted)
        if accepted.done():
            return accepted.result()
        # Somebody else may have connected to it meanwhile.
        self._left_connected = None
        return None

    async def listen(
        self, on_sighting: OnSighting, seconds: float, until: asyncio.Future[Sighting] | None = None
    ) -> None:
        """Scan for so long, or until the future is done; SourceLostError says why it cannot.

        The time that others take for connecting does not count. Devices that another life of this program
        has left connected do not advertise; they are told first, once, and again after a search in vain.
        """
        never: asyncio.Future[Sighting] = asyncio.get_running_loop().create_future()
        done = until or never
        self._listeners.append(on_sighting)
        try:
            with self.errors_as_source_lost("scanning"):
                while not done.done() and seconds > 0.0:
                    async with self._turn:
                        await self._keep_scanning()
                    for sighting in self._left_connected or ():
                        on_sighting(sighting)
                    began = time.monotonic()
                    await asyncio.wait([done], timeout=min(seconds, _LOOK_S))
                    seconds -= time.monotonic() - began
        finally:
            self._listeners.remove(on_sighting)
            async with self._turn:
                if not self._listeners:
                    await self._stop()

    async def _keep_scanning(self) -> None:
        if self._scanner:
            if time.monotonic() - self._heard_at < self._stall_s:
                return
            _LOGGER.debug("the scanner heard nobody for %.0f s and is started anew", self._stall_s)
            await self._stop()
        async with asyncio.timeout(self._answer_s):
            if self._late_stop:
                await asyncio.shield(self._late_stop)
            if self._left_connected is None:
                self._left_connected = await self._connected()
            self._scanner = await self._start()
        self._heard_at = time.monotonic()

    async def _start(self) -> BleakScanner:
        scanner = BleakScanner(self._on_advertisement, bluez=self._options)
        starting = asyncio.create_task(scanner.start(), name="start scanning")
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # What was asked of bluetoothd it may still do, and it refuses to begin what has begun.
            self._late_stop = asyncio.create_task(self._undo(scanner, starting), name="stop scanning")
            raise
        return scanner

    async def _undo(self, scanner: BleakScanner, starting: asyncio.Task[None]) -> None:
        try:
            with contextlib.suppress(*BLUETOOTH_ERRORS):
                await starting
                async with asyncio.timeout(self._answer_s):
                    await scanner.stop()
        finally:
            self._late_stop = None

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
            with contextlib.suppress(*BLUETOOTH_ERRORS):
                async with asyncio.timeout(self._answer_s):
                    await scanner.stop()

    def _on_advertisement(self, device: BLEDevice, data: AdvertisementData) -> None:
        self._heard_at = time.monotonic()
        sighting = sighting_of(device, data)
        for on_sighting in list(self._listeners):
            on_sighting(sighting)

    async def connect(self, sighting: Sighting, on_lost: Callable[[], None]) -> BleakClient:
        """Return a client whose characteristics are known; SourceLostError says why there is none.

        `on_lost` is called when the link ends, if bluetoothd lives to tell or another finds it dead.
        """
        client = BleakClient(
            sighting.device, lambda _: on_lost(), timeout=self._connect_s, bluez=self._options
        )
        async with self._turn:
            # Left connected, it can be taken over once: what bluetoothd knew may have died with it.
            self._left_connected = [
                other for other in self._left_connected or () if other.address != sighting.address
            ]
            await self._stop()
            # bleak asks for it before the first connect; cut short there, all later ones would wait for ever.
            asking = asyncio.ensure_future(BlueZFeatures.check_bluez_version())
            with self.errors_as_source_lost(f"connecting to {sighting.address}"):
                # To undo a connect that took too long, bleak waits for a bluetoothd that may not answer at all.
                async with asyncio.timeout(self._connect_s + self._answer_s):
                    await asyncio.shield(asking)
                    await client.connect()
        self._links[client] = on_lost
        return client

    async def part(self, client: BleakClient, farewell: Sequence[Write], *, wait: bool) -> None:
        """Write the farewell and close the link in the background; `wait` a moment for it.

        Nobody waits for a link that is silent: where bluetoothd has died, closing never ends by itself.
        """
        self._links.pop(client, None)
        parting = asyncio.create_task(self._part(client, farewell), name=f"part from {client.address}")
        self._partings.add(parting)
        parting.add_done_callback(self._partings.discard)
        if wait:
            await asyncio.wait([parting], timeout=self._parting_s)

    async def _part(self, client: BleakClient, farewell: Sequence[Write]) -> None:
        with contextlib.suppress(*BLUETOOTH_ERRORS):
            async with asyncio.timeout(self._parting_s):
                for write in farewell if client.is_connected else ():
                    await client.write_gatt_char(write.characteristic, write.payload, response=write.response)
        with contextlib.suppress(*BLUETOOTH_ERRORS):
            # Cut short it still forgets everything on this side.
            async with asyncio.timeout(self._parting_s):
                await client.disconnect()
