"""The app Sensor Logger, publishing to an MQTT broker that this host listens to.

The app speaks MQTT over TCP or WebSockets, older versions of it over WebSockets alone, with QoS 0, on the topic
`sensor-logger` unless it is told otherwise (tszheichoi/awesome-sensor-logger, PUSHING.md). Here the broker is
reached over TCP.

Anybody may publish anything on a topic, and retained it is waiting at every start. So the broker is told not to send
what is larger than any push, and where it does so the connection ends before the message is in memory.
"""

import asyncio
import logging
import secrets
from functools import partial

import msgspec

from edgehar.brokers.mqtt import Connection, Received
from edgehar.brokers.mqtt_client import VERSION_NAMES, Version, new_client
from edgehar.brokers.mqtt_errors import OversizeError, VersionError
from edgehar.brokers.mqtt_text import LONGEST_TEXT, check_topic
from edgehar.brokers.mqtt_tls import Tls
from edgehar.devices.sensor_logger_json import LARGEST, read_push
from edgehar.errors import FrameError, SourceLostError
from edgehar.sources import Deliver, LinkState
from edgehar.sources.phone import SILENCE_S
from edgehar.sources.phone.push_receiver import PushReceiver
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

GOODBYE_S = 0.5
"""A clean end waits so long for the broker, s."""

_OVERSIZE_HINT = " (topic {topic}, which is for Sensor Logger alone; if the message is retained, an empty one, retained, removes it)"

_LARGEST_PACKET = LARGEST + LONGEST_TEXT + 1024
"""Bytes of a packet with the largest push, on the longest topic, and with what MQTT adds to it."""


class SensorLoggerMqtt:
    """A phone with Sensor Logger that publishes to a broker; delivers stream 0."""

    def __init__(  # noqa: PLR0913  # one keyword for each setting of the broker
        self,
        topic: str,
        device: str | None = None,
        *,
        host: str,
        port: int = 1883,
        username: str | None = None,
        password: str | None = None,
        tls: Tls | None = None,
        version: Version = 5,
        silence_s: float = SILENCE_S,
    ) -> None:
        """Name the topic and its broker; nothing is connected yet.

        ConfigError if the topic cannot be one or the files of `tls` cannot be used.

        Args:
            topic: As it is set in the app.
            device: The phone's `deviceId`; None: the first one that publishes there.
            host: Name or address of the broker.
            port: Its TCP port.
            username: Account at the broker.
            password: Of that account.
            tls: Encrypts the connection.
            version: Of MQTT; 5 falls back to 4 where the broker does not speak it.
            silence_s: A phone that published and then does not for so long is lost, s.
        """
        check_topic(topic)
        self.topic, self.device = topic, device
        self.link = LinkState(silence_s=silence_s)
        """Damaged are messages on the topic that are none of Sensor Logger's, or of which a part cannot be read."""
        self._host, self._port = host, port
        self._username, self._password = username, password
        self._tls = tls.load() if tls else None
        self._versions: tuple[Version, ...] = (5, 4) if version == 5 else (4,)
        self._warn_of_stranger, self._warn = WarnOnce(_LOGGER), WarnOnce(_LOGGER)

    async def run(self, deliver: Deliver) -> None:
        """Live once, as in `Source.run`; waits for the first message without end."""
        receiver = PushReceiver(f"topic {self.topic}", self.device, deliver, self.link)
        for version in self._versions:
            try:
                await self._live(version, receiver)
            except (OSError, UnicodeError) as error:
                if isinstance(error, VersionError) and version != self._versions[-1]:
                    continue
                hint = _OVERSIZE_HINT.format(topic=self.topic) if isinstance(error, OversizeError) else ""
                reason = "no host can have this name" if isinstance(error, UnicodeError) else error
                raise SourceLostError(f"MQTT broker {self._host}:{self._port}: {reason}{hint}") from error

    async def _live(self, version: Version, receiver: PushReceiver) -> None:
        # A name of its own: two clients of one name drive each other out.
        name = f"edgehar-phone-{secrets.token_hex(4)}"
        client = new_client(name, version, self._username, self._password, self._tls, _LARGEST_PACKET)
        connection = Connection(client, on_message=partial(self._take, receiver))
        try:
            await connection.connect(self._host, self._port)
            await connection.subscribe(self.topic)
            _LOGGER.info(
                "topic %s: waiting for what Sensor Logger publishes (%s)", self.topic, VERSION_NAMES[version]
            )
            await self._listen(connection, receiver)
        finally:
            connection.close()

    async def _listen(self, connection: Connection, receiver: PushReceiver) -> None:
        staying = asyncio.ensure_future(connection.keep_alive())
        # It ends by itself only with an error.
        staying.add_done_callback(lambda ended: None if ended.cancelled() else receiver.end(_error_of(ended)))
        try:
            await receiver.wait()
        finally:
            staying.cancel()
            await connection.disconnect(GOODBYE_S)

    def _take(self, receiver: PushReceiver, message: Received) -> None:
        try:
            push = read_push(message.payload)
        except FrameError as error:
            self.link.damaged += 1
            _LOGGER.debug("topic %s: %s", self.topic, error)
            return
        except Exception as error:  # noqa: BLE001  # the connection could not go on
            self.link.damaged += 1
            self._warn.log_fault(f"topic {self.topic}", error, "the message is dropped")
            return
        if not push.bodies:
            return
        if receiver.accepts(push.device):
            receiver.push(push)
        elif not receiver.was_heard:
            self._warn_of_stranger(
                push.device,
                "topic %s carries a phone, but not %s: to take it, write device = %s to its [[wearer.phone]]",
                self.topic,
                self.device,
                msgspec.json.encode(push.device).decode(),
            )


def _error_of(ended: "asyncio.Future[None]") -> Exception:
    error = ended.exception()
    return error if isinstance(error, Exception) else ConnectionError("the connection ended")
