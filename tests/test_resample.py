from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray
from retained import pickled_bytes

from edgehar.pipeline.clock import Clock
from edgehar.pipeline.resample import Grid
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS, Block, Packet, Samples

Array = NDArray[np.float64]
RATE = 50.0
BLOCK = 32


def samples(
    t: Array, x: Array, placement: str = "wrist", channels: tuple[str, ...] = IMU_CHANNELS
) -> Samples:
    """Make samples: `x` is (n,), repeated in every channel, or (n, channels)."""
    x = np.repeat(x[:, None], len(channels), axis=1) if x.ndim == 1 else x
    return Samples(placement, t, x.astype(np.float32), channels)


def feed(grid: Grid, t: Array, x: Array, chunk: int = 10, delay: float = 0.01, **kind: object) -> list[Block]:
    """Push packets of `chunk` samples, each arriving `delay` after its last sample."""
    blocks: list[Block] = []
    for i in range(0, len(t), chunk):
        part = slice(i, i + chunk)
        blocks += grid.push(float(t[part][-1]) + delay, samples(t[part], x[part], **kind))  # type: ignore[arg-type]
    return blocks


Arrival = tuple[float, Samples]


def play(grid: Grid, arrivals: list[Arrival]) -> list[Block]:
    return [block for t, part in arrivals for block in grid.push(t, part)]


def times(blocks: list[Block]) -> Array:
    return np.concatenate([b.t_end + np.arange(1 - len(b.x), 1) / RATE for b in blocks])


def rows(blocks: list[Block], column: int = 0) -> Array:
    return np.concatenate([b.x[:, column] for b in blocks]).astype(np.float64)


def present(blocks: list[Block], slot: int = 0) -> NDArray[np.bool_]:
    return np.concatenate([b.present[:, slot] for b in blocks])


def test_a_straight_line_comes_out_straight_at_multiples_of_the_rate() -> None:
    t = 3.0 + np.cumsum(np.random.default_rng(0).uniform(0.01, 0.03, 500))
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, 2.0 * t)

    covered = present(blocks)
    assert [b.t_end * RATE % BLOCK for b in blocks] == pytest.approx([0.0] * len(blocks))
    assert np.diff([b.t_end for b in blocks]) == pytest.approx(BLOCK / RATE)
    assert covered[times(blocks) > t[0]].all()
    assert not covered[times(blocks) < t[0]].any()
    assert rows(blocks)[covered] == pytest.approx(2.0 * times(blocks)[covered], abs=1e-5)
    assert blocks[0].x.dtype == np.float32
    assert blocks[0].x.flags.c_contiguous


@pytest.mark.parametrize("rate", [20.0, 31.0, 49.6, 60.0])
def test_any_slower_rate_keeps_a_slow_movement(rate: float) -> None:
    t = 1.0 + np.arange(800) / rate
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, np.sin(2 * np.pi * t), chunk=4)

    covered = present(blocks)
    error = rows(blocks)[covered] - np.sin(2 * np.pi * times(blocks)[covered])
    assert covered[BLOCK:].all()
    assert np.abs(error).max() < (np.pi / rate) ** 2 / 2 + 1e-6


def test_a_faster_sensor_does_not_alias() -> None:
    t = 1.0 + np.arange(4000) / 200.0
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, 5.0 + np.sin(2 * np.pi * 60.0 * t))

    settled = rows(blocks)[BLOCK:]
    picked = np.interp(times(blocks), t, np.sin(2 * np.pi * 60.0 * t))[BLOCK:]
    assert present(blocks)[BLOCK:].all()
    assert settled.mean() == pytest.approx(5.0, abs=1e-3)
    assert settled.std() < 0.25 * picked.std()


def test_a_cell_holds_the_mean_of_the_piecewise_linear_signal() -> None:
    rng = np.random.default_rng(1)
    t = 1.0 + np.cumsum(rng.uniform(0.004, 0.012, 600))
    x = rng.normal(size=600)
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, x)

    fine = np.arange(-0.5 / RATE, 0.5 / RATE, 1e-6) + 0.5e-6
    expected = [np.interp(row + fine, t, x).mean() for row in times(blocks)[BLOCK : 3 * BLOCK]]
    assert rows(blocks)[BLOCK : 3 * BLOCK] == pytest.approx(expected, abs=1e-4)


