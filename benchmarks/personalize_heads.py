"""The head that `edgehar personalize` teaches, and the same without some of its parts: what each part is worth."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from edgehar.personal.background import Background
from edgehar.personal.fit import fit
from edgehar.personal.judged import Judged, judge
from edgehar.personal.logistic import TRUST
from edgehar.personal.recognizer import Personal, personal
from edgehar.personal.takes import Take
from edgehar.pipeline.recognizer import Recognizer

_EVERYWHERE = 1e12
"""A reach beyond which nothing is."""


class Variant(Struct, frozen=True):
    """Parts of the head that are in use."""

    has_background: bool = True
    has_reach: bool = True
    has_opinion: bool = True
    has_statistics: bool = True
    is_shipped: bool = False

    def put(
        self, network: Recognizer, slots: tuple[str | None, ...], judged: Judged, others: Background | None
    ) -> Personal:
        """Teach judged windows and put the head on its network."""
        seconds = dict.fromkeys(judged.label, 0.0)
        others = others if self.has_background else None
        if not self.has_statistics:
            judged, others = _without_statistics(judged), others and _without_statistics(others)
        trust = TRUST if self.has_opinion else 0.0
        head = fit(network.spec, slots, judged, seconds, others, trust=trust)
        return personal(network, head if self.has_reach else replace(head, reach=_EVERYWHERE))

    def taught(
        self,
        network: Recognizer,
        slots: tuple[str | None, ...],
        takes: Sequence[Take],
        others: Background | None,
    ) -> Personal:
        """Teach takes, as `personal.fit.teach` does."""
        return self.put(
            network, slots, judge(network, takes, network.spec.hop / network.spec.rate_hz), others
        )


_Windows = TypeVar("_Windows", Judged, Background)


def _without_statistics(some: _Windows) -> _Windows:
    return replace(some, statistics=some.statistics[:, :0])


HEADS: Mapping[str, Variant] = {
    "the head": Variant(is_shipped=True),
    "without statistics": Variant(has_statistics=False),
    "without reach": Variant(has_reach=False),
    "without background": Variant(has_background=False),
    "without either": Variant(has_background=False, has_reach=False),
    "without the network's opinion": Variant(has_opinion=False),
}
