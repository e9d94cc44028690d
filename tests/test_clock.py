from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from edgehar.pipeline.clock import Clock
from edgehar.types import ACCELERATION, Packet, Samples, Times

Array = NDArray[np.float64]
N = 5
PERIOD_S = 0.01
PACKET_S = N * PERIOD_S
WARM = 1200
"""Packets, a minute of them."""


def packet(
    sequence: int | None, ticks: int | None, n: int = N, period_us: int = 10_000, device: str = "a"
) -> Packet:
    sequence = None if sequence is None else sequence % 65536
    ticks = None if ticks is None else ticks % 2**32
    values, scale = np.ones((n, 3), np.int16), np.full(3, 0.5, np.float32)
    return Packet(device, sequence, ticks, period_us, ACCELERATION, values, scale)


def link(
    seed: int, seconds: float = 300.0, interval: float = 0.03, retries: float = 0.08
) -> tuple[Array, Array]:
    """Return the true time of each packet's last sample and its arrival over BLE: retries, host jitter and spikes."""
    rng = np.random.default_rng(seed)
    n = int(seconds / PACKET_S)
    true = np.arange(n, dtype=np.float64) * PACKET_S + (100.0 + rng.uniform(0, interval))
    event = np.ceil((true + 0.001) / interval) + rng.geometric(1 - retries, n) - 1
    arrival = event * interval + 0.004 + rng.exponential(0.0015, n)
    spike = rng.random(n) < 0.01
    arrival[spike] += rng.uniform(0.02, 0.2, spike.sum())
    in_order: Array = np.maximum.accumulate(arrival)
    return true, in_order


def device_time(true: Array, ppm: float = 40.0, wander_ppm: float = 2.0) -> Array:
    fast = (ppm + wander_ppm * np.sin(2 * np.pi * true / 600)) * 1e-6
    device: Array = true + np.cumsum(np.gradient(true) * fast)
    return device


def ticks_of(last_sample: Array, start_s: float = 0.0) -> list[int]:
    return [round((d - last_sample[0] + start_s) * 1e6) for d in last_sample]


def play(clock: Clock, arrivals: Iterable[float], packets: Iterable[Packet]) -> list[Samples]:
    return [clock.push(float(t), p) for t, p in zip(arrivals, packets, strict=True)]


def numbered(ticks: list[int]) -> list[Packet]:
    return [packet(i, tick) for i, tick in enumerate(ticks)]


def last_times(samples: list[Samples]) -> Array:
    return np.array([s.t[-1] for s in samples])


def least_squares(device: Array, arrival: Array, width: int = 600) -> Array:
    """Fit arrival as a straight line of device time over the newest 30 s, causal."""
    out = np.empty(len(device) - width)
    for i in range(width, len(device)):
        x, y = device[i - width : i + 1] - device[i], arrival[i - width : i + 1]
        out[i - width] = np.polyfit(x, y, 1)[1]
    return out


@pytest.mark.parametrize("seed", range(3))
def test_spread_stays_below_a_tenth_of_a_millisecond_where_least_squares_has_over_one(seed: int) -> None:
    true, arrival = link(seed)
    device = device_time(true)
    clock = Clock("wrist")

    error = last_times(play(clock, arrival, numbered(ticks_of(device)))) - true

    assert error[WARM:].std() <= 0.1e-3
    assert (least_squares(device, arrival) - true[600:])[WARM - 600 :].std() > 1e-3
    assert clock.skew_ppm == pytest.approx(40, abs=3)
    assert clock.restarts == 0


def test_samples_are_in_si_units_and_a_period_apart() -> None:
    samples = Clock("wrist").push(7.0, packet(0, 123))

    assert samples.placement == "wrist"
    assert samples.channels == ACCELERATION
    assert samples.x.dtype == np.float32
    assert samples.x.tolist() == [[0.5] * 3] * N
    assert samples.t == pytest.approx([6.96, 6.97, 6.98, 6.99, 7.0])


def test_wrapping_ticks_change_nothing() -> None:
    true, arrival = link(3, 200)
    device = device_time(true)
    plain = play(Clock("w"), arrival, numbered(ticks_of(device)))
    clock = Clock("w")

    wrapped = play(clock, arrival, numbered(ticks_of(device, start_s=2**32 / 1e6 - 100)))

    assert clock.restarts == 0
    assert last_times(wrapped) == pytest.approx(last_times(plain), abs=2e-6)


