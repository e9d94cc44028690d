"""Errors by who must act.

Anything else that is raised is our bug, which is never silent: where a sensor is read it is logged with its
traceback, and costs no other sensor anything; elsewhere it ends the daemon.

EdgeharError
├── OperatorError            the operator mends it: one line, exit 78, no restart
│   ├── ConfigError          edgehar.toml or a command's arguments
│   ├── ModelError           a model pair that does not fit
│   └── RecordingError       a file that is no recording, or holds none of what was asked
├── SourceLostError          nobody acts: the source is reopened with back-off
└── FrameError               nobody acts: the frame is dropped and counted
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

_FAILED_CALL = re.compile(r"\[Errno (\d+)\] Connect call failed \([^)]*\)")
_SEVERAL = "Multiple exceptions: "


class EdgeharError(Exception):
    """Every error that edgehar raises on purpose; its text is one line for people, whatever a peer sent into it."""

    def __init__(self, sentence: str) -> None:
        super().__init__(one_line(sentence))


class OperatorError(EdgeharError):
    """Something the operator gave cannot be used as it is."""

    key: str | None = None
    """Key of the configuration that it is about, as in `wearer[0].serial`; None if it is about another thing."""


class ConfigError(OperatorError):
    """A configuration key or value, or what it points to, cannot be used."""


class ModelError(OperatorError):
    """A model's two files do not fit together, or not this wearer."""


class RecordingError(OperatorError):
    """A file is no recording, or does not hold what was asked of it."""


class SourceLostError(EdgeharError):
    """The link to a sensor ended or could not be opened."""


class FrameError(EdgeharError):
    """A packet's bytes break the wire format."""


@contextmanager
def about(key: str) -> Iterator[None]:
    """Let an operator's error from within say which key of the configuration it is about, if it does not yet."""
    try:
        yield
    except OperatorError as error:
        error.key = error.key or key
        raise


def one_line(text: str) -> str:
    r"""Return a text with what could break a line or command a terminal written as escapes, such as `\u001b`.

    Whoever is in reach of the radio, or of a port, chooses what stands in a name or a message.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def link_failure(error: Exception) -> str:
    """Return what the system says of a link that failed, in words alone: no error number, no address in Python's form."""
    text = _FAILED_CALL.sub(lambda match: os.strerror(int(match[1])), str(error))
    text = re.sub(r"\[Errno -?\d+\] ", "", text)
    if text.startswith(_SEVERAL):
        # A host of several addresses, most of which say the same.
        text = " and ".join(dict.fromkeys(text.removeprefix(_SEVERAL).split(", ")))
    return text
