"""Our pose tCNN on other labels: where it begins, and what is left of it at int8."""

import os

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from edgehar.training import calibrate
from edgehar.training.studies.pose_clips import PoseTcn, Shipped, shipped
from edgehar.types import FloatArray


def ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def origin() -> Shipped:
    return shipped()


def people(origin: Shipped, swing: float) -> list[FloatArray]:
    """Return a window of each of six people who stand, and lift and lower both wrists by so much, picture heights."""
    rng, rows = np.random.default_rng(1), origin.spec.window
    standing = np.zeros((17, 3), np.float32)
    standing[:, 2] = 0.9
    standing[:5, 1], standing[5:7, 1], standing[7:11, 1], standing[11:13, 1] = 0.2, 0.3, 0.45, 0.55
    standing[13:15, 1], standing[15:, 1] = 0.75, 0.9
    standing[1::2, 0], standing[2::2, 0] = 0.05, -0.05
    windows = np.tile(standing, (6, rows, 1, 1)) + rng.normal(0.0, 0.002, (6, rows, 17, 3))
    phase = rng.uniform(0.0, 6.0, (6, 1)) + np.arange(rows) / 3.0
    windows[:, :, 9:11, 1] -= swing * (1.0 + np.sin(phase))[:, :, None]
    return [window.reshape(1, rows, 51).astype(np.float32) for window in windows]


def test_a_few_steps_tell_two_movements_apart_after_rounding_to_int8(origin: Shipped) -> None:
    clips = [*people(origin, 0.0), *people(origin, 0.2)]
    label = np.repeat([0, 1], 6)
    network = PoseTcn(origin, ("still", "lifting"), 25, 8)
    tuned, anew = (network.fit(clips, label, 3, ignore, anew=anew) for anew in (False, True))
    for recognizer in (tuned, anew):
        assert recognizer.spec.labels == ("still", "lifting")
        answers = calibrate.answers(recognizer, np.concatenate(clips))
        assert answers.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (calibrate.answers(tuned, np.concatenate(clips)).argmax(axis=1) == label).all()
    assert tuned.spec.sha256 != anew.spec.sha256
    assert network.parameters == origin.spec.provenance["parameters"] - 13 * 65