def test_wraps_within_hours_out_of_reach_are_counted() -> None:
    true, arrival = link(4, 200)
    true[2000:] += 4 * 3600
    arrival[2000:] += 4 * 3600
    clock = Clock("w")

    error = last_times(play(clock, arrival, numbered(ticks_of(true * (1 + 40e-6))))) - true

    assert clock.restarts == 0
    assert abs(error[2000] - error[1999]) < 0.1


@pytest.mark.parametrize("uptime_s", [10.0, 2000.0, 4200.0])
def test_a_reboot_starts_the_fit_anew(uptime_s: float) -> None:
    true, arrival = link(5, 200)
    ticks = ticks_of(true, start_s=uptime_s)
    ticks[2000:] = ticks_of(true[2000:])
    packets = [packet(i if i < 2000 else i - 2000, tick) for i, tick in enumerate(ticks)]
    clock = Clock("w")

    error = last_times(play(clock, arrival, packets)) - true

    assert clock.restarts == 1
    assert error[2005:].max() < 0.04
    assert error[2005:].min() > -0.001


@pytest.mark.parametrize("jump_s", [3.0, -3.0, 0.6, 3600.0])
def test_a_clock_jump_is_counted_once_and_overcome(jump_s: float) -> None:
    true, arrival = link(6, 300)
    device = device_time(true)
    device[3000:] += jump_s
    clock = Clock("w")

    error = last_times(play(clock, arrival, numbered(ticks_of(device)))) - true

    assert clock.restarts == 1
    assert np.abs(error[3000 + 100 :]).max() < 0.05


def test_a_device_clock_that_falls_behind_is_followed() -> None:
    """Ticks that lose less than a packet at a time never run backwards: only the arrival tells."""
    true, arrival = link(6, 300)
    device = device_time(true)
    device[3000:] -= np.minimum(np.arange(len(device) - 3000) * 0.04, 2.0)
    clock = Clock("w")

    error = last_times(play(clock, arrival, numbered(ticks_of(device)))) - true

    assert clock.restarts == 1
    assert np.abs(error[3000 + 250 :]).max() < 0.05


def test_a_late_burst_is_no_jump() -> None:
    true, arrival = link(7, 200)
    held = slice(2000, 2100)
    arrival[held] = arrival[2100]
    clock = Clock("w")

    error = last_times(play(clock, arrival, numbered(ticks_of(device_time(true))))) - true

    assert clock.restarts == 0
    assert np.ptp(error[WARM:]) < 1e-3


def test_one_wrong_time_stamp_spoils_only_its_own_packet() -> None:
    true, arrival = link(8, 200)
    ticks = ticks_of(device_time(true))
    ticks[2000] += 60_000_000
    packets = numbered(ticks)
    clock = Clock("w")

    samples = play(clock, arrival[:2001], packets[:2001])

    assert clock.restarts == 0
    assert samples[-1].t[-1] <= arrival[2000] + N * 1e-6


def test_without_a_clock_the_samples_are_counted_and_the_period_learnt() -> None:
    true, arrival = link(9)
    packets = [packet(i, None, period_us=10_400) for i in range(len(true))]
    clock = Clock("w")

    error = last_times(play(clock, arrival, packets)) - true

    assert error[WARM:].std() <= 0.1e-3
    assert clock.skew_ppm == pytest.approx((10_400 / 10_000 - 1) * 1e6, abs=5)
    assert clock.restarts == 0


def test_without_a_clock_lost_packets_are_counted_too() -> None:
    true, arrival = link(10)
    kept = np.random.default_rng(0).random(len(true)) > 0.2
    kept[3000:3040] = False
    packets = [packet(i, None) for i in np.flatnonzero(kept).tolist()]
    clock = Clock("w")

    error = last_times(play(clock, arrival[kept], packets)) - true[kept]

    assert clock.restarts == 0
    assert error[WARM:].std() <= 0.1e-3


def test_without_clock_and_numbers_a_pause_starts_the_count_anew() -> None:
    true, arrival = link(11, 200)
    true[2000:] += 30
    arrival[2000:] += 30
    clock = Clock("w")

    error = last_times(play(clock, arrival, [packet(None, None) for _ in true])) - true

    assert clock.restarts == 1
    assert np.abs(error[2010:]).max() < 0.05


