"""The app SensorServer: a phone that is itself the server, and a WebSocket to it.

Paths, and that it begins to send with the connection: umer0586/SensorServer, README.md.
"""

import asyncio
import time
from urllib.parse import urlencode

import aiohttp
import msgspec

from edgehar.devices.sensor_server import ACCELEROMETER, GYROSCOPE, LONGEST
from edgehar.errors import SourceLostError, link_failure
from edgehar.sources import Deliver, LinkState
from edgehar.sources.addresses import sensor_server_address
from edgehar.sources.phone import SILENCE_S
from edgehar.sources.silence_timeout import silence_timeout

CONNECT_S = 5.0
"""A phone that has not answered by then is taken as lost, s."""

HEARTBEAT_S = 10.0
"""A link that was silent for so long is asked, and given up after half that time without an answer, s."""

_CLOSE_S = 0.5
_LONGEST_REASON = 100


class SensorServer:
    """A phone with SensorServer; delivers stream 0."""

    def __init__(
        self,
        url: str,
        *,
        connect_s: float = CONNECT_S,
        heartbeat_s: float = HEARTBEAT_S,
        silence_s: float = SILENCE_S,
    ) -> None:
        """Name the phone, as `ws://address` or `ws://address:port`; ConfigError if it cannot be one.

        Args:
            url: As the app shows it.
            connect_s: A phone that has not answered by then is taken as lost, s.
            heartbeat_s: A link that was silent for so long is asked, and given up after half that time, s.
            silence_s: A phone that sends nothing for so long is lost, s.
        """
        self.url = url
        self.link = LinkState(silence_s=silence_s)
        self.full_url = _full_url(url)
        """The URL with the port, the path and the sensors that are wanted."""
        self._connect_s, self._heartbeat_s = connect_s, heartbeat_s

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`."""
        nothing_came = (
            f"{self.url} is connected but sent nothing for {self.link.silence_s:.0f} s; is the phone awake?"
        )
        async with silence_timeout(self.link, nothing_came), aiohttp.ClientSession() as session:
            socket = await self._connect(session)
            try:
                await self._pump(socket, deliver)
            finally:
                await socket.close()

    async def _connect(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(self._connect_s):
                return await session.ws_connect(
                    self.full_url,
                    heartbeat=self._heartbeat_s,
                    max_msg_size=LONGEST,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                )
        except aiohttp.WSServerHandshakeError as error:
            raise SourceLostError(
                f"{self.url} answers, but not as SensorServer does (HTTP {error.status}); "
                "is this the address that the app shows once its server is started?"
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            reason = (
                f"no answer in {self._connect_s:.0f} s"
                if isinstance(error, TimeoutError)
                else _shortened(link_failure(getattr(error, "os_error", error)))
            )
            raise SourceLostError(
                f"{self.url} cannot be reached: {reason}; is the app's server started, and the phone awake and in "
                "the same network?"
            ) from error

    async def _pump(self, socket: aiohttp.ClientWebSocketResponse, deliver: Deliver) -> None:
        while True:
            message = await socket.receive()
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    self.link.heard_at = t = time.monotonic()
                    deliver(t, 0, message.data.encode())
                case aiohttp.WSMsgType.CLOSE | aiohttp.WSMsgType.CLOSING | aiohttp.WSMsgType.CLOSED:
                    reason = _shortened(message.extra or "") or f"code {socket.close_code}"
                    raise SourceLostError(
                        f"{self.url} closed the connection ({reason}); is the app's server still started, and has the "
                        "phone an accelerometer and a gyroscope?"
                    )
                case aiohttp.WSMsgType.ERROR:
                    raise SourceLostError(
                        f"{self.url} was lost: {_shortened(str(socket.exception() or 'no answer'))}; is the phone still in "
                        "reach of the network?"
                    )


def _full_url(url: str) -> str:
    host, port = sensor_server_address(url)
    types = msgspec.json.encode([ACCELEROMETER, GYROSCOPE]).decode()
    return f"ws://{host}:{port}/sensors/connect?{urlencode({'types': types})}"


def _shortened(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON]
