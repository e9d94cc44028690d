"""Takes held out in turn."""

from hypothesis import given, strategies as st

from edgehar.personal.folds import FOLDS, folds
from edgehar.personal.takes import Take
from edgehar.recordings.scoring import Segment, merge

WINDOW_S = 2.56


def take(*truth: Segment) -> Take:
    return Take({}, [*truth], "take")


def test_what_was_done_once_is_cut_in_two_with_a_window_between() -> None:
    first, second = folds([take((0.0, 20.0, "walking"))], WINDOW_S)
    assert first.held_out == [[(0.0, 10.0)]]
    assert first.taught[0].truth == [(10.0, 20.0, "walking")]
    assert second.held_out == [[(10.0 + WINDOW_S, 20.0)]]
    assert second.taught[0].truth == [(0.0, 10.0, "walking")]


def test_what_is_too_short_is_always_taught_and_never_held_out() -> None:
    assert folds([take((0.0, 5.0, "walking"))], WINDOW_S) == []


def test_what_was_done_several_times_is_held_out_whole() -> None:
    turns = folds([take((0.0, 9.0, "a")), take((0.0, 5.0, "b"), (5.0, 9.0, "a"), (9.0, 15.0, "b"))], WINDOW_S)
    assert [turn.held_out for turn in turns] == [
        [[(0.0, 9.0)], [(0.0, 5.0)]],
        [[], [(5.0, 9.0), (9.0, 15.0)]],
    ]
    assert [[*map(tuple, each.truth)] for each in turns[0].taught] == [[(5.0, 9.0, "a"), (9.0, 15.0, "b")]]


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from("abc"), st.floats(1.0, 60.0)), min_size=1), min_size=1, max_size=4
    )
)
def test_nothing_that_is_judged_was_taught_and_each_label_stays_taught(
    recordings: list[list[tuple[str, float]]],
) -> None:
    takes = []
    for done in recordings:
        truth, t = [], 0.0
        for label, seconds in done:
            truth.append((t, t + seconds, label))
            t += seconds + 5.0
        takes.append(take(*truth))
    labels = {label for done in recordings for label, _ in done}
    turns = folds(takes, WINDOW_S)
    assert len(turns) <= FOLDS
    for turn in turns:
        assert {label for each in turn.taught for *_, label in each.truth} == labels
        taught = {id(each.tracks): merge(each.truth) for each in turn.taught}
        for each, stretches in zip(takes, turn.held_out, strict=True):
            for begin, end in stretches:
                overlapping = [s for s in taught.get(id(each.tracks), []) if s[0] < end and begin < s[1]]
                assert not overlapping
