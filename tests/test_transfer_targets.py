"""Units worn at once as one target of the transfer study: side by side, row by row, or refused."""

from pathlib import Path

import numpy as np
import people_sets
import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.transfer.plan import FIVE_UNITS
from edgehar.evaluation.studies.transfer.targets import ready
from edgehar.training.studies.transfer import PARTS

UNITS = ["chest", "wrist_right", "wrist_left", "knee_right", "knee_left"]
SCRIPT = [("walking", 16.0), ("sitting", 16.0)]


def test_five_units_are_parts_of_one_body(tmp_path: Path) -> None:
    people_sets.simulate(tmp_path / "imu" / "dsads.npz", SCRIPT, UNITS, people=(1, 2))
    target = ready(tmp_path, FIVE_UNITS, PARTS, 1000)
    assert target.shape.parts == tuple(tuple(range(6 * i, 6 * i + 6)) for i in range(5))
    x = target.take(np.arange(len(target.label)))
    assert x.shape == (len(target.label), target.shape.rows, 30)
    # Who sits still is still everywhere, who walks moves everywhere.
    sits = target.label == target.labels.index("sitting")
    moved = np.ptp(x, axis=1).reshape(len(x), 5, 6).max(axis=2)
    assert np.median(moved[~sits], axis=0).min() > 5.0 * np.median(moved[sits], axis=0).max()


def test_units_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    people_sets.simulate(tmp_path / "imu" / "dsads_1.npz", SCRIPT, UNITS[:-1], people=(1, 2))
    people_sets.simulate(tmp_path / "imu" / "dsads_2.npz", SCRIPT, UNITS[-1:], people=(1, 3))
    with pytest.raises(RecordingError, match="windows of all units at once"):
        ready(tmp_path, FIVE_UNITS, PARTS, 1000)
