"""What another frame keeps of a window, and what it takes away."""

import numpy as np
import pytest

from edgehar.motion.imu import random_rotations
from edgehar.training.frames import FRAMES
from edgehar.types import STANDARD_GRAVITY, FloatArray


def windows(seed: int = 0) -> FloatArray:
    x = np.random.default_rng(seed).normal(0.0, 2.0, (40, 3, 2, 50, 3)).astype(np.float32)
    x[:, :, 0] += (
        STANDARD_GRAVITY
        * random_rotations(np.random.default_rng(seed + 1), 120).reshape(40, 3, 1, 3, 3)[..., 0]
    )
    return x


@pytest.mark.parametrize("name", ["gravity", "level"])
def test_gravity_points_up_and_lengths_stay(name: str) -> None:
    x = windows()
    seen = FRAMES[name](x)
    assert seen[:, :, 0].mean(axis=2)[..., :2] == pytest.approx(0.0, abs=2e-3)
    assert (seen[:, :, 0].mean(axis=2)[..., 2] > 0).all()
    assert np.linalg.norm(seen, axis=-1) == pytest.approx(np.linalg.norm(x, axis=-1), abs=2e-3)


def test_both_sensors_of_a_device_are_turned_alike() -> None:
    x = windows()
    angles = (x[:, :, 0] * x[:, :, 1]).sum(axis=-1)
    for name in ("gravity", "level"):
        seen = FRAMES[name](x)
        assert (seen[:, :, 0] * seen[:, :, 1]).sum(axis=-1) == pytest.approx(angles, abs=2e-2)


def test_level_only_the_sign_depends_on_the_mounting() -> None:
    x = windows()
    turned = x @ random_rotations(np.random.default_rng(5), 120).reshape(40, 3, 1, 3, 3).astype(np.float32)
    assert FRAMES["invariant"](turned) == pytest.approx(FRAMES["invariant"](x), abs=2e-3)
    one, other = (FRAMES["level"](y)[:, :, 0] for y in (x, turned))
    assert np.abs(one) == pytest.approx(np.abs(other), abs=0.05)
    assert np.abs(FRAMES["device"](x) - FRAMES["device"](turned)).max() > 1.0
