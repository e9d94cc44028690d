"""What is a hit, what was before it and what comes after it."""

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from edgehar.pipeline.fall_evidence import Evidence, Hit, Hits, angle_deg, evidence, mean
from edgehar.types import STANDARD_GRAVITY, HopAcceleration

WINDOW_S, HOP_S, WITHIN_S = 2.56, 0.64, 5.0
G = STANDARD_GRAVITY
DOWN, ACROSS = (0.0, 0.0, G), (G, 0.0, 0.0)
CALM = HopAcceleration(1.2 * G, 4.0, DOWN)
HIT = HopAcceleration(4.0 * G, 40.0, (5.0, 5.0, 5.0))
LIES = HopAcceleration(G, 0.5, ACROSS)


def seen(hops: Iterable[HopAcceleration | None], t: float = 10.0, hop_s: float = HOP_S) -> Hits:
    """Return what is waited for after these hops."""
    hits = Hits(WINDOW_S, hop_s, WITHIN_S)
    for i, hop in enumerate(hops):
        hits.push(t + i * hop_s, hop)
    return hits


def peaks(hits: Hits) -> list[float]:
    return [hit.peak / G for hit in hits.waiting()]


def hits_of(*sizes: float) -> list[float]:
    """Return the peaks, g, of the hits that are waited for after hops with these peaks."""
    return peaks(seen(replace(CALM, peak=size * G) for size in sizes))


def test_a_hit_is_hard_and_something_is_known_before_it() -> None:
    assert hits_of(1.0, 1.4) == []
    assert hits_of(1.0, 1.6) == [1.6]
    assert hits_of(1.6, 1.0) == []


def test_of_hits_within_a_window_the_hardest_is_one() -> None:
    assert hits_of(1.0, 2.0, 3.0) == [3.0]
    assert hits_of(1.0, 3.0, 2.0) == [3.0]
    assert hits_of(1.0, 3.0, 3.0, 3.0, 3.0) == [3.0]
    # A softer one is one of its own only once the harder one has left the window.
    assert hits_of(1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 2.0) == [3.0, 2.0]


def test_a_hit_is_waited_for_no_longer_than_that() -> None:
    assert hits_of(1.0, 3.0, *[1.0] * 8) == [3.0]
    assert hits_of(1.0, 3.0, *[1.0] * 9) == []


def test_what_was_before_is_two_seconds_that_end_before_the_fall() -> None:
    falls = replace(CALM, mean=ACROSS, peak_to_peak=30.0)
    long_ago = replace(CALM, mean=ACROSS, peak_to_peak=50.0)
    swings = [replace(CALM, mean=(0.0, y, G), peak_to_peak=abs(y)) for y in (-4.0, 4.0, -6.0, 6.0)]
    [hit] = seen([long_ago, *swings, falls, HIT]).waiting()
    assert hit.before == pytest.approx(DOWN)
    assert hit.swing_before == pytest.approx(5.0)


def test_after_it_count_the_newest_direction_and_the_calmest_hop() -> None:
    rolls = replace(LIES, peak_to_peak=9.0, mean=(0.0, 0.0, -G))
    [hit] = seen([CALM, CALM, CALM, HIT, LIES, rolls, replace(rolls, mean=ACROSS)]).followed()
    assert hit.least_swing == 0.5
    assert hit.turn_deg == pytest.approx(135.0)  # half way between the last two
    [hit] = seen([CALM, CALM, CALM, HIT, rolls]).followed()
    assert hit.turn_deg == pytest.approx(180.0)  # the hit's own hop says nothing


def test_free_fall_is_looked_for_in_the_hop_of_the_hit_and_in_that_before() -> None:
    falls = [replace(CALM, least=least) for least in (1.0, 3.0, 2.0)]
    [hit] = seen([*falls, replace(HIT, least=2.5)]).waiting()
    assert hit.least == 2.0
    [hit] = seen([*falls, replace(HIT, least=1.5), replace(LIES, least=0.5)]).waiting()
    assert hit.least == 1.5


def repeats(*sizes: float) -> int:
    """Return how often the hardest of some hits, g, is repeated."""
    hits = seen(replace(CALM, peak=size * G) for size in sizes)
    return max(hits.waiting(), key=lambda hit: hit.peak).repeats