def test_rows_in_a_gap_hold_the_last_sample_and_are_not_present() -> None:
    t = np.concatenate([np.arange(1.0, 3.0, 0.02), np.arange(3.5, 6.0, 0.02)])
    x = np.where(t < 3.2, 1.0, 2.0)
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, x, delay=0.3)

    at, covered = times(blocks), present(blocks)
    gap = (at > 2.981) & (at < 3.499)
    assert not covered[gap].any()
    assert covered[~gap & (at >= t[0])].all()
    assert (rows(blocks)[gap] == 1.0).all()


def test_a_short_loss_is_bridged() -> None:
    t = np.array([i / RATE for i in range(50, 300) if not 150 <= i < 160])
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, t)

    assert present(blocks)[BLOCK:].all()
    assert rows(blocks)[BLOCK:] == pytest.approx(times(blocks)[BLOCK:], abs=1e-5)


def test_a_slow_sensor_is_not_all_gap() -> None:
    t = np.linspace(1.0, 12.7, 40)
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, t, chunk=1)

    assert present(blocks)[BLOCK:].all()


def test_a_gap_does_not_pass_for_a_slow_sensor() -> None:
    t = np.array([i / RATE for i in range(50, 700) if not (200 <= i < 220 or 400 <= i < 540)])
    blocks = feed(Grid(["wrist"], RATE, BLOCK, wait_s=5.0), t, t)

    at, covered = times(blocks), present(blocks)
    assert not covered[(at > 199.5 / RATE) & (at < 219.5 / RATE)].any()
    assert not covered[(at > 399.5 / RATE) & (at < 539.5 / RATE)].any()


def test_channels_a_sensor_lacks_are_zero() -> None:
    t = np.arange(50, 200) / RATE
    blocks = feed(Grid([None, "wrist"], RATE, BLOCK), t, np.ones(150), channels=ACCELERATION)

    assert blocks[1].x[:, 6:9].min() == 1.0
    assert not blocks[1].x[:, [0, 1, 2, 3, 4, 5, 9, 10, 11]].any()
    assert blocks[1].present.tolist() == [[False, True]] * BLOCK


def test_channels_outside_the_imu_are_left_out() -> None:
    t = np.arange(50, 200) / RATE
    x = np.tile([9.0, 1.0, 3.0], (150, 1))
    blocks = feed(Grid(["wrist"], RATE, BLOCK), t, x, channels=("mag_x", "acc_x", "acc_z"))

    assert blocks[1].x[-1].tolist() == [1.0, 0.0, 3.0, 0.0, 0.0, 0.0]


def test_acceleration_and_angular_rate_that_come_apart_are_joined() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    t = np.arange(50, 300) / RATE
    blocks: list[Block] = []
    for i in range(0, 250, 10):
        part = t[i : i + 10]
        blocks += grid.push(part[-1], samples(part, part, channels=ACCELERATION))
        blocks += grid.push(part[-1], samples(part - 0.007, -part + 0.007, channels=ANGULAR_RATE))

    at = times(blocks)[BLOCK:]
    assert rows(blocks, 2)[BLOCK:] == pytest.approx(at, abs=1e-5)
    assert rows(blocks, 3)[BLOCK:] == pytest.approx(-at, abs=1e-5)
    assert present(blocks)[BLOCK:].all()


def test_counts_keep_their_meaning_where_their_scale_changes() -> None:
    t = np.arange(50, 300) / RATE
    counts = np.repeat(np.arange(250, dtype=np.int16)[:, None], 6, axis=1)
    coarse, fine = np.full(6, 0.5, np.float32), np.linspace(0.125, 0.25, 6, dtype=np.float32)
    whole, scaled = Grid(["wrist"], RATE, BLOCK), Grid(["wrist"], RATE, BLOCK)
    blocks, expected = list[Block](), list[Block]()
    for i in range(0, 250, 10):
        part, scale = slice(i, i + 10), None if i == 130 else coarse if i < 110 else fine
        item = Samples("wrist", t[part], counts[part], IMU_CHANNELS, scale)
        if scale is None:
            item = Samples("wrist", t[part], counts[part] * fine, IMU_CHANNELS)
        blocks += scaled.push(float(t[i + 9]), item)
        expected += whole.push(float(t[i + 9]), Samples("wrist", t[part], item.x, IMU_CHANNELS))

    for block, wanted in zip(blocks, expected, strict=True):
        np.testing.assert_allclose(block.x, wanted.x, rtol=1e-6)


