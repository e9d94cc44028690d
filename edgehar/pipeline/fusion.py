"""Late fusion: the answers of several models about one wearer, such as sensors and a camera, as one.

Their calibrated probabilities are multiplied, as of independent witnesses: log-probabilities are added, each with a
weight that falls with the time between the two windows,

    weight = exp(-max(0, distance - hop) / FADES_S),

so that a model that has nothing new to say is heard less and less, and the other alone in the end; so are the labels
that it alone tells. One model leads: the first that judges its windows. The joint answers are its windows'; sensors of a
model that is not heard are excluded.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from math import exp, log

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.pipeline.belief import LEAST_PROBABILITY
from edgehar.pipeline.branch import Branch
from edgehar.pipeline.joint_labels import JointLabels
from edgehar.types import FloatArray, Prediction

FADES_S = 1.5
"""About half a window: then half of what was seen is still under way."""
LEAST_WEIGHT = 0.05
"""Below it a model is not heard; it is reached 4.5 s after its hop."""
_LEADS_HOPS = 4
"""So many hops without a judged window, of bundles and lost packets, do not end a lead."""
_KEPT = 16
"""Predictions of each model that wait for those of a slower link."""


class _Heard(Struct):
    """A model's newest judged predictions, oldest first."""

    predictions: deque[Prediction]
    coverage: float = 0.0
    """The coverage of its newest window, judged or not."""


class Fusion:
    """Makes one stream of predictions, over `labels`, of those of several branches."""

    def __init__(self, branches: Sequence[Branch], labels: JointLabels) -> None:
        self._branches, self._labels = branches, labels
        self._heard = [_Heard(deque(maxlen=_KEPT)) for _ in branches]
        slots = [len(branch.slots) for branch in branches]
        self._first = [sum(slots[:i]) for i in range(len(slots))]
        self._told_at = -np.inf

    def push(self, number: int, prediction: Prediction) -> list[Prediction]:
        """Take a branch's prediction; return the joint one for its window, if that branch leads."""
        p, heard = prediction, self._heard[number]
        heard.coverage = p.coverage
        if p.probabilities is not None:
            heard.predictions.append(p)
        if p.t <= self._told_at or number != self._leader(p.t, number):
            return []
        self._told_at = p.t
        return [self._joint(number, p)]

    def _leader(self, t: float, number: int) -> int:
        """Return the first branch that judged a window lately, at `t`, s; `number` if there is none."""
        for i, (branch, heard) in enumerate(zip(self._branches, self._heard, strict=True)):
            if heard.predictions and t - heard.predictions[-1].t <= _LEADS_HOPS * branch.hop_s:
                return i
        return number

    def _joint(self, number: int, p: Prediction) -> Prediction:
        """Return the leader's prediction, with what the others say of the same time."""
        votes = {i: vote for i in range(len(self._branches)) if (vote := self._vote(i, number, p))}
        excluded = {
            self._first[i] + sensor: share
            for i in range(len(self._branches))
            for sensor, share in self._excluded(i, p if i == number else votes[i][0] if i in votes else None)
        }
        # Whom a camera sees move is not lying still, whatever lies on the table.
        peak_to_peak = max([p.peak_to_peak, *(answer.peak_to_peak for answer, _ in votes.values())])
        return replace(
            p,
            probabilities=self._product(votes),
            embedding=None,
            peak_to_peak=peak_to_peak,
            excluded_sensors=excluded,
        )

    def _vote(self, i: int, number: int, p: Prediction) -> tuple[Prediction, float] | None:
        """Return what a branch says about the time of `p`, which is of branch `number`, and its weight; None if it is not heard."""
        judged = self._heard[i].predictions
        nearest = p if i == number else min(judged, key=lambda each: abs(each.t - p.t), default=None)
        if nearest is None or nearest.probabilities is None:
            return None
        weight = exp(-max(0.0, abs(nearest.t - p.t) - self._branches[i].hop_s) / FADES_S)
        return (nearest, weight) if weight >= LEAST_WEIGHT else None

    def _excluded(self, i: int, answer: Prediction | None) -> Iterable[tuple[int, float]]:
        """Return sensors of a branch that the joint answer does not rest on, and the share of samples that came."""
        if answer is None:
            return [(sensor, self._heard[i].coverage) for sensor in self._branches[i].worn]
        return answer.excluded_sensors.items()

    def _product(self, votes: Mapping[int, tuple[Prediction, float]]) -> FloatArray | None:
        """Return probabilities over the joint labels; what nobody tells who votes is zero, and what is told by one who fades fades too."""
        if not votes:
            return None
        size = len(self._labels.tree.labels)
        sums, told = np.zeros(size), np.zeros(size)
        for i, (answer, weight) in votes.items():
            assert answer.probabilities is not None
            offered = self._offered(i, answer)
            shares = self._labels.likelihoods(i, answer.probabilities, offered)
            sums += weight * np.array([log(max(share, LEAST_PROBABILITY)) for share in shares])
            labels = [*self._labels.told_by(i, offered)]
            told[labels] = np.maximum(told[labels], weight)
        # Else all that one alone knows would share in the other's `other` until the moment when it is not heard.
        powers = told * np.exp(sums - sums.max())
        return np.asarray(powers / powers.sum(), np.float32)

    def _offered(self, i: int, answer: Prediction) -> tuple[int, ...]:
        branch = self._branches[i]
        return branch.spec.offered(
            [sensor for sensor in branch.worn if sensor not in answer.excluded_sensors]
        )
