"""Predictions as a script has them, and what a decision makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from edgehar.pipeline.decision import Decision
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.episode import Episode
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.telling import Telling
from edgehar.types import Activity, Event, Prediction

LABELS = ("walking", "sitting", "running")
WINDOW_S, HOP_S = 2.56, 0.64
MOVING = 5.0
"""Peak-to-peak of somebody who does something, m/s²."""

SHARP = Settings(likelihood_power=1.0, mean_stay_s=1.0, threshold=0.6, held_threshold=0.4)
"""Every window nearly decides by itself."""


def decision(
    settings: Settings | None = None,
    labels: Sequence[str] = LABELS,
    *,
    wearer: str = "anna",
    tree: Mapping[str, Sequence[str]] | None = None,
    told: Sequence[str] = (),
    epoch: float = 0.0,
    **more: Any,
) -> Decision:
    settings = settings or Settings()
    telling = Telling(LabelTree(labels, tree or {}), settings, told)
    return Decision(Episode(wearer, "toy@1", epoch), telling, WINDOW_S, HOP_S, settings, **more)


def says(t: float, label: str | None, p: float = 0.9, *, peak_to_peak: float = MOVING) -> Prediction:
    """Return a window in which `label` has probability `p`; without one nothing came."""
    if label is None:
        return Prediction(t, None, None, 0.3, peak_to_peak, is_fresh=False)
    rest = (1 - p) / (len(LABELS) - 1)
    return Prediction(
        t, np.array([p if label == x else rest for x in LABELS], np.float32), None, 1.0, peak_to_peak
    )


def script(*parts: tuple[str | None, int], t: float = 100.0, p: float = 0.9) -> list[Prediction]:
    """Return for each (label, windows) that many windows in which the model is sure of the label."""
    words = [label for label, n in parts for _ in range(n)]
    return [says(t + i * HOP_S, label, p) for i, label in enumerate(words)]


def run(machine: Decision, predictions: Iterable[Prediction]) -> tuple[list[Activity], list[Event]]:
    out = [item for prediction in predictions for item in machine.push(prediction)]
    return [x for x in out if isinstance(x, Activity)], [x for x in out if isinstance(x, Event)]


def states(activities: Iterable[Activity]) -> list[str]:
    """Return the published words, each run of equal ones once."""
    words = [activity.state for activity in activities]
    return [word for i, word in enumerate(words) if i == 0 or words[i - 1] != word]


def thin(prediction: Prediction) -> Prediction:
    """Return the same window where data came, but too little to judge."""
    return replace(prediction, probabilities=None, coverage=0.79, is_fresh=True)