def test_a_sensor_is_present_only_with_all_of_its_channels() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    t = np.arange(50, 300) / RATE
    feed(grid, t[:100], t[:100], channels=ANGULAR_RATE)

    blocks = feed(grid, t[50:], t[50:], channels=ACCELERATION)

    covered = present(blocks)
    assert covered[times(blocks) < t[99]].all()
    assert not covered[times(blocks) > t[99] + 1e-6].any()


def test_other_channels_take_the_place_of_the_ones_before() -> None:
    grid = Grid(["wrist"], RATE, BLOCK, wait_s=60.0)
    t = np.arange(50, 650) / RATE
    feed(grid, t[:300], t[:300], channels=ACCELERATION)
    blocks = feed(grid, t[300:], t[300:])

    assert blocks[-1].t_end > t[-1] - 2 * BLOCK / RATE


def test_channels_that_are_no_longer_sent_do_not_make_a_sensor_absent_for_ever() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    t = np.arange(50, 1050) / RATE
    feed(grid, t[:200], t[:200], channels=ACCELERATION)

    blocks = feed(grid, t[200:], t[200:], channels=ANGULAR_RATE)

    at, covered = times(blocks), present(blocks)
    assert not covered[(at > 5.0) & (at < 9.0)].any()
    assert covered[at > 11.5].all()
    assert not rows(blocks, 0)[at > 11.5].any()
    assert rows(blocks, 3)[at > 11.5] == pytest.approx(at[at > 11.5], abs=1e-5)

    kept = pickled_bytes(grid)
    again = feed(grid, t[:200] + 20.0, t[:200], channels=ACCELERATION)
    assert pickled_bytes(grid) < 2 * kept
    assert again[-1].x[-1, 0] > 0


def test_channels_that_fall_silent_together_stay_and_come_again_together() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    t = np.arange(50, 150) / RATE
    kept: list[int] = []
    for start in (0.0, 20.0, 40.0, 60.0):
        blocks: list[Block] = []
        for i in range(0, len(t), 10):
            part = start + t[i : i + 10]
            blocks += grid.push(part[-1], samples(part, part, channels=ACCELERATION))
            blocks += grid.push(part[-1], samples(part, part, channels=ANGULAR_RATE))

        kept.append(pickled_bytes(grid))
        assert present(blocks)[-BLOCK:].all()
        silent = grid.advance(start + 15.0)
        assert silent[-1].x[-1] == pytest.approx(start + t[-1])
    assert kept[-1] < 1.5 * kept[0]


@pytest.mark.parametrize("packet_s", [0.38, 0.95])
def test_a_packet_may_span_a_second_and_an_answer_never_waits_longer_than_for_it(packet_s: float) -> None:
    grid, n = Grid(["wrist"], RATE, BLOCK), 19
    t = 1.0 + np.arange(40 * n) * packet_s / n
    grid.advance(t[0])
    blocks, delays = list[Block](), list[float]()
    for i in range(0, len(t), n):
        arrival = float(t[i + n - 1]) + 0.01
        pushed = grid.push(arrival, samples(t[i : i + n], t[i : i + n]))
        delays += [arrival - block.t_end for block in pushed]
        blocks += pushed

    assert grid.late == 0
    assert present(blocks)[2 * BLOCK :].all()
    assert max(delays[2:]) < packet_s + 0.04


def test_a_link_that_bundles_every_second_loses_nothing() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    t = np.arange(50, 1000) / RATE
    grid.advance(t[0])
    blocks = [
        block
        for i in range(0, len(t), 10)
        for block in grid.push(float(np.ceil(t[i + 9] + 0.01)), samples(t[i : i + 10], t[i : i + 10]))
    ]

    assert grid.late == 0
    assert present(blocks)[2 * BLOCK :].all()


