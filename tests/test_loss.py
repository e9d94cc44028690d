"""Promises about packets that are lost or come twice, from the packets to the answers.

Rows are counted here by packet numbers alone: a sample is there if its packet came.
"""

import random
import struct
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace
from sensors import movesense_samples, polar_frame

from edgehar.pipeline.intake import Intake
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.pipeline.resample import Grid
from edgehar.pipeline.windows import Windows
from edgehar.sources.simulated.faults import Faults, inject
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import STANDARD_GRAVITY, Activity, Event, FloatArray, Item, Prediction, Stream
from edgehar.wire.protocol import Data, Description, decode, encode_data, encode_description

MODEL = load(find("imu_tcn"))
WINDOW, HOP, RATE = MODEL.spec.window, MODEL.spec.hop, MODEL.spec.rate_hz
SETTINGS = MODEL.spec.decision
N = 10
"""Samples of a packet."""
PHASE_S = 0.007
"""Samples lie beside the rows, so that which rows a gap takes is not a matter of rounding."""
BRIDGED_MS = 250
POCKET = ("trouser_pocket",)
FIVE = ("chest", "wrist_right", "wrist_left", "knee_right", "knee_left")


@cache
def walk(
    seconds: float, placements: Sequence[str] = POCKET, samples: int = N, rate_hz: float = RATE
) -> tuple[Item, ...]:
    """Make descriptions and data of a simulated walk; packet k of a sensor has the number k."""
    simulator = Simulator(
        placements=placements,
        script=[("walking", seconds)],
        seed=3,
        rate_hz=rate_hz,
        samples_per_packet=samples,
    )
    return tuple((t + PHASE_S, stream, body) for t, stream, body in simulator.packets())


def number_of(body: bytes) -> int | None:
    """Return a packet's number; None of a description."""
    item = decode(body)
    return item.sequence if isinstance(item, Data) else None


def without(items: Iterable[Item], lost: Collection[int], stream: int = 0) -> list[Item]:
    return [item for item in items if item[1] != stream or number_of(item[2]) not in lost]


def twice(items: Iterable[Item]) -> list[Item]:
    return [item for item in items for _ in range(2)]


def drawn(loss: float, packets: int, seed: int = 0) -> set[int]:
    """Draw numbers of packets that are lost, each on its own; not the first."""
    rng = random.Random(seed)
    return {number for number in range(1, packets) if rng.random() < loss}


def as_of(profile: str, items: Iterable[Item]) -> list[Item]:
    """Encode the same motion in another kind of sensor's notifications."""
    notification: Callable[[Data], bytes] = NOTIFICATIONS[profile]
    return [
        (t, stream, notification(item)) for t, stream, body in items if isinstance(item := decode(body), Data)
    ]


def si(item: Data) -> FloatArray:
    """Return m/s² and degree/s."""
    scale = np.array([16 * STANDARD_GRAVITY / 32768] * 3 + [2000 / 32768] * 3, np.float32)
    return np.asarray(item.counts * scale, np.float32)


def witmotion(item: Data) -> bytes:
    return b"".join(b"\x55\x61" + row.tobytes() + bytes(6) for row in item.counts)


def movella_dot(item: Data) -> bytes:
    return struct.pack("<I6f", item.ticks_us, *si(item)[0])


