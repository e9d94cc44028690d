"""A wrong unit or range shows as soon as the sensor lies still, and a person who moves shows nothing."""

import numpy as np
import pytest
from msgspec.structs import replace
from retained import pickled_bytes

from edgehar.pipeline.gravity_check import GravityCheck
from edgehar.types import ANGULAR_RATE, IMU_CHANNELS, STANDARD_GRAVITY, FloatArray, Packet

PERIOD_US = 20_000


def packet(x: FloatArray, channels: tuple[str, ...] = IMU_CHANNELS) -> Packet:
    values = np.zeros((len(x), len(channels)), np.float32)
    values[:, :3] = x
    return Packet("c0ffee", None, None, PERIOD_US, channels, values, np.ones(len(channels), np.float32))


def complaints(force: FloatArray, check: GravityCheck | None = None, *, begin: float = 0.0) -> list[str]:
    """Return what is said of a stretch of acceleration that comes five samples at a time."""
    check = check or GravityCheck()
    answers = [
        check.push(begin + (i + 5) * PERIOD_US * 1e-6, packet(force[i : i + 5]))
        for i in range(0, len(force), 5)
    ]
    return [complaint for complaint in answers if complaint]


def at_rest(force: float, n: int = 200, noise: float = 0.002) -> FloatArray:
    rng = np.random.default_rng(1)
    axis = np.array([0.48, 0.6, 0.64])
    return np.asarray(force * (axis + rng.normal(0, noise, (n, 3))), np.float32)


def moving(n: int = 500) -> FloatArray:
    t = np.arange(n) * PERIOD_US * 1e-6
    return np.asarray(at_rest(STANDARD_GRAVITY, n) + 4 * np.sin(6 * t)[:, None], np.float32)


@pytest.mark.parametrize("offset", [-0.14, -0.03, 0.0, 0.1, 0.14])
def test_gravity_fits_within_what_cheap_chips_are_off(offset: float) -> None:
    assert complaints(at_rest((1 + offset) * STANDARD_GRAVITY)) == []


@pytest.mark.parametrize(
    ("factor", "named"),
    [
        (1 / STANDARD_GRAVITY, "a factor of 0.1"),
        (1 / 4, "a factor of 0.25"),
        (2, "a factor of 2"),
        (16, "a factor of 16"),
        (1000, "a factor of 1e+03"),
    ],
)
def test_another_unit_or_range_is_named_once_with_its_factor(factor: float, named: str) -> None:
    [complaint] = complaints(at_rest(factor * STANDARD_GRAVITY, 500))
    assert named in complaint
    assert "9.81" in complaint


def test_a_second_that_takes_minutes_is_not_waited_for() -> None:
    check = GravityCheck()
    # Fifty samples a second, each said to take a microsecond.
    hasty = replace(packet(at_rest(STANDARD_GRAVITY, 1)), period_us=1)
    kept = []
    for i in range(6000):
        assert check.push(i * 0.02, hasty) is None
        if i % 500 == 0:
            kept.append(pickled_bytes(check))
    # It waits for half a minute, the first four; of two minutes it keeps no more than that.
    assert max(kept) < 1.2 * max(kept[:4])


def test_acceleration_without_gravity_is_named() -> None:
    rng = np.random.default_rng(2)
    [complaint] = complaints(rng.normal(0, 0.03, (200, 3)).astype(np.float32))
    assert "without gravity" in complaint


def test_nothing_is_said_of_one_who_moves() -> None:
    assert complaints(2 * moving()) == []


def test_the_first_still_second_after_moving_is_judged() -> None:
    assert len(complaints(np.concatenate((2 * moving(), at_rest(20.0))))) == 1


def test_each_start_is_judged_anew() -> None:
    check = GravityCheck()
    assert complaints(at_rest(STANDARD_GRAVITY), check) == []
    assert complaints(at_rest(20.0), check, begin=5.0) == []
    assert len(complaints(at_rest(20.0), check, begin=100.0)) == 1


def test_what_was_felt_before_a_pause_does_not_count() -> None:
    check = GravityCheck()
    assert complaints(at_rest(20.0, 45), check) == []
    assert complaints(at_rest(STANDARD_GRAVITY, 200), check, begin=100.0) == []


def test_a_sensor_without_an_accelerometer_is_not_judged() -> None:
    check = GravityCheck()
    complaints = [check.push(i * 0.1, packet(at_rest(20.0, 5), ANGULAR_RATE)) for i in range(50)]
    assert complaints == [None] * 50


def test_little_is_kept_while_the_sensor_moves() -> None:
    check = GravityCheck()
    complaints(moving(5000), check)
    # A second of samples, and what stands around them.
    assert pickled_bytes(check) <= 1.1e6 / PERIOD_US * 3 * 4 + 5000
