"""Subscriptions of a publisher: topics, who takes their messages, and patience with those that do harm.

Publishing comes first. A broker that refuses a topic is named once, and one over whose messages connections end
again and again, because somebody left a huge one there, is for a while not asked for any but what is needed.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from edgehar.brokers.mqtt import Connection, Received
from edgehar.brokers.mqtt_errors import OversizeError, RefusedError
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

HARMFUL = 3
"""Connections in a row that ended over what was subscribed to."""

REST_S = 600.0
"""Then nothing that can be spared is subscribed to for so long, s."""

Take = Callable[[Received], None]


class Subscriptions:
    """Topics without wildcards but a last `+`, each with its taker."""

    def __init__(self, broker: str) -> None:
        """`broker` is its name in the log."""
        self._broker = broker
        self._takers: dict[str, Take] = {}
        self._needed: set[str] = set()
        self._harm = 0
        self._rests_until = 0.0
        self._warn = WarnOnce(_LOGGER, most=1000)

    def add(self, topic: str, take: Take, *, is_needed: bool = False) -> None:
        """Have `take` called with every message of a topic, from the next connection on.

        Without a topic that `is_needed` nothing is published either, so it is listened to whatever harm is done.
        """
        self._takers[topic] = take
        if is_needed:
            self._needed.add(topic)

    def take(self, message: Received) -> None:
        """Hand a message to whom it is for; a taker that fails is named once, and the connection goes on."""
        above, _, _ = message.topic.rpartition("/")
        take = self._takers.get(message.topic) or self._takers.get(f"{above}/+")
        if take is None:
            return
        try:
            take(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, events must go out
            self._warn.log_fault(message.topic, error, "the message is dropped")

    def ask(self, connection: Connection) -> list["asyncio.Future[None]"]:
        """Subscribe to all at once, before anything is published: so what is retained is what stood there before.

        What is not listened to for a while is subscribed to when the time is over.
        """
        rest_s = self._rests_until - asyncio.get_running_loop().time()
        if rest_s <= 0:
            return self._subscribe(connection, self._takers)
        later = asyncio.ensure_future(self._subscribe_later(connection, rest_s))
        return [*self._subscribe(connection, self._needed), later]

    def _subscribe(self, connection: Connection, topics: Iterable[str]) -> list["asyncio.Future[None]"]:
        answers = [(topic, connection.subscribe(topic, qos=connection.limits.qos)) for topic in topics]
        return [asyncio.ensure_future(self._note(topic, answer)) for topic, answer in answers]

    async def _subscribe_later(self, connection: Connection, rest_s: float) -> None:
        await asyncio.sleep(rest_s)
        await asyncio.gather(*self._subscribe(connection, self._takers.keys() - self._needed))

    async def keep(self, connection: Connection, asking: "list[asyncio.Future[None]]") -> None:
        """Stay with the connection until it is lost, which raises ConnectionError; `asking` is from `ask`."""
        try:
            await connection.keep_alive()
        except ConnectionError as error:
            is_resting = asyncio.get_running_loop().time() < self._rests_until
            is_asking = not is_resting and not all(each.done() for each in asking)
            self._count(error, is_harm=isinstance(error, OversizeError) or is_asking)
            raise
        finally:
            # Over a connection that was lost at once none of them has begun to wait, which is theirs to end.
            await asyncio.sleep(0)
            for each in asking:
                each.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    async def _note(self, topic: str, answer: Coroutine[Any, Any, None]) -> None:
        try:
            await answer
        except RefusedError as error:
            self._warn(topic, "%s: %s", self._broker, error)
        except ConnectionError as error:
            _LOGGER.debug("%s: %s: %s", self._broker, topic, error)

    def _count(self, error: ConnectionError, *, is_harm: bool) -> None:
        """Take note of a lost connection, and of whether what was subscribed to may be why."""
        now = asyncio.get_running_loop().time()
        if not is_harm:
            self._harm = self._harm if now < self._rests_until else 0
            return
        self._harm += 1
        if self._harm >= HARMFUL:
            self._rests_until = now + REST_S
            self._warn(
                "harm",
                "%s: %s, again and again, over %s: %s of it is listened to for %.0f minutes at a time",
                self._broker,
                error,
                ", ".join(self._takers),
                f"only {', '.join(self._needed)}" if self._needed else "none",
                REST_S / 60,
            )
