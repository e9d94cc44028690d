"""Bounds of rates and shares, beside SciPy's."""

import pytest
from hypothesis import given, strategies as st
from scipy.stats import binomtest, chi2, poisson

from edgehar.recordings.bounds import poisson_below, upper_bound, upper_share


@given(st.integers(0, 300), st.floats(0.1, 100.0))
def test_the_bound_of_a_rate_is_half_a_quantile_of_chi_squared(count: int, hours: float) -> None:
    assert upper_bound(count, hours) == pytest.approx(chi2.ppf(0.95, 2 * (count + 1)) / 2.0 / hours)


@given(st.integers(0, 300), st.floats(0.0, 300.0))
def test_few_events_are_as_probable_as_the_poisson_distribution_has_it(count: int, mean: float) -> None:
    assert poisson_below(count, mean) == pytest.approx(poisson.cdf(count, mean), abs=1e-9)


@given(st.integers(1, 200), st.data())
def test_the_bound_of_a_share_is_the_score_interval(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    # Both sides of 90 % leave one of 5 %.
    expected = binomtest(count, of).proportion_ci(0.9, "wilson").high
    assert upper_share(count, of) == pytest.approx(expected)


def test_of_nothing_any_share_may_be() -> None:
    assert upper_share(0, 0) == 1.0
