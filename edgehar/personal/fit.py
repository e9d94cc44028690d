"""Teaching: from takes of one wearer to a head, with numpy, in well under a second for minutes of recordings."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import log
from typing import get_args

import numpy as np

from edgehar.errors import ModelError, RecordingError
from edgehar.personal import background, logistic
from edgehar.personal.background import Background
from edgehar.personal.head import Head
from edgehar.personal.judged import Judged, judge
from edgehar.personal.logistic import Array, Indices
from edgehar.personal.open_set import fit_reach, residuals
from edgehar.personal.takes import Take
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.types import FALLING, NO_STATES, OTHER, NoAnswer
from edgehar.validation import shown

SHARE = 1.0
"""Weight of the background, in windows of the takes' own; what more of it costs is in `docs/personalize_scores.md`."""
LEAST_SHARE = 100.0
"""Weight of the background beside a short take, in windows."""
LEAST_PROBABILITY = 1e-6
"""Floor of a probability before its logarithm is taken."""


def teach(network: Recognizer, takes: Sequence[Take], created: str = "") -> Head:
    """Teach a head for the network by one wearer's takes; the network stays as it is.

    Args:
        network: of whose embedding the head is fitted.
        takes: of the same placements.
        created: time that stands in the head, ISO 8601; now without it.

    Raises:
        RecordingError: if the takes differ in their placements, or a label has no whole window.
        ModelError: if the network cannot take what is worn, has no embedding, or a label cannot be taught.
    """
    slots = _slots(network.spec, takes)
    _check_labels(network.spec, takes)
    judged = judge(network, takes, network.spec.hop / network.spec.rate_hz)
    _check_taught(network.spec, takes, judged)
    others = background.of(network.spec, slots)
    return fit(network.spec, slots, judged, _seconds(takes, judged), others, created or _now())


def fit(
    spec: ModelSpec,
    slots: tuple[str | None, ...],
    judged: Judged,
    seconds: dict[str, float],
    others: Background | None,
    created: str = "",
    *,
    trust: float = logistic.TRUST,
) -> Head:
    """Fit a head to judged windows, beside those of other people where there are any; `trust` is in the network's opinion."""
    new = tuple(label for label in seconds if label not in spec.labels)
    columns, opinion = [*spec.labels, *new], -log(len(spec.labels) + len(new))
    rows = _rows(spec, columns, judged, others, opinion)
    fitted = logistic.fit(*rows, trust, statistics=judged.statistics.shape[1])
    taught = [*seconds]
    label = np.array([taught.index(name) for name in judged.label])
    reach = fit_reach(judged.embedding, label, _spread(judged, label, others))
    f = np.float32
    return Head(
        model=spec.id,
        model_sha256=spec.sha256,
        slots=slots,
        seconds=seconds,
        new_labels=new,
        network_labels=spec.labels,
        created=created,
        trust=fitted.trust,
        new_opinion=opinion,
        center=fitted.center.astype(f),
        scale=fitted.scale.astype(f),
        weights=fitted.weights.astype(f),
        whitening=reach.whitening.astype(f),
        means=reach.means.astype(f),
        reach=reach.reach,
    )


def _rows(
    spec: ModelSpec, columns: Sequence[str], judged: Judged, others: Background | None, opinion: float
) -> tuple[Array, Array, Array, Array]:
    """Return what `logistic.fit` wants: of the takes, and of the background, which has the weight of as many windows."""
    new, taught = len(columns) - len(spec.labels), len(judged.label)
    truth = np.eye(len(columns))[[columns.index(name) for name in judged.label]]
    x, probability = np.column_stack([judged.embedding, judged.statistics]), judged.probability
    weight = np.ones(taught)
    if others:
        share = SHARE * max(taught, LEAST_SHARE) / len(others.group)
        # Of what the wearer showed, the wearer's way of it counts alone.
        rest = others.beyond([spec.labels.index(name) for name in {*judged.label} if name in spec.labels])
        x = np.concatenate([x, np.column_stack([rest.embedding, rest.statistics])])
        probability = np.concatenate([probability, rest.probability])
        truth = np.concatenate([truth, np.pad(rest.truth, ((0, 0), (0, new)))])
        weight = np.concatenate([weight, np.full(len(rest.group), share)])
    held = opinions(spec, probability, new, opinion)
    return x, held, truth, weight


def _spread(judged: Judged, label: Indices, others: Background | None) -> Array:
    """Return windows less the mean of the same person doing the same, (windows, features)."""
    if others:
        spread = residuals(others.embedding, np.unique(others.group, return_inverse=True)[1])
        if len(spread):
            return spread
    spread = residuals(judged.embedding, label)
    return spread if len(spread) else np.zeros((1, judged.embedding.shape[1]))


def opinions(spec: ModelSpec, probability: Array, new: int, opinion: float) -> Array:
    """Return log-probabilities (windows, labels and new ones) that the network holds before; of a fall it alone decides."""
    p = probability.copy()
    if FALLING in spec.labels:
        p[:, spec.labels.index(FALLING)] = 0.0
    p = np.maximum(p, LEAST_PROBABILITY)
    held = np.log(p / p.sum(axis=1, keepdims=True))
    return np.column_stack([held, np.full((len(held), new), opinion)])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _slots(spec: ModelSpec, takes: Sequence[Take]) -> tuple[str | None, ...]:
    if not takes:
        raise RecordingError("nothing to learn from: expected at least one labelled recording, got none")
    first = takes[0]
    for take in takes[1:]:
        if {*take.tracks} != {*first.tracks}:
            raise RecordingError(
                f"{take.name}: expected the placements of {first.name}, {', '.join(first.tracks)}, got "
                f"{', '.join(take.tracks)}; teach a head by recordings of the same sensors"
            )
    return spec.slots(first.tracks)


def _check_labels(spec: ModelSpec, takes: Sequence[Take]) -> None:
    refused = {FALLING: "falls are not taught: what tells them stays as it is"}
    refused |= dict.fromkeys(get_args(NoAnswer), "it is an answer of its own")
    refused |= dict.fromkeys(NO_STATES, "Home Assistant takes it for no answer at all; say what was done")
    refused |= dict.fromkeys(
        spec.tree, f"it is a kind of labels of {spec.id}; name one of them, or another word"
    )
    for take in takes:
        for *_, label in take.truth:
            if label in refused:
                raise ModelError(f"{take.name}: label {shown(label)} cannot be taught: {refused[label]}")


def _check_taught(spec: ModelSpec, takes: Sequence[Take], judged: Judged) -> None:
    labels = dict.fromkeys(label for take in takes for *_, label in take.truth)
    if missing := [label for label in labels if label not in judged.label]:
        raise RecordingError(
            f"{', '.join(missing)}: expected at least {spec.window / spec.rate_hz:g} s without a gap in one go, got less; "
            "record it for longer"
        )
    if {*labels} == {OTHER}:
        raise RecordingError(f"only {OTHER} was done; record at least one label")


def _seconds(takes: Sequence[Take], judged: Judged) -> dict[str, float]:
    seconds = dict.fromkeys(judged.label, 0.0)
    for take in takes:
        end = min(float(track.t[-1]) for track in take.tracks.values())
        for start, stop, label in take.truth:
            if label in seconds:
                seconds[label] += max(0.0, min(stop, end) - max(start, 0.0))
    return {label: round(s, 2) for label, s in seconds.items()}
