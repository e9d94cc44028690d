"""The end of a connection that its edge node wants: the death of the node, then DISCONNECT."""

import asyncio
from collections.abc import Callable
from typing import Any

from edgehar.brokers.mqtt import Connection
from edgehar.publishers.mqtt import STOP_S
from edgehar.publishers.payloads import Message


class Farewell:
    """The end of one connection, which is begun once, however often it is waited for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._number: int | None = None
        """Number of the death that is on its way."""
        self._taken = asyncio.Event()

    def note_acknowledged(self, number: int) -> None:
        """Take note of a message that the broker has."""
        if number == self._number:
            self._taken.set()

    async def say(self, death: Callable[[], Message]) -> bool:
        """Die and disconnect; True if the broker is known to have all that was sent, and the death. Else the last will does.

        With MQTT 5 the last will is the death, and nothing is acknowledged that would tell what has arrived.
        """
        connection = self._connection
        if connection.can_disconnect_with_will:
            await connection.disconnect(STOP_S, with_will=True)
            return False
        if self._number is None:
            message = death()
            self._number = connection.publish(message.topic, message.payload, retain=False)
        taking = asyncio.ensure_future(self._taken.wait())
        either: tuple[asyncio.Future[Any], ...] = (taking, connection.lost)
        try:
            await asyncio.wait(either, timeout=STOP_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            taking.cancel()
        if not self._taken.is_set():
            return False
        await connection.disconnect(STOP_S)
        return True
