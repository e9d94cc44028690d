"""Forms of names, topics and addresses in edgehar.toml: as patterns, and in words for people."""

import re
from typing import Annotated

from msgspec import Meta

from edgehar.errors import ConfigError
from edgehar.validation import shown

NAME = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"
TOPIC = r"^(?!\$)[^+#/\s]+(/[^+#/\s]+)*$(?!\n)"
SPARKPLUG_ID = r"^[^+#/]+$(?!\n)"
ADAPTER = r"^hci\d+$(?!\n)"
BLUETOOTH_ADDRESS = r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$(?!\n)"

IN_WORDS = {
    NAME: "1 to 64 letters (a to z), digits, `_` and `-`",
    TOPIC: "the beginning of a topic, such as home/edgehar, without spaces, `+`, `#` and a leading `$`",
    SPARKPLUG_ID: "a Sparkplug id: text without `+`, `/` and `#`",
    ADAPTER: "the name of an adapter, such as hci1",
    BLUETOOTH_ADDRESS: "six pairs of hexadecimal digits, such as D4:CA:6E:F1:00:01",
}
"""Each pattern of a key, for people."""

Name = Annotated[
    str, Meta(pattern=NAME, description="Letters, digits, `_` and `-`: it becomes part of a topic.")
]
Filled = Annotated[str, Meta(min_length=1)]
SparkplugId = Annotated[str, Meta(pattern=SPARKPLUG_ID)]
TopicStart = Annotated[str, Meta(pattern=TOPIC)]


def check_name(what: str, text: str) -> str:
    """Return a name that `what` gives; ConfigError if it is none."""
    if not re.match(NAME, text):
        raise ConfigError(f"{what}: expected {IN_WORDS[NAME]}, got {shown(text)}")
    return text
