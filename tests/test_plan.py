"""The plan of what is scored: the rule that every model is held to."""

import pytest
from msgspec.structs import replace

from edgehar.errors import ModelError
from edgehar.evaluation.plan import plan
from edgehar.pipeline import manifest

SPEC = manifest.read(manifest.find("imu_tcn"))


@pytest.mark.parametrize(("rate_hz", "window", "hop"), [(50.0, 128, 64), (50.0, 128, 1), (25.0, 64, 16)])
def test_windows_that_hold_the_scored_ones_are_accepted(rate_hz: float, window: int, hop: int) -> None:
    assert not plan(replace(SPEC, rate_hz=rate_hz, window=window, hop=hop), {}).rows


@pytest.mark.parametrize(
    ("rate_hz", "window", "hop", "named"),
    [
        (50.0, 100, 25, "2 s, one each 0.5 s"),
        (25.0, 128, 32, "5.12 s, one each 1.28 s"),
        (50.0, 128, 48, "2.56 s, one each 0.96 s"),
        (50.0, 128, 128, "2.56 s, one each 2.56 s"),
    ],
)
def test_other_windows_than_those_of_the_rule_are_refused(
    rate_hz: float, window: int, hop: int, named: str
) -> None:
    with pytest.raises(ModelError, match=named) as refused:
        plan(replace(SPEC, rate_hz=rate_hz, window=window, hop=hop), {})
    assert "\n" not in str(refused.value)
