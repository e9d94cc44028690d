"""Samples at any times, as packets, and back by the reader and the clock that a live run has."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from numpy.testing import assert_allclose

from edgehar.pipeline.tracks import read_tracks
from edgehar.recordings.ehr import Header, Recording
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.sampled import bodies
from edgehar.types import (
    ACCELERATION,
    ANGULAR_RATE,
    IMU_CHANNELS,
    STANDARD_GRAVITY,
    FloatArray,
    Samples,
    Stream,
)


def there_and_back(path: Path, *tracks: Samples) -> Samples:
    path.unlink(missing_ok=True)
    with Writer(path, Header("w", (Stream("wrist"),), epoch=0.0)) as writer:
        for item in bodies(tracks, "a"):
            writer.push(*item)
    recording = Recording(path)
    read, begin = read_tracks(recording)
    assert begin == pytest.approx(0.0, abs=1e-6)
    assert not recording.unread.in_words()
    return read["wrist"]


def count(x: np.ndarray, range_: float) -> float:
    """Half a count of the smallest range, a power of two of `range_`, that holds all."""
    largest = float(np.abs(x).max())
    while largest > range_ * 32767 / 32768:
        range_ *= 2
    return range_ / 32768 / 2


@st.composite
def steps(draw: st.DrawFn) -> np.ndarray:
    """Return times: a rate, what each step is off it, and gaps."""
    n = draw(st.integers(8, 400))
    period = draw(st.sampled_from([1 / 400, 0.01, 1 / 60, 0.02, 1 / 30, 0.1]))
    off = draw(st.sampled_from([0.0, 1e-5, 1e-4, 4e-4, 2e-3, 0.3]))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    each = np.maximum(period * np.ones(n - 1) + rng.normal(0.0, min(off, period / 3), n - 1), period / 10)
    for at in draw(st.lists(st.integers(0, n - 2), max_size=3)):
        each[at] += draw(st.sampled_from([0.1, 1.0, 30.0, 5000.0]))
    return np.concatenate(([0.0], np.cumsum(each)))


@settings(max_examples=60, deadline=None)
@given(t=steps(), scale=st.sampled_from([0.5, 3.0, 40.0, 900.0]), seed=st.integers(0, 1000))
@example(t=np.cumsum([0.0] + [0.02, 0.0235] * 150), scale=3.0, seed=0)
def test_values_come_back_within_half_a_count_and_times_within_a_millisecond(
    tmp_path_factory: pytest.TempPathFactory, t: np.ndarray, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    each = np.array([scale] * 3 + [scale / 20] * 3)
    x: FloatArray = (rng.uniform(-1.0, 1.0, (len(t), 6)) * each).astype(np.float32)
    track = there_and_back(tmp_path_factory.mktemp("s") / "a.ehr", Samples("wrist", t, x, IMU_CHANNELS))
    assert len(track.t) == len(t)
    assert np.abs(track.t - t).max() < 1e-3
    assert (np.diff(track.t) > 0).all()
    assert_allclose(
        track.x[:, :3], x[:, :3], atol=1.001 * count(x[:, :3] / STANDARD_GRAVITY, 2.0) * STANDARD_GRAVITY
    )
    assert_allclose(track.x[:, 3:], x[:, 3:], atol=1.001 * np.radians(count(np.degrees(x[:, 3:]), 250.0)))


@settings(max_examples=30, deadline=None)
@given(t=steps(), u=steps())
def test_two_kinds_that_were_sampled_apart_keep_their_own_times(
    tmp_path_factory: pytest.TempPathFactory, t: np.ndarray, u: np.ndarray
) -> None:
    force = np.column_stack((np.sin(t), np.full(len(t), STANDARD_GRAVITY), np.cos(t))).astype(np.float32)
    rate = np.column_stack((u * 1e-4, np.sin(u), np.cos(u))).astype(np.float32)
    track = there_and_back(
        tmp_path_factory.mktemp("s") / "a.ehr",
        Samples("wrist", t, force, ACCELERATION),
        Samples("wrist", u, rate, ANGULAR_RATE),
    )
    assert track.channels == IMU_CHANNELS
    assert np.abs(track.t - t).max() < 1e-3
    assert_allclose(track.x[:, :3], force, atol=0.0025)
    expected = np.column_stack([np.interp(t, u, column) for column in rate.T])
    # A millisecond of a sine is a thousandth; where it was gone for hours a straight line is what there is.
    assert_allclose(track.x[:, 3:], expected, atol=0.01)


def test_even_samples_cost_little(tmp_path: Path) -> None:
    t = np.arange(10_000) / 100
    x = np.tile(np.array([0, 0, STANDARD_GRAVITY, 0, 0, 0], np.float32), (len(t), 1))
    there_and_back(tmp_path / "a.ehr", Samples("wrist", t, x, IMU_CHANNELS))
    assert (tmp_path / "a.ehr").stat().st_size < 14 * len(t)
