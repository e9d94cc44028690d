"""The parts of a report that see a recording go by: signals, states and doubts, in memory that does not grow."""

from itertools import pairwise

import numpy as np
import pytest

from edgehar.apps.report.chart import COLUMNS, Stretch, drawable, runs
from edgehar.apps.report.doubts import MOST_GROUPS, Doubts
from edgehar.apps.report.envelope import Envelope
from edgehar.apps.report.markup import element, table
from edgehar.apps.report.rows import Calendar, Row, lasted, rows, ticks
from edgehar.apps.report.sensor import SensorStrips
from edgehar.apps.report.spans import Spans
from edgehar.types import IMU_CHANNELS, STANDARD_GRAVITY, Activity, NoAnswer, Samples, Times


def told(
    t: float, state: str, since: float, *, confidence: float = 0.9, reason: str = "", without: str = ""
) -> Activity:
    no_answer: NoAnswer | None = "no_signal" if state == "no_signal" else None
    label = None if no_answer else state
    excluded = (without,) if without else ()
    return Activity(
        "mia", label, no_answer, reason, confidence, t, since, coverage=1.0, excluded_sensors=excluded
    )


@pytest.mark.parametrize("chunk", [1, 7, 5000])
def test_an_envelope_of_any_length_keeps_least_largest_and_mean(chunk: int) -> None:
    rng = np.random.default_rng(1)
    t: Times = np.linspace(3.0, 103.0, 5000, endpoint=False)
    x = rng.normal(size=5000)
    envelope = Envelope(0.0, bins=64)
    for i in range(0, len(t), chunk):
        envelope.push(t[i : i + chunk], x[i : i + chunk])
    assert len(envelope.count) == 64
    columns = envelope.columns(0.0, 103.0, 10)
    assert len(columns.t) <= 10
    assert columns.count.sum() == 5000
    assert (columns.least.min(), columns.largest.max()) == (x.min(), x.max())
    assert columns.total.sum() == pytest.approx(x.sum())
    middle = int(np.flatnonzero(columns.count)[2])
    width = columns.t[1] - columns.t[0]
    inside = np.abs(t - columns.t[middle]) < width / 2
    assert columns.largest[middle] == x[inside].max()
    assert columns.mean[middle] == pytest.approx(x[inside].mean())


def test_a_band_is_cut_where_a_gap_lies_and_not_where_samples_are_rare() -> None:
    envelope = Envelope(0.0, bins=1024)
    t: Times = np.concatenate([np.arange(0, 10, 0.2), np.arange(20, 30, 0.2)])
    envelope.push(t, np.ones(len(t)))
    columns = envelope.columns(0.0, 30.0, 640)
    assert [len(run) for run in runs(columns, [])] == [100]
    assert [len(run) for run in runs(columns, [(9.8, 20.0)])] == [50, 50]


def test_what_is_shorter_than_a_column_shares_it_and_the_longest_is_drawn() -> None:
    row = Row(0.0, 10.0 * COLUMNS)
    long = [Stretch(0.0, 40.0, "walking"), Stretch(40.0, 100.0, "sitting")]
    assert drawable(long, row) == long
    short = [
        Stretch(t, t + length, state)
        for begin in range(0, 100, 10)
        for t, length, state in ((begin, 3.0, "walking"), (begin + 3.0, 7.0, "running"))
    ]
    assert drawable([*short, Stretch(120.0, 124.0, "sitting")], row) == [
        Stretch(0.0, 100.0, "running"),
        Stretch(120.0, 130.0, "sitting"),
    ]


def test_what_holds_from_an_earlier_time_corrects_what_was_told() -> None:
    spans = Spans()
    for activity in (
        told(3.0, "other", 0.0),
        told(5.0, "walking", 1.0),
        told(7.0, "running", 6.5),
        told(8.0, "walking", 6.4),
    ):
        spans.push(activity)
    assert [(span.begin, span.end, span.state) for span in spans.all] == [
        (0.0, 1.0, "other"),
        (1.0, 8.0, "walking"),
    ]
    assert spans.all[1].confidence == pytest.approx(0.9)
    assert spans.seconds() == {"other": 1.0, "walking": 7.0}


def test_of_too_many_stretches_the_shortest_go_and_none_is_without_a_state() -> None:
    spans = Spans(most=100)
    t = 0.0
    for i in range(2000):
        begin, t = t, t + (60.0 if i % 10 == 0 else 0.5 + i % 3)
        spans.push(told(t, ["walking", "standing", "running"][i % 3], begin))
        assert len(spans.all) <= 100
    assert spans.shortest_s >= 1.0
    assert spans.all[0].begin == 0.0
    assert spans.all[-1].end == t
    for before, after in pairwise(spans.all):
        assert before.end == after.begin
        assert before.state != after.state


