"""bluetoothd as the guest's system runs it, and its adapter, over D-Bus.

The bus starts it for whoever calls it, as systemd does on Debian: `init` has told it how.
"""

import os
import signal
import subprocess
from typing import Any

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

_BLUEZ = "org.bluez"
_DBUS = "org.freedesktop.DBus"
_BUS = (_DBUS, "/org/freedesktop/DBus", _DBUS)
_ADAPTER = (_BLUEZ, "/org/bluez/hci0", f"{_DBUS}.Properties")


async def _call(whom: tuple[str, str, str], member: str, signature: str, *arguments: Any) -> Message:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        reply = await bus.call(Message(*whom, member, signature=signature, body=list(arguments)))
    finally:
        bus.disconnect()
    assert reply is not None
    return reply


def version() -> str:
    """Return bluetoothd's version, as it says itself."""
    command = ["/usr/libexec/bluetooth/bluetoothd", "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


async def start() -> None:
    """Have a bluetoothd that answers."""
    reply = await _call(_BUS, "StartServiceByName", "su", _BLUEZ, 0)
    assert reply.message_type is MessageType.METHOD_RETURN, reply.body


async def pid() -> int | None:
    """Return the process id of the bluetoothd that runs; None while none does."""
    reply = await _call(_BUS, "GetConnectionUnixProcessID", "s", _BLUEZ)
    return reply.body[0] if reply.message_type is MessageType.METHOD_RETURN else None


async def end(how: signal.Signals) -> None:
    """Send a signal to the bluetoothd that runs, which is to end by it."""
    running = await pid()
    assert running is not None
    os.kill(running, how)


async def is_powered() -> bool:
    """Tell whether there is an adapter that is on."""
    reply = await _call(_ADAPTER, "Get", "ss", f"{_BLUEZ}.Adapter1", "Powered")
    return reply.message_type is MessageType.METHOD_RETURN and bool(reply.body[0].value)


async def set_powered(*, on: bool) -> None:
    """Switch the adapter; AssertionError with what BlueZ said if it refuses."""
    reply = await _call(_ADAPTER, "Set", "ssv", f"{_BLUEZ}.Adapter1", "Powered", Variant("b", on))
    assert reply.message_type is MessageType.METHOD_RETURN, reply.body