def movesense(item: Data) -> bytes:
    x = si(item)
    return movesense_samples(item.ticks_us // 1000, x[:, :3].tolist(), x[:, 3:].tolist())


def polar_h10(item: Data) -> bytes:
    last_us = item.ticks_us + (len(item.counts) - 1) * 20_000
    mg = np.rint(si(item)[:, :3] / STANDARD_GRAVITY * 1000).astype("<i2")
    return b"\1" + polar_frame(2, 1, last_us * 1000, mg.tobytes())


NOTIFICATIONS: dict[str, Callable[[Data], bytes]] = {
    "witmotion": witmotion,
    "movella_dot": movella_dot,
    "movesense": movesense,
    "polar_h10": polar_h10,
}
CLOCKED = {"movella_dot": (60.0, 1), "movesense": (52.0, 4), "polar_h10": (50.1, 18)}
"""Sensors with a clock and without numbers: rate, Hz, and samples of a notification."""


def answered(
    items: Iterable[Item], placements: Sequence[str] = POCKET, profile: str = "edgehar"
) -> list[Activity | Event]:
    """Run the pipeline; time is told between the packets, as in a live run."""
    pipeline = Pipeline("w", [Stream(p, profile) for p in placements], MODEL, SETTINGS, told=["on_foot"])
    answers: list[Activity | Event] = []
    now = 0.0
    for t, stream, body in items:
        while now + 0.25 < t:
            now += 0.25
            answers += pipeline.advance(now)
        now = t
        answers += pipeline.push(t, stream, body)
    return answers


def activities(answers: Iterable[Activity | Event]) -> list[Activity]:
    return [answer for answer in answers if isinstance(answer, Activity)]


def predictions(items: Iterable[Item]) -> list[Prediction]:
    """Run the network on one sensor in the pocket."""
    intake, slots = Intake(Stream(*POCKET)), MODEL.slots(POCKET)
    grid = Grid(slots, RATE, HOP)
    windows = Windows(WINDOW, [slots.index(*POCKET)], SETTINGS.min_coverage)
    return [
        prediction
        for t, _, body in items
        for samples in intake.push(t, body)
        for block in grid.push(t, samples)
        for window in windows.push(block)
        for prediction in MODEL.push(window)
    ]


def is_there(row: int, lost: Collection[int], samples: int = N) -> bool:
    """Tell whether the samples that came beside a row are near enough to each other."""
    left, right = row - 1, row
    while left // samples in lost:
        left -= 1
    while right // samples in lost:
        right += 1
    return left >= 0 and (right - left) * 20 <= BRIDGED_MS


def coverage(t: float, lost: Collection[int], samples: int = N) -> float:
    """Compute the coverage of the window that ends at `t`."""
    last = round(t * RATE)
    return sum(is_there(row, lost, samples) for row in range(last - WINDOW + 1, last + 1)) / WINDOW


@pytest.mark.parametrize("loss", [0.01, 0.05, 0.2, 0.4])
def test_coverage_is_the_share_of_rows_between_samples_that_stand_near_enough(loss: float) -> None:
    lost = drawn(loss, 600)
    judged = predictions(without(walk(120), lost))
    assert len(judged) > 150
    for prediction in judged:
        share = coverage(prediction.t, lost)
        assert prediction.coverage == share
        assert (prediction.probabilities is not None) == (share >= SETTINGS.min_coverage)
    assert any(p.coverage < 1 for p in judged) == any(a + 1 in lost for a in lost)


def test_every_second_packet_may_be_lost_without_a_gap() -> None:
    shown = activities(answered(without(walk(40), range(1, 200, 2))))
    assert {a.coverage for a in shown[1:]} == {1.0}
    assert shown[-1].state == "on_foot"


@pytest.mark.parametrize(("samples", "is_bridged"), [(11, True), (12, False)])
def test_one_lost_packet_is_bridged_if_it_is_short(samples: int, *, is_bridged: bool) -> None:
    judged = predictions(without(walk(20, samples=samples), {40}))
    assert (min(p.coverage for p in judged[1:]) == 1.0) is is_bridged


@pytest.mark.parametrize("packets", [2, 3, 5, 10])
def test_a_burst_takes_its_length_out_of_the_coverage_and_below_the_limit_the_answer(packets: int) -> None:
    burst = range(100, 100 + packets)
    items = without(walk(40), burst)
    least = 1 - (N * packets + 1) / WINDOW
    judged = predictions(items)
    assert min(p.coverage for p in judged[1:]) == pytest.approx(least)
    unjudged = [p.t for p in judged if p.probabilities is None]
    assert bool(unjudged) is (least < SETTINGS.min_coverage)
    for activity in activities(answered(items)):
        if activity.t in unjudged:
            share = coverage(activity.t, burst)
            assert activity.reason.endswith(f" s: {share:.0%} of the newest window came.")
            assert activity.state == "on_foot"  # held


@pytest.mark.parametrize("begin", range(100, 108))
@pytest.mark.parametrize("packets", [5, 10, 20, 40])
def test_after_a_burst_four_windows_or_five_bring_the_next_judged_one(begin: int, packets: int) -> None:
    items = without(walk(40), range(begin, begin + packets))
    over = (begin + packets) * N / RATE + PHASE_S
    after = [p for p in predictions(items) if p.t > over]
    waited = next(i for i, p in enumerate(after, start=1) if p.probabilities is not None)
    assert waited <= 5
    if packets * N > WINDOW:
        assert waited >= 4  # 103 of 128 rows


@pytest.mark.parametrize("begin", range(100, 108))
def test_after_five_seconds_without_any_sample_it_says_no_signal_and_then_answers_anew(begin: int) -> None:
    silent = range(begin, begin + 50)
    shown = activities(answered(without(walk(60), silent)))
    hop_s = HOP / RATE
    gone, back = (begin * N - 1) / RATE + PHASE_S, (begin + 50) * N / RATE + PHASE_S
    lost = [a.t for a in shown if a.t > 15 and a.state == "no_signal"]
    assert SETTINGS.no_signal_after_s <= lost[0] - gone <= SETTINGS.no_signal_after_s + 2 * hop_s
    during = next(a for a in shown if a.t == lost[0])
    assert during.reason == "Too little signal to judge: 0% of the newest window came."
    # Five windows to the first that is judged, and some until one label is certain.
    assert lost[-1] - back <= (5 + 4) * hop_s
    assert shown[-1].state == "on_foot"


@pytest.mark.parametrize("loss", [0.0, 0.2])
@pytest.mark.parametrize("has_clock", [True, False])
def test_packets_that_come_twice_change_no_bit(loss: float, *, has_clock: bool) -> None:
    items = without(walk(30), drawn(loss, 150))
    if not has_clock:
        items = [(t, stream, clockless(body)) for t, stream, body in items]
    once = answered(items)
    assert any(isinstance(answer, Event) for answer in once)
    assert answered(twice(items)) == once


def clockless(body: bytes) -> bytes:
    item = decode(body)
    if isinstance(item, Description):
        return encode_description(replace(item, has_clock=False))
    return encode_data(item.sequence, 0, item.counts)


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.4])
@pytest.mark.parametrize("has_clock", [True, False])
def test_the_own_sensors_losses_and_duplicates_are_counted_exactly(loss: float, *, has_clock: bool) -> None:
    lost = drawn(loss, 400) | set(range(200, 260)) - {399}
    items = without(walk(80), lost)
    again = [item for i, item in enumerate(items) for _ in range(1 + i % 3)]
    intake = Intake(Stream(*POCKET))
    for t, _, body in again:
        intake.push(t, body if has_clock else clockless(body))
    data = [number for *_, body in items if (number := number_of(body)) is not None]
    health = intake.health()
    assert health["packets"] == len(data)
    assert health["lost"] == data[-1] + 1 - len(data)
    assert health["duplicates"] == sum(number_of(body) is not None for *_, body in again) - len(data)
    assert (health["restarts"], health["clock_restarts"], health["malformed"]) == (0, 0, 0)


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.4])
@pytest.mark.parametrize("profile", CLOCKED)
def test_a_clock_alone_tells_what_was_lost(profile: str, loss: float) -> None:
    rate_hz, samples = CLOCKED[profile]
    items = as_of(profile, walk(60, samples=samples, rate_hz=rate_hz))[:-1]
    lost = drawn(loss, len(items)) | set(range(60, 70))
    kept = [i for i in range(len(items)) if i not in lost]
    intake = Intake(Stream(POCKET[0], profile))
    for i in kept:
        intake.push(items[i][0], items[i][2])
    health = intake.health()
    assert (health["packets"], health["lost"]) == (len(kept), kept[-1] + 1 - len(kept))
    assert (health["clock_restarts"], health["malformed"]) == (0, 0)