def test_reasons_that_differ_by_figures_alone_are_one_group() -> None:
    doubts = Doubts()
    for t, state, reason, without in (
        (1.0, "other", "Nothing is certain enough; walking comes nearest with 41%.", ""),
        (2.0, "other", "Nothing is certain enough; walking comes nearest with 39%.", ""),
        (3.0, "walking", "walking at 93%.", ""),
        (4.0, "other", "Nothing is certain enough; walking comes nearest with 44.5%.", ""),
        (5.0, "walking", "walking at 93%; without wrist (20% of its samples came).", "wrist"),
        (6.0, "sitting", "sitting at 91%; without wrist (24% of its samples came).", "wrist"),
    ):
        doubts.push(told(t, state, t, reason=reason, without=without), 1.0)
    doubts.finish()
    first, second = doubts.largest()
    assert first.reason == "Nothing is certain enough; walking comes nearest with 41%."
    assert (first.seconds, first.stretches, first.times()) == (3.0, 2, [(0.0, 2.0), (3.0, 4.0)])
    assert second.reason == "Without wrist (20% of its samples came)."
    assert (second.stretches, second.times()) == (1, [(4.0, 6.0)])
    assert doubts.seconds == 5.0


def test_groups_of_reasons_are_bounded() -> None:
    doubts = Doubts()
    for i in range(2 * MOST_GROUPS):
        word = "".join(chr(ord("a") + int(digit)) for digit in str(i))
        doubts.push(told(i + 1.0, "other", 0.0, reason=f"Because of {word}."), 1.0)
    doubts.finish()
    assert len(doubts.groups) == MOST_GROUPS + 1
    assert sum(group.seconds for group in doubts.groups.values()) == 2 * MOST_GROUPS


def test_a_sensor_s_rate_gaps_losses_and_gravity_are_measured() -> None:
    sensor = SensorStrips("wrist", 0.0)
    t = np.concatenate([np.arange(0, 60, 0.04), np.arange(75, 120, 0.04)])
    x = np.zeros((len(t), 6), np.float32)
    x[:, 2] = 1.02 * STANDARD_GRAVITY
    # The second part is walked.
    x[1500:, 0] = 5 * np.sin(12 * t[1500:])
    for i in range(0, len(t), 10):
        part = Samples("wrist", t[i : i + 10], x[i : i + 10], IMU_CHANNELS)
        sensor.push(part, lost=0 if i < 1500 else 37)
    sensor.flush()
    assert sensor.rate_hz == pytest.approx(25.0)
    assert sensor.at_rest == pytest.approx(1.02 * STANDARD_GRAVITY, abs=0.02)
    assert sensor.gap_count == 1
    assert np.allclose(sensor.gaps, [(59.96, 75.0)])
    assert sensor.gap_s == pytest.approx(15.04)
    assert sensor.lost.columns(70.0, 80.0, 1).total.sum() == 37
    assert {*sensor.strips} == {"acceleration", "turning"}
    assert sensor.strips["acceleration"].columns(0.0, 59.0, 1).largest[0] == pytest.approx(10.0, abs=0.01)


def test_a_day_is_laid_out_hour_by_hour_from_full_hours() -> None:
    epoch = 1_790_000_000.0
    times = Calendar(epoch, 1000.0)
    day = rows(times, 1000.0, 1000.0 + 86_000)
    assert {row.seconds for row in day} == {3600.0}
    assert len(day) in {24, 25}
    assert all(times.clock(row.begin).endswith(":00:00") for row in day)
    assert day[0].begin <= 1000.0
    assert day[-1].end >= 87_000.0
    assert [times.clock(t, seconds=False)[3:] for t in ticks(times, day[1])] == [
        "00", "10", "20", "30", "40", "50", "00"
    ]  # fmt: skip


@pytest.mark.parametrize("seconds", [0.0, 5.0, 599.0, 601.0, 7200.0, 1e5, 1e6, 1e7, 1e8])
def test_rows_are_few_and_cover_everything(seconds: float) -> None:
    times = Calendar(0.0, 50.0)
    cut = rows(times, 50.0, 50.0 + seconds)
    assert len(cut) <= 27
    assert cut[0].begin <= 50.0
    assert cut[-1].end >= 50.0 + seconds
    assert all(a.end == b.begin for a, b in pairwise(cut))
    assert all(len(ticks(times, row)) <= 30 for row in cut)


def test_without_a_date_times_count_from_the_begin() -> None:
    times = Calendar(0.0, 50.0)
    assert [times.clock(50.0 + s) for s in (0, 61, 3725)] == ["0:00", "1:01", "1:02:05"]
    assert times.date(50.0) == ""
    assert Row(0.0, 10.0).percent(20.0) == 100.0
    assert [lasted(s) for s in (3.4, 60, 95, 7265, 200_000)] == [
        "3 s",
        "1 min",
        "1 min 35 s",
        "2 h 1 min",
        "2.3 days",
    ]


def test_all_text_is_escaped_and_markup_is_not() -> None:
    hostile = '"><script>alert(1)</script>'
    shown = element("p", hostile, element("b", "bold"), title=hostile)
    assert "<script" not in shown
    assert "<b>bold</b>" in shown
    assert "<script" not in table(hostile, [hostile], [[hostile, hostile]])
