"""An org.bluez whose sensors live in a test, on a system bus of its own; bleak is real.

The fixture `bluez` is one that runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import pytest
from bleak.backends.bluezdbus.manager import _global_instances
from bleak.backends.bluezdbus.version import BlueZFeatures
from dbus_fast import Message, MessageType, Variant
from links import ADAPTER, ADAPTER_PATH, NAME, Answer, Links, Verb, refused
from radio import Peripheral
from system_bus import DBUS, OBJECT_MANAGER, Bus, Connection, Objects, RefusedError, flags

FORBIDDEN = f'<deny send_destination="{NAME}"/>'
"""A rule by which the bus lets nobody talk to bluetoothd."""

PATIENCE_S = 10.0
"""Nothing on this bus takes so long, unless it fails."""

_ADVERTISE_S = 0.02


class Life:
    """One run of bluetoothd; all that it knew is gone with it."""

    def __init__(
        self, connection: Connection, peripherals: Sequence[Peripheral], forget_after_s: float | None
    ) -> None:
        self._connection, self._peripherals = connection, peripherals
        self._forget_after_s = forget_after_s
        self._objects = Objects(connection.send)
        self.links = Links(self._objects)
        self._filters: dict[str, set[str]] = {}
        self._searches: dict[str, set[str]] = {}
        self._tasks = set[asyncio.Task[None]]()
        self._verbs: dict[tuple[str, str], Verb] = {
            (OBJECT_MANAGER, "GetManagedObjects"): self._get_managed_objects,
            (ADAPTER, "SetDiscoveryFilter"): self._set_discovery_filter,
            (ADAPTER, "StartDiscovery"): self._start_discovery,
            (ADAPTER, "StopDiscovery"): self._stop_discovery,
            **self.links.verbs,
        }
        connection.hear = self._hear
        self._begin(self._listen())

    def end(self) -> None:
        """Be killed: nothing more is answered or told."""
        for task in list(self._tasks):
            task.cancel()
        self._connection.close()

    def plug(self, *, is_powered: bool) -> None:
        """Have an adapter."""
        about = {
            "Address": Variant("s", "00:00:5E:00:53:01"),
            "Roles": Variant("as", ["central", "peripheral"]),
            **flags(Powered=is_powered, Discovering=False),
        }
        self._objects.add(ADAPTER_PATH, {ADAPTER: about})

    def unplug(self) -> None:
        """Have none any more; that links are down is told to nobody."""
        self._searches.clear()
        self.links.forget_all()
        self._objects.remove(ADAPTER_PATH)

    def power(self, *, on: bool) -> None:
        """Switch the adapter."""
        if not on:
            self._searches.clear()
            self.links.drop_all()
        self._objects.change(ADAPTER_PATH, ADAPTER, flags(Powered=on, Discovering=False))

    async def _listen(self) -> None:
        while True:
            for peripheral in self._peripherals:
                if self._hears(peripheral):
                    self.links.show(peripheral)
            await asyncio.sleep(_ADVERTISE_S)

    def _hears(self, peripheral: Peripheral) -> bool:
        wanted = any(not uuids or uuids & set(peripheral.services) for uuids in self._searches.values())
        return wanted and peripheral.in_reach.is_set() and not self.links.is_connected(peripheral)

    def _hear(self, message: Message) -> None:
        if message.message_type is MessageType.METHOD_CALL:
            self._begin(self._answer(message))
        elif message.member == "NameOwnerChanged" and not message.body[2]:
            client = message.body[0]
            self.links.left(client)
            self._filters.pop(client, None)
            if self._searches.pop(client, None) is not None:
                self._rest()

    async def _answer(self, call: Message) -> None:
        try:
            signature, *body = await self._verb(call)(call) or ("",)
            reply = Message.new_method_return(call, signature, body)
        except RefusedError as refusal:
            reply = Message.new_error(call, refusal.name, str(refusal))
        self._connection.send(reply)

    def _verb(self, call: Message) -> Verb:
        if call.path != "/" and call.path not in self._objects:
            raise RefusedError(f"{DBUS}.Error.UnknownObject", f"no object {call.path}")
        if verb := self._verbs.get((call.interface or "", call.member or "")):
            return verb
        raise RefusedError(f"{DBUS}.Error.UnknownMethod", f"no method {call.member}")

    async def _get_managed_objects(self, _call: Message) -> Answer:
        return "a{oa{sa{sv}}}", self._objects.tree

    async def _set_discovery_filter(self, call: Message) -> Answer:
        uuids = call.body[0].get("UUIDs")
        self._filters[str(call.sender)] = set(uuids.value if uuids else ())
        return None

    async def _start_discovery(self, call: Message) -> Answer:
        self._must_be_powered()
        client = str(call.sender)
        if client in self._searches:
            raise refused("InProgress", "Operation already in progress")
        self._searches[client] = self._filters.get(client, set())
        self._objects.change(ADAPTER_PATH, ADAPTER, flags(Discovering=True))
        return None

    async def _stop_discovery(self, call: Message) -> Answer:
        self._must_be_powered()
        if self._searches.pop(str(call.sender), None) is None:
            raise refused("Failed", "No discovery started")
        self._rest()
        return None

    def _must_be_powered(self) -> None:
        if not self._objects.flag(ADAPTER_PATH, ADAPTER, "Powered"):
            raise refused("NotReady", "Resource Not Ready")

    def _rest(self) -> None:
        if not self._searches:
            self._objects.change(ADAPTER_PATH, ADAPTER, flags(Discovering=False))
            self.links.rest()
            if self._forget_after_s is not None:
                self._begin(self._forget_strangers(self._forget_after_s))

    async def _forget_strangers(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        if not self._searches:
            for peripheral in self.links.strangers():
                self.links.forget(peripheral)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Bluetoothd:
    """The daemon, over as many runs as it is started for, and the adapter that it has."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._peripherals: list[Peripheral] = []
        self._connection: Connection | None = None
        self._life: Life | None = None
        self._is_powered = self._is_plugged = True
        self.forget_after_s: float | None = None
        """How long after a search what was found, but not connected to, is forgotten; None: never."""

    def add(self, *peripherals: Peripheral) -> None:
        """Bring sensors near."""
        self._peripherals += peripherals
        self._introduce()

    def _introduce(self) -> None:
        for peripheral in self._peripherals:
            peripheral.host = self._life.links if self._life else None

    async def start(self) -> None:
        """Run; it knows nothing yet of what is around."""
        if self._connection is not None:
            # Bus and daemon may have been killed in one breath.
            await asyncio.wait({self._connection.life}, timeout=5)
        assert self._life is None
        self._connection = await Connection.open(self.bus.path)
        rule = f"type='signal',sender='{DBUS}',member='NameOwnerChanged'"
        await self._connection.call("AddMatch", "s", rule)
        self._life = Life(self._connection, self._peripherals, self.forget_after_s)
        if self._is_plugged:
            self._life.plug(is_powered=self._is_powered)
        # It exits when the bus does.
        self._connection.life.add_done_callback(partial(self._exit, self._life))
        self._introduce()
        await self._connection.call("RequestName", "su", NAME, 0)

    async def kill(self) -> None:
        """SIGKILL, if it runs: links go down, and nobody is told."""
        self._die()
        await self._until_names(lambda names: NAME not in names)

    async def stop(self) -> None:
        """SIGTERM: it takes its leave."""
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
    """One that runs. Every `BleakClient` that was ever connected must have been disconnected by its user."""
    # Or bleak asks the machine's own bluetoothctl.
    monkeypatch.setattr(BlueZFeatures, "checked_bluez_version", True)
    with Bus() as bus:
        bluetoothd = Bluetoothd(bus)
        await bluetoothd.start()
        yield bluetoothd
        await _dismiss_bleak()
        await bluetoothd.until_guests(0)
        await bluetoothd.kill()
