"""What the benchmark of the decision counts, and which answers of the network it uses again."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from benchmarks.days import Lived, day_of, kept_file
from benchmarks.decision import Counts, count, scores
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import recognizer
from edgehar.pipeline.label_tree import LabelTree
from edgehar.types import OTHER

TREE = LabelTree(("walking", "sitting", "standing", OTHER), {"still": ("sitting", "standing")})


def test_time_told_rightly_onsets_false_starts_and_changes_are_counted_once() -> None:
    truth = [(0.0, 60.0, ("sitting",)), (60.0, 120.0, ("walking",)), (120.0, 180.0, (OTHER, "sitting"))]
    told = [(10.0, "still"), (20.0, "sitting"), (70.0, "walking"), (123.0, "standing"), (126.0, "walking")]
    answers = [
        (t, [state for since, state in [(0.0, OTHER), *told] if since <= t][-1])
        for t in np.arange(1.0, 181.0)
    ]
    counts = Counts()
    count(TREE, truth, answers, counts)
    assert counts.windows == 180
    # Sitting from 20 to 60, walking from 70 to 120, and nobody sat from 120 on who was told to stand or walk.
    assert counts.right == [41 + 51, 51 + 51 + 3]
    assert counts.missed == [0, 0]
    assert counts.delays == [[20.0, 10.0], [10.0, 10.0]]
    # Standing begins while sitting may be true: of the kind; walking, told anew after what was walked is over, is of none.
    assert counts.false == [2, 1]
    assert counts.changes == 1 + 1 + 2
    assert scores(counts).false_per_hour == pytest.approx((2 / 0.05, 1 / 0.05))


def test_kept_answers_are_those_of_the_same_network_to_the_same_recordings(tmp_path: Path) -> None:
    model = recognizer.load(ROOT / "models" / "imu_tcn.json")
    calls: list[int] = []

    def live() -> Lived:
        calls.append(1)
        wearer = Wearer(1, ["wrist_left"])
        [walked] = wearer.perform("walking", 8.0)
        return {"wrist_left": walked}, [(0.0, 5.0, "walking"), (5.0, 8.0, "typing")]

    made, again = (
        day_of(model, "desk", kept_file(tmp_path, model, "desk", 1, ["a"]), live) for _ in range(2)
    )
    assert calls == [1]
    assert made.truth == again.truth == [(0.0, 5.0, ("walking",)), (5.0, 8.0, again.truth[1][2])]
    assert OTHER in again.truth[1][2]
    assert made.placements == again.placements == ("wrist_left",)
    shown = [p.probabilities for p in made.predictions if p.probabilities is not None]
    assert shown
    assert np.array_equal(shown, [p.probabilities for p in again.predictions if p.probabilities is not None])
    other = kept_file(tmp_path, model, "desk", 1, ["b"])
    day_of(model, "desk", other, live)
    assert calls == [1, 1]
    other.path.write_bytes(other.path.read_bytes()[:500])
    day_of(model, "desk", other, live)
    assert calls == [1, 1, 1]
