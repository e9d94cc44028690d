"""Local splines: exact for polynomials, and blind to what is far away."""

import numpy as np
import pytest

from edgehar.training.studies import local_spline

RATE = 30.0


@pytest.mark.parametrize("degree", range(6))
@pytest.mark.parametrize("new_rate", [25.0, 30.0, 50.0, 100.0])
@pytest.mark.parametrize("derivative", [0, 2])
def test_polynomials_up_to_degree_5_are_exact(degree: int, new_rate: float, derivative: int) -> None:
    polynomial = np.polynomial.Polynomial(np.random.default_rng(degree).standard_normal(degree + 1))
    t = np.arange(40) / RATE
    at = local_spline.times(len(t), RATE, new_rate)
    got = local_spline.local(polynomial(t)[:, None], RATE, at, derivative)[:, 0]
    truth = polynomial.deriv(derivative)(at) if derivative else polynomial(at)
    assert got == pytest.approx(truth, abs=1e-8)


def test_a_movement_of_3_hz_has_its_acceleration() -> None:
    t, omega = np.arange(90) / RATE, 2.0 * np.pi * 3.0
    at = local_spline.times(len(t), RATE, 50.0)
    got = local_spline.local(np.sin(omega * t), RATE, at, 2)
    assert got == pytest.approx(-(omega**2) * np.sin(omega * at), abs=0.01 * omega**2)


def test_a_jump_is_felt_by_the_twelve_frames_around_it_alone() -> None:
    x = np.zeros(60)
    x[30:] = 1.0
    at = local_spline.times(len(x), RATE, RATE)
    felt = at[np.abs(local_spline.local(x, RATE, at, 2)) > 1e-9] * RATE
    assert felt == pytest.approx(np.arange(25, 36))


def test_the_grid_ends_where_a_whole_span_does() -> None:
    assert len(local_spline.times(11, RATE, 50.0)) == 0
    assert local_spline.times(12, RATE, 50.0) == pytest.approx([6.0 / RATE])
    at = local_spline.times(40, RATE, 50.0)
    assert at[0] == pytest.approx(6.0 / RATE)
    assert 34.0 / RATE - 0.02 < at[-1] <= 34.0 / RATE + 1e-9


def test_the_cubic_one_feels_a_jump_everywhere() -> None:
    x = np.zeros((60, 1))
    x[30:] = 1.0
    made, frame = local_spline.cubic(x, RATE, RATE)
    assert np.abs(made[20]) > 1e-6
    assert frame.tolist() == list(range(60))
