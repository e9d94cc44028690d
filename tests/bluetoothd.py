"""Answers and news of a bluetoothd that runs; what concerns one sensor is in `links`.

Which, and in which order, is as in bluez/bluez, src/adapter.c.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from dbus_fast import Message, MessageType, Variant
from links import ADAPTER, ADAPTER_PATH, Answer, Links, Verb, refused
from radio import Peripheral
from system_bus import DBUS, OBJECT_MANAGER, Connection, Objects, RefusedError, flags

_ADVERTISE_S = 0.02


class Trouble(NamedTuple):
    """Trouble that a search meets: its answer comes late, or is a refusal."""

    delay_s: float = 0.0
    refusal: str = ""


class Life:
    """One run of bluetoothd; all that it knew is gone with it."""

    def __init__(
        self,
        connection: Connection,
        peripherals: Sequence[Peripheral],
        forget_after_s: float | None,
        troubles: list[Trouble],
    ) -> None:
        self._connection, self._peripherals = connection, peripherals
        self._forget_after_s, self._troubles = forget_after_s, troubles
        self._objects = Objects(connection.send)
        self.links = Links(self._objects)
        self._filters: dict[str, set[str]] = {}
        self._searches: dict[str, set[str]] = {}
        self._tasks = set[asyncio.Task[None]]()
        self.verbs: dict[tuple[str, str], Verb] = {
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
        if verb := self.verbs.get((call.interface or "", call.member or "")):
            return verb
        raise RefusedError(f"{DBUS}.Error.UnknownMethod", f"no method {call.member}")

    async def _get_managed_objects(self, _call: Message) -> Answer:
        return "a{oa{sa{sv}}}", self._objects.tree

    async def _set_discovery_filter(self, call: Message) -> Answer:
        uuids, client = call.body[0].get("UUIDs"), str(call.sender)
        self._filters[client] = set(uuids.value if uuids else ())
        if client in self._searches:
            self._searches[client] = self._filters[client]
        return None

    async def _start_discovery(self, call: Message) -> Answer:
        self._must_be_powered()
        client = str(call.sender)
        if client in self._searches:
            raise refused("InProgress", "Operation already in progress")
        trouble = self._troubles.pop(0) if self._troubles else Trouble()
        if trouble.refusal:
            raise refused(trouble.refusal, "")
        self._searches[client] = self._filters.get(client, set())
        self._objects.change(ADAPTER_PATH, ADAPTER, flags(Discovering=True))
        await asyncio.sleep(trouble.delay_s)
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
