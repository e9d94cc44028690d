"""The average of each label's probability over the judged windows, and the label that leads."""

from collections.abc import Sequence
from math import exp

from edgehar.types import NOT_YET, OTHER


class Smoothing:
    """Exponential average with a time constant, s; 0: the newest window alone."""

    def __init__(self, labels: Sequence[str], time_constant_s: float, hidden: str | None = None) -> None:
        """`hidden` is a label whose probability counts as zero; others tell it."""
        self._labels, self._time_constant_s = tuple(labels), time_constant_s
        self._index = {label: i for i, label in enumerate(labels)}
        self._hidden = None if hidden is None else self._index[hidden]
        self.reset()

    def reset(self) -> None:
        """Forget all windows."""
        self._probabilities: list[float] = []
        self._t = NOT_YET
        self.begun_at = NOT_YET
        """End of the first window, s."""
        self.lead = ""
        """Label of the largest probability in the newest window."""
        self.lead_since = NOT_YET
        """End of the first window in a row that it leads, s."""
        self.best, self.best_label = 0.0, OTHER
        """Largest average, and whose it is."""

    def push(self, probabilities: list[float], t: float) -> None:
        """Move the average towards a window that ends at `t`, s, by the true time since the one before."""
        if self._hidden is not None:
            probabilities[self._hidden] = 0.0
        if self._probabilities:
            keep = exp((self._t - t) / self._time_constant_s) if self._time_constant_s else 0.0
            pairs = zip(self._probabilities, probabilities, strict=True)
            self._probabilities = [new + keep * (old - new) for old, new in pairs]
        else:
            self._probabilities, self.begun_at = probabilities, t
        self._t = t
        self.best = max(self._probabilities)
        self.best_label = self._labels[self._probabilities.index(self.best)]
        lead = self._labels[probabilities.index(max(probabilities))]
        if lead != self.lead:
            self.lead, self.lead_since = lead, t

    def of(self, label: str) -> float:
        """Return a label's average, 0..1."""
        return self._probabilities[self._index[label]]

    def assume(self, label: str, probability: float) -> None:
        """Go on as if all windows until now had shown `label` with this probability."""
        self._probabilities = [(1.0 - probability) * old for old in self._probabilities]
        self._probabilities[self._index[label]] = probability
