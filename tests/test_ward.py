"""Frame and event metrics of continuous recognition."""

from importlib import import_module
from typing import Any

import pytest
from conftest import lacking
from hypothesis import assume, example, given, settings, strategies as st
from msgspec import json
from msgspec.structs import asdict

from edgehar.evaluation.ward import Events, Frames, Interval, Rates, Ward, by_label, compare, markdown, pool

END = 120

Intervals = list[Interval]


@st.composite
def disjoint(draw: st.DrawFn) -> Intervals:
    edges = sorted(draw(st.sets(st.integers(0, END), min_size=2, max_size=16)))
    return [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@pytest.fixture(scope="module")
def reference() -> Any:
    try:
        return import_module("wardmetrics.core_methods")
    except ImportError:
        lacking("ward-metrics (the test extra)")


def test_each_kind_of_frame_error_gets_its_seconds() -> None:
    true = [(10.0, 20.0), (30.0, 40.0), (50.0, 60.0), (70.0, 80.0)]
    reported = [(8.0, 13.0), (14.0, 19.0), (32.0, 51.0), (59.0, 61.0), (90.0, 95.0)]
    assert compare(true, reported, 0.0, 100.0).frames == Frames(
        hit=3 + 5 + 8 + 1 + 1,
        silence=60 - 2 - 10 - 1 - 5,
        insertion=5,
        merge=10,
        overfill_start=2,
        overfill_end=1,
        deletion=10,
        fragmentation=1 + 8,
        underfill_start=2,
        underfill_end=1,
    )


@pytest.mark.parametrize(
    ("true", "reported", "events"),
    [
        ([(1, 5)], [(2, 6)], Events(correct=1)),
        ([(1, 5)], [], Events(deleted=1)),
        ([], [(1, 5)], Events(inserted=1)),
        ([(1, 9)], [(1, 3), (5, 9)], Events(fragmented=1, fragmenting=2)),
        ([(1, 3), (5, 9)], [(1, 9)], Events(merged=2, merging=1)),
        (
            [(1, 9), (12, 15)],
            [(1, 3), (5, 13)],
            Events(fragmented_merged=1, merged=1, fragmenting=1, fragmenting_merging=1),
        ),
        ([(1, 5)], [(5, 9)], Events(deleted=1, inserted=1)),
        ([(1, 5)], [(1, 3), (3, 5)], Events(correct=1)),
    ],
)
def test_each_event_stands_in_one_category(true: Intervals, reported: Intervals, events: Events) -> None:
    assert compare(true, reported, 0.0, 20.0).events == events


def test_what_lies_outside_the_stretch_does_not_count() -> None:
    ward = compare([(-5.0, 2.0)], [(8.0, 30.0)], 0.0, 10.0)
    assert ward.frames == Frames(silence=6.0, deletion=2.0, insertion=2.0)


@given(disjoint(), disjoint())
def test_every_second_and_every_event_is_counted_once(true: Intervals, reported: Intervals) -> None:
    ward = compare(true, reported, 0.0, END)
    assert sum(asdict(ward.frames).values()) == END
    e = ward.events
    assert e.correct + e.deleted + e.fragmented + e.merged + e.fragmented_merged == len(true)
    assert e.correct + e.inserted + e.fragmenting + e.merging + e.fragmenting_merging == len(reported)


@given(disjoint(), disjoint())
def test_exchanging_truth_and_answer_exchanges_the_errors(true: Intervals, reported: Intervals) -> None:
    forth, back = compare(true, reported, 0.0, END), compare(reported, true, 0.0, END)
    assert forth.frames.insertion == back.frames.deletion
    assert forth.frames.merge == back.frames.fragmentation
    assert forth.frames.overfill_start == back.frames.underfill_start
    assert forth.events.merging == back.events.fragmented
    assert forth.events.fragmenting_merging == back.events.fragmented_merged


@settings(max_examples=300, deadline=None)
@given(true=disjoint(), reported=disjoint())
@example(true=[(0.0, 119.0)], reported=[(0.0, 1.0)])
def test_frames_agree_with_ward_metrics(reference: Any, true: Intervals, reported: Intervals) -> None:
    # The reference divides by the time without the activity.
    assume(true != [(0.0, float(END))])
    rates, _, seconds, _ = reference.eval_segments(list(true), list(reported), 0, END)
    ward = compare(true, reported, 0.0, END)
    names = dict(
        zip(Frames.__struct_fields__, ("TP", "TN", "I", "M", "Os", "Oe", "D", "F", "Us", "Ue"), strict=True)
    )
    assert asdict(ward.frames) == {ours: seconds[theirs] for ours, theirs in names.items()}
    assert ward.rates.underfill == pytest.approx(rates["us"] + rates["ue"], abs=1e-4)
    assert ward.rates.overfill == pytest.approx(rates["os"] + rates["oe"], abs=1e-4)
    assert ward.rates.hit == pytest.approx(rates["tpr"], abs=1e-4)


def is_chain(true: Intervals, reported: Intervals) -> bool:
    """Tell whether fragmented and merged events hang together, where ward-metrics counts by the order it looks."""
    met = [[s for s in reported if s[0] < t[1] and t[0] < s[1]] for t in true]
    covers = {s: sum(s in pieces for pieces in met) for s in reported}
    return any(len(pieces) > 1 and any(covers[s] > 1 for s in pieces) for pieces in met)


@settings(max_examples=300, deadline=None)
@given(true=disjoint(), reported=disjoint())
def test_events_agree_with_ward_metrics_where_no_event_is_both_fragmented_and_merged(
    reference: Any, true: Intervals, reported: Intervals
) -> None:
    if is_chain(true, reported):
        return
    _, _, theirs, _ = reference.eval_events(list(true), list(reported), 0, END)
    e = compare(true, reported, 0.0, END).events
    assert (e.correct, e.deleted, e.fragmented, e.merged) == tuple(theirs[k] for k in "CDFM")
    assert (e.inserted, e.fragmenting, e.merging) == tuple(theirs[k] for k in ("I'", "F'", "M'"))


def test_pooling_adds_seconds_before_it_divides() -> None:
    short, long = compare([(0, 1)], [(0, 1)], 0, 2), compare([(0, 9)], [], 0, 12)
    assert pool([short, long]).rates.hit == pytest.approx(0.1)
    assert pool([short, long]).events == Events(correct=1, deleted=1)


def test_a_label_that_never_occurs_has_no_hit_rate() -> None:
    assert compare([], [(0, 1)], 0, 10).rates == Rates(None, None, None, None, 0.1, 0.0, 0.0)


def test_labels_are_judged_each_against_the_rest() -> None:
    wards = by_label([(0, 5, "a"), (5, 9, "b")], [(0, 9, "a")], ["a", "b"], 0, 9)
    assert wards["a"].frames == Frames(hit=5, overfill_end=4)
    assert wards["b"].events == Events(deleted=1)


def test_results_become_json_and_a_table() -> None:
    ward = compare([(0, 5)], [(0, 4)], 0, 10)
    assert json.decode(json.encode(ward), type=Ward) == ward
    assert markdown({"walking": ward}).splitlines()[2].startswith("| walking | 80.0 | 0.0 | 0.0 | 20.0 |")
