"""Limits of an MQTT broker: MQTT 5 tells in CONNACK (3.2.2.3), of 3.1.1 the most is assumed."""

from collections.abc import Iterator
from typing import Self

from msgspec import Struct
from paho.mqtt.properties import Properties

MAX_IN_FLIGHT = 20
"""Messages on their way at once; what mosquitto takes unless it is configured otherwise."""

LARGEST_PACKET = 268_435_460
"""Bytes of the largest packet that MQTT has."""


class Limits(Struct, frozen=True):
    """Limits of one broker."""

    in_flight: int = MAX_IN_FLIGHT
    """Messages that it takes before it has acknowledged the first."""
    packet_size: int = LARGEST_PACKET
    """Bytes of a packet."""
    qos: int = 1
    """The QoS of what it is sent, 0 or 1."""
    retains: bool = True
    """It keeps retained messages."""

    @classmethod
    def from_connack(cls, properties: Properties | None) -> Self:
        """Read the limits that a broker names; what it does not name is the default."""
        return cls(
            in_flight=min(MAX_IN_FLIGHT, getattr(properties, "ReceiveMaximum", MAX_IN_FLIGHT)),
            packet_size=getattr(properties, "MaximumPacketSize", LARGEST_PACKET),
            qos=min(1, getattr(properties, "MaximumQoS", 1)),
            retains=bool(getattr(properties, "RetainAvailable", True)),
        )

    def fits(self, topic: str, payload: bytes, properties: int = 0) -> bool:
        """Tell whether the packet of one message, sent with MQTT 5 and so many bytes of properties, is small enough."""
        remaining = 2 + len(topic.encode()) + 2 * self.qos + 1 + properties + len(payload)
        length_bytes = 1 + (remaining > 127) + (remaining > 16_383) + (remaining > 2_097_151)
        return 1 + length_bytes + remaining <= self.packet_size

    def losses(self) -> Iterator[str]:
        """Say what listeners go without, one clause for each limit that costs them something."""
        if not self.retains:
            yield "keeps no retained messages, so who subscribes later waits for the next state"
        if self.qos == 0:
            yield "takes QoS 0 alone, so an event that is on its way when the connection breaks is lost"
