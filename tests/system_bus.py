"""A private system bus, and a peer on it: what a daemon such as BlueZ's needs to be imitated."""

import asyncio
import contextlib
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from conftest import lacking
from dbus_fast import Message, MessageType, Variant
from dbus_fast._private.unmarshaller import Unmarshaller

_VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"

_CONFIG = """<busconfig>
  <type>system</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/> <allow own="*"/> <allow send_destination="*"/> <allow receive_sender="*"/>
    {rules}
  </policy>
</busconfig>
"""

DBUS = "org.freedesktop.DBus"
_PROPERTIES = f"{DBUS}.Properties"
OBJECT_MANAGER = f"{DBUS}.ObjectManager"

Properties = Mapping[str, Variant]
Interfaces = Mapping[str, Properties]


class RefusedError(Exception):
    """A call that is answered by an error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


class Bus:
    """A dbus-daemon of its own that every process takes for the system's; one address, many lives."""

    def __init__(self) -> None:
        self._program = shutil.which("dbus-daemon") or lacking("dbus-daemon (apt install dbus)")
        self._folder = tempfile.TemporaryDirectory(prefix="bus-")
        self.path = Path(self._folder.name) / "socket"
        self._before = os.environ.get(_VARIABLE)
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        os.environ[_VARIABLE] = f"unix:path={self.path}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = self._before
        self.kill()
        self._folder.cleanup()

    def start(self, *, rules: str = "") -> None:
        """Return when it takes connections; `rules` are added to its policy."""
        config = self.path.with_name("config")
        config.write_text(_CONFIG.format(address=f"unix:path={self.path}", rules=rules))
        self._process = subprocess.Popen(
            [self._program, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        # Its address is the last thing that it tells before it serves.
        assert self._process.stdout.readline(), f"dbus-daemon ended: {config.read_text()}"

    @property
    def is_running(self) -> bool:
        """True from when it was started until it was killed."""
        return self._process is not None

    def kill(self) -> None:
        """Kill it as SIGKILL does, if it runs."""
        if self._process is not None:
            assert self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
            self._process = None


class Connection:
    """A peer on a bus. asyncio's transport takes whatever it writes, however many signals at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.hear: Callable[[Message], None] = lambda _: None
        """Gets every signal and every call, in order."""
        self._serial = 0
        self._replies: dict[int, asyncio.Future[Message]] = {}
        self.life = asyncio.create_task(self._listen())
        """Ends when the bus does."""
        self.name = ""
        """That the bus gave it."""
        self._going = asyncio.Event()
        self._going.set()
        self._unsent: list[bytearray] = []

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Connect: authenticated, and known to the bus."""
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
        answer = await reader.readline()
        assert answer.startswith(b"OK "), answer
        writer.write(b"BEGIN\r\n")
        self = cls(reader, writer)
        [self.name] = await self.call("Hello")
        return self

    def send(self, message: Message) -> int:
        """Write a message; its serial."""
        self._serial += 1
        message.serial = self._serial
        data = message._marshall(False)
        if self._going.is_set():
            self._writer.write(data)
        else:
            self._unsent.append(data)
        return self._serial

    def freeze(self) -> None:
        """Stop hearing and sending, as a process under SIGSTOP; the bus keeps what comes."""
        self._going.clear()

    def thaw(self) -> None:
        """Go on where it was left."""
        self._going.set()
        for data in self._unsent:
            self._writer.write(data)
        self._unsent.clear()

    async def call(self, member: str, signature: str = "", *body: object) -> list[Any]:
        """Call the bus itself; what was sent before has then been passed on."""
        message = Message(DBUS, "/org/freedesktop/DBus", DBUS, member, signature=signature, body=list(body))
        answered = asyncio.get_running_loop().create_future()
        self._replies[self.send(message)] = answered
        reply: Message = await answered
        assert reply.message_type is MessageType.METHOD_RETURN, reply
        return reply.body

    def close(self) -> None:
        """Leave as a process that is killed: at once, and what was not yet written never is."""
        self.life.cancel()
        self._writer.transport.abort()

    async def _listen(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await self._read()
                await self._going.wait()
                if (answered := self._replies.pop(message.reply_serial, None)) is not None:
                    answered.set_result(message)
                else:
                    self.hear(message)

    async def _read(self) -> Message:
        """Return how long a message is: its head ends with the length of its fields, which are filled up to eight bytes."""
        head = await self._reader.readexactly(16)
        order: Literal["little", "big"] = "little" if head[:1] == b"l" else "big"
        body, fields = (int.from_bytes(head[at : at + 4], order) for at in (4, 12))
        rest = await self._reader.readexactly(fields + -fields % 8 + body)
        stream: Any = io.BytesIO(head + rest)
        message = Unmarshaller(stream).unmarshall()
        assert message is not None
        return message


def flags(**values: bool) -> Properties:
    """Return properties that are true or false."""
    return {name: Variant("b", value) for name, value in values.items()}


class Objects:
    """Objects that a daemon exports: told to who asks, and every change to everybody."""

    def __init__(self, send: Callable[[Message], int]) -> None:
        self._send = send
        self.tree: dict[str, dict[str, dict[str, Variant]]] = {}
        """Properties by path and interface."""

    def __contains__(self, path: str | None) -> bool:
        return path in self.tree

    def add(self, path: str, interfaces: Interfaces) -> None:
        """Export an object."""
        self.tree[path] = {name: dict(properties) for name, properties in interfaces.items()}
        self._signal("/", OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", path, self.tree[path])

    def remove(self, path: str) -> None:
        """Export it and what is below it no longer."""
        for child in [child for child in self.tree if child.startswith(f"{path}/")]:
            self.remove(child)
        if path in self.tree:
            interfaces = list(self.tree.pop(path))
            self._signal("/", OBJECT_MANAGER, "InterfacesRemoved", "oas", path, interfaces)

    def flag(self, path: str, interface: str, name: str) -> bool:
        """Return a property that is true or false; False without it."""
        value = self.tree.get(path, {}).get(interface, {}).get(name)
        return value is not None and value.value is True

    def change(self, path: str, interface: str, properties: Properties, *gone: str) -> None:
        """Set properties, and take away those that are `gone`."""
        exported = self.tree[path][interface]
        exported.update(properties)
        for name in gone:
            exported.pop(name, None)
        body = interface, dict(properties), list(gone)
        self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", *body)

    def _signal(self, path: str, interface: str, member: str, signature: str, *body: object) -> None:
        self._send(Message.new_signal(path, interface, member, signature, list(body)))
