"""Double taps on a worn sensor, and what is none."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.taps import count, false_alarms, hits, pulses
from edgehar.pipeline.taps import QUIET_S, DoubleTaps
from edgehar.types import ACCELERATION, ANGULAR_RATE, STANDARD_GRAVITY, Samples

RATE_HZ = 100.0

Array = NDArray[np.float64]


def struck(
    *strikes: float, rate_hz: float = RATE_HZ, seconds: float = 6.0, height_g: float = 4.0
) -> tuple[Array, Array]:
    """Return times and acceleration of a sensor at rest that is hit for 10 ms at some times."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    x = np.tile([0.0, 0.0, STANDARD_GRAVITY], (len(t), 1))
    for at in strikes:
        inside = (t >= at) & (t < at + 0.0101)
        x[inside, 0] += height_g * STANDARD_GRAVITY
    return t, x


def test_two_taps_are_heard_once_with_the_time_of_the_first() -> None:
    assert count(DoubleTaps(), *struck(2.0, 2.25)) == [pytest.approx(2.0, abs=0.02)]


@pytest.mark.parametrize(
    "strikes",
    [
        pytest.param((), id="nothing"),
        pytest.param((2.0,), id="one"),
        pytest.param((2.0, 2.25, 2.5), id="three"),
        pytest.param((2.0, 2.25, 2.7), id="another one soon"),
        pytest.param((1.7, 2.0, 2.25), id="one just before"),
        pytest.param((2.0, 2.7), id="too far apart"),
        pytest.param((2.0, 2.05), id="too close together"),
        pytest.param(tuple(np.arange(1.0, 5.0, 0.5)), id="steps"),
        pytest.param((0.2, 0.45), id="nobody knows what was before"),
        pytest.param((5.3, 5.55), id="nobody knows what comes after"),
    ],
)
def test_what_is_no_double_tap_is_not_heard(strikes: tuple[float, ...]) -> None:
    assert count(DoubleTaps(), *struck(*strikes)) == []


def test_one_after_the_other_are_heard_each() -> None:
    assert len(count(DoubleTaps(), *struck(1.0, 1.2, 2.5, 2.8, 4.0, 4.1))) == 3


def test_it_is_told_as_soon_as_it_stayed_quiet() -> None:
    t, x = struck(2.0, 2.25)
    taps, at = DoubleTaps(), 0
    while not taps.push(Samples("wrist", t[at : at + 1], x[at : at + 1].astype(np.float32), ACCELERATION)):
        at += 1
    assert t[at] == pytest.approx(2.25 + QUIET_S, abs=0.06)


@pytest.mark.parametrize("size", [1, 3, 7, 50, 600])
def test_packets_change_nothing(size: int) -> None:
    rng = np.random.default_rng(1)
    t, x = struck(2.0, 2.25, 4.0, 4.3)
    x += rng.normal(0, 0.3, x.shape)
    taps, heard = DoubleTaps(), list[float]()
    for at in range(0, len(t), size):
        part = slice(at, at + size)
        heard += taps.push(Samples("wrist", t[part], x[part].astype(np.float32), ACCELERATION))
    assert heard == count(DoubleTaps(), t, x)
    assert len(heard) == 2


def test_samples_that_are_missing_make_no_tap_and_hide_those_beside_them() -> None:
    t, x = struck(2.0, 2.25)
    x[t > 2.1] += 2 * STANDARD_GRAVITY  # as after a fall, which was lost
    lost = (t > 2.05) & (t < 2.2)
    assert count(DoubleTaps(), t[~lost], x[~lost]) == []


def test_a_sensor_that_is_too_slow_tells_none() -> None:
    assert count(DoubleTaps(), *struck(2.0, 2.28, rate_hz=25.0)) == []


def test_what_is_no_acceleration_is_passed_over() -> None:
    t, x = struck(2.0, 2.25)
    assert DoubleTaps().push(Samples("wrist", t, x.astype(np.float32), ANGULAR_RATE)) == []
    empty = Samples("wrist", t[:0], x[:0].astype(np.float32), ACCELERATION)
    assert DoubleTaps().push(empty) == []


def test_a_faster_sensor_hears_more_of_a_simulated_wearers_taps() -> None:
    # Measured by benchmarks.taps: docs/teach.md.
    assert hits("sitting", 100.0, 4.0, is_filtered=True, taps=20) > 0.8
    assert hits("walking", 50.0, 4.0, is_filtered=True, taps=20) < 0.2


def test_a_pulse_is_drawn_as_high_as_it_is_meant() -> None:
    _, shape = pulses(1.0, 0.3, 0.02, 1600.0, is_filtered=False)
    assert shape.max() == pytest.approx(1.0, abs=0.01)
    assert (shape > 0.5).sum() == pytest.approx(2 * 0.02 * 2 / 3 * 1600, abs=3)


@pytest.mark.slow
def test_daily_life_is_taken_for_taps_less_than_once_an_hour(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    false_alarms(data)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert all(float(row[5]) < 1.0 for row in rows)
