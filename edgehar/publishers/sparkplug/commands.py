"""Commands of Sparkplug hosts to an edge node and its devices: there is one, to tell all births again."""

import logging

from edgehar.brokers.mqtt import Received
from edgehar.errors import FrameError
from edgehar.publishers.sparkplug.node import REBIRTH
from edgehar.publishers.sparkplug.payload import decode
from edgehar.validation import printable
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)


class Commands:
    """Reader of commands, which names once in the log what cannot be read or done."""

    def __init__(self, topic: str) -> None:
        """`topic` is that of the node's commands; others are for its devices."""
        self._topic = topic
        self._warn = WarnOnce(_LOGGER, most=100)

    def wants_rebirth(self, message: Received) -> bool:
        """Tell whether a message asks for all births; what was retained is nobody's wish of now."""
        topic = printable(message.topic)
        if message.is_retained:
            self._warn((topic, "retained"), "%s: a retained command is refused; do not retain it", topic)
            return False
        try:
            metrics = decode(message.payload).metrics
        except FrameError as error:
            self._warn((topic, "malformed"), "%s: no Sparkplug payload: %s", topic, error)
            return False
        wants = False
        for metric in metrics:
            if metric.name == REBIRTH and message.topic == self._topic:
                wants |= metric.value is True
            else:
                name = f"alias {metric.alias}" if metric.name is None else printable(metric.name)
                self._warn((topic, name), "%s: nothing can be written to %s", topic, name)
        return wants
