"""`python -m benchmarks.decision`: what other settings of a model's decision would do, on simulated wearers.

Every wearer has one sensor and goes through activities at random, half of them none of the labels. By
setting: the share of the time that is told rightly, activities that were never noticed, the median of
how long one takes to notice, and how often one begins that is not done. No person's recording is read.
"""

import random
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import median

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.evaluation.events import run_recording
from edgehar.evaluation.plan import decision_of
from edgehar.motion.wearer import Wearer
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.recordings.scoring import Segment
from edgehar.training import recipe as recipes
from edgehar.training.recipe import Recipe
from edgehar.types import Activity, Event, Prediction, Samples

RECIPE = Path("models/imu_tcn_synthetic.toml")
PLACEMENTS = ("trouser_pocket", "wrist_left", "waist", "chest", "knee_left")
WEARERS = 8
"""At each placement."""
STRETCHES = 24
LASTS_S = (12.0, 45.0)
SETTLED_S = 4.0
"""After a change any answer will do for so long: a window and its smoothing."""
GRID = {
    "smoothing_s": (1.0, 2.0, 3.0),
    "enter": (0.4, 0.5, 0.6, 0.7, 0.8),
    "patience": (2, 3),
}
STAY = 0.5
"""Share of `enter`."""


class Day(Struct, frozen=True, eq=False):
    """Truth of one wearer, and the network's answer on each window."""

    placement: str
    truth: list[Segment]
    predictions: list[Prediction]


class Outcome(Struct, frozen=True):
    """Scores of one setting on all days."""

    right: float
    """Share of the windows, those just after a change aside."""
    missed: float
    """Share of the activities."""
    delay_s: float
    """Median."""
    false_per_hour: float


def day(recognizer: Recognizer, recipe: Recipe, placement: str, seed: int) -> Day:
    """Simulate one wearer and let the network judge."""
    rng = random.Random(seed)
    slot = recognizer.spec.slots([placement]).index(placement)
    offered = [recognizer.spec.labels[i] for i in recognizer.spec.offered([slot])]
    labels = [label for label in offered if label not in {"other", "falling"}]
    # What only hands show is standing or sitting to a sensor elsewhere.
    hidden = set() if "wrist" in placement else set(recipe.views.by_hand)
    others = [name for name in dict.fromkeys(recipe.synthesis.of("other")) if name not in hidden]
    wearer = Wearer(seed, [placement])
    parts: list[Samples] = []
    truth: list[Segment] = []
    for _ in range(STRETCHES):
        is_label = rng.random() < 0.5
        label = rng.choice(labels) if is_label else "other"
        start, activity = wearer.t, rng.choice(recipe.synthesis.of(label) if is_label else others)
        parts += wearer.perform(activity, rng.uniform(*LASTS_S))
        truth.append((start, wearer.t, label))
    t, x = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x"))
    track = Samples(placement, t, x, parts[0].channels)
    return Day(placement, truth, run_recording(recognizer, {placement: track}).predictions)


def outcome(recognizer: Recognizer, days: list[Day], settings: Settings) -> Outcome:
    """Send every day's predictions through a decision of these settings."""
    spec = replace(recognizer.spec, decision=settings)
    right = judged = false = missed = activities = 0
    delays: list[float] = []
    for lived in days:
        decision = decision_of(spec, [lived.placement])
        answers = [answer for p in lived.predictions for answer in decision.push(p)]
        starts = [
            answer for answer in answers if isinstance(answer, Event) and answer.kind == "activity_started"
        ]
        for answer in answers:
            if isinstance(answer, Activity) and (true := settled(lived.truth, answer.t)):
                judged += 1
                right += answer.state == true
        false += sum(not meets(lived.truth, event) for event in starts)
        for begin, end, label in lived.truth:
            if label != "other":
                activities += 1
                noticed = [
                    e.detected_at - begin for e in starts if e.label == label and begin < e.detected_at <= end
                ]
                missed += not noticed
                delays += noticed[:1]
    hours = sum(lived.truth[-1][1] for lived in days) / 3600.0
    return Outcome(right / judged, missed / activities, median(delays), false / hours)


def settled(truth: list[Segment], t: float) -> str | None:
    """Return what has been done at `t` for a while."""
    return next((label for start, end, label in truth if start + SETTLED_S < t <= end), None)


def meets(truth: list[Segment], event: Event) -> bool:
    """Tell whether that is done, or was till just now."""
    t = event.detected_at
    return any(label == event.label and start < t <= end + SETTLED_S for start, end, label in truth)


def settings(base: Settings) -> Iterator[Settings]:
    """Yield all of the grid."""
    for smoothing_s, enter, patience in product(*GRID.values()):
        yield replace(base, smoothing_s=smoothing_s, enter=enter, stay=STAY * enter, patience=patience)


def main(model: str = "imu_tcn") -> None:
    """Print a line for each setting."""
    recognizer, recipe = load(find(model)), recipes.load(RECIPE)
    days = [
        day(recognizer, recipe, placement, 1000 * i + k)
        for i, placement in enumerate(PLACEMENTS, start=1)
        for k in range(WEARERS)
    ]
    print("smoothing_s enter stay patience | right missed delay_s false/h")
    for tried in [recognizer.spec.decision, *settings(recognizer.spec.decision)]:
        scores = outcome(recognizer, days, tried)
        print(
            f"{tried.smoothing_s:11.1f} {tried.enter:5.2f} {tried.stay:4.2f} {tried.patience:8d} | "
            f"{scores.right:5.3f} {scores.missed:6.3f} {scores.delay_s:7.2f} {scores.false_per_hour:7.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:2])