def test_without_a_clock_numbers_that_begin_again_start_the_count_anew() -> None:
    true, arrival = link(11, 200)
    clock = Clock("w")

    error = last_times(play(clock, arrival, [packet(i % 2000, None) for i in range(len(true))])) - true

    assert clock.restarts == 1
    assert np.abs(error[2010:]).max() < 0.05


def paused(seed: int, up_s: float, pause_s: float, seconds: float = 120.0) -> tuple[Array, Array, int]:
    """Return a link that is silent from `up_s` on for `pause_s`: true time, arrival, first packet after it."""
    true, arrival = link(seed, seconds)
    first = int(up_s / PACKET_S)
    true[first:] += pause_s
    arrival[first:] += pause_s
    return true, arrival, first


@pytest.mark.parametrize("up_s", [1.0, 2.0, 3.0, 5.0, 60.0])
@pytest.mark.parametrize("pause_s", [2.0, 5.0, 30.0])
@pytest.mark.parametrize("has_number", [True, False])
def test_a_pause_without_counting_begins_anew_at_once(
    up_s: float,
    pause_s: float,
    has_number: bool,  # noqa: FBT001 (a parametrized case)
) -> None:
    true, arrival, first = paused(21, up_s, pause_s)
    packets = [packet(i if has_number else None, None) for i in range(len(true))]
    clock = Clock("w")

    error = last_times(play(clock, arrival, packets)) - true

    assert clock.restarts == 1
    assert np.abs(error[first:]).max() < 0.15
    assert error[-600:].std() <= 0.1e-3


def test_a_pause_of_a_sensor_that_loses_one_packet_and_stops_counting_begins_anew_at_once() -> None:
    true, arrival, first = paused(21, 60.0, 8.0)
    clock = Clock("w")

    error = (
        last_times(play(clock, arrival, [packet(i + (i >= first), None) for i in range(len(true))])) - true
    )

    assert clock.restarts == 1
    assert np.abs(error[first:]).max() < 0.15


def test_a_burst_that_a_link_held_back_for_a_second_leaves_the_count_alone() -> None:
    true, arrival = link(22, 100)
    arrival[1200:1224] = arrival[1224]
    clock = Clock("w")

    error = last_times(play(clock, arrival, [packet(i, None) for i in range(len(true))])) - true

    assert clock.restarts == 0
    assert np.ptp(error[WARM:]) < 1e-3


def test_minutes_of_lost_packets_are_counted_before_a_wrong_period_is_learnt() -> None:
    true, arrival = link(23, 200)
    kept = np.ones(len(true), np.bool_)
    kept[20:1500] = False
    packets = [packet(i, None, period_us=9_000) for i in np.flatnonzero(kept).tolist()]
    clock = Clock("w")

    play(clock, arrival[kept], packets)

    assert clock.restarts == 0
    assert clock.skew_ppm == pytest.approx(-100_000, abs=100)


@pytest.mark.parametrize("up_s", [1.0, 2.0, 5.0, 7.0, 12.0, 20.0])
@pytest.mark.parametrize("still_s", [1.0, 3.0, 30.0])
def test_a_device_clock_that_stood_still_in_its_first_seconds_is_one_restart(
    up_s: float, still_s: float
) -> None:
    true, arrival, first = paused(24, up_s, still_s)
    device = true.copy()
    device[first:] -= still_s
    clock = Clock("w")

    error = last_times(play(clock, arrival, numbered(ticks_of(device)))) - true

    assert clock.restarts == 1
    assert np.abs(error[first + int(8.0 / PACKET_S) :]).max() < 0.05
    assert clock.skew_ppm == pytest.approx(0, abs=30)


@pytest.mark.parametrize("up_s", [1.0, 2.0, 3.0, 4.0])
def test_a_short_pause_in_the_first_seconds_of_a_count_is_outlived(up_s: float) -> None:
    true, arrival, first = paused(25, up_s, 1.3)
    clock = Clock("w")

    error = last_times(play(clock, arrival, [packet(i, None) for i in range(len(true))])) - true

    assert clock.restarts <= 1
    assert np.abs(error[first + int(8.0 / PACKET_S) :]).max() < 0.05