def test_the_slower_link_is_waited_for() -> None:
    grid = Grid(["wrist", "ankle"], RATE, BLOCK)
    t = np.arange(65, 100) / RATE
    grid.advance(t[0])

    assert grid.push(t[-1], samples(t, t)) == []
    (block,) = grid.push(t[-1] + 0.1, samples(t, t, placement="ankle"))
    assert block.present.all()


def test_a_silent_sensor_is_waited_for_only_so_long() -> None:
    grid = Grid(["wrist", "ankle"], RATE, BLOCK, wait_s=0.4)
    t = np.arange(65, 100) / RATE
    grid.advance(t[0])
    grid.push(t[-1], samples(t, t))

    assert grid.advance(96 / RATE + 0.399) == []
    (block,) = grid.advance(96 / RATE + 0.4)
    assert block.t_end == 96 / RATE
    assert block.present.tolist() == [[True, False]] * BLOCK


def bundles(seconds: float, n: int, placement: str = "wrist") -> list[Arrival]:
    """Make `n` packets, each of so many seconds, that arrive with their last sample."""
    t = (1 + np.arange(round(seconds * RATE * n))) / RATE
    return [(float(part[-1]) + 0.01, samples(part, part, placement)) for part in np.split(t, n)]


def test_a_sensor_that_bundles_for_longer_is_waited_for_as_long() -> None:
    impatient, patient = (Grid(["wrist"], RATE, BLOCK) for _ in range(2))
    patient.expect("wrist", 2.5)

    for grid in (impatient, patient):
        grid.advance(0.0)

    lossy, blocks = play(impatient, bundles(2.5, 8)), play(patient, bundles(2.5, 8))

    assert impatient.late > 0
    assert not present(lossy).all()
    assert patient.late == 0
    assert present(blocks).all()


def test_a_sensor_that_bundles_makes_no_other_one_waited_for() -> None:
    grid = Grid(["wrist", "ankle"], RATE, BLOCK)
    grid.expect("wrist", 2.5)
    t = np.arange(65, 100) / RATE
    grid.advance(t[0])
    grid.push(t[-1], samples(t, t))

    assert grid.advance(96 / RATE + 1.199) == []
    (block,) = grid.advance(96 / RATE + 1.2)
    assert block.present.tolist() == [[True, False]] * BLOCK


def test_nobody_is_waited_for_without_end() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    grid.expect("wrist", 1e9)
    grid.expect("nowhere", 1e9)
    grid.advance(1.0)

    assert [block.t_end for block in grid.advance(1.28 + 4.19)] == []
    assert [block.t_end for block in grid.advance(1.28 + 4.21)] == [1.28]


@pytest.mark.parametrize("bundle_s", [0.0, 0.7, 1.0])
def test_what_bundles_no_more_than_a_second_changes_no_patience(bundle_s: float) -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    grid.expect("wrist", bundle_s)
    grid.advance(1.0)

    assert grid.advance(1.28 + 1.199) == []
    assert [block.t_end for block in grid.advance(1.28 + 1.2)] == [1.28]


def test_without_any_sample_there_are_empty_blocks() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    blocks = [b for t in np.arange(10.0, 15.0, 0.1) for b in grid.advance(float(t))]

    assert len(blocks) >= 6
    assert not any(b.present.any() or b.x.any() for b in blocks)


def test_late_samples_are_counted_and_change_nothing() -> None:
    t = np.arange(50, 400) / RATE
    grid = Grid(["wrist"], RATE, BLOCK, wait_s=0.5)
    feed(grid, t[:100], t[:100])
    emitted = grid.advance(5.0)[-1].t_end
    late = t[(t > t[99]) & (t < 5.0)]

    grid.push(5.0, samples(late, late))
    blocks = feed(grid, t[t >= 5.0], t[t >= 5.0])

    assert grid.late == np.count_nonzero(late <= emitted)
    assert blocks[0].t_end == pytest.approx(emitted + BLOCK / RATE)
    assert present(blocks).all()
    assert rows(blocks) == pytest.approx(times(blocks), abs=1e-5)


