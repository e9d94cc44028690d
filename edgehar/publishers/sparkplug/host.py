"""A Sparkplug host without which an edge node tells nothing: whether it is online, as it says itself.

spBv1.0/STATE/<host>    {"online": true, "timestamp": 1767000000000}    retained; also the host's last will
"""

import asyncio
import logging

import msgspec
from msgspec import Struct

from edgehar.publishers.sparkplug.node import NAMESPACE
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)


SILENT_S = 30.0
"""A host that is there says so at once, for the broker has kept it; after so long nobody will, s."""


class _State(Struct, frozen=True):
    """Payload of STATE: a host says it of itself."""

    online: bool
    timestamp: int


class PrimaryHost:
    """The host without which nothing is told."""

    def __init__(self, name: str) -> None:
        self.topic = f"{NAMESPACE}/STATE/{name}"
        self.is_online = False
        self._newest: int | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._warn = WarnOnce(_LOGGER)

    def begin_session(self) -> None:
        """Take it for offline until it says otherwise over a new connection; if it says nothing for SILENT_S, warn."""
        self.is_online = False
        self._silence = asyncio.get_running_loop().call_later(SILENT_S, self._note_silence)

    def end_session(self) -> None:
        """Expect nothing of it any more."""
        if self._silence:
            self._silence.cancel()

    def _note_silence(self) -> None:
        self._warn(
            "silent",
            "%s: nothing is told, for the primary host says nothing there: is its id `primary_host` of [sparkplug], is it "
            "online, and may this account read the topic?",
            self.topic,
        )

    def hear(self, payload: bytes) -> None:
        """Take note of what it says; what is older than what it said before is passed over, and so is what is malformed.

        A death has the time of its birth, so equal times count.
        """
        try:
            state = msgspec.json.decode(payload, type=_State)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._warn("malformed", '%s: expected {"online", "timestamp"}: %s', self.topic, error)
            return
        if self._newest is not None and state.timestamp < self._newest:
            older = "%s: it says that it is older than what came before, and is passed over: is its clock set back?"
            self._warn("older", older, self.topic)
            return
        self._newest = state.timestamp
        self.end_session()
        if self.is_online != state.online:
            _LOGGER.info("the primary host %s is %s", self.topic, "online" if state.online else "offline")
        self.is_online = state.online
