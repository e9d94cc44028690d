"""The socket of a client: opened in a thread, then read and written by the event loop.

Name resolution, TCP and TLS are what paho cannot do without waiting. No callback is set until the loop takes the
socket over, so none can run in the thread.
"""

import asyncio
import logging
import ssl
import threading
from collections.abc import Callable
from typing import Any

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, Client

from edgehar.brokers.mqtt_client import BoundedClient

_LOGGER = logging.getLogger(__name__)


class ClientSocket:
    """Socket of one client."""

    def __init__(
        self,
        client: BoundedClient,
        *,
        on_open: Callable[[], None],
        on_garbage: Callable[[ConnectionError], None],
    ) -> None:
        """Open nothing yet.

        Args:
            client: From `new_client`.
            on_open: Called in the loop, before anything is read.
            on_garbage: Called when what came is no MQTT; the socket is closed then.
        """
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._on_open, self._on_garbage = on_open, on_garbage
        self.was_opened = False
        """The broker may have our CONNECT."""
        self._has_left_thread = self._is_held_back = False
        self._reading: asyncio.Handle | None = None

    async def open(self, host: str, port: int, keepalive_s: int) -> None:
        """Connect and send CONNECT. Raises OSError, or UnicodeError for an impossible host name."""
        opened: asyncio.Future[None] = self._loop.create_future()
        # Not a thread of the loop's pool: at its end the loop waits for those, and a resolver
        # without a network takes half a minute.
        threading.Thread(target=self._connect, args=(host, port, keepalive_s, opened), daemon=True).start()
        await opened

    def _connect(self, host: str, port: int, keepalive_s: int, opened: "asyncio.Future[None]") -> None:
        error: Exception | None = None
        client = self._client
        try:
            client.connect(
                host,
                port,
                keepalive_s,
                clean_start=False if client.session_s else MQTT_CLEAN_START_FIRST_ONLY,
                properties=client.connect_properties,
            )
        except Exception as caught:  # noqa: BLE001  # raised again by whoever waits in the loop
            error = caught
        try:
            self._loop.call_soon_threadsafe(self._leave_thread, opened, error)
        except RuntimeError:  # the loop has ended
            self._close()

    def _leave_thread(self, opened: "asyncio.Future[None]", error: Exception | None) -> None:
        self._has_left_thread = True
        self.was_opened = error is None
        if opened.cancelled():
            self._close()
        elif error:
            opened.set_exception(error)
        elif self._client.socket() is None:
            opened.set_exception(ConnectionResetError("the broker closed the connection"))
        else:
            self._attach_to_loop()
            opened.set_result(None)

    def _attach_to_loop(self) -> None:
        client, loop = self._client, self._loop
        self._on_open()
        client.on_socket_close = self._stop_reading
        client.on_socket_register_write = lambda _client, _user, sock: loop.add_writer(
            sock, client.loop_write
        )
        client.on_socket_unregister_write = self._stop_writing
        sock = client.socket()
        assert sock is not None
        loop.add_reader(sock, self._read)
        if client.want_write():
            loop.add_writer(sock, client.loop_write)

    def _stop_reading(self, _client: Client, _user: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)
        if self._reading:
            self._reading.cancel()

    def _stop_writing(self, _client: Client, _user: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)
        if self._is_held_back:
            self._is_held_back = False
            self._loop.add_reader(sock, self._read)
            self._read_again()

    def _read_again(self) -> None:
        """Read once more even if nothing comes: what TLS holds decrypted does not make the socket readable.

        Not at once: whoever sends without end would keep the loop.
        """
        if self._reading:
            self._reading.cancel()
        self._reading = self._loop.call_soon(self._read)

    def _read(self) -> None:
        client = self._client
        if client.want_write():
            client.loop_write()
        if client.want_write() and (sock := client.socket()):
            # Who sends and takes nothing is not read: else the answers would wait in memory, more and more.
            self._is_held_back = True
            self._loop.remove_reader(sock)
            return
        try:
            client.loop_read()
            if isinstance(sock := client.socket(), ssl.SSLSocket) and sock.pending():
                self._read_again()
        except Exception as error:
            _LOGGER.debug("what the broker sent cannot be read", exc_info=error)
            # Not its text, in which all that came may stand.
            self._on_garbage(ConnectionError(f"the broker sends what is no MQTT ({type(error).__name__})"))
            self._close()

    def close(self) -> None:
        """Close it, if it is still open, without DISCONNECT."""
        # Until then the thread has the client, and closes it when it is done.
        if self._has_left_thread:
            self._close()

    def _close(self) -> None:
        # paho's only public call that closes a socket at once; it opens nothing.
        self._client.connect_async("localhost")
