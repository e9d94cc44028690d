"""A link that loses packets in bursts."""

import math

BURST = 4.0
"""Packets lost in a row, mean, unless somebody asks for other bursts: round number."""


class BurstLoss:
    """A link that is good or bad, at first good, and loses all packets while it is bad (Gilbert-Elliott)."""

    def __init__(self, loss: float, burst: float) -> None:
        """Lose a share `loss` of the packets, 0..1, in bursts of `burst` packets in the mean, as far as both can be."""
        # The chain is bad for `loss` of the time if good ends `odds` times as often as bad does.
        odds = loss / (1 - loss) if loss < 1 else math.inf
        burst = max(burst, odds, 1.0)
        self._leaves_bad = 1 / burst
        self._leaves_good = min(1.0, odds / burst) if odds < math.inf else 1.0
        self._is_bad = False

    def loses(self, draw: float) -> bool:
        """Tell whether the next packet is lost, given a number drawn evenly from 0..1."""
        changes = draw < (self._leaves_bad if self._is_bad else self._leaves_good)
        self._is_bad = self._is_bad != changes
        return self._is_bad