@pytest.mark.parametrize("off", [-30_000.0, 30_000.0])
def test_an_uncalibrated_oscillator_is_followed(off: float) -> None:
    true, arrival = link(26, 60)
    clock = Clock("w")

    play(clock, arrival, numbered(ticks_of(device_time(true, ppm=off))))

    assert clock.restarts == 0
    assert clock.skew_ppm == pytest.approx(off, abs=30)


@pytest.mark.parametrize("period_us", [7_600, 12_400])
def test_a_nominal_period_may_be_wrong_by_a_quarter(period_us: int) -> None:
    true, arrival = link(27, 60)
    clock = Clock("w")

    play(clock, arrival, [packet(i, None, period_us=period_us) for i in range(len(true))])

    assert clock.restarts == 0
    assert clock.skew_ppm == pytest.approx((period_us / 10_000 - 1) * 1e6, rel=1e-2)


def test_two_late_packets_of_a_sensor_heard_every_few_seconds_are_no_jump() -> None:
    true, arrival = link(28, 100)
    heard = [*range(1200), *range(1200, 2000, 60)]
    packets = numbered(ticks_of(device_time(true)))
    arrival[[1380, 1440]] += 0.6
    clock = Clock("w")

    play(clock, arrival[heard], [packets[i] for i in heard])

    assert clock.restarts == 0


def test_seldom_early_time_stamps_never_add_up_to_a_jump() -> None:
    true: Times = 100.0 + np.arange(1500, dtype=np.float64) * 0.4
    arrival = true + 0.004 + np.random.default_rng(29).exponential(0.001, len(true))
    ticks = ticks_of(true)
    for i in range(100, len(ticks), 100):
        ticks[i] += 300_000
    clock = Clock("w")

    error = (
        last_times(play(clock, arrival, [packet(i, tick, 10, 40_000) for i, tick in enumerate(ticks)])) - true
    )

    assert clock.restarts == 0
    assert np.abs(error).max() < 0.02


def test_a_crystal_that_warms_up_is_followed() -> None:
    true, arrival = link(30, 600)
    device = device_time(true, ppm=0.0)
    device += np.maximum(true - true[0] - 200.0, 0.0) * 100e-6
    clock = Clock("w")

    error = last_times(play(clock, arrival, numbered(ticks_of(device)))) - true

    assert clock.skew_ppm == pytest.approx(100, abs=5)
    assert np.ptp(error[-2000:]) < 1e-3


def test_an_old_line_is_fitted_often_enough_to_keep_up() -> None:
    true, arrival = link(31, 300)
    device = device_time(true, ppm=0.0)
    device += np.maximum(true - true[0] - 150.0, 0.0) * 500e-6
    clock = Clock("w")

    error = last_times(play(clock, arrival, numbered(ticks_of(device)))) - true

    assert np.abs(np.diff(error[WARM:])).max() < 8e-3


def test_samples_lost_unnoticed_are_found_by_the_arrival() -> None:
    true, arrival = link(12, 200)
    true[2000:] += 0.9
    arrival[2000:] += 0.9
    clock = Clock("w")

    error = last_times(play(clock, arrival, [packet(None, None) for _ in true])) - true

    assert clock.restarts == 1
    assert np.abs(error[2100:]).max() < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_without_clock_and_numbers_a_loss_of_two_in_five_stays_in_time_for_the_grid(seed: int) -> None:
    true, arrival = link(40 + seed, 300)
    kept = np.random.default_rng(seed).random(len(true)) >= 0.4
    kept[4000:] = True
    packets = [packet(None, None) for _ in range(kept.sum())]

    error = last_times(play(Clock("w"), arrival[kept], packets)) - true[kept]

    number = np.flatnonzero(kept)
    # The grid waits 1.2 s for what is late.
    assert np.percentile(error[number < 4000], 5) > -1.2
    assert np.abs(error[number >= 4000 + 10 / PACKET_S]).max() < 0.05


def test_the_true_sample_period_is_learnt_from_the_ticks() -> None:
    true, arrival = link(13, 30)
    ticks = [round(d * 1e6) for d in true - true[0]]
    packets = [packet(i, tick, period_us=9_300) for i, tick in enumerate(ticks)]

    newest = play(Clock("w"), arrival, packets)[-1]

    assert np.diff(newest.t) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("back_us", [0, 3, 5000])
