"""An org.bluez whose sensors live in a test, on a system bus of its own; bleak is real.

The fixture `bluez` is one that runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from bleak.backends.bluezdbus.manager import _global_instances
from bleak.backends.bluezdbus.version import BlueZFeatures
from bluetoothd import Life, Trouble
from links import NAME, Verb
from radio import Peripheral
from system_bus import DBUS, Bus, Connection

FORBIDDEN = f'<deny send_destination="{NAME}"/>'
"""A rule by which the bus lets nobody talk to bluetoothd."""

PATIENCE_S = 10.0
"""Nothing on this bus takes so long, unless it fails."""


class Bluetoothd:
    """The daemon, over as many runs as it is started for, and the adapter that it has."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._peripherals: list[Peripheral] = []
        self._lives: list[asyncio.Task[None]] = []
        self._connection: Connection | None = None
        self._life: Life | None = None
        self._is_powered = self._is_plugged = True
        self.forget_after_s: float | None = None
        """Time after a search at which what was found, but not connected to, is forgotten, s; None: never."""
        self.troubles: list[Trouble] = []
        """Troubles of the next searches, in order."""

    def add(self, *peripherals: Peripheral) -> None:
        """Bring sensors near."""
        self._peripherals += peripherals
        self._lives += [asyncio.create_task(peripheral.live()) for peripheral in peripherals]
        self._introduce()

    def _introduce(self) -> None:
        for peripheral in self._peripherals:
            peripheral.host = self._life.links if self._life else None
            if self._life is None:
                peripheral.unlink()

    async def take_away(self) -> None:
        """Let no sensor live any longer."""
        for life in self._lives:
            life.cancel()
        # What broke one is a failure.
        for result in await asyncio.gather(*self._lives, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def start(self) -> None:
        """Run; it knows nothing yet of what is around."""
        if self._connection is not None:
            # Bus and daemon may have been killed in one breath.
            await asyncio.wait({self._connection.life}, timeout=5)
        assert self._life is None
        self._connection = await Connection.open(self.bus.path)
        rule = f"type='signal',sender='{DBUS}',member='NameOwnerChanged'"
        await self._connection.call("AddMatch", "s", rule)
        self._life = Life(self._connection, self._peripherals, self.forget_after_s, self.troubles)
        if self._is_plugged:
            self._life.plug(is_powered=self._is_powered)
        # It exits when the bus does.
        self._connection.life.add_done_callback(partial(self._exit, self._life))
        self._introduce()
        await self._connection.call("RequestName", "su", NAME, 0)

    async def kill(self) -> None:
        """Kill it as SIGKILL does, if it runs: links go down, and nobody is told."""
        self._die()
        await self._until_names(lambda names: NAME not in names)

    @property
    def verbs(self) -> dict[tuple[str, str], Verb]:
        """Its methods, by interface and method, while it runs."""
        assert self._life is not None
        return self._life.verbs

    def is_connected(self, peripheral: Peripheral) -> bool:
        """Tell whether it has a link to a sensor."""
        return self._life is not None and self._life.links.is_connected(peripheral)

    def freeze(self) -> None:
        """Freeze as under SIGSTOP: nobody is answered or told anything, and its name stays on the bus."""
        assert self._connection is not None
        self._connection.freeze()

    def thaw(self) -> None:
        """Go on as after SIGCONT: it answers what was asked meanwhile."""
        assert self._connection is not None
        self._connection.thaw()

    async def stop(self) -> None:
        """Stop as SIGTERM stops it: it takes its leave."""
        assert self._life is not None
        assert self._connection is not None
        if self._is_plugged:
            self._life.power(on=False)
            self._life.unplug()
        await self._connection.call("GetId")
        await self.kill()

    def _exit(self, life: Life, _: object) -> None:
        if self._life is life:
            self._die()

    def _die(self) -> None:
        life, self._life = self._life, None
        if life is not None:
            life.end()
        self._introduce()

    def power(self, *, on: bool) -> None:
        """Switch the adapter on or off."""
        self._is_powered = on
        if self._life is not None:
            self._life.power(on=on)

    def plug(self) -> None:
        """Put the adapter in."""
        self._is_plugged = True
        if self._life is not None:
            self._life.plug(is_powered=self._is_powered)

    def unplug(self) -> None:
        """Pull the adapter out."""
        self._is_plugged = False
        if self._life is not None:
            self._life.unplug()

    async def until_guests(self, number: int) -> None:
        """Return when so many others are on the bus: bleak has a connection of its own, and one for each client."""
        await self._until_names(lambda names: sum(name.startswith(":") for name in names) == number)

    @property
    def strangers(self) -> list[Peripheral]:
        """Sensors that it knows and that nobody has ever tried to connect to."""
        return self._life.links.strangers() if self._life else []

    async def _until_names(self, is_so: Callable[[set[str]], bool]) -> None:
        """Return when the names on the bus, beside those of who asks and of the daemon, are so."""
        if not self.bus.is_running:
            return
        asking = await Connection.open(self.bus.path)
        ours = {asking.name, self._connection.name if self._connection else ""}
        names = set[str]()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    names = set((await asking.call("ListNames"))[0]) - ours
                    if is_so(names):
                        return
                    await asyncio.sleep(0.005)
        except TimeoutError:
            raise AssertionError(f"on the bus are still {names}") from None
        finally:
            asking.close()


async def _dismiss_bleak() -> None:
    """Close what bleak keeps for each event loop."""
    bleak = _global_instances.pop(asyncio.get_running_loop(), None)
    if bleak is not None and bleak._bus is not None and bleak._bus_watcher_task is not None:
        bleak._bus.disconnect()
        await bleak._bus_watcher_task


@pytest.fixture
async def bluez(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bluetoothd]:
    """Run one. Every `BleakClient` that was ever connected must have been disconnected by its user."""
    # Or bleak asks the machine's own bluetoothctl.
    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", True)
    with Bus() as bus:
        bluetoothd = Bluetoothd(bus)
        await bluetoothd.start()
        yield bluetoothd
        await _dismiss_bleak()
        await bluetoothd.until_guests(0)
        await bluetoothd.kill()
        await bluetoothd.take_away()
