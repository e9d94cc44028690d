"""`python -m benchmarks.pose DATA [MODEL]`: what a camera's model is chosen by; no keypoint of a real picture among it.

First its answers to recorded movement before simulated cameras (`evaluation.filmed_capture`), window by window: by label
the share that is answered right, F1 among the labels that the recordings have, and the commonest answers. Then
settings of its decision on simulated people who do one thing after another in a room, as `benchmarks.decision` has
them, and falls: the share that is told, and false ones per hour.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from benchmarks.days import Day, Stretch
from benchmarks.decision import line, outcome
from edgehar.evaluation.filmed_capture import FilmedCapture, film
from edgehar.evaluation.plan import decision_of
from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.activities.falls import IMPACT_S
from edgehar.motion.landmarks import draw_offsets, landmarks
from edgehar.motion.poses import interpolate
from edgehar.motion.skeleton import Array, Figure, Movement, segment_lengths
from edgehar.motion.travel import travel
from edgehar.motion.waveforms import minimum_jerk
from edgehar.motion.wearer import draw_body_height
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.training import calibrate, recipe as recipes
from edgehar.training.camera_recipe import CameraRecipe
from edgehar.training.film import RATE, as_keypoints, cut, shot
from edgehar.types import FALLING, OTHER, Event

RECIPE = Path("models/pose_tcn.toml")
PEOPLE, STRETCHES, LASTS_S = 24, 16, (8.0, 25.0)
SEED = 77
GRID = {
    "mean_stay_s": (30.0, 60.0, 120.0),
    "likelihood_power": (0.25, 0.4, 0.5, 0.7),
    "threshold": (0.75, 0.85, 0.95),
}
_FALL_SHARE = 0.12
_AFTER_FALL_S = 6.0


def capture_table(loaded: Recognizer, capture: FilmedCapture) -> Iterator[str]:
    """Lay out the answers to filmed motion capture."""
    labels = np.array(loaded.spec.labels)
    x = as_keypoints(capture.x)
    answers, scores = labels[calibrate.answers(loaded, x).argmax(axis=1)], []
    labelled = capture.label != OTHER
    for label in np.unique(capture.label):
        true = capture.label == label
        hits = np.count_nonzero(answers[true] == label)
        f1 = 2.0 * hits / (np.count_nonzero(true) + np.count_nonzero(answers[labelled] == label))
        words, counts = np.unique(answers[true], return_counts=True)
        common = ", ".join(f"{words[i]} {counts[i] / true.sum():.2f}" for i in np.argsort(-counts)[:4])
        scores += [f1] if label != OTHER else []
        yield f"{label:14} {np.count_nonzero(true):6} {hits / true.sum():.3f} {f1:.3f}  {common}"
    yield f"macro-F1 without other {np.mean(scores):.4f}"


class _Part(Struct, frozen=True, eq=False):
    """One activity of a simulated person."""

    label: str
    movement: Movement
    start: float
    end: float


def days(loaded: Recognizer, recipe: CameraRecipe) -> list[Day]:
    """Return simulated people before cameras, as the network judges them."""
    return [_day(loaded, recipe, seed) for seed in range(PEOPLE)]


def _day(loaded: Recognizer, recipe: CameraRecipe, seed: int) -> Day:
    rng = np.random.default_rng((SEED, seed))
    lengths = segment_lengths(draw_body_height(rng))
    parts = list(_parts(recipe, rng, lengths))
    t = np.arange(int(parts[-1].end * RATE)) / RATE
    pose = _joined(parts, t)
    points = landmarks(Figure(lengths, pose, len(t)), lengths, draw_offsets(rng))
    points[:, :, 2] = np.maximum(points[:, :, 2], 0.02)
    points += travel(pose, t, in_place=True)[:, None]
    samples, _ = shot(recipe.synthesis, "room", t, points, 0.5 * float(t[-1]), rng)
    predictions = [p for window in cut(recipe, samples) for p in loaded.push(window)]
    return Day("simulated room", ("camera",), list(_truth(parts)), predictions)


def _parts(recipe: CameraRecipe, rng: np.random.Generator, lengths: object) -> Iterator[_Part]:
    start = 0.0
    labels = [label for label in recipe.labels if label != FALLING]
    for _ in range(STRETCHES):
        falls = rng.random() < _FALL_SHARE
        label = FALLING if falls else str(rng.choice(labels))
        seconds = IMPACT_S + _AFTER_FALL_S if falls else rng.uniform(*LASTS_S)
        activity = str(rng.choice(recipe.synthesis.of(label)))
        movement = CATALOGUE[activity](lengths, rng)  # type: ignore[arg-type]  # what is passed on
        yield _Part(label, movement, start, start + seconds)
        start += seconds


def _joined(parts: Sequence[_Part], t: Array) -> dict[str, Array]:
    """Let one movement go over into the next within 1.2 s, or 2.5 s to and from the floor."""
    joined: dict[str, Array] = {}
    for before, part in zip((None, *parts), parts, strict=False):
        rows = (t >= part.start) & (t < part.end)
        pose = part.movement(t[rows] - part.start)
        if before:
            seconds = 2.5 if "lying" in {before.label, part.label} or before.label == FALLING else 1.2
            share = minimum_jerk(t[rows] - part.start, 0.0, seconds)
            pose = interpolate(before.movement(t[rows] - before.start), pose, share)
        for name, values in pose.items():
            joined.setdefault(name, np.zeros(len(t)))[rows] = values
    return joined


def _truth(parts: Sequence[_Part]) -> Iterator[Stretch]:
    for part in parts:
        if part.label != FALLING:
            yield part.start, part.end, (part.label,)
            continue
        hit = part.start + IMPACT_S
        yield part.start, hit - 0.8, ("standing", "walking", "sitting")
        yield hit - 0.8, hit + 2.0, (FALLING,)
        yield hit + 2.0, part.end, ("lying", FALLING, OTHER)


def falls(loaded: Recognizer, made: Sequence[Day], settings: Settings) -> str:
    """Say how many falls are told within 4 s, and how many others in an hour."""
    told, all_falls, false, hours = 0, 0, 0, 0.0
    for day in made:
        decision = decision_of(replace(loaded.spec, decision=settings), day.placements)
        answers = [answer for p in day.predictions for answer in decision.push(p)]
        starts = [
            event.detected_at
            for event in answers
            if isinstance(event, Event) and event.kind == "activity_started" and event.label == FALLING
        ]
        hits = [start + 0.8 for start, _, labels in day.truth if labels == (FALLING,)]
        all_falls += len(hits)
        told += sum(any(-0.8 <= t - hit <= 4.0 for t in starts) for hit in hits)
        false += sum(not any(-0.8 <= t - hit <= 4.0 for hit in hits) for t in starts)
        hours += day.truth[-1][1] / 3600.0
    return f"falls {told}/{all_falls}, false {false / hours:5.1f}/h"


def main(data: str, model: str = "pose_tcn") -> None:
    """Print both tables."""
    loaded, recipe = load(find(model)), recipes.load_any(RECIPE)
    assert isinstance(recipe, CameraRecipe)
    for row in capture_table(loaded, film(recipe, Path(data) / "mocap")):
        print(row, flush=True)
    made = days(loaded, recipe)
    print(f"{' '.join(GRID)} |  right | missed | onset s | false/h | changes/h; label / kind")
    for values in ((), *product(*GRID.values())):
        settings = replace(loaded.spec.decision, **dict(zip(GRID, values, strict=False)))
        name = " ".join(f"{value:g}" for value in values) or "as it is"
        for scores in outcome(replace(loaded.spec, decision=settings), made, settings).values():
            print(f"{line(name, scores)} | {falls(loaded, made, settings)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
