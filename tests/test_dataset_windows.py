"""Windows of recorded sensors: where they lie, and what other conditions do to them."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from edgehar.errors import ModelError
from edgehar.motion.imu import random_rotations
from edgehar.pipeline import manifest
from edgehar.training.dataset_windows import arriving, taken, windows
from edgehar.types import IMU_CHANNELS, Samples

SPEC = manifest.read(manifest.find("imu_tcn"))


def wave(seconds: float, rate_hz: float = 50.0, placement: str = "trouser_pocket") -> Samples:
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    x = np.stack([(i + 1) * np.sin(2 * np.pi * 0.7 * t + i) for i in range(6)], axis=1)
    return Samples(placement, t, x.astype(np.float32), IMU_CHANNELS)


def columns(x: np.ndarray, placement: str = "trouser_pocket") -> np.ndarray:
    """Return the six columns of one sensor."""
    slot = SPEC.slots([placement]).index(placement)
    return x[:, slot * 6 : slot * 6 + 6]


def cut(track: Samples, **how: object) -> list[np.ndarray]:
    return [columns(window.x).copy() for window in windows(SPEC, {track.placement: track}, **how)]  # type: ignore[arg-type]


@given(st.integers(20, 1500))
def test_windows_lie_wholly_inside_the_track(rows: int) -> None:
    track = wave(rows / 50)
    ends = [window.t_end for window in windows(SPEC, {"trouser_pocket": track})]
    assert_allclose(ends, np.arange(2.56, float(track.t[-1]) + 1e-9, 1.28))


@pytest.mark.parametrize(("hop_s", "every"), [(0.64, 2), (0.32, 4), (0.16, 8)])
def test_a_smaller_hop_only_puts_more_windows_between(hop_s: float, every: int) -> None:
    dense, sparse = cut(wave(12), hop_s=hop_s), cut(wave(12))
    assert len(sparse) == 8
    for window, same in zip(sparse, dense[::every], strict=True):
        assert_array_equal(window, same)


def test_rows_are_what_the_sensor_read_then() -> None:
    track = wave(6)
    [first, *_] = cut(track)
    assert_allclose(first, track.x[1:129], atol=1e-5)


def test_two_sensors_end_with_the_shorter() -> None:
    tracks = {"trouser_pocket": wave(9), "chest": wave(5, 25.0, "chest")}
    ends = [window.t_end for window in windows(SPEC, tracks)]
    assert_allclose(ends, [2.56, 3.84])


def test_what_the_model_cannot_take_is_refused() -> None:
    with pytest.raises(ModelError, match="hat"):
        list(windows(SPEC, {"hat": wave(5, placement="hat")}))


def test_turning_changes_axes_and_no_norm() -> None:
    [turn] = random_rotations(np.random.default_rng(3), 1)
    plain, turned = cut(wave(5))[0], cut(wave(5), turn=turn)[0]
    each = cut(wave(5), turn={"trouser_pocket": turn})[0]
    assert np.abs(plain - turned).max() > 0.5
    assert_allclose(turned[:, :3], plain[:, :3] @ turn, atol=1e-4)
    assert_allclose(np.linalg.norm(turned[:, 3:], axis=1), np.linalg.norm(plain[:, 3:], axis=1), rtol=1e-4)
    assert_array_equal(turned, each)
    assert_array_equal(cut(wave(5), turn={"chest": turn})[0], plain)


def test_without_a_gyroscope_its_columns_are_zero() -> None:
    plain, without = cut(wave(5))[0], cut(wave(5), channels="acc")[0]
    assert_array_equal(without[:, :3], plain[:, :3])
    assert not without[:, 3:].any()


def test_a_slower_sensor_reads_the_mean_over_its_period() -> None:
    ramp = np.repeat(np.arange(500)[:, None] / 50, 6, axis=1).astype(np.float32)
    track = Samples("trouser_pocket", np.arange(500) / 50, ramp, IMU_CHANNELS)
    for rate_hz in (15.0, 20.0, 31.0):
        # The mean of a ramp is the ramp at the middle of the period; between the samples stands a line.
        assert_allclose(cut(track, rate_hz=rate_hz)[1], cut(track)[1], atol=2e-3)


def test_a_sensor_that_is_slower_already_stays_as_it_is() -> None:
    track = wave(6, 20.0)
    assert_array_equal(cut(track, rate_hz=25.0)[0], cut(track)[0])


@pytest.mark.parametrize("loss", [0.05, 0.2, 0.5])
def test_packets_are_lost_in_bursts(loss: float) -> None:
    arrived = arriving(200_000, loss, np.random.default_rng(4))
    bursts = np.count_nonzero(arrived[:-1] & ~arrived[1:])
    assert 1 - arrived.mean() == pytest.approx(loss, rel=0.05)
    assert np.count_nonzero(~arrived) / bursts == pytest.approx(4.0, rel=0.05)


def test_the_same_losses_come_with_the_same_seed() -> None:
    def coverage(seed: int) -> list[float]:
        rng = np.random.default_rng(seed)
        return [w.coverage[0] for w in windows(SPEC, {"trouser_pocket": wave(60)}, loss=0.2, rng=rng)]

    assert coverage(1) == coverage(1) != coverage(2)
    assert min(coverage(1)) < 1.0


def test_two_of_a_kind_are_taken_as_far_as_the_model_has_place() -> None:
    kept, why = taken(SPEC, ["wrist_left", "hat", "wrist_right", "chest", "wrist"])
    assert kept == ("wrist_left", "wrist_right", "chest")
    assert set(why) == {"hat", "wrist"}
