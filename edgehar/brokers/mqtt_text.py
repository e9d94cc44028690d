"""Checks of text that MQTT can carry, of its topics, and of a client's id; ConfigError says what to write instead."""

import re

from edgehar.errors import ConfigError
from edgehar.validation import shown

LONGEST_TEXT = 65_535
"""Bytes of a text, such as a topic, that MQTT can carry."""

# OASIS MQTT 5.0, 1.5.4: a broker may hang up on these, and mosquitto does.
_NOT_IN_MQTT = re.compile("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


def client_id(name: str) -> str:
    """Return a name, such as a topic, as the id of a client: some brokers take nothing but letters, digits, `_` and `-` in it."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)


def check_mqtt_text(text: str, longest: int = LONGEST_TEXT) -> None:
    """Refuse text that MQTT cannot carry, or that has more than `longest` bytes."""
    if len(text.encode()) > longest:
        raise ConfigError(f"expected at most {longest} bytes, got {len(text.encode())}: {shown(text)}")
    if odd := _NOT_IN_MQTT.search(text):
        raise ConfigError(
            f"{shown(text)} has the character U+{ord(odd[0]):04X}, which brokers refuse; leave it out"
        )


def check_topic(topic: str) -> None:
    """Refuse what is no topic to subscribe to; `+` and `#` stand for whole levels."""
    *before, last = topic.split("/")
    levels = [*before, "" if last == "#" else last]
    if not topic or not all(level == "+" or not {"+", "#"} & set(level) for level in levels):
        raise ConfigError(f"{shown(topic)}: expected an MQTT topic, such as sensor-logger")
    check_mqtt_text(topic)
