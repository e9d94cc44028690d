"""All evidence together tells a fall from what only looks like one, by where the sensor is."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.pipeline.fall_confirmation import Fall, FallConfirmation
from edgehar.pipeline.fall_settings import FallSettings, FallWeights
from edgehar.types import STANDARD_GRAVITY, HopAcceleration, Prediction

WINDOW_S, HOP_S = 2.56, 0.64
G = STANDARD_GRAVITY
SETTINGS = FallSettings()
DOWN, ACROSS, UP = (0.0, 0.0, G), (G, 0.0, 0.0), (0.0, 0.0, -G)
UPRIGHT = HopAcceleration(1.2 * G, 4.0, DOWN)
HIT = HopAcceleration(4.0 * G, 40.0, (5.0, 5.0, 5.0))
TUMBLE = HopAcceleration(1.5 * G, 12.0, (5.0, 0.0, 5.0))
LIES = HopAcceleration(G, 0.5, ACROSS)
STIRS = HopAcceleration(1.4 * G, 6.0, ACROSS)
CLAPS = HopAcceleration(4.5 * G, 50.0, (0.0, 5.0, 8.0))

Hop = HopAcceleration | Mapping[int, HopAcceleration] | None


def story(
    hops: Iterable[Hop], suspected: Sequence[int] | Mapping[int, float] = (4, 5), t: float = 10.0
) -> list[Prediction]:
    """Return a window for each hop of one sensor, or of several; probability of a fall where it is suspected."""
    probability = suspected if isinstance(suspected, Mapping) else dict.fromkeys(suspected, 0.9)
    return [
        Prediction(
            t + i * HOP_S,
            np.array([1.0 - (p := probability.get(i, 0.0)), p], np.float32),
            None,
            1.0,
            1.0,
            hop_accelerations={0: hop} if isinstance(hop, HopAcceleration) else hop or {},
        )
        for i, hop in enumerate(hops)
    ]


FALL = [UPRIGHT, UPRIGHT, UPRIGHT, UPRIGHT, HIT, TUMBLE, LIES, LIES, LIES, LIES]


def confirmed(
    predictions: Iterable[Prediction], *placements: str, settings: FallSettings = SETTINGS
) -> list[tuple[int, Fall]]:
    """Return every fall, and at which window it was confirmed."""
    confirmation = FallConfirmation(1, WINDOW_S, HOP_S, settings, placements or ("wrist",))
    return [(i, fall) for i, p in enumerate(predictions) for fall in confirmation.push(p)]


def test_who_is_hit_and_lies_still_and_elsewhere_has_fallen() -> None:
    [(i, fall)] = confirmed(story(FALL))
    assert i == 6
    assert fall.t == pytest.approx(10.0 + 3.5 * HOP_S)
    assert (fall.sensor, fall.peak, fall.swing) == (0, HIT.peak, LIES.peak_to_peak)
    assert fall.probability == pytest.approx(0.9)


NO_FALL_AT_A_WRIST = {
    "nothing suspected": story(FALL, suspected=()),
    "no impact": story([replace(hop, peak=1.6 * G) if hop is HIT else hop for hop in FALL]),
    "points as before": story([replace(hop, mean=DOWN) if hop in (LIES, TUMBLE) else hop for hop in FALL]),
    "moves on": story([replace(hop, peak_to_peak=20.0) if hop in (LIES, TUMBLE) else hop for hop in FALL]),
    "claps, then lies still": story([*[CLAPS] * 5, HIT, *[LIES] * 8], suspected=range(14)),
    "claps, then hangs still": story(
        [UPRIGHT, UPRIGHT, *[CLAPS] * 3, *[replace(LIES, mean=DOWN)] * 8], suspected=range(13)
    ),
    "runs, then stands": story(
        [*[replace(CLAPS, peak=3.0 * G)] * 8, *[replace(LIES, mean=DOWN)] * 8], range(16)
    ),
    "still too late": story([*FALL[:5], *[replace(TUMBLE, peak_to_peak=20.0)] * 8, *[LIES] * 4]),
    "nothing before": story([HIT, TUMBLE, LIES, LIES, LIES], suspected=(0, 1)),
    "never seen again": story([*FALL[:5], *[None] * 8]),
}


@pytest.mark.parametrize("predictions", NO_FALL_AT_A_WRIST.values(), ids=NO_FALL_AT_A_WRIST)
def test_without_most_of_the_proofs_a_wrist_tells_nothing(predictions: list[Prediction]) -> None:
    assert confirmed(predictions, "wrist_left") == []


DROPS = replace(UPRIGHT, least=0.3 * G)
SOFT = replace(HIT, peak=2.2 * G)
GETS_UP = [*FALL[:3], DROPS, SOFT, TUMBLE, STIRS, STIRS, *[replace(UPRIGHT, peak_to_peak=8.0)] * 8]


@pytest.mark.parametrize("placement", ["waist", "hip_left", "chest", "lower_back"])
def test_a_trunk_that_fell_and_lay_has_fallen_though_it_hit_softly_and_gets_up(placement: str) -> None:
    [(i, _)] = confirmed(story(GETS_UP, range(4, 8)), placement)
    assert i <= 7
    assert confirmed(story(GETS_UP, range(4, 8)), "wrist") == []


def test_a_trunk_that_sits_down_hard_lies_down_or_runs_has_not_fallen() -> None:
    sits = [replace(hop, mean=DOWN) if hop in (TUMBLE, LIES) else hop for hop in FALL]
    lies_down = [replace(hop, peak=1.7 * G) if hop is HIT else hop for hop in FALL]
    runs = [replace(CLAPS, peak=3.0 * G, least=0.1 * G, mean=DOWN)] * 16
    for hops in (sits, lies_down, runs):
        assert confirmed(story(hops, range(4, 8)), "waist") == []


def test_a_fall_is_told_as_soon_as_the_evidence_is_enough() -> None:
    busy = replace(TUMBLE, peak_to_peak=20.0, mean=ACROSS)
    for placement, told in (("waist", 5), ("wrist", 7)):
        [(i, _)] = confirmed(story([*FALL[:5], busy, busy, LIES, LIES]), placement)
        assert i == told, placement


def test_each_weight_can_be_set() -> None:
    nothing = FallWeights(
        needed=5.0, network=0.0, fell=0.0, impact=0.0, turned=0.0, rest=0.0, unrest=0.0, repeats=0.0
    )

    def told(settings: FallSettings = SETTINGS, **weights: float) -> bool:
        return bool(confirmed(story(FALL), settings=replace(settings, wrist=replace(nothing, **weights))))

    assert not told()
    assert told(needed=0.0)
    assert told(network=2.5)
    assert told(impact=13.0)
    assert told(turned=20.0)
    assert told(fell=-8.0)  # least is 1 g where nobody says
    assert told(rest=4.0)
    assert told(needed=0.0, unrest=1.0, repeats=1.0)
    assert not told(replace(SETTINGS, suspicion=0.95), needed=0.0)


def test_a_suspicion_is_the_largest_probability() -> None:
    assert confirmed(story(FALL, {4: 0.1, 5: 0.15, 6: 0.19})) == []
    [(_, fall)] = confirmed(story(FALL, {4: 0.3, 5: 0.85, 6: 0.4}))
    assert fall.probability == pytest.approx(0.85)


def test_a_fall_before_the_first_whole_window_is_told_too() -> None:
    hops = [(p.t, p.hop_accelerations) for p in story(FALL)]
    first, *rest = story(FALL, suspected=(5, 6))[5:]
    [(i, fall)] = confirmed([replace(first, earlier_hops=tuple(hops[:5])), *rest])
    assert i == 1
    assert fall.t == pytest.approx(10.0 + 3.5 * HOP_S)


def test_one_impact_is_one_fall_and_the_next_is_another() -> None:
    rolls = [*FALL[:7], TUMBLE, HIT, *[replace(LIES, mean=UP)] * 6]
    assert len(confirmed(story(rolls, suspected=range(15)))) == 1
    again = [*FALL, *[UPRIGHT] * 15, *FALL[4:]]
    assert [i for i, _ in confirmed(story(again, (4, 5, 25, 26)))] == [6, 27]


def test_all_is_seen_by_the_same_sensor() -> None:
    calm = replace(LIES, mean=DOWN)
    struck_here = [{0: hop, 1: replace(calm, peak_to_peak=1.0)} for hop in FALL[:6]]
    turned_there: list[Hop] = [{0: calm, 1: LIES}] * 4
    assert confirmed(story([*struck_here, *turned_there]), "wrist_left", "wrist_right") == []
    [(_, fall)] = confirmed(story([{1: hop, 0: calm} for hop in FALL]), "wrist_left", "wrist_right")
    assert fall.sensor == 1


def test_each_sensor_is_weighed_by_its_own_placement() -> None:
    both = [{0: hop, 1: hop} for hop in GETS_UP]
    [(_, fall)] = confirmed(story(both, range(4, 8)), "wrist", "waist")
    assert fall.sensor == 1


def test_what_may_have_been_a_fall_is_waited_for_with_the_hardest_hit() -> None:
    confirmation = FallConfirmation(1, WINDOW_S, HOP_S, SETTINGS, ("wrist",))
    for p in story([{0: UPRIGHT, 2: UPRIGHT}] * 3):
        confirmation.push(p)
    assert confirmation.suspected is None
    harder = replace(HIT, peak=5.0 * G)
    [p] = story([{0: HIT, 2: harder}], suspected=(0,), t=10.0 + 3 * HOP_S)
    confirmation.push(p)
    assert confirmation.suspected == (2, harder.peak)


def test_reset_forgets_what_was_suspected_and_told() -> None:
    confirmation = FallConfirmation(1, WINDOW_S, HOP_S, SETTINGS, ("wrist",))
    predictions = story(FALL)
    for p in predictions[:6]:
        assert confirmation.push(p) == []
    assert confirmation.suspected == (0, HIT.peak)
    confirmation.reset()
    assert confirmation.suspected is None
    assert [fall for p in predictions[6:] for fall in confirmation.push(p)] == []
    for _ in range(2):
        confirmation.reset()
        assert len([fall for p in predictions for fall in confirmation.push(p)]) == 1


@pytest.mark.parametrize(
    ("then", "recovered"),
    [
        ([LIES] * 6, False),
        ([STIRS] * 6, False),
        ([STIRS, *[UPRIGHT] * 2, *[replace(LIES, mean=DOWN)] * 3], True),
        ([*[UPRIGHT] * 2, LIES, *[UPRIGHT] * 2, LIES], False),
        ([STIRS, None, UPRIGHT, UPRIGHT, LIES], False),
    ],
    ids=["lies", "stirs", "gets up and stands", "moves too briefly", "a gap"],
)
def test_who_moves_on_as_before_has_recovered(then: list[Hop], *, recovered: bool) -> None:
    falls = [*FALL[:3], DROPS, *FALL[4:6]]
    confirmation = FallConfirmation(1, WINDOW_S, HOP_S, SETTINGS, ("waist",))
    told = [i for i, p in enumerate(story([*falls, *then])) for _ in confirmation.push(p)]
    assert told == [5]
    assert confirmation.recovered is recovered
    # The next fall is another one, and who walked to it had recovered from the one before.
    told_again = story([*[UPRIGHT] * 4, *falls], (8, 9), t=40.0)
    assert len([fall for p in told_again for fall in confirmation.push(p)]) == 1
    assert confirmation.recovered
    confirmation.push(story([LIES], (), t=48.0)[0])
    assert not confirmation.recovered


def test_a_fall_that_ends_with_the_signal_is_not_said_to_be_recovered_from_the_one_before() -> None:
    falls = [*FALL[:3], DROPS, *FALL[4:6]]
    confirmation = FallConfirmation(1, WINDOW_S, HOP_S, SETTINGS, ("waist",))
    for p in story([*falls, STIRS, *[UPRIGHT] * 2, *[replace(LIES, mean=DOWN)] * 3]):
        confirmation.push(p)
    assert confirmation.recovered
    assert sum(len(confirmation.push(p)) for p in story([*[UPRIGHT] * 4, *falls], (8, 9), t=40.0)) == 1
    confirmation.reset()
    assert not confirmation.recovered


def test_there_must_be_time_for_something_to_follow() -> None:
    with pytest.raises(ConfigError, match=r"falls\.within_s = 1\.2 must be 0 or at least 1\.28"):
        FallConfirmation(1, WINDOW_S, HOP_S, FallSettings(within_s=1.2))


hits = st.builds(lambda peak: replace(HIT, peak=peak), st.sampled_from([2.0 * G, 3.5 * G, 5.0 * G]))
still = st.builds(lambda force: replace(LIES, mean=force), st.sampled_from([DOWN, ACROSS, UP]))
hops = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 1), st.one_of(hits, still, still, still, still), min_size=0),
        st.sampled_from([0.0, 0.5, 0.99]),
        st.sampled_from([1] * 12 + [9]),
    ),
    min_size=10,
    max_size=60,
)


@given(hops, st.sampled_from(["wrist", "waist"]))
def test_whatever_comes_a_fall_has_a_hit_of_its_own(
    items: list[tuple[dict[int, HopAcceleration], float, int]], placement: str
) -> None:
    at, predictions = 0, []
    for hop, suspected, step in items:
        at += step
        predictions += story([hop], {0: suspected}, t=10.0 + at * HOP_S)
    falls = confirmed(predictions, placement, placement)
    for i, fall in falls:
        assert 0.0 < predictions[i].t - fall.t <= SETTINGS.within_s + HOP_S
        [impact] = [
            p.hop_accelerations[fall.sensor]
            for p in predictions[: i + 1]
            if fall.sensor in p.hop_accelerations and abs(p.t - 0.5 * HOP_S - fall.t) < 1e-6
        ]
        assert impact.peak == fall.peak
        assert fall.probability >= SETTINGS.suspicion
    # Of two falls there are ten seconds from the telling of the one to the hit of the other.
    for (i, _), (_, later) in pairwise(falls):
        assert later.t + 0.5 * HOP_S > predictions[i].t + 10.0
