"""The messages that a broker has yet to acknowledge; sans-I/O, so that every order of events can be tested."""

from collections import deque
from collections.abc import Collection

from msgspec import Struct

from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.payloads import Message

TRIES = 5
"""Connections that may be lost while one message alone is on its way."""

ANOTHER_CHANCE = 1000
"""Messages that the broker acknowledges before a topic that was given up is tried once more."""


class Bounds(Struct, frozen=True):
    """Bounds of the events that wait; beyond them the oldest are dropped."""

    events: int = 10_000
    size: int = 16 * 2**20
    """Bytes of their topics and payloads."""
    age_s: float = 30 * 86_400.0
    """An older one is dropped when the next one comes, s."""


class Outbox:
    """The newest message of every retained topic, and events in their order.

    A message leaves only when it is acknowledged. While the broker is away the states of a topic
    collapse to the newest, and events wait within their bounds.

    The broker may end the connection over a message, which would then go first over the next connection again.
    So what was on its way when a connection was lost is a suspect, and travels alone from then on: either it is
    acknowledged, or the next loss is its own. After TRIES of those it is given up, if the broker had acknowledged
    anything else over that connection; if not, the broker may be at fault, and it is set aside until it does.
    Of states it is the topic that is suspected, for there is always a newer one. A topic that was given up gets
    another chance after a loss while nothing was on its way, and after ANOTHER_CHANCE other messages: a link that
    breaks all the time may have made a blameless one look guilty.
    """

    def __init__(self, bounds: Bounds, kept: KeptEvents | None = None) -> None:
        """Begin with the events that are kept from an earlier life."""
        self.overflowed = 0
        """Events that were lost because too many waited."""
        self.refused = 0
        """Messages, events and others, that were given up because the broker does not take them."""
        self._refused_events = 0
        self._bounds = bounds
        self._kept = KeptEvents() if kept is None else kept
        self._retained: dict[str, Message] = {}
        self._due: dict[str, None] = {}
        self._events = deque(self._kept)
        self._sent: dict[int, Message] = {}
        self._suspects: dict[Message | str, int] = {}
        self._set_aside: list[Message] = []
        self._held_topics: dict[str, int] = {}
        self._acknowledged = 0
        self._is_broker_well = False

    @property
    def dropped(self) -> int:
        """Events that were lost, for whatever reason."""
        return self.overflowed + self._refused_events

    @property
    def in_flight(self) -> int:
        """Messages that were sent and are not yet acknowledged."""
        return len(self._sent)

    @property
    def events(self) -> int:
        """Events that are not yet acknowledged."""
        return len(self._kept)

    @property
    def is_empty(self) -> bool:
        """True when everything is acknowledged or given up."""
        return not (self._due or self._events or self._sent or self._set_aside)

    def push(self, message: Message) -> bool:
        """Take a message; False if events that are not on their way were dropped for it.

        An event that waits already is not taken twice.
        """
        if not message.retain:
            if message not in self._kept:
                self._kept.keep(message)
                self._events.append(message)
            return not self._shorten()
        self._retained[message.topic] = message
        if message.topic not in self._held_topics:
            self._due[message.topic] = None
        return True

    def repeat(self) -> None:
        """Have every retained topic sent again."""
        self._due |= dict.fromkeys(topic for topic in self._retained if topic not in self._held_topics)

    def take(self) -> Message | None:
        """Remove and return what is to be sent now: states before events, each in its order; None: nothing yet."""
        topic = next(iter(self._due), None)
        message = self._retained[topic] if topic else self._events[0] if self._events else None
        if message is None or self._has_to_wait(message):
            return None
        if topic:
            del self._due[topic]
        else:
            self._events.popleft()
        return message

    def _has_to_wait(self, message: Message) -> bool:
        """Tell whether this one or one that is on its way travels alone."""
        suspects = self._suspects
        return bool(suspects and self._sent) and any(
            _suspect_of(other) in suspects for other in (message, *self._sent.values())
        )

    def mark_sent(self, number: int, message: Message) -> None:
        """Hold a message until `number` is acknowledged."""
        self._sent[number] = message

    def acknowledge(self, number: int) -> Message | None:
        """Let go of a message that the broker has; None if `number` was never sent."""
        message = self._sent.pop(number, None)
        if message:
            self._kept.let_go(message)
            if message.retain and not message.payload and self._retained.get(message.topic) is message:
                del self._retained[message.topic]  # removed, so that there is nothing to repeat
                self._due.pop(message.topic, None)
            self._suspects.pop(_suspect_of(message), None)
            self._is_broker_well = True
            self._acknowledged += 1
            self._take_back()
            self._release(
                [topic for topic, until in self._held_topics.items() if self._acknowledged >= until]
            )
        return message

    def count_refused(self, message: Message) -> None:
        """Count a message that the broker does not take, and that is not held any more."""
        self.refused += 1
        self._refused_events += not message.retain
        self._kept.let_go(message)

    def discard(self, events: Collection[Message]) -> None:
        """Let go of events as if nobody had pushed them; one that is on its way may still arrive."""
        gone = {*events}
        self._events = deque(event for event in self._events if event not in gone)
        self._set_aside = [message for message in self._set_aside if message not in gone]
        self._sent = {number: message for number, message in self._sent.items() if message not in gone}
        for event in gone:
            self._suspects.pop(event, None)
            self._kept.let_go(event)

    def requeue(self) -> Message | None:
        """Have all sent again on a new connection: every retained topic, then what was on its way, then the rest.

        Return the message that is given up now, because the last connection and others were lost over it.
        """
        if not self._sent:
            aside = {message.topic for message in self._set_aside if message.retain}
            self._release([topic for topic in self._held_topics if topic not in aside])
        given_up = self._suspect()
        self._events.extendleft(message for message in reversed(self._sent.values()) if not message.retain)
        self._sent.clear()
        self._is_broker_well = False
        self._due.clear()
        self.repeat()
        if not (self._due or self._events):
            self._take_back()
        self._shorten()
        return given_up

    def _suspect(self) -> Message | None:
        """Suspect what was on its way; remove what was alone too often, and return it if it is given up."""
        is_alone = len(self._sent) == 1
        for number, message in list(self._sent.items()):
            suspect = _suspect_of(message)
            losses = self._suspects.get(suspect, 0) + is_alone
            # Whatever comes again has no more than one chance.
            self._suspects[suspect] = min(losses, TRIES - 1)
            if losses < TRIES:
                continue
            del self._sent[number]
            if message.retain:
                self._held_topics[message.topic] = self._acknowledged + ANOTHER_CHANCE
            if self._is_broker_well:
                self._suspects.pop(message, None)
                self._kept.let_go(message)
                return message
            self._set_aside.append(message)
        return None

    def _take_back(self) -> None:
        """Send once more what was set aside, ahead of what came later."""
        aside, self._set_aside = self._set_aside, []
        self._events.extendleft(message for message in reversed(aside) if not message.retain)
        self._release([message.topic for message in aside if message.retain])

    def _release(self, topics: list[str]) -> None:
        """Let topics that were held back be sent again."""
        for topic in topics:
            del self._held_topics[topic]
            self._due[topic] = None

    def _shorten(self) -> bool:
        """Drop the oldest events beyond the bounds; tell whether there were any."""
        aside = deque(message for message in self._set_aside if not message.retain)
        before = self.overflowed
        while (waiting := aside or self._events) and self._exceeds(
            len(aside) + len(self._events), waiting[0]
        ):
            oldest = waiting.popleft()
            if waiting is aside:
                self._set_aside.remove(oldest)
            self._suspects.pop(oldest, None)
            self._kept.let_go(oldest)
            self.overflowed += 1
        return self.overflowed > before

    def _exceeds(self, waiting: int, oldest: Message) -> bool:
        bounds, kept = self._bounds, self._kept
        return waiting > bounds.events or kept.size > bounds.size or kept.age_s(oldest) > bounds.age_s


def _suspect_of(message: Message) -> Message | str:
    return message.topic if message.retain else message