@pytest.mark.parametrize("profile", CLOCKED)
def test_a_notification_that_comes_twice_stands_twice_at_the_clocks_time(profile: str) -> None:
    rate_hz, samples = CLOCKED[profile]
    items = as_of(profile, walk(20, samples=samples, rate_hz=rate_hz))
    intake = Intake(Stream(POCKET[0], profile))
    made = [sample for t, _, body in twice(items) for sample in intake.push(t, body)]
    for first, second in pairwise(made):
        if np.array_equal(first.x, second.x):
            assert 0 < second.t[-1] - first.t[-1] < 1e-4
    health = intake.health()
    assert (health["packets"], health["lost"]) == (2 * len(items), 0)
    assert health["clock_restarts"] == 0
    once, doubled = (activities(answered(sent, profile=profile)) for sent in (items, twice(items)))
    assert [(a.t, a.coverage) for a in doubled] == [(a.t, a.coverage) for a in once]
    assert once[-1].state == doubled[-1].state == "on_foot"


@pytest.mark.parametrize("samples", [1, N])
def test_without_clock_and_numbers_what_comes_twice_counts_twice_and_is_put_where_it_arrived(
    samples: int,
) -> None:
    items = as_of("witmotion", walk(30, samples=samples))
    intake = Intake(Stream(POCKET[0], "witmotion"))
    for t, _, body in twice(items):
        for made in intake.push(t, body):
            assert abs(made.t[-1] - t) < 0.25
    assert intake.health()["packets"] == 2 * len(items)
    shown = activities(answered(twice(items), profile="witmotion"))
    assert {a.coverage for a in shown[1:]} == {1.0}
    assert shown[-1].state == "on_foot"