def test_samples_from_the_future_are_dropped() -> None:
    t = np.arange(50, 400) / RATE
    grid = Grid(["wrist"], RATE, BLOCK)
    feed(grid, t[:100], t[:100])

    assert grid.push(3.0, samples(t[100:110] + 1e6, t[100:110])) == []
    assert grid.early == 10
    blocks = feed(grid, t[100:], t[100:])
    assert present(blocks).all()


def test_a_sensor_whose_time_falls_back_comes_again() -> None:
    t = np.arange(50, 800) / RATE
    grid = Grid(["wrist"], RATE, BLOCK, wait_s=1.0)
    feed(grid, t[:300], t[:300], delay=-0.9)

    blocks = feed(grid, t[300:], t[300:], delay=0.02)

    assert grid.late == 0
    assert present(blocks)[-5 * BLOCK :].all()
    grid.push(16.0, samples(t[600:610], t[600:610]))
    assert grid.late == 10


def test_hours_of_silence_cost_a_minute_of_blocks() -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    t = np.arange(50, 400) / RATE
    feed(grid, t, t)

    empty = grid.advance(t[-1] + 3600.0)
    after = feed(grid, t + 7200.0, t)

    assert 60.0 <= len(empty) * BLOCK / RATE <= 61.3
    assert grid.advance(0.0) == []
    assert after[0].t_end == pytest.approx(7201.28, abs=1e-6)
    assert present(after)[BLOCK:].all()
    assert after[0].x[0, 0] == np.float32(t[0])


def test_a_placement_that_is_not_worn_is_left_out() -> None:
    t = np.arange(50, 300) / RATE
    blocks = feed(Grid(["wrist", None], RATE, BLOCK), t, t, placement="ankle")

    assert not present(blocks).any()


def test_a_placement_in_two_slots_is_refused() -> None:
    with pytest.raises(ValueError, match="two slots"):
        Grid(["wrist", "wrist"], RATE, BLOCK)


def test_reset_begins_anew() -> None:
    t = np.arange(50, 300) / RATE
    grid = Grid(["wrist"], RATE, BLOCK)
    first = feed(grid, t, t)
    grid.push(90.0, samples(t, t))
    grid.reset()

    assert grid.late == 0
    assert same(first, feed(grid, t, t))


def same(a: list[Block], b: list[Block]) -> bool:
    return len(a) == len(b) and all(
        p.t_end == q.t_end and p.x.tobytes() == q.x.tobytes() and p.present.tobytes() == q.present.tobytes()
        for p, q in zip(a, b, strict=True)
    )


