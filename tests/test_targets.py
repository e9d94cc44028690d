"""Targets of the studies: nobody is tested who was learned from, and portions are of people."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import people_sets
import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.targets import FOLDS, Target, read_target


def _made(people: int, windows: int = 20) -> Target:
    person = np.repeat([f"{i}" for i in range(people)], windows)
    place = np.tile(np.arange(windows) / windows, people)
    label = np.zeros(len(person), np.int64)
    return Target("made", ("a",), np.zeros((len(person), 2, 4, 3), np.float32), label, person, place)


@pytest.mark.parametrize("people", [2, 4, 5, 12])
def test_everybody_is_tested_in_one_fold_and_then_not_learned_from(people: int) -> None:
    target = _made(people)
    tested = np.stack([target.tested(fold) for fold in range(min(FOLDS, people))])
    assert (tested.sum(axis=0) == 1).all()
    for fold, rows in enumerate(tested):
        assert not (target.learned(fold, 1.0) & rows).any()
        assert (target.learned(fold, 1.0) | rows).all()


@pytest.mark.parametrize(
    ("portion", "people", "windows"), [(0.1, 1, 16), (0.3, 3, 48), (0.5, 4, 80), (1.0, 8, 160)]
)
def test_a_portion_is_of_people_and_of_the_last_the_first_part(
    portion: float, people: int, windows: int
) -> None:
    target = _made(10)
    learned = target.learned(0, portion)
    assert len(set(target.person[learned])) == people
    assert learned.sum() == windows
    last = [target.place[learned & (target.person == name)].max() for name in set(target.person[learned])]
    assert min(last) == pytest.approx(1.0 - 0.05 if windows == 20 * people else (windows % 20) / 20 - 0.05)


def test_greater_portions_hold_the_smaller_ones() -> None:
    target = _made(9)
    parts = [target.learned(3, portion) for portion in (0.1, 0.3, 0.5, 0.75, 1.0)]
    assert all((small <= large).all() for small, large in pairwise(parts))


def test_windows_are_those_of_the_run_time(tmp_path: Path) -> None:
    script = [("walking", 14.0), ("sitting", 14.0)]
    people_sets.simulate(tmp_path / "imu" / "dsads.npz", script, ["wrist_right"], people=(1, 2))
    target = read_target(tmp_path, "dsads wrist")
    assert target.labels == ("sitting", "walking")
    assert target.people() == ["1", "2"]
    assert target.x.shape[1:] == (2, 128, 3)
    still = target.x[target.label == 0, 0]
    assert np.linalg.norm(still.mean(axis=1), axis=1) == pytest.approx(9.81, abs=1.2)


def test_a_movement_shorter_than_a_window_is_held_at_both_ends(tmp_path: Path) -> None:
    people_sets.simulate(
        tmp_path / "imu" / "dsads.npz", [("walking", 1.5)] * 10, ["wrist_right"], people=(1, 2)
    )
    target = read_target(tmp_path, "dsads wrist")
    assert len(target.x) == 20
    ends, middle = np.ptp(target.x[:, 0, [0, 20]], axis=1), np.ptp(target.x[:, 0, 30:98], axis=1)
    assert ends.max() == 0.0
    assert middle.max(axis=1).min() > 1.0


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"dsads\.npz: no such file"):
        read_target(tmp_path, "dsads wrist")