def test_without_clock_and_numbers_single_losses_go_unseen() -> None:
    items = as_of("witmotion", walk(60))
    kept = [item for i, item in enumerate(items) if i % 20]
    intake = Intake(Stream(POCKET[0], "witmotion"))
    for t, _, body in kept:
        intake.push(t, body)
    assert intake.health()["lost"] == 0
    shown = activities(answered(kept, profile="witmotion"))
    assert min(a.coverage for a in shown[1:]) > 0.8
    assert {a.state for a in shown[8:]} == {"on_foot"}


def test_without_clock_and_numbers_a_loss_of_two_in_five_is_answered() -> None:
    lost = drawn(0.4, 3000)
    items = as_of("witmotion", walk(60, samples=1))
    shown = activities(answered([x for i, x in enumerate(items) if i not in lost], profile="witmotion"))
    late = [a for a in shown if a.t > 15]
    assert np.mean([a.coverage for a in late]) > 0.9
    assert "no_signal" not in {a.state for a in late}


@pytest.mark.parametrize("profile", ["edgehar", "witmotion"])
def test_two_silent_seconds_are_a_gap_with_or_without_a_clock(profile: str) -> None:
    items = list(walk(40)) if profile == "edgehar" else as_of(profile, walk(40))
    shown = activities(answered([x for x in items if not 20 <= x[0] < 22], profile=profile))
    least = min(a.coverage for a in shown if a.t > 15)
    assert least == pytest.approx(1 - 2.0 * RATE / WINDOW, abs=0.1)
    assert {a.coverage for a in shown if a.t > 26} == {1.0}


def test_of_five_sensors_the_lossy_one_is_left_out_and_named_and_the_others_answer() -> None:
    lost = {number for number in range(75, 200) if number % 4}
    shown = activities(answered(without(walk(40, FIVE), lost, stream=4), FIVE))
    assert {a.excluded_sensors for a in shown if 3 < a.t < 15} == {()}
    late = [a for a in shown if a.t > 18]
    assert {a.excluded_sensors for a in late} == {("knee_left",)}
    assert {a.coverage for a in late} == {1.0}
    assert all("; without knee_left (" in a.reason for a in late)
    assert {a.state for a in late} == {"on_foot"}


@pytest.mark.parametrize("loss", [0.05, 0.2, 0.4])
def test_faults_lose_packet_by_packet_if_a_burst_is_as_long_as_chance_makes_it(loss: float) -> None:
    packet = encode_data(0, 0, np.zeros((1, 6), np.int16))
    items = [(float(i), 0, packet) for i in range(40_000)]
    came = {t for t, _, _ in inject(Faults(loss=loss, burst=1 / (1 - loss), seed=1), items)}
    lost = np.array([t not in came for t, _, _ in items])
    assert lost.mean() == pytest.approx(loss, rel=0.05)
    after_one = lost[1:][lost[:-1]]
    assert after_one.mean() == pytest.approx(loss, abs=0.02)
