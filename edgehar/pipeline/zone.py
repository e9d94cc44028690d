"""Counts of a zone: how many do what, so that no group smaller than `least` can be made out.

What is told is a partition of the wearers into blocks of at least `least`: the first categories each by itself, and
all others together as `withheld`. Which partition depends on the counts, and so tells something of them; it is chosen
from one chain that is fixed beforehand, from "each category by itself" over "the last two together", "the last three
together" up to "all together", and the first of the chain is told whose blocks are all large enough. That one was not told
says only that, of the two blocks that the next one joins, one is smaller than `least`: so either may be empty, and either
may be all of both. Whatever is made out of a table is then a union of its blocks. A rule that hid the small cells, and the
next smallest beside them, would not do: who knows the rule can often reckon the small ones. Zeros are small too: else
`still: 24` of 24 would tell of each what they do.

Counts are told by the clock, never by a change, and a new table replaces the last one only if at least `least` wearers are in
other blocks than then: what it differs from that one by is never the movement of fewer. It is asked of the blocks of both tables, of which
one's are made of the other's: between the larger ones none may have moved, or as many.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

NOT_JUDGED = "not_judged"
"""Category of those of whom nothing can be told: no sensor is heard, or none is worn."""


class Table(Struct, frozen=True):
    """Counts of a zone at one moment."""

    counts: Mapping[str, int | None]
    """By category; None: it is among those that are withheld."""
    withheld: int
    """Wearers in all categories that are withheld together."""
    wearers: int
    """All of the zone."""
    least: int
    """No smaller group can be made out."""
    t: float
    """Time at which they were counted, monotonic, s."""


def coarsened(counts: Mapping[str, int], least: int) -> dict[str, int | None]:
    """Return the counts that may be told, None for those that are withheld; `counts` has the most important first.

    Of fewer than `least` in all nothing may be told.
    """
    categories, values = list(counts), list(counts.values())
    alone = len(values) if min(values, default=0) >= least else max(len(values) - 2, 0)
    while alone < len(values) and alone and min(*values[:alone], sum(values[alone:])) < least:
        alone -= 1
    return {
        name: value if i < alone else None
        for i, (name, value) in enumerate(zip(categories, values, strict=True))
    }


class ZoneCounter:
    """Counts the wearers of one zone, and says when a table is due."""

    def __init__(
        self, wearers: Sequence[str], categories: Sequence[str], *, least: int, every_s: float, start: float
    ) -> None:
        """Count nobody yet: until then they are not judged.

        Args:
            wearers: All of the zone.
            categories: All that they may be counted as, the most important first; NOT_JUDGED is one of them.
            least: No smaller group may be made out.
            every_s: A table is due once in so long, s.
            start: The first is due `every_s` after it, monotonic, s.
        """
        self._categories, self._least, self._every_s = tuple(categories), least, every_s
        self._now_in = dict.fromkeys(wearers, NOT_JUDGED)
        self._told_in: dict[str, str] = {}
        """By wearer, what they counted as in the table that stands; empty before the first."""
        self._due = start + every_s
        self.table: Table | None = None
        """The one that stands; None before the first."""

    def push(self, wearer: str, category: str) -> None:
        """Let a wearer count as this from now on."""
        self._now_in[wearer] = category

    def tick(self, now: float) -> Table | None:
        """Return the table that stands, if it is due at `now`, monotonic, s; a new one if enough has changed."""
        if now < self._due:
            return None
        # On its own beat, also where a beat was missed: when a table comes must tell nothing.
        self._due += self._every_s * (1 + (now - self._due) // self._every_s)
        table = self._count(now)
        if self.table is None or self._may_follow(self.table, table):
            self._told_in, self.table = dict(self._now_in), table
        return self.table

    def _may_follow(self, before: Table, after: Table) -> bool:
        """Tell whether two tables, one after the other, differ by enough wearers."""
        smaller, larger = sorted(map(_alone, (before, after)))
        between_large, between_small = self._moved(smaller), self._moved(larger)
        return between_small >= self._least and (not between_large or between_large >= self._least)

    def _moved(self, alone: int) -> int:
        """Count who is in another block than when the standing table was counted; so many first categories are blocks each."""
        block = {name: min(i, alone) for i, name in enumerate(self._categories)}
        return sum(block[self._told_in[wearer]] != block[now_in] for wearer, now_in in self._now_in.items())

    def _count(self, now: float) -> Table:
        counts = dict.fromkeys(self._categories, 0)
        for category in self._now_in.values():
            counts[category] += 1
        told = coarsened(counts, self._least)
        withheld = sum(counts[name] for name, count in told.items() if count is None)
        return Table(told, withheld, len(self._now_in), self._least, now)


def _alone(table: Table) -> int:
    """Return how many of the first categories are told each by itself."""
    return sum(count is not None for count in table.counts.values())
