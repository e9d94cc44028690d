"""What followed tells a fall from what only looked like one."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_confirmation import Fall, FallConfirmation
from edgehar.types import STANDARD_GRAVITY, HopAcceleration, Prediction

WINDOW_S, HOP_S = 2.56, 0.64
G = STANDARD_GRAVITY
SETTINGS = Settings()
DOWN, ACROSS, UP = (0.0, 0.0, G), (G, 0.0, 0.0), (0.0, 0.0, -G)
UPRIGHT = HopAcceleration(1.2 * G, 4.0, DOWN)
HIT = HopAcceleration(4.0 * G, 40.0, (5.0, 5.0, 5.0))
TUMBLE = HopAcceleration(1.5 * G, 12.0, (5.0, 0.0, 5.0))
LIES = HopAcceleration(G, 0.5, ACROSS)

Hop = HopAcceleration | Mapping[int, HopAcceleration] | None


def story(
    hops: Iterable[Hop],
    suspected: Sequence[int] | Mapping[int, float] = (4, 5),
    t: float = 10.0,
    hop_s: float = HOP_S,
) -> list[Prediction]:
    """Return a window for each hop of one sensor, or of several; probability of a fall where it is suspected."""
    probability = suspected if isinstance(suspected, Mapping) else dict.fromkeys(suspected, 0.9)
    return [
        Prediction(
            t + i * hop_s,
            np.array([1.0 - (p := probability.get(i, 0.0)), p], np.float32),
            None,
            1.0,
            1.0,
            hop_accelerations={3: hop} if isinstance(hop, HopAcceleration) else hop or {},
        )
        for i, hop in enumerate(hops)
    ]


FALL = [UPRIGHT, UPRIGHT, UPRIGHT, UPRIGHT, HIT, TUMBLE, LIES, LIES, LIES, LIES]


def confirmed(
    predictions: Iterable[Prediction], settings: Settings = SETTINGS, hop_s: float = HOP_S
) -> list[tuple[int, Fall]]:
    """Return every fall, and at which window it was confirmed."""
    confirmation = FallConfirmation(1, WINDOW_S, hop_s, settings)
    return [(i, fall) for i, p in enumerate(predictions) for fall in confirmation.push(p)]


def test_who_is_hit_then_lies_still_and_elsewhere_has_fallen() -> None:
    [(i, fall)] = confirmed(story(FALL))
    assert i == 7  # two hops that lie still
    assert fall.t == pytest.approx(10.0 + 3.5 * HOP_S)
    assert (fall.sensor, fall.peak) == (3, HIT.peak)
    assert fall.probability == pytest.approx(0.9)
    assert fall.turn_deg == pytest.approx(90.0)


NO_FALL = {
    "nothing suspected": story(FALL, suspected=()),
    "no impact": story([replace(hop, peak=2.9 * G) if hop is HIT else hop for hop in FALL]),
    "points as before": story([replace(hop, mean=DOWN) if hop is LIES else hop for hop in FALL]),
    "moves on": story([replace(hop, peak_to_peak=2.1) if hop is LIES else hop for hop in FALL]),
    "turns slowly": story([*FALL[:6], *(replace(LIES, mean=(G, 2.1 * i, 0.0)) for i in range(4))]),
    "still for one hop": story([*FALL[:7], TUMBLE, LIES, TUMBLE, LIES]),
    "hit while still": story([*FALL[:4], replace(LIES, peak=HIT.peak), LIES, *[TUMBLE] * 8]),
    "still too late": story([*FALL[:5], *[TUMBLE] * 8, *[LIES] * 4]),
    "a gap while still": story([*FALL[:7], None, LIES, None, LIES]),
    "unknown before": story([HIT, TUMBLE, LIES, LIES, LIES], suspected=(0, 1)),
    "never seen lying": story([*FALL[:6], *[None] * 8]),
}


@pytest.mark.parametrize("predictions", NO_FALL.values(), ids=NO_FALL)
def test_without_any_of_the_proofs_nothing_is_told(predictions: list[Prediction]) -> None:
    assert confirmed(predictions) == []


@pytest.mark.parametrize(
    ("missing", "keys"),
    [
        ("no impact", {"fall_peak": 20.0}),
        ("points as before", {"fall_turn_deg": 0.0}),
        ("moves on", {"fall_still_swing": 3.0}),
        ("turns slowly", {"fall_still_swing": 3.0}),
        ("still too late", {"fall_within_s": 10.0}),
    ],
)
def test_each_proof_can_be_set(missing: str, keys: dict[str, float]) -> None:
    assert len(confirmed(NO_FALL[missing], replace(SETTINGS, **keys))) == 1


def test_a_suspicion_is_a_probability_that_can_be_set_and_the_largest_counts() -> None:
    faint = story(FALL, {4: 0.2, 5: 0.25, 6: 0.22})
    assert confirmed(faint) == []
    [(_, fall)] = confirmed(faint, replace(SETTINGS, fall_suspicion=0.2))
    assert fall.probability == pytest.approx(0.25)


@pytest.mark.parametrize("t", [*np.arange(0.0, 1.0, 0.013), 1e6, 1e6 + 0.01])
def test_an_impact_is_found_in_the_whole_window_that_is_suspected_at_any_time(t: float) -> None:
    [(_, fall)] = confirmed(story(FALL, suspected=(7,), t=t))
    assert fall.t == pytest.approx(t + 3.5 * HOP_S)
    assert confirmed(story(FALL, suspected=(8,), t=t)) == []


def test_a_short_time_is_kept_though_the_window_is_longer() -> None:
    quick = replace(SETTINGS, fall_within_s=1.92)
    [(i, _)] = confirmed(story([*FALL[:5], *[LIES] * 6], suspected=(4,)), quick)
    assert i == 6
    assert confirmed(story([*FALL[:5], TUMBLE, TUMBLE, *[LIES] * 6], suspected=(4, 5, 6, 7, 8)), quick) == []


def test_the_hardest_of_two_impacts_is_the_one_that_counts() -> None:
    softer = replace(HIT, peak=3.1 * G)
    [(_, fall)] = confirmed(story([*FALL[:3], softer, HIT, softer, *FALL[6:]], suspected=(3, 4, 5)))
    assert fall.peak == HIT.peak
    assert fall.t == pytest.approx(10.0 + 3.5 * HOP_S)
    # Though the harder one has left the window when the softer is suspected again.
    late = [*FALL[:5], TUMBLE, TUMBLE, TUMBLE, softer, LIES, LIES]
    [(_, fall)] = confirmed(story(late, suspected=(4, 8)))
    assert fall.peak == HIT.peak


def test_before_is_before_the_fall_began_and_a_mean() -> None:
    # Half turned in the hop before the impact: the fall itself. Swinging before that.
    falls = replace(UPRIGHT, mean=ACROSS)
    swings = [replace(UPRIGHT, mean=(0.0, y, G)) for y in (-G, G, -G, G)]
    [(_, fall)] = confirmed(story([*[falls] * 3, *swings, falls, *FALL[4:]], suspected=(8, 9)))
    assert fall.turn_deg == pytest.approx(90.0, abs=0.1)
    lies = [replace(LIES, mean=(G, 0.0, z)) for z in (-0.9, 0.9)]
    [(_, fall)] = confirmed(story([*FALL[:6], *lies]))
    assert fall.turn_deg == pytest.approx(90.0, abs=0.1)


def test_soon_after_the_start_the_first_hop_is_all_there_was_before() -> None:
    [(i, fall)] = confirmed(story([UPRIGHT, HIT, LIES, LIES], suspected=(1,)))
    assert i == 3
    assert fall.turn_deg == pytest.approx(90.0)


def test_one_impact_is_one_fall_and_the_next_is_another() -> None:
    # Told at 6, and still in the window at 7.
    once = [*FALL[:5], *[LIES] * 6]
    rises = [replace(LIES, mean=UP) for _ in range(3)]
    assert [i for i, _ in confirmed(story([*once[:7], *rises], suspected=(4, 5, 6, 7)))] == [6]
    again = [*FALL, *[UPRIGHT] * 6, *FALL[4:]]
    assert [i for i, _ in confirmed(story(again, (4, 5, 6, 7, 8, 16, 17)))] == [7, 19]


def test_all_is_seen_by_the_same_sensor() -> None:
    calm = replace(LIES, mean=DOWN)
    struck_here = [{0: hop, 1: replace(calm, peak_to_peak=1.0)} for hop in FALL[:6]]
    turned_there = [{0: calm, 1: LIES}] * 4
    assert confirmed(story([*struck_here, *turned_there])) == []
    [(_, fall)] = confirmed(story([{0: hop, 1: calm} for hop in FALL]))
    assert fall.sensor == 0


def test_what_lies_still_does_so_as_long_with_other_hops() -> None:
    short = [replace(hop, peak_to_peak=0.1) if hop is LIES else hop for hop in FALL for _ in range(4)]
    [(i, _)] = confirmed(story(short, range(16, 24), hop_s=0.16), hop_s=0.16)
    assert i == 24 + 8 - 1  # 1.28 s from the 24th on
    turning = [*short[:24], *(replace(LIES, peak_to_peak=0.5, mean=(G, 0.4 * i, 0.0)) for i in range(16))]
    assert confirmed(story(turning, range(16, 24), hop_s=0.16), hop_s=0.16) == []


def test_reset_forgets_what_was_suspected_and_told() -> None:
    confirmation = FallConfirmation(1, WINDOW_S, HOP_S, SETTINGS)
    predictions = story(FALL)
    for p in predictions[:7]:
        assert confirmation.push(p) == []
    assert confirmation.suspected == (3, HIT.peak)
    confirmation.reset()
    assert confirmation.suspected is None
    assert [fall for p in predictions[7:] for fall in confirmation.push(p)] == []
    confirmation.reset()
    for _ in range(2):
        assert len([fall for p in predictions for fall in confirmation.push(p)]) == 1
        confirmation.reset()


hits = st.builds(lambda peak: replace(HIT, peak=peak), st.sampled_from([2.0 * G, 3.5 * G, 5.0 * G]))
still = st.builds(lambda force: replace(LIES, mean=force), st.sampled_from([DOWN, ACROSS, UP]))
hops = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 1), st.one_of(hits, still, still, still, still), min_size=0),
        st.sampled_from([0.0, 0.5]),
        st.sampled_from([1] * 12 + [9]),
    ),
    min_size=10,
    max_size=60,
)


@given(hops)
def test_whatever_comes_a_fall_has_all_its_proofs(
    items: list[tuple[dict[int, HopAcceleration], float, int]],
) -> None:
    at, predictions = 0, []
    for hop, suspected, step in items:
        at += step
        predictions += story([hop], {0: suspected}, t=10.0 + at * HOP_S)
    falls = confirmed(predictions)
    for i, fall in falls:
        now = predictions[i].t
        assert 0.0 < now - fall.t <= SETTINGS.fall_within_s + HOP_S
        hops = [
            (p.t, p.hop_accelerations[fall.sensor])
            for p in predictions[: i + 1]
            if fall.sensor in p.hop_accelerations
        ]
        [impact] = [hop for t, hop in hops if abs(t - 0.5 * HOP_S - fall.t) < 1e-6]
        assert impact.peak == fall.peak >= SETTINGS.fall_peak
        (before, first), (last_t, last) = hops[-2:]
        assert last_t - before == pytest.approx(HOP_S)
        assert max(first.peak_to_peak, last.peak_to_peak) <= SETTINGS.fall_still_swing
        assert fall.turn_deg >= SETTINGS.fall_turn_deg
    # The impact of the next comes after the one before was told.
    for (i, _), (_, later) in pairwise(falls):
        assert later.t > predictions[i].t
