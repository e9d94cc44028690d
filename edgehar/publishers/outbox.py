"""The messages that a broker has yet to acknowledge; sans-I/O, so that every order of events can be tested."""

from collections import deque

from edgehar.publishers.payloads import Message


class Outbox:
    """The newest message of every retained topic, and events in their order.

    A message leaves only when it is acknowledged. While the broker is away the states of a topic
    collapse to the newest, and of the events the newest `limit` wait.
    """

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        """Events that were lost: too many waited, or whoever sends them gave them up."""
        self._limit = limit
        self._retained: dict[str, Message] = {}
        self._due: dict[str, None] = {}
        self._events: deque[Message] = deque()
        self._sent: dict[int, Message] = {}

    @property
    def in_flight(self) -> int:
        """Messages that were sent and are not yet acknowledged."""
        return len(self._sent)

    @property
    def events(self) -> int:
        """Events that are not yet acknowledged."""
        return len(self._events) + sum(not message.retain for message in self._sent.values())

    @property
    def is_empty(self) -> bool:
        """True when everything is acknowledged."""
        return not (self._due or self._events or self._sent)

    def push(self, message: Message) -> None:
        """Take a message; of more events than `limit` the oldest that is not on its way is dropped."""
        if message.retain:
            self._retained[message.topic] = message
            self._due[message.topic] = None
        else:
            self._events.append(message)
            self._shorten()

    def take(self) -> Message | None:
        """Remove and return what is to be sent next: states before events, each in its order."""
        if self._due:
            topic = next(iter(self._due))
            del self._due[topic]
            return self._retained[topic]
        return self._events.popleft() if self._events else None

    def mark_sent(self, number: int, message: Message) -> None:
        """Hold a message until `number` is acknowledged."""
        self._sent[number] = message

    def acknowledge(self, number: int) -> Message | None:
        """Let go of a message that the broker has; None if `number` was never sent."""
        return self._sent.pop(number, None)

    def requeue(self) -> None:
        """Have all sent again on a new connection: every retained topic, then what was on its way, then the rest."""
        self._due = dict.fromkeys(self._retained)
        self._events.extendleft(message for message in reversed(self._sent.values()) if not message.retain)
        self._sent.clear()
        self._shorten()

    def _shorten(self) -> None:
        while len(self._events) > self._limit:
            self._events.popleft()
            self.dropped += 1
