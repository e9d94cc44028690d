"""Sensors around, as bluetoothd knows them, and what it does for who wants to talk to them.

What it answers and tells, and in which order, is as in bluez/bluez, src/device.c and gatt-client.c.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from dbus_fast import Message, Variant
from radio import ABORTED, FAILED, Characteristic, Peripheral
from system_bus import Interfaces, Objects, RefusedError, flags

NAME = "org.bluez"
ADAPTER_PATH = "/org/bluez/hci0"
ADAPTER, DEVICE = f"{NAME}.Adapter1", f"{NAME}.Device1"
SERVICE, CHARACTERISTIC = f"{NAME}.GattService1", f"{NAME}.GattCharacteristic1"

Answer = tuple[str, object] | None
"""Signature and value of what a call returns, or nothing."""

Verb = Callable[[Message], Awaitable[Answer]]


def refused(name: str, text: str) -> RefusedError:
    """Make one of bluetoothd's own errors."""
    return RefusedError(f"{NAME}.Error.{name}", text)


def _device(peripheral: Peripheral) -> Interfaces:
    properties = {
        "Address": Variant("s", peripheral.address),
        "AddressType": Variant("s", "random"),
        "Alias": Variant("s", peripheral.name or peripheral.address.replace(":", "-")),
        "Adapter": Variant("o", ADAPTER_PATH),
        "UUIDs": Variant("as", peripheral.services),
        "RSSI": Variant("n", peripheral.rssi),
        **flags(Paired=False, Trusted=False, Connected=False, ServicesResolved=False),
    }
    return {DEVICE: properties | ({"Name": Variant("s", peripheral.name)} if peripheral.name else {})}


def _path(peripheral: Peripheral) -> str:
    return f"{ADAPTER_PATH}/dev_{peripheral.address.replace(':', '_')}"


def _attributes(peripheral: Peripheral) -> Iterator[tuple[str, Interfaces, Characteristic | None]]:
    """Return objects of its services and characteristics; a path ends with the attribute's handle."""
    handle = 0x000A
    for uuid, items in peripheral.gatt.items():
        path = f"{_path(peripheral)}/service{handle:04x}"
        about = {"UUID": Variant("s", uuid), "Device": Variant("o", _path(peripheral)), **flags(Primary=True)}
        yield path, {SERVICE: about}, None
        for item in items:
            about = {
                "UUID": Variant("s", item.uuid),
                "Service": Variant("o", path),
                "Flags": Variant("as", list(item.flags)),
                "MTU": Variant("q", peripheral.mtu),
                **flags(Notifying=False),
            }
            yield f"{path}/char{handle + 1:04x}", {CHARACTERISTIC: about}, item
            # Declaration, value, and the descriptor by which a client subscribes.
            handle += 3
        handle += 1


