"""A real mosquitto for tests, a cable to it that can be cut, and somebody who listens to a broker."""

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from conftest import lacking
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 30.0
"""Nothing in a test takes so long, unless it fails, s."""


def program(name: str) -> str:
    """Return the path of a program that comes with mosquitto; Debian keeps the broker where only root looks."""
    return (
        shutil.which(name)
        or shutil.which(name, path="/usr/sbin")
        or lacking("mosquitto (apt install mosquitto)")
    )


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


class Mosquitto:
    """Broker on loopback that keeps nothing: killed, it has forgotten everything but what it was told to `save`."""

    def __init__(
        self,
        port: int,
        folder: Path,
        *,
        access: str = "allow_anonymous true",
        listener: str = "",
        queued: int = 0,
        is_persistent: bool = False,
    ) -> None:
        """`queued` messages are kept for a session whose client is away; with 0 all wait for one that is slow."""
        self.port = port
        self._config = folder / f"mosquitto-{port}.conf"
        self._database = folder / f"mosquitto-{port}.db"
        # Started as root it would become a user who may not read the test's folder.
        self._config.write_text(
            f"user root\npersistence {str(is_persistent).lower()}\nautosave_interval 0\n"
            f"persistence_location {folder}/\npersistence_file {self._database.name}\n"
            f"max_queued_messages {queued}\nlistener {port} 127.0.0.1\n{listener}\n{access}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Return when it takes connections."""
        self._process = subprocess.Popen(
            [program("mosquitto"), "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            assert self._process.poll() is None, f"mosquitto ended: {self._config.read_text()}"
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                continue
            return

    def freeze(self) -> None:
        """Let it take bytes, and do nothing with them any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def save(self) -> None:
        """Have it write down the sessions and what it retains, if it is persistent; return when that is done."""
        assert self._process is not None
        self._process.send_signal(signal.SIGUSR1)
        while not self._database.exists():
            assert self._process.poll() is None

    def thaw(self) -> None:
        """Let it go on where it was frozen."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill9(self) -> None:
        """End it as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it, if it still runs, as its operator would."""
        while self._process is not None and self._process.poll() is None:
            self._process.terminate()
            # It forgets a SIGTERM that comes between its first listening and its loop.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)


def guarded(folder: Path, *, listener: str = "") -> Mosquitto:
    """Make a broker that lets in only `pi` with the password `right`."""
    passwords = folder / "passwords"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", str(passwords), "pi", "right"], check=True)
    access = f"allow_anonymous false\npassword_file {passwords}"
    return Mosquitto(free_port(), folder, access=access, listener=listener)


class Cable:
    """TCP port of loopback that leads to another one, as long as it is plugged in."""

    def __init__(self, port: int) -> None:
        self.port = free_port()
        self.carried = bytearray()
        """Bytes that went towards the other port."""
        self.connections = 0
        """How many were made."""
        self._leads_to = port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._carrying: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.plug()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.unplug()
        await asyncio.gather(*self._carrying)

    async def plug(self) -> None:
        """Let connections be made."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    def unplug(self) -> None:
        """Have connections refused from now on, and cut those that stand."""
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End all connections, without a word to either side; new ones can be made."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._leads_to)
        self.connections += 1
        self._writers += (writer, far_writer)
        self._carrying += (
            asyncio.create_task(self._copy(reader, far_writer, is_towards=True)),
            asyncio.create_task(self._copy(far_reader, writer, is_towards=False)),
        )

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_towards: bool
    ) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                self.carried += chunk if is_towards else b""
                writer.write(chunk)
                await writer.drain()


class Listener:
    """Subscriber to everything; once it is made, the broker has confirmed that."""

    topics: tuple[str, ...] = ("edgehar/#", "homeassistant/#")

    def __init__(self, port: int, *, ca: Path | None = None, **credentials: str) -> None:
        """`ca` is whom to trust about the broker of an encrypted port; `credentials` are paho's."""
        self.heard: list[tuple[str, str, bool]] = []
        self.raw: list[tuple[str, bytes]] = []
        """Topics and payloads as they came."""
        self._has_come = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._client = Client(CallbackAPIVersion.VERSION2)
        if credentials:
            self._client.username_pw_set(**credentials)
        if ca:
            self._client.tls_set(str(ca))
        self._client.on_message = self._hear
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(topic, 1) for topic in self.topics])
        self._client.loop_start()
        # Holds the loop on purpose: whoever publishes from it does not until somebody listens.
        assert subscribed.wait(PATIENCE_S)

    def _hear(self, _client: Client, _user: Any, message: MQTTMessage) -> None:
        self._loop.call_soon_threadsafe(self._note, message.topic, bytes(message.payload), message.retain)

    def _note(self, topic: str, payload: bytes, is_retained: bool) -> None:  # noqa: FBT001 - as it came
        self.heard.append((topic, payload.decode(errors="replace"), is_retained))
        self.raw.append((topic, payload))
        self._has_come.set()

    def on(self, topic: str) -> list[str]:
        """Return the payloads that came on one topic, in order."""
        return [payload for of, payload, _ in self.heard if of == topic]

    async def until(self, enough: Callable[[], bool]) -> None:
        """Listen until what was heard is enough."""
        async with asyncio.timeout(PATIENCE_S):
            while not enough():
                self._has_come.clear()
                await self._has_come.wait()

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish something after all that was heard so far."""
        self._client.publish(topic, payload, qos=1, retain=retain)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
        # Else the two hold each other, and the collector may find paho's sockets before their owner.
        self._client.on_message = None
