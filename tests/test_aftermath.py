"""What followed tells a fall from what only looked like one."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from edgehar.aftermath import Aftermath, Fall
from edgehar.settings import Settings
from edgehar.types import STANDARD_GRAVITY, Felt, Prediction

WINDOW_S, HOP_S = 2.56, 0.64
G = STANDARD_GRAVITY
SETTINGS = Settings()
DOWN, ACROSS = (0.0, 0.0, G), (G, 0.0, 0.0)
UPRIGHT = Felt(1.2 * G, 4.0, DOWN)
HIT = Felt(4.0 * G, 40.0, (5.0, 5.0, 5.0))
TUMBLE = Felt(1.5 * G, 12.0, (5.0, 0.0, 5.0))
LIES = Felt(G, 0.5, ACROSS)


def hop(i: int, felt: Felt | Mapping[int, Felt] | None, suspected: float = 0.0) -> Prediction:
    """The window that ends with this hop."""
    felt = {3: felt} if isinstance(felt, Felt) else felt or {}
    p = np.array([1.0 - suspected, suspected], np.float32)
    return Prediction(10.0 + i * HOP_S, p, None, 1.0, 1.0, felt=felt)


def story(
    hops: Iterable[Felt | Mapping[int, Felt] | None], suspected: Sequence[int] = (4, 5)
) -> list[Prediction]:
    return [hop(i, felt, 0.9 if i in suspected else 0.0) for i, felt in enumerate(hops)]


FALL = [UPRIGHT, UPRIGHT, UPRIGHT, UPRIGHT, HIT, TUMBLE, LIES, LIES, LIES, LIES]


def told(predictions: Iterable[Prediction], settings: Settings = SETTINGS) -> list[tuple[int, Fall]]:
    """Every fall, and at which window it was told."""
    aftermath = Aftermath(1, WINDOW_S, HOP_S, settings)
    return [(i, fall) for i, p in enumerate(predictions) for fall in aftermath.push(p)]


def test_who_is_hit_then_lies_still_and_elsewhere_has_fallen() -> None:
    [(i, fall)] = told(story(FALL))
    assert i == 7  # two hops that lie still
    assert fall.t == pytest.approx(10.0 + 3.5 * HOP_S)
    assert fall.probability == pytest.approx(0.9)
    assert fall.peak == pytest.approx(4.0 * G)
    assert fall.turn_deg == pytest.approx(90.0)


NO_FALL = {
    "nothing suspected": story(FALL, suspected=()),
    "no impact": story([replace(felt, peak=2.9 * G) if felt is HIT else felt for felt in FALL]),
    "points as before": story([replace(felt, force=DOWN) if felt is LIES else felt for felt in FALL]),
    "moves on": story([replace(felt, swing=2.1) if felt is LIES else felt for felt in FALL]),
    "still for one hop": story([*FALL[:7], TUMBLE, LIES, TUMBLE, LIES]),
    "still too late": story([*FALL[:5], *[TUMBLE] * 8, *[LIES] * 4]),
    "a gap while still": story([*FALL[:7], None, LIES, None, LIES]),
    "unknown before": story([HIT, TUMBLE, LIES, LIES, LIES], suspected=(0, 1)),
    "never seen lying": story([*FALL[:6], *[None] * 8]),
}


@pytest.mark.parametrize("predictions", NO_FALL.values(), ids=NO_FALL)
def test_without_any_of_the_proofs_nothing_is_told(predictions: list[Prediction]) -> None:
    assert told(predictions) == []


@pytest.mark.parametrize(
    ("missing", "keys"),
    [
        ("no impact", {"fall_peak": 20.0}),
        ("points as before", {"fall_turn_deg": 0.0}),
        ("moves on", {"fall_still_swing": 3.0}),
        ("still too late", {"fall_within_s": 10.0}),
    ],
)
def test_each_proof_can_be_set(missing: str, keys: dict[str, float]) -> None:
    assert len(told(NO_FALL[missing], replace(SETTINGS, **keys))) == 1


def test_a_suspicion_is_a_probability_that_can_be_set() -> None:
    faint = [
        replace(p, probabilities=p.probabilities / 4) for p in story(FALL) if p.probabilities is not None
    ]
    assert told(faint) == []
    assert len(told(faint, replace(SETTINGS, fall_suspicion=0.2))) == 1


def test_an_impact_is_found_in_the_whole_window_that_is_suspected() -> None:
    [(_, fall)] = told(story(FALL, suspected=(7,)))
    assert fall.t == pytest.approx(10.0 + 3.5 * HOP_S)
    assert told(story(FALL, suspected=(8,))) == []


def test_the_hardest_of_two_impacts_is_the_one_that_counts() -> None:
    softer = replace(HIT, peak=3.1 * G)
    [(_, fall)] = told(story([*FALL[:3], softer, HIT, softer, *FALL[6:]], suspected=(3, 4, 5)))
    assert fall.peak == HIT.peak
    assert fall.t == pytest.approx(10.0 + 3.5 * HOP_S)


def test_before_is_before_the_fall_began() -> None:
    # Half turned in the hop before the impact: the fall itself.
    [(_, fall)] = told(story([UPRIGHT, UPRIGHT, UPRIGHT, replace(UPRIGHT, force=ACROSS), *FALL[4:]]))
    assert fall.turn_deg == pytest.approx(90.0)


def test_one_impact_is_one_fall_and_the_next_is_another() -> None:
    again = [*FALL, *[UPRIGHT] * 6, *FALL[4:]]
    suspected = (4, 5, 6, 7, 8, 16, 17)
    assert [i for i, _ in told(story(again, suspected))] == [7, 19]


def test_all_is_seen_by_the_same_sensor() -> None:
    calm = replace(LIES, force=DOWN)
    struck_here = [{0: felt, 1: replace(calm, swing=1.0)} for felt in FALL[:6]]
    turned_there = [{0: calm, 1: LIES}] * 4
    assert told(story([*struck_here, *turned_there])) == []
    both = [{0: felt, 1: calm} for felt in FALL]
    assert len(told(story(both))) == 1


def test_reset_forgets_what_was_suspected() -> None:
    aftermath = Aftermath(1, WINDOW_S, HOP_S, SETTINGS)
    predictions = story(FALL)
    for p in predictions[:7]:
        assert aftermath.push(p) == []
    assert aftermath.suspected == HIT.peak
    aftermath.reset()
    assert aftermath.suspected == 0.0
    assert [fall for p in predictions[7:] for fall in aftermath.push(p)] == []


felts = st.builds(
    Felt,
    st.floats(0.0, 100.0),
    st.sampled_from([0.0, 0.5, 50.0]),
    st.tuples(*[st.floats(-30.0, 30.0)] * 3),
)
hops = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 2), felts), st.sampled_from([0.0, 0.5]), st.sampled_from([1, 1, 9])
    ),
    max_size=40,
)


@given(hops)
def test_whatever_comes_a_fall_has_all_its_proofs(items: list[tuple[dict[int, Felt], float, int]]) -> None:
    at, predictions = 0, []
    for felt, suspected, step in items:
        at += step
        predictions.append(hop(at, felt, suspected))
    falls = [fall for _, fall in told(predictions)]
    for i, fall in told(predictions):
        now = predictions[i].t
        assert fall.peak >= SETTINGS.fall_peak
        assert fall.turn_deg >= SETTINGS.fall_turn_deg
        assert 0.0 < now - fall.t <= SETTINGS.fall_within_s + HOP_S
        assert any(felt.swing <= SETTINGS.fall_still_swing for felt in predictions[i].felt.values())
    times = [fall.t for fall in falls]
    assert times == sorted(set(times))
