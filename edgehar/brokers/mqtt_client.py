"""paho's client as every connection to an MQTT broker here uses it, and a bound on what a broker may send to it."""

import ssl
from typing import Literal

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

Version = Literal[4, 5]
"""MQTT 3.1.1 or 5, by its number on the wire."""

VERSION_NAMES: dict[Version, str] = {4: "MQTT 3.1.1", 5: "MQTT 5"}

ANSWER_S = 60.0
"""A broker that did not answer within this time never will, s; one that starts with a full store takes half of it."""

LARGEST_ANSWER = 65_536
"""Bytes of a packet to who has subscribed to nothing; an acknowledgement with all it may say has fewer."""


class BoundedClient(Client):
    """Client that reads no packet larger than a bound: MQTT 5 tells the broker so, and nobody has to believe it."""

    def __init__(self, client_id: str, version: Version, largest_packet: int, session_s: int) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id,
            protocol=MQTTProtocolVersion(version),
            reconnect_on_failure=False,
        )
        self.largest_packet = largest_packet
        self.session_s = session_s
        self.oversize = 0
        """Bytes of the packet over which the connection was given up; 0 if it was not."""

    @property
    def connect_properties(self) -> Properties | None:
        """Properties that CONNECT is to carry; None for 3.1.1, which has none."""
        if self.protocol != MQTTProtocolVersion.MQTTv5:
            return None
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = self.largest_packet
        if self.session_s:
            properties.SessionExpiryInterval = self.session_s
        return properties

    def _sock_recv(self, bufsize: int) -> bytes:
        # paho asks at once for all that is left of a packet, so this is the first that is heard of its size.
        if bufsize > self.largest_packet:
            self.oversize = bufsize
            raise ConnectionAbortedError
        return super()._sock_recv(bufsize)


def new_client(
    client_id: str,
    version: Version,
    username: str | None,
    password: str | None,
    tls: ssl.SSLContext | None,
    largest_packet: int = LARGEST_ANSWER,
    *,
    session_s: int = 0,
) -> BoundedClient:
    """Make a client for one `Connection`; it connects to nothing yet.

    It takes packets of `largest_packet` bytes. With MQTT 5 the broker keeps its session for `session_s` after a loss,
    and the next client of this name takes it up, s.
    """
    client = BoundedClient(client_id, version, largest_packet, session_s)
    client.username_pw_set(username, password)
    if tls:
        client.tls_set_context(tls)
        # The kernel accepts a connection for a broker that is busy, but nobody else shakes hands for it.
        client.connect_timeout = ANSWER_S
    return client
