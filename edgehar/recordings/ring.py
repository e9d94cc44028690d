"""The packets of the last minutes of one wearer, in memory: from them the seconds around a moment are taken when it turns out."""

from collections import deque
from collections.abc import Sequence
from math import inf

from edgehar.types import Item

LARGEST = 32 * 2**20
"""Bytes that a ring takes; of a sensor that sends more the oldest packets go sooner."""

_ITEM_BYTES = 160
"""Bytes that a packet takes beside its body: a tuple, a float and the head of a bytes object."""

_PREAMBLE_EVERY_S = 1.0

Preambles = Sequence[Sequence[bytes]]
"""By stream, the bodies that say how later ones are to be read."""


class Ring:
    """The newest packets in their order, and what has to be known to read them."""

    def __init__(self, span_s: float, largest: int = LARGEST) -> None:
        """Hold `span_s` seconds of stream time, or as much as `largest` bytes have room for."""
        self._span_s, self._largest = span_s, largest
        self._items: deque[Item] = deque()
        self._preambles: deque[tuple[float, Preambles]] = deque()
        """Stream time from which each holds; those that no packet here came under are gone."""
        self._look_at = -inf
        self.size = 0
        """Bytes, about."""

    def push(self, t: float, stream: int, body: bytes) -> None:
        """Take one packet that arrived at stream time t, s."""
        self._items.append((t, stream, body))
        self.size += len(body) + _ITEM_BYTES
        while self._items and (self._items[0][0] < t - self._span_s or self.size > self._largest):
            self.size -= len(self._items.popleft()[2]) + _ITEM_BYTES
        while len(self._preambles) > 1 and self._preambles[1][0] <= self.oldest:
            self._preambles.popleft()

    @property
    def oldest(self) -> float:
        """Stream time of the oldest packet, s; infinity if there is none."""
        return self._items[0][0] if self._items else inf

    def wants_preambles(self, t: float) -> bool:
        """Tell whether it is time to look again at how packets are to be read; t is stream time, s."""
        return t >= self._look_at

    def note_preambles(self, t: float, preambles: Preambles) -> None:
        """Note how packets from t on are to be read, s."""
        self._look_at = t + _PREAMBLE_EVERY_S
        if any(preambles) and (not self._preambles or self._preambles[-1][1] != preambles):
            self._preambles.append((t, preambles))

    def between(self, begin: float, end: float) -> list[Item]:
        """Return what came from `begin` to `end`, s, behind what was told before of how it is to be read."""
        items = [item for item in self._items if begin <= item[0] <= end]
        if not items:
            return []
        first = items[0][0]
        before = [preambles for t, preambles in self._preambles if t <= first]
        preambles = before[-1] if before else self._preambles[0][1] if self._preambles else ()
        told = [(first, stream, body) for stream, bodies in enumerate(preambles) for body in bodies]
        return [(first, 0, b""), *told, *items]

    def clear(self) -> None:
        """Forget all packets."""
        self._items.clear()
        self.size = 0