def test_hits_half_as_hard_within_a_window_but_not_next_to_it_repeat_a_hit() -> None:
    assert repeats(1.0, 1.0, 1.0, 4.0, 1.0, 1.0) == 0
    assert repeats(1.0, 1.0, 3.0, 4.0, 3.0, 1.0) == 0
    assert repeats(1.0, 3.0, 2.0, 4.0, 1.0, 3.0, 3.0) == 3
    assert repeats(1.0, 1.9, 1.0, 4.0, 1.0, 1.9) == 0
    assert repeats(3.0, 1.0, 1.0, 1.0, 1.0, 4.0, 1.0, 1.0, 1.0, 1.0, 3.0) == 0


def test_nothing_has_followed_while_nothing_comes() -> None:
    hits = seen([CALM, CALM, HIT, None, None])
    assert list(hits.followed()) == []
    assert peaks(hits) == [4.0]


def test_a_direction_over_a_gap_is_that_of_the_newest_hop() -> None:
    [hit] = seen([CALM, CALM, CALM, HIT, CALM, None, LIES]).followed()
    assert hit.turn_deg == pytest.approx(90.0)


@pytest.mark.parametrize("t", [*np.arange(0.0, 1.0, 0.13), 1e6, 1e6 + 0.01])
def test_a_window_counts_for_a_hit_while_it_holds_all_of_its_hop(t: float) -> None:
    hits = seen([CALM, CALM, HIT], t)
    for i in range(6):
        hits.judge(t + (2 + i) * HOP_S, 0.1 * (i + 1))
    [hit] = hits.waiting()
    assert hit.probability == pytest.approx(0.4)


def test_what_was_dropped_is_no_hit_again() -> None:
    hits = seen([CALM, CALM, HIT, LIES])
    hits.drop()
    hits.push(20.0, CALM)
    assert peaks(hits) == []


def hit(**seen_of_it: float) -> Hit:
    at = Hit(0.0, 3 * G, DOWN, 4.0, 0.6 * G, probability=0.5, least_swing=2.0, turn_deg=60.0)
    for key, value in seen_of_it.items():
        setattr(at, key, value)
    return at


def test_what_stands_at_its_threshold_says_nothing() -> None:
    e = evidence(hit())
    assert [getattr(e, proof) for proof in Evidence.__struct_fields__] == pytest.approx([0.0] * 7)


@pytest.mark.parametrize(
    ("seen_of_it", "proof", "value"),
    [
        ({"probability": 0.9}, "network", np.log(9.0)),
        ({"peak": 6 * G}, "impact", 1.0),
        ({"peak": 20 * G}, "impact", 1.0),
        ({"least": 0.3 * G}, "fell", 1.0),
        ({"least": 0.0}, "fell", 2.0),
        ({"least": 2.0 * G}, "fell", -1.0),
        ({"repeats": 2}, "repeats", 2.0),
        ({"repeats": 9}, "repeats", 3.0),
        ({"turn_deg": 15.0}, "turned", -0.5),
        ({"turn_deg": 170.0}, "turned", 1 / 3),
        ({"least_swing": 1.0}, "rest", 1.0),
        ({"least_swing": 0.0}, "rest", np.log2(2.0 / 0.7)),
        ({"swing_before": 16.0}, "unrest", 2.0),
        ({"swing_before": 0.0}, "unrest", 0.0),
    ],
)
def test_each_proof_has_its_unit_and_its_bounds(
    seen_of_it: dict[str, float], proof: str, value: float
) -> None:
    e = evidence(hit(**seen_of_it))
    assert getattr(e, proof) == pytest.approx(value)
    others = set(Evidence.__struct_fields__) - {proof}
    assert [getattr(e, other) for other in others] == pytest.approx([0.0] * len(others))


@given(st.floats(0.0, 1.0))
def test_no_network_is_sure_beyond_measure(p: float) -> None:
    assert abs(evidence(hit(probability=p)).network) < 9.3


def test_the_angle_to_nowhere_is_none() -> None:
    assert angle_deg((0.0, 0.0, 0.0), DOWN) == 0.0
    assert angle_deg(DOWN, mean([DOWN, ACROSS])) == pytest.approx(45.0)