def test_packets_that_come_twice_with_nearly_the_same_ticks_are_no_restart(back_us: int) -> None:
    true, arrival = link(14, 60)
    ticks = [tick - again for tick in ticks_of(true, start_s=1.0) for again in (0, back_us)]
    clock = Clock("w")

    twice = play(clock, np.repeat(arrival, 2), [packet(None, tick) for tick in ticks])

    assert clock.restarts == 0
    assert (last_times(twice) - np.repeat(true, 2))[-1200:].std() <= 0.1e-3


def test_another_sensor_in_its_place_inherits_nothing() -> None:
    clock = Clock("w")
    for i in range(600):
        clock.push(i * 0.05, packet(i, i * 50_100))

    samples = clock.push(40.0, packet(0, 5, device="b"))

    assert clock.restarts == 1
    assert clock.skew_ppm is None
    assert samples.t[-1] == 40.0
    assert np.diff(samples.t) == pytest.approx(0.01)


def test_reset_forgets_everything() -> None:
    true, arrival = link(14, 20)
    packets = numbered(ticks_of(true))
    clock = Clock("w")
    first = play(clock, arrival, packets)
    clock.reset()

    assert clock.skew_ppm is None
    assert clock.restarts == 0
    assert last_times(play(clock, arrival, packets)).tolist() == last_times(first).tolist()


arrivals = st.tuples(
    st.floats(-1.0, 100.0),
    st.one_of(st.none(), st.integers(0, 65535)),
    st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    st.integers(1, 40),
    st.sampled_from([1_000, 20_000, 500_000]),
    st.sampled_from("ab"),
)


@given(st.lists(arrivals, max_size=40))
def test_whatever_comes_time_runs_forward_and_never_ahead_of_the_arrival(
    items: list[tuple[float, int | None, int | None, int, int, str]],
) -> None:
    clock = Clock("w")
    now = newest = 0.0
    arrival = -np.inf
    samples_seen = 0
    for wait, sequence, ticks, n, period_us, device in items:
        now += wait
        arrival = max(arrival, now)
        samples_seen += n
        t = clock.push(now, packet(sequence, ticks, n, period_us, device)).t
        assert len(t) == n
        assert np.all(np.diff(t) > 0)
        assert samples_seen == n or t[0] > newest
        assert t[-1] <= arrival + samples_seen * 1.1e-6
        newest = t[-1]


@given(st.integers(0, 20), st.integers(0, 2**32 - 1), st.booleans())
def test_a_healthy_link_never_restarts(seed: int, first_tick: int, has_clock: bool) -> None:  # noqa: FBT001 - drawn
    true, arrival = link(seed, 20)
    clock = Clock("w")

    for i, (t, tick) in enumerate(zip(arrival.tolist(), ticks_of(true), strict=True)):
        clock.push(t, packet(i, tick + first_tick if has_clock else None))

    assert clock.restarts == 0


def test_real_bursts_become_nearly_uniform(data: Path) -> None:
    """Wrist band that sends five rows at once: spacing by arrival spreads 35 ms around a period of 20."""
    weda = np.load(data / "imu" / "weda_fall_acc.npz")
    edges = np.concatenate([[0], np.cumsum(weda["n"])])
    spread, plain = [], []
    arrived = weda["t_ms"] / 1000.0
    for first, end in pairwise(edges):
        t = arrived[first:end]
        if len(t) < 1000 or np.any(np.diff(t) < 0):
            continue
        clock = Clock("wrist")
        bursts = np.split(t, np.flatnonzero(np.diff(t) > 0.01) + 1)
        samples = [clock.push(float(b[-1]), packet(i, None, len(b), 20_161)) for i, b in enumerate(bursts)]
        spacing = np.diff(np.concatenate([s.t for s in samples]))[150:]
        spread.append(spacing.std())
        plain.append(np.diff(t)[150:].std())
        assert clock.restarts == 0
        assert spacing.mean() == pytest.approx(0.0202, abs=0.0002)
    assert np.median(spread) < 0.0025
    assert np.median(plain) > 10 * np.median(spread)