class Links:
    """Devices that were seen, links to them, and subscriptions."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[str, Peripheral] = {}
        self._kept: set[str] = set()
        self._attempts: dict[str, asyncio.Task[None]] = {}
        self._attributes: dict[str, tuple[Peripheral, Characteristic]] = {}
        self._subscribers: dict[str, set[str]] = {}
        self.verbs: Mapping[tuple[str, str], Verb] = {
            (DEVICE, "Connect"): self._connect,
            (DEVICE, "Disconnect"): self._disconnect,
            (CHARACTERISTIC, "ReadValue"): self._read_value,
            (CHARACTERISTIC, "WriteValue"): self._write_value,
            (CHARACTERISTIC, "StartNotify"): self._start_notify,
            (CHARACTERISTIC, "StopNotify"): self._stop_notify,
        }

    def show(self, peripheral: Peripheral) -> None:
        """Take one advertisement."""
        path = _path(peripheral)
        if path not in self._known:
            self._known[path] = peripheral
            self._objects.add(path, _device(peripheral))
            return
        # Only what differs from before is told.
        last = self._objects.tree[path][DEVICE].get("RSSI")
        rssi = peripheral.rssi - (last is not None and last.value == peripheral.rssi)
        self._objects.change(path, DEVICE, {"RSSI": Variant("n", rssi)})

    def rest(self) -> None:
        """Forget signal strengths: nobody searches any more, and they are out of date."""
        for path in self._known:
            self._objects.change(path, DEVICE, {}, "RSSI")

    def strangers(self) -> list[Peripheral]:
        """Return known ones that nobody has ever tried to connect to."""
        return [peripheral for path, peripheral in self._known.items() if path not in self._kept]

    def is_connected(self, peripheral: Peripheral) -> bool:
        """Tell whether a link is up."""
        return self._objects.flag(_path(peripheral), DEVICE, "Connected")

    def drop(self, peripheral: Peripheral) -> None:
        """Notice that its link is gone."""
        if self.is_connected(peripheral):
            self._objects.change(_path(peripheral), DEVICE, flags(ServicesResolved=False))
            self._objects.change(_path(peripheral), DEVICE, flags(Connected=False))
            peripheral.unlink()

    def drop_all(self) -> None:
        """Lose all links, and what was never connected to."""
        for path, peripheral in list(self._known.items()):
            self._cancel(path)
            self.drop(peripheral)
        for peripheral in self.strangers():
            self.forget(peripheral)

    def forget(self, peripheral: Peripheral) -> None:
        """Forget it; a link that is up ends unsaid."""
        path = _path(peripheral)
        self._cancel(path)
        self._kept.discard(path)
        self._known.pop(path, None)
        peripheral.unlink()
        for attribute in [attribute for attribute in self._attributes if attribute.startswith(path)]:
            del self._attributes[attribute]
            self._subscribers.pop(attribute, None)
        self._objects.remove(path)

    def forget_all(self) -> None:
        """Forget all."""
        for peripheral in list(self._known.values()):
            self.forget(peripheral)

    def left(self, client: str) -> None:
        """Drop the subscriptions of who left the bus."""
        for path, clients in self._subscribers.items():
            if client in clients:
                self._unsubscribe(path, client)

    def _cancel(self, path: str) -> None:
        if path in self._attempts:
            self._attempts[path].cancel()

    # Links.

    async def _connect(self, call: Message) -> Answer:
        path, peripheral = self._device_of(call)
        if not self._objects.flag(ADAPTER_PATH, ADAPTER, "Powered"):
            raise refused("NotReady", "Resource Not Ready")
        if path in self._attempts:
            raise refused("InProgress", "Operation already in progress")
        if self.is_connected(peripheral):
            return None
        self._kept.add(path)
        attempt = self._attempts[path] = asyncio.create_task(self._reach(peripheral))
        try:
            await asyncio.wait({attempt})
        finally:
            attempt.cancel()
            del self._attempts[path]
        if attempt.cancelled():
            raise RefusedError(FAILED, "br-connection-canceled")
        attempt.result()
        # First the answer, then what lies behind.
        asyncio.get_running_loop().call_soon(self._resolve, peripheral)
        return None

    async def _reach(self, peripheral: Peripheral) -> None:
        await asyncio.sleep(peripheral.connect_delay_s)
        await peripheral.in_reach.wait()
        name, text = peripheral.refusals.pop(0) if peripheral.refusals else ("", "")
        if text in {"", ABORTED}:
            self._objects.change(_path(peripheral), DEVICE, flags(Connected=True), "RSSI")
        if text == ABORTED:
            self.drop(peripheral)
        if text:
            raise RefusedError(name, text)

    def _resolve(self, peripheral: Peripheral) -> None:
        if not self.is_connected(peripheral) or not peripheral.resolves:
            return
        for path, interfaces, characteristic in _attributes(peripheral):
            if path not in self._objects:
                self._objects.add(path, interfaces)
            if characteristic is not None:
                self._attributes[path] = peripheral, characteristic
        uuids = {"UUIDs": Variant("as", sorted({*peripheral.services, *peripheral.gatt}))}
        self._objects.change(_path(peripheral), DEVICE, uuids)
        self._objects.change(_path(peripheral), DEVICE, flags(ServicesResolved=True))

    async def _disconnect(self, call: Message) -> Answer:
        path, peripheral = self._device_of(call)
        self._cancel(path)
        asyncio.get_running_loop().call_soon(self.drop, peripheral)
        return None

    def _device_of(self, call: Message) -> tuple[str, Peripheral]:
        assert call.path is not None
        return call.path, self._known[call.path]

    # Attributes.

    def subscribed(self, peripheral: Peripheral, uuid: str) -> bool:
        """Tell whether somebody is connected and has subscribed."""
        return self.is_connected(peripheral) and bool(self._subscribers.get(self._find(peripheral, uuid)))

    def notify(self, peripheral: Peripheral, uuid: str) -> None:
        """Pass on the value of a characteristic."""
        value = {"Value": Variant("ay", peripheral.characteristics[uuid].value)}
        self._objects.change(self._find(peripheral, uuid), CHARACTERISTIC, value)

    def _find(self, peripheral: Peripheral, uuid: str) -> str:
        wanted = peripheral.characteristics[uuid]
        return next((path for path, (_, item) in self._attributes.items() if item is wanted), "")

    def _linked(self, call: Message) -> tuple[Peripheral, Characteristic]:
        assert call.path is not None
        peripheral, characteristic = self._attributes[call.path]
        if not self.is_connected(peripheral):
            raise refused("NotConnected", "Not Connected")
        return peripheral, characteristic

    async def _read_value(self, call: Message) -> Answer:
        peripheral, characteristic = self._linked(call)
        # Who has subscribed is told, too, as of a notification.
        self.notify(peripheral, characteristic.uuid)
        return "ay", characteristic.value

    async def _write_value(self, call: Message) -> Answer:
        _, characteristic = self._linked(call)
        value: Any = call.body[0]
        if error := characteristic.on_write(bytes(value)):
            raise RefusedError(FAILED, f"Operation failed with ATT error: {error:#04x}")
        characteristic.written.append(bytes(value))
        return None

    async def _start_notify(self, call: Message) -> Answer:
        _, characteristic = self._linked(call)
        assert call.path is not None
        clients = self._subscribers.setdefault(call.path, set())
        if not {"notify", "indicate"} & set(characteristic.flags):
            raise refused("NotSupported", "Operation is not supported")
        if call.sender in clients:
            raise refused("InProgress", "Operation already in progress")
        clients.add(str(call.sender))
        self._objects.change(call.path, CHARACTERISTIC, flags(Notifying=True))
        return None

    async def _stop_notify(self, call: Message) -> Answer:
        assert call.path is not None
        if call.sender not in self._subscribers.get(call.path, set()):
            raise refused("Failed", "No notify session started")
        self._unsubscribe(call.path, str(call.sender))
        return None

    def _unsubscribe(self, path: str, client: str) -> None:
        self._subscribers[path].discard(client)
        if not self._subscribers[path]:
            self._objects.change(path, CHARACTERISTIC, flags(Notifying=False))
