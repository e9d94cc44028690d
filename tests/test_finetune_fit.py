"""What recorded windows say of labels that no recording shows."""

import os

import numpy as np
import pytest
from conftest import lacking

from edgehar.pipeline import manifest
from edgehar.training.finetune_fit import objective, recorded_labels
from edgehar.training.people_windows import PeopleWindows
from edgehar.types import FloatArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def pushed(
    logits: list[float], allowed: list[float], prior: list[float], smoothing: float = 0.0
) -> FloatArray:
    """Return the gradient of the loss over the logits of one window."""
    try:
        import tensorflow as tf  # noqa: PLC0415
    except ImportError as error:
        lacking(str(error))
    loss, _ = objective(smoothing)
    x = tf.constant([logits])
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(tf.constant([[allowed, prior]]), x)
    gradient: FloatArray = tape.gradient(value, x).numpy()[0]
    return gradient


def test_a_label_that_no_recording_shows_competes_by_its_prior() -> None:
    as_any = pushed([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    assert as_any == pytest.approx([1 / 3 - 1, 1 / 3, 1 / 3])
    less = pushed([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.1])
    assert less == pytest.approx([1 / 2.1 - 1, 1 / 2.1, 0.1 / 2.1])


def test_of_several_labels_that_may_be_true_none_is_preferred() -> None:
    assert pushed([0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]) == pytest.approx([-1 / 6, -1 / 6, 1 / 3])


def test_nothing_is_learned_from_an_answer_in_the_proportions_of_the_priors_when_all_is_smoothed() -> None:
    gradient = pushed([0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.1], smoothing=1.0)
    assert gradient == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)


def test_what_one_wrist_shows_is_recorded_of_the_other_too() -> None:
    spec = manifest.read(manifest.find("imu_tcn_synthetic"))
    names = [sensor.name for sensor in spec.sensors]
    shown = np.full((2, len(names)), -1)
    shown[0, names.index("wrist")] = shown[1, names.index("chest")] = 0
    allowed = np.array([[label == what for label in spec.labels] for what in ("clapping", "rowing")])
    nobody = np.array(["", ""])
    windows = PeopleWindows(
        np.zeros((1, 2, spec.window, 3), np.float16),
        shown,
        allowed,
        np.zeros(2, np.int64),
        nobody,
        nobody,
        np.zeros(2),
    )
    recorded = recorded_labels(spec, windows)
    told = {
        name: {spec.labels[i] for i in np.flatnonzero(row)} for name, row in zip(names, recorded, strict=True)
    }
    assert told["wrist"] == told["other_wrist"] == {"clapping"}
    assert told["chest"] == {"rowing"}
    assert told["waist"] == set()
