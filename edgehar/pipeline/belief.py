"""The belief in each label: the forward filter of a hidden Markov model whose states are the labels.

    of a state                 rate or likelihood
    -------------------------  -----------------------------------------------------------------------------
    it is left                 every `stay_s` in the mean
    for one of its kind        with probability `SAME_KIND`, by their priors
    for any                    else, by all priors
    it shows in a window       with the network's probability to the power `likelihood_power`; the network
                               was trained on as much of each label, so that this is the likelihood

Kinds are the tops of the label tree. A label of prior 0 is entered by `assume` alone, one of probability 0 cannot be
told by the worn sensors and has no belief. Time without windows is time without evidence: the belief moves towards
the priors, by the same amount however often it is looked at.
"""

from collections import deque
from collections.abc import Collection, Sequence
from math import exp

from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.types import FALLING, NOT_YET

SAME_KIND = 0.8
"""Plain: who sits no more mostly stays still in another way for a while, and who walks no more takes stairs."""
LEAST_PROBABILITY = 1e-3
"""No window says more against a label that can be told; networks are surer than they are right."""
_ASSUMED = 0.9
"""Plain: what is assumed is short, and the rest makes room for what comes after it."""
_KEPT = 48
"""Windows that the backward pass looks at; half a minute of 0.64 s, beyond which nothing is backdated."""

Vector = list[float]


class Belief:
    """Probabilities of labels, (labels,), that sum to 1; `prior` does too. `kinds` numbers the kind of each label."""

    def __init__(
        self, prior: Sequence[float], kinds: Sequence[int], stay_s: float, likelihood_power: float
    ) -> None:
        self._prior, self._kinds = [*prior], [*kinds]
        self._stay_s, self._power = stay_s, likelihood_power
        self._least = LEAST_PROBABILITY**likelihood_power
        totals = _by_kind(self._prior, self._kinds)
        # A kind that is never entered keeps its belief where it is: it has no share to move to.
        self._within = [
            p / totals[kind] if totals[kind] else 1.0 / self._kinds.count(kind)
            for p, kind in zip(prior, kinds, strict=True)
        ]
        self.reset()

    def reset(self) -> None:
        """Know nothing but the priors."""
        self.now: Vector = [*self._prior]
        """The belief at the end of the newest window."""
        self._t = NOT_YET
        self.interrupt()

    def interrupt(self) -> None:
        """Let nothing have been seen without a break since before the next window."""
        self.begun_at = NOT_YET
        """End of the first window without such a break before the next, s."""
        self._windows: deque[tuple[float, Vector, Vector]] = deque(maxlen=_KEPT)

    def push(self, probabilities: Sequence[float], t: float) -> None:
        """Take in what the network says of a window that ends at `t`, s."""
        self.begun_at = min(self.begun_at, t)
        before = self.now if self._t == NOT_YET else self._moved(self.now, t - self._t)
        power, least = self._power, LEAST_PROBABILITY
        likelihood = [p**power if p > least else self._least if p > 0.0 else 0.0 for p in probabilities]
        weighed = [b * p for b, p in zip(before, likelihood, strict=True)]
        total = sum(weighed)
        if total > 0.0:
            self.now = [w / total for w in weighed]
        else:  # it speaks only of labels that nothing leads to
            self.now, likelihood = before, [1.0] * len(before)
        self._t = t
        self._windows.append((t, likelihood, self.now))

    def assume(self, label: int) -> None:
        """Take it as nearly certain that this is the label (index) at the end of the newest window."""
        self.now = [_ASSUMED * (i == label) + (1.0 - _ASSUMED) * prior for i, prior in enumerate(self._prior)]
        self._windows.clear()

    def rule_out(self, label: int) -> None:
        """Take it as certain that this is not the label (index); what was said until now speaks of the others."""
        left = [0.0 if i == label else b for i, b in enumerate(self.now)]
        total = sum(left)
        self.now = [b / total for b in left] if total > 0.0 else [*self._prior]

    @property
    def lasted_s(self) -> float:
        """Time that was seen without such a break, s."""
        return self._t - self.begun_at if self.begun_at != NOT_YET else 0.0

    def since(self, labels: Collection[int]) -> float:
        """Return the end of the first window, s, from which until now one of these was likelier than not.

        Likelier if one of them is true now, by all windows until now, those that came after it too: the backward pass.
        """
        since, later = self._t, [float(i in labels) for i in range(len(self.now))]
        rows = [*self._windows]
        for (t, _, belief), (t_next, likelihood, _) in zip(rows[-2::-1], rows[:0:-1], strict=False):
            later = self._foreseen([a * b for a, b in zip(likelihood, later, strict=True)], t_next - t)
            smoothed = [a * b for a, b in zip(belief, later, strict=True)]
            if sum([smoothed[i] for i in labels]) <= 0.5 * sum(smoothed):
                break
            since = t
        return since

    def _moved(self, belief: Vector, seconds: float) -> Vector:
        """Return a belief after a time without evidence."""
        stay, swap, leave = self._shares(seconds)
        totals = [swap * total for total in _by_kind(belief, self._kinds)]
        rows = zip(belief, self._kinds, self._within, self._prior, strict=True)
        return [stay * b + totals[kind] * w + leave * p for b, kind, w, p in rows]

    def _foreseen(self, values: Vector, seconds: float) -> Vector:
        """Return for each label the mean of values over where it leads within a time, to a sum of 1."""
        stay, swap, leave = self._shares(seconds)
        shares = [v * w for v, w in zip(values, self._within, strict=True)]
        totals = [swap * total for total in _by_kind(shares, self._kinds)]
        anywhere = leave * sum([v * p for v, p in zip(values, self._prior, strict=True)])
        rows = zip(values, self._kinds, strict=True)
        means = [stay * v + totals[kind] + anywhere for v, kind in rows]
        total = sum(means)
        return [m / total for m in means] if total else means

    def _shares(self, seconds: float) -> tuple[float, float, float]:
        """Return the shares that stay at the label, at its kind alone, and nowhere: the exact solution of the rates."""
        label, kind = exp(-seconds / self._stay_s), exp((SAME_KIND - 1.0) * seconds / self._stay_s)
        return label, kind - label, 1.0 - kind


def belief_in(tree: LabelTree, settings: Settings) -> Belief:
    """Return the belief of a decision in the labels of a tree; in a fall that is only suspected there is none."""
    prior = plain_prior(tree, never={FALLING} if confirms_falls(tree, settings) else set())
    tops = [tree.top(label) for label in tree.labels]
    kinds = [tops.index(top) for top in tops]
    return Belief(prior, kinds, settings.mean_stay_s, settings.likelihood_power)


def confirms_falls(tree: LabelTree, settings: Settings) -> bool:
    """Tell whether a fall is told only once it is confirmed by what follows."""
    return FALLING in tree.labels and settings.falls.within_s > 0.0


def plain_prior(tree: LabelTree, never: Collection[str] = ()) -> Vector:
    """Return the priors of a tree's labels: all the same, but 0 for what is `never` entered by belief alone."""
    entered = [float(label not in never) for label in tree.labels]
    return [value / sum(entered) for value in entered]


def _by_kind(values: Sequence[float], kinds: Sequence[int]) -> Vector:
    totals = [0.0] * len(kinds)
    for value, kind in zip(values, kinds, strict=True):
        totals[kind] += value
    return totals
