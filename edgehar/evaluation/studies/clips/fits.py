"""Ways to classify clips, each fitted to some and asked about others."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from edgehar.evaluation import forest, pose_sets
from edgehar.evaluation.studies.clips.sets import ClipSet, Rows, frames_of, pictures
from edgehar.pipeline import manifest
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.training import calibrate
from edgehar.training.keypoint_views import normalize
from edgehar.training.progress import Progress
from edgehar.training.recipe_parts import Count
from edgehar.training.studies import loop, lrcn
from edgehar.training.studies.pose_clips import SHIPPED as MODEL, PoseTcn, Shipped, shipped
from edgehar.training.studies.refit import Refit, plain
from edgehar.types import FloatArray

MAJORITY, FOREST, RECURRENT = (
    "commonest label",
    "random forest on keypoints",
    "MoveNet, recurrent as published",
)
BASIC, ADVANCED = "basic LRCN", "advanced LRCN"
ANEW, TUNED = "MoveNet, pose tCNN int8, random start", "MoveNet, pose tCNN int8, fine-tuned"
AS_SHIPPED = "MoveNet, pose tCNN int8, as shipped"
AMONG = f"{AS_SHIPPED}, among these labels"
ON_POSES = (MAJORITY, FOREST, RECURRENT, ANEW, TUNED)
ON_PICTURES = (MAJORITY, BASIC, ADVANCED, RECURRENT, FOREST, ANEW, TUNED, AS_SHIPPED, AMONG)
DRAWN = frozenset({BASIC, ADVANCED, RECURRENT, FOREST, ANEW, TUNED})
"""Ways that another seed fits otherwise."""
_TREES = 100
_TINY = 1e-6

Scores = Callable[[Rows], FloatArray]
"""Scores of each label for clips, (rows, labels); the highest is the answer. One column more is another label."""


class Course(Struct, frozen=True, forbid_unknown_fields=True):
    """Length of a fit."""

    passes: Count
    """Times that each clip is seen, if that is less than the steps."""
    steps: Count
    """At most."""
    batch: Count

    def steps_of(self, clips: int) -> int:
        """Count the steps for so many clips."""
        return max(1, min(self.steps, -(-self.passes * clips // self.batch)))


class Courses(Struct, frozen=True, forbid_unknown_fields=True):
    """Length of each network's fit, the same whatever it is tested on.

    Set by a fifth of the clips that JHMDB's split 1 learns from, held out: longer fits made nothing better there.
    """

    lrcn: Course = Course(30, 6000, 8)
    recurrent: Course = Course(60, 1000, 4)
    """Batch as published."""
    pose_tcn: Course = Course(400, 300, 64)

    def of(self, way: str) -> Course | None:
        """Return the course of a way; None if it has none."""
        if way in {BASIC, ADVANCED}:
            return self.lrcn
        if way in {ANEW, TUNED}:
            return self.pose_tcn
        return self.recurrent if way == RECURRENT else None


class Fitted(Struct, frozen=True, eq=False):
    """A way that was fitted."""

    scores: Scores
    parameters: int


Networks = dict[tuple[object, ...], Any]
"""Compiled networks, by what they were made for."""


class ClipFits:
    """All ways for one set of clips; a network is compiled once, for all sets of as many labels."""

    def __init__(self, clips: ClipSet, courses: Courses, networks: Networks, progress: Progress) -> None:
        """Take the clips, and the networks that were compiled so far."""
        self._set, self._courses, self._progress = clips, courses, progress
        self._networks = networks
        self._targets = np.eye(len(clips.labels), dtype=np.float32)
        self._origin: Shipped = shipped()
        spec = self._origin.spec
        self._windows = [pose_sets.windows(clip, spec.rate_hz, spec.window, spec.hop) for clip in clips.clips]

    def fit(self, way: str, learned: Rows, seed: int) -> Fitted:
        """Fit one way to the learned clips; the same seed gives the same weights."""
        if way == MAJORITY:
            common = int(np.bincount(self._set.label[learned]).argmax())
            return Fitted(lambda rows: np.tile(self._targets[common], (len(rows), 1)), 0)
        if way == FOREST:
            return self._forest(learned, seed)
        if way in {AS_SHIPPED, AMONG}:
            return self._as_shipped(among=way == AMONG)
        if way in {ANEW, TUNED}:
            return self._pose_tcn(learned, seed, anew=way == ANEW)
        return self._network(way, learned, seed)

    def offers(self, way: str) -> bool:
        """Tell whether a way can be tried on this set."""
        if way in {BASIC, ADVANCED}:
            return bool(self._set.kept)
        return way not in {AS_SHIPPED, AMONG} or set(self._set.labels) <= set(self._origin.spec.labels)

    def _shown(self, way: str, rows: Sequence[int]) -> FloatArray:
        if way == RECURRENT:
            return np.stack([frames_of(self._set.clips[row]) for row in rows])
        return pictures(self._set.kept, rows)

    def _network(self, way: str, learned: Rows, seed: int) -> Fitted:
        make = {BASIC: lrcn.basic, ADVANCED: lrcn.advanced, RECURRENT: lrcn.recurrent}[way]
        course = self._courses.of(way)
        assert course is not None
        count = len(self._set.labels)
        network: Refit = self._networks.get((way, count)) or plain(lambda: make(count))
        self._networks[way, count] = network
        model, steps = network.restart(seed), course.steps_of(len(learned))

        def batches() -> Iterator[tuple[FloatArray, FloatArray]]:
            for rows in loop.drawn(learned, course.batch, steps, seed):
                yield self._shown(way, rows.tolist()), self._targets[self._set.label[rows]]

        loop.fit(model, batches(), steps, self._progress, "one fit")

        def scores(rows: Rows) -> FloatArray:
            parts = [rows[i : i + course.batch].tolist() for i in range(0, len(rows), course.batch)]
            return np.concatenate([model.predict_on_batch(self._shown(way, part)) for part in parts])

        return Fitted(scores, int(model.count_params()))

    def _pose_tcn(self, learned: Rows, seed: int, *, anew: bool) -> Fitted:
        course = self._courses.pose_tcn
        # Its rate falls with the steps, so that they are as many in each fold.
        steps = course.steps_of(len(self._set.clips))
        key = (MODEL, self._set.labels, steps)
        network: PoseTcn = self._networks.get(key) or PoseTcn(
            self._origin, self._set.labels, steps, course.batch
        )
        self._networks[key] = network
        windows, label = [self._windows[row] for row in learned], self._set.label[learned]
        recognizer = network.fit(windows, label, seed, self._progress, anew=anew)
        return Fitted(lambda rows: self._answers(recognizer, rows), network.parameters)

    def _as_shipped(self, *, among: bool) -> Fitted:
        recognizer = load(manifest.find(MODEL))
        names = list(recognizer.spec.labels)
        columns = [names.index(label) for label in self._set.labels]

        def scores(rows: Rows) -> FloatArray:
            given = self._answers(recognizer, rows)
            others = np.delete(given, columns, axis=1).max(axis=1, keepdims=True)
            return given[:, columns] if among else np.concatenate([given[:, columns], others], axis=1)

        return Fitted(scores, int(recognizer.spec.provenance["parameters"]))

    def _answers(self, recognizer: Recognizer, rows: Rows) -> FloatArray:
        """Return the mean over each clip's windows of the logarithms of the probabilities."""
        given = [
            np.log(calibrate.answers(recognizer, self._windows[row]) + _TINY).mean(axis=0) for row in rows
        ]
        return np.stack(given).astype(np.float32)

    def _features(self, rows: Rows) -> list[FloatArray]:
        """Return mean, deviation, least and greatest of each column of each window, by clip."""
        shown = [normalize(self._origin.spec, self._windows[row]) for row in rows]
        return [np.concatenate([x.mean(1), x.std(1), x.min(1), x.max(1)], axis=1) for x in shown]

    def _forest(self, learned: Rows, seed: int) -> Fitted:
        x = self._features(learned)
        label = np.repeat(self._set.label[learned], [len(each) for each in x])
        grown = forest.grow(np.concatenate(x), label, seed, 1, _TREES)

        def scores(rows: Rows) -> FloatArray:
            full = np.full((len(rows), len(self._set.labels)), np.log(_TINY), np.float32)
            given = [np.log(grown.predict_proba(each) + _TINY).mean(axis=0) for each in self._features(rows)]
            full[:, grown.classes_] = np.stack(given)
            return full

        return Fitted(scores, 0)