@st.composite
def wearers(draw: st.DrawFn) -> list[Arrival]:
    """Draw packets of two sensors of unequal rates, with losses, silences and late arrival, by arrival."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    arrivals: list[Arrival] = []
    for placement in ("wrist", "ankle"):
        rate = draw(st.sampled_from([5.0, 31.0, 50.0, 59.0, 104.0, 200.0]))
        lateness = draw(st.sampled_from([0.01, 0.3, 1.5]))
        t = rng.uniform(0, 1) + np.cumsum(rng.uniform(0.5, 1.5, int(6 * rate)) / rate)
        if draw(st.booleans()):
            t[len(t) // 2 :] += draw(st.sampled_from([0.3, 4.0, 100.0]))
        now = 0.0
        for part in np.array_split(t, max(len(t) // 12, 1)):
            now = max(now, part[-1] + rng.uniform(0, lateness))
            x = rng.normal(size=(len(part), 6))
            if rng.random() > 0.1:
                arrivals.append((float(now), samples(part, x, placement)))
    return sorted(arrivals, key=lambda a: a[0])


@settings(max_examples=60, deadline=None)
@given(wearers(), st.integers(0, 2**32), st.sampled_from([0.0, 2.4]))
def test_cuts_and_extra_advances_change_no_bit(arrivals: list[Arrival], seed: int, bundle_s: float) -> None:
    rng = np.random.default_rng(seed)
    whole, cut = Grid(["wrist", None, "ankle"], RATE, BLOCK), Grid(["wrist", None, "ankle"], RATE, BLOCK)
    for grid in (whole, cut):
        grid.expect("ankle", bundle_s)
    expected = play(whole, arrivals)

    blocks: list[Block] = []
    before: float | None = None
    for t, part in arrivals:
        if before is not None:
            for moment in np.sort(rng.uniform(before, t, rng.integers(0, 3))).tolist():
                blocks += cut.advance(moment)
        edges = np.unique(rng.integers(0, len(part.t) + 1, 3))
        for piece in np.split(np.arange(len(part.t)), edges):
            blocks += cut.push(t, Samples(part.placement, part.t[piece], part.x[piece], part.channels))
            blocks += cut.advance(t)
        before = t

    assert same(blocks, expected)
    assert (cut.late, cut.early) == (whole.late, whole.early)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 3), st.floats(-1e4, 1e9), st.integers(0, 20)), max_size=40))
def test_whatever_times_come_blocks_follow_each_other(items: list[tuple[float, float, int]]) -> None:
    grid = Grid(["wrist"], RATE, BLOCK)
    now, blocks, empty = 0.0, list[Block](), pickled_bytes(grid)
    for wait, first, n in items:
        now += wait
        blocks += grid.push(now, samples(first + np.arange(n) / RATE, np.ones(n)))
        assert pickled_bytes(grid) < empty + 400 * (8 + 6 * 8)

    assert np.diff([b.t_end for b in blocks]) == pytest.approx(BLOCK / RATE)
    assert all(np.isfinite(b.x).all() for b in blocks)


def bend(blocks: list[Block], start: float, hz: float) -> float:
    """Return the share of the signal in each window of 128 rows that is no sine of `hz`: rms over the windows."""
    t, x, covered = times(blocks), rows(blocks), present(blocks)
    shares = []
    for i in range(0, len(t) - 128, BLOCK):
        part = slice(i, i + 128)
        if t[i] > start and covered[part].all():
            basis = np.exp(2j * np.pi * hz * t[part])
            basis = np.stack([basis.real, basis.imag], axis=1)
            fit = np.linalg.lstsq(basis, x[part], rcond=None)[0]
            shares.append(np.std(x[part] - basis @ fit) / np.std(x[part]))
    assert len(shares) > 5
    return float(np.sqrt(np.mean(np.square(shares))))


def test_real_bursts_do_not_bend_a_sine(data: Path) -> None:
    """2 Hz, sampled evenly, arriving five rows at once as from a real wrist band."""
    weda = np.load(data / "imu" / "weda_fall_acc.npz")
    arrived = weda["t_ms"] / 1000.0
    edges = np.concatenate([[0], np.cumsum(weda["n"])])
    by_clock, by_arrival = [], []
    for first, end in pairwise(edges):
        t = arrived[first:end]
        if len(t) < 1000 or np.any(np.diff(t) < 0):
            continue
        taken = np.polyval(np.polyfit(np.arange(len(t)), t, 1), np.arange(len(t)))
        x = np.sin(2 * np.pi * 2.0 * taken).astype(np.float32)
        clock, even, plain = Clock("wrist"), Grid(["wrist"], RATE, BLOCK), Grid(["wrist"], RATE, BLOCK)
        straight: list[Block] = []
        bent: list[Block] = []
        for i, rows_ in enumerate(np.split(np.arange(len(t)), np.flatnonzero(np.diff(t) > 0.01) + 1)):
            now, values = float(t[rows_[-1]]), np.repeat(x[rows_, None], 3, axis=1)
            packet = Packet("a", i, None, 20_161, ACCELERATION, values, np.ones(3, np.float32))
            straight += even.push(now, clock.push(now, packet))
            strictly = t[rows_] + np.arange(len(rows_)) * 1e-6
            bent += plain.push(now, samples(strictly, values.astype(np.float64), channels=ACCELERATION))
        by_clock.append(bend(straight, t[0] + 5.0, 2.0))
        by_arrival.append(bend(bent, t[0] + 5.0, 2.0))

    assert np.median(by_clock) < 0.05
    assert np.median(by_arrival) > 5 * np.median(by_clock)
