"""Building blocks of movement."""

import numpy as np
import pytest

from edgehar.motion.waveforms import Drift, Harmonics, OutOfPlane

PHASE = np.arange(200) / 200.0


def test_drift_has_the_deviation_it_was_given() -> None:
    t = np.arange(0.0, 500.0, 0.1)
    deviations = [np.std(Drift(np.random.default_rng(seed), 1.0, 2.0)(t)) for seed in range(5)]
    assert np.mean(deviations) == pytest.approx(2.0, rel=0.1)


def test_harmonics_repeat_and_stay_within_their_sizes() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        rhythm = Harmonics(rng, 0.0, 2.0, 1.0)
        value = rhythm(PHASE)
        assert np.abs(value).max() <= 3.0
        assert rhythm(PHASE + 7.0) == pytest.approx(value)
        assert np.abs(np.fft.rfft(value)[[0, 1, 4]]).max() < 1e-9


def test_turns_out_of_the_plane_change_nothing_in_it() -> None:
    t = np.arange(0.0, 60.0, 0.01)
    for seed in range(5):
        out_of_plane = OutOfPlane(np.random.default_rng(seed), (3.0, 3.0))
        pose = out_of_plane(t, {"twist": np.full(t.shape, 1.0), "hip_left": np.sin(t)})
        assert pose["hip_left"] == pytest.approx(np.sin(t))
        turned = np.rad2deg(pose["twist"] - 1.0)
        assert turned.std() == pytest.approx(3.0, rel=0.25)
        assert abs(turned.mean()) < 1.0
        # Wrists turn most, and both sides go their own way.
        assert pose["palm_left"].std() > 1.3 * turned.std() * np.pi / 180.0
        assert abs(np.corrcoef(pose["palm_left"], pose["palm_right"])[0, 1]) < 0.3
