"""Level axes: the same however a device is mounted, but for a half turn."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.motion.imu import random_rotations
from edgehar.pipeline.mounting import level, level_all
from edgehar.types import STANDARD_GRAVITY, FloatArray


def window(seed: int) -> FloatArray:
    """Return (rows, 6): somebody moves, most along one horizontal direction, in some orientation of the device."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0.0, (3.0, 1.0, 2.0, 1.0, 1.0, 1.0), (128, 6)) + rng.normal(0.0, 0.3, 6)
    x[:, 2] += STANDARD_GRAVITY
    return turned(np.asarray(x, np.float32), rng)


def turned(x: FloatArray, rng: np.random.Generator) -> FloatArray:
    return np.asarray((x.reshape(-1, 3) @ random_rotations(rng, 1)[0]).reshape(x.shape), np.float32)


@given(st.integers(0, 2**32))
def test_the_mean_force_is_up_and_varies_most_along_x(seed: int) -> None:
    x = window(seed)
    seen = level(x)
    size = np.linalg.norm(x[:, :3].mean(axis=0))
    assert seen[:, :3].mean(axis=0) == pytest.approx([0.0, 0.0, size], abs=1e-3)
    across, most = np.linalg.eigvalsh(np.cov(seen[:, :2].T))
    assert seen[:, :2].std(axis=0, ddof=1) ** 2 == pytest.approx([most, across], rel=1e-3)


@given(st.integers(0, 2**32))
def test_another_mounting_makes_no_difference_but_for_a_half_turn(seed: int) -> None:
    x = window(seed)
    first, other = level(x), level(turned(x, np.random.default_rng(seed + 1)))
    half = np.array([-1.0, -1.0, 1.0] * 2)
    assert np.minimum(np.abs(first - other).max(), np.abs(first - half * other).max()) < 0.01


@given(st.integers(0, 2**32))
def test_both_sensors_are_turned_alike_and_not_mirrored(seed: int) -> None:
    x = window(seed)
    seen = level(x)
    force, rate = x[:, :3], x[:, 3:]
    assert np.linalg.norm(seen, axis=1) == pytest.approx(np.linalg.norm(x, axis=1), rel=1e-4)
    volume = np.cross(force[:-1], rate[:-1]) * force[1:]
    mirrored = np.cross(seen[:-1, :3], seen[:-1, 3:]) * seen[1:, :3]
    assert mirrored.sum(axis=1) == pytest.approx(volume.sum(axis=1), rel=1e-2, abs=0.05)


@pytest.mark.parametrize("up", [(0, 0, 1), (0, 0, -1), (1e-4, 0, -1), (0, -1e-3, -1), (1, 0, 0), (0, -1, 0)])
def test_no_direction_is_a_pole(up: tuple[float, float, float]) -> None:
    force = STANDARD_GRAVITY * np.array(up) / np.linalg.norm(up)
    x = np.tile(np.append(force, [0.1, 0.2, 0.3]), (50, 1)).astype(np.float32)
    seen = level(x)
    assert seen[:, :3] == pytest.approx(np.tile([0.0, 0.0, STANDARD_GRAVITY], (50, 1)), abs=1e-4)
    assert np.linalg.norm(seen[:, 3:], axis=1) == pytest.approx(np.linalg.norm([0.1, 0.2, 0.3]), rel=1e-4)


def test_many_windows_at_once_give_the_same_and_nothing_stays_nothing() -> None:
    sensors = [[window(10 * i + k) for k in range(3)] for i in range(5)]
    sensors[2][1] = np.zeros((128, 6), np.float32)
    x = np.array(sensors).reshape(5, 3, 128, 2, 3).transpose(0, 1, 3, 2, 4)
    seen = level_all(x).transpose(0, 1, 3, 2, 4).reshape(5, 3, 128, 6)
    assert seen.dtype == np.float32
    assert not seen[2, 1].any()
    for i, row in enumerate(sensors):
        for k, x in enumerate(row):
            assert seen[i, k] == pytest.approx(level(x), abs=1e-4)
