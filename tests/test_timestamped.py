"""Samples that carry their own times: what becomes of them in packets, and behind a clock."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.devices.timestamped import TimestampedChannels, TimestampedSample, timestamped_sample
from edgehar.errors import FrameError
from edgehar.pipeline.clock import Clock
from edgehar.types import ACCELERATION, Packet, Times

START_NS = 3_925_657_519_043_709
"""umer0586/SensorServer, README.md: the time of its example."""


def samples(times_ns: list[int]) -> list[TimestampedSample]:
    return [(time_ns, float(i), 0.0, 9.81) for i, time_ns in enumerate(times_ns)]


def times_us(packets: list[Packet], period_us: int) -> list[int]:
    """Return the times that the packets give their samples, modulo 2**32 µs."""
    times = []
    for packet in packets:
        assert packet.ticks_us is not None
        assert packet.period_us == period_us
        times += [(packet.ticks_us + i * period_us) % 2**32 for i in range(len(packet.values))]
    return times


def test_even_samples_come_in_packets_of_a_fifth_of_a_second() -> None:
    channels = TimestampedChannels("a", ACCELERATION)
    packets = channels.push(samples([START_NS + i * 10_000_000 for i in range(20)]))
    packets += channels.push(samples([START_NS + i * 10_000_000 for i in range(20, 100)]))
    assert [len(packet.values) for packet in packets] == [20] * 5
    assert {packet.period_us for packet in packets} == {10_000}
    assert times_us(packets, 10_000)[0] == START_NS // 1000 % 2**32
    assert packets[0].values.dtype == np.float32
    assert (channels.stale, channels.lost) == (0, 0)


@given(
    st.lists(st.integers(-4_000_000, 4_000_000), min_size=12, max_size=60),
    st.sampled_from([5_000_000, 10_000_000, 20_000_000]),
)
def test_no_sample_lies_further_from_its_time_than_an_eighth_of_the_period(
    jitter_ns: list[int], period_ns: int
) -> None:
    times = sorted({START_NS + i * period_ns + jitter for i, jitter in enumerate(jitter_ns)})
    channels = TimestampedChannels("a", ACCELERATION)
    packets = [packet for sample in samples(times) for packet in channels.push([sample])]
    if not packets:
        assert len(times) < 12
        return
    period_us = packets[0].period_us
    told_us = times_us(packets, period_us)
    for us, time_ns in zip(told_us, times[-len(told_us) :], strict=True):
        off = (us - time_ns // 1000 + 2**31) % 2**32 - 2**31
        assert abs(off) <= period_us / 8 + 1


def test_the_period_stays_when_the_phone_changes_its_rate() -> None:
    channels = TimestampedChannels("a", ACCELERATION)
    packets = channels.push(samples([START_NS + i * 20_000_000 for i in range(20)]))
    later = [START_NS + 10**9 + i * 5_000_000 for i in range(20)]
    changed = channels.push(samples(later))
    assert {packet.period_us for packet in packets + changed} == {20_000}
    assert times_us(changed, 20_000) == [time_ns // 1000 % 2**32 for time_ns in later]


def test_what_waited_for_the_period_does_not_begin_with_what_is_old() -> None:
    channels = TimestampedChannels("a", ACCELERATION)
    packets = channels.push(samples([START_NS + i * 10_000_000 for i in range(300)]))
    assert len(times_us(packets, 10_000)) == 20


@given(st.permutations(range(30)), st.data())
def test_what_is_repeated_or_behind_is_dropped_and_counted(order: list[int], data: st.DataObject) -> None:
    channels = TimestampedChannels("a", ACCELERATION)
    channels.push(samples([START_NS + i * 10_000_000 for i in range(15)]))
    pushed = [START_NS + (15 + i) * 10_000_000 for i in order]
    cuts = sorted(data.draw(st.lists(st.integers(0, 30), max_size=5)))
    taken = []
    for begin, end in zip([0, *cuts], [*cuts, 30], strict=True):
        taken += times_us(channels.push(samples(pushed[begin:end])), 10_000)
    assert taken == sorted(taken)
    assert len(taken) == len(set(taken))
    assert channels.stale == 30 - len(taken)


def test_gaps_are_counted_in_samples() -> None:
    channels = TimestampedChannels("a", ACCELERATION)
    channels.push(samples([START_NS + i * 10_000_000 for i in range(15)]))
    channels.push(samples([START_NS + i * 10_000_000 for i in (15, 16, 20, 21)]))
    assert channels.lost == 3


def test_after_a_restart_older_times_are_taken() -> None:
    channels = TimestampedChannels("a", ACCELERATION)
    channels.push(samples([START_NS + i * 10_000_000 for i in range(15)]))
    channels.restart()
    (packet,) = channels.push(samples([5_000_000]))
    assert packet.ticks_us == 5000


@pytest.mark.parametrize(
    ("time_ns", "values"),
    [
        (-1, [0, 0, 0]),
        (1 << 63, [0, 0, 0]),
        (1, [0, 0]),
        (1, []),
        (1, [1e6, 0, 0]),
        (1, [0, math.nan, 0]),
        (1, [0, 0, -math.inf]),
    ],
)
def test_what_no_phone_measures_is_refused(time_ns: int, values: list[float]) -> None:
    with pytest.raises(FrameError):
        timestamped_sample(time_ns, values)


@pytest.mark.parametrize("batch_s", [0.01, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("jitter_s", [0.0, 0.0005, 0.002])
def test_behind_a_clock_times_are_true_however_samples_are_batched(batch_s: float, jitter_s: float) -> None:
    random_ = random.Random(1)
    channels, clock = TimestampedChannels("a", ACCELERATION), Clock("pocket")
    per_batch, true, estimated = round(batch_s * 100), list[float](), list[Times]()
    for batch in range(round(60 / batch_s)):
        came = sorted(
            batch * batch_s + i * 0.01 + random_.uniform(-jitter_s, jitter_s) for i in range(per_batch)
        )
        true += came
        arrival = 1000.0 + (batch + 1) * batch_s + 0.03 + random_.expovariate(1 / 0.02)
        batch_samples = [(START_NS + round(t * 1e9), 0.0, 0.0, 9.81) for t in came]
        estimated += [clock.push(arrival, packet).t for packet in channels.push(batch_samples)]
    t = np.concatenate(estimated)
    assert (np.diff(t) > 0).all()
    assert clock.restarts == 0
    half = len(t) // 2
    error = t[half:] - np.array(true)[-len(t) :][half:]
    # The constant is the link's shortest way and the batch's last period.
    assert np.ptp(error) < 0.02
    assert 1000.0 < error.mean() < 1000.06
