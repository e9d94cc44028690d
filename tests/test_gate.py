"""The gate between what was taught and what is in use."""

from hypothesis import given, settings, strategies as st

from edgehar.personal.counts import ANY, Counts
from edgehar.personal.gate import Compared, Verdict, judge, rows

LABELS = ("walking", "sitting", "tape_box")

TAKES = st.integers(1, 40).flatmap(lambda done: st.tuples(st.integers(0, done), st.just(done)))


def counts(
    takes: dict[str, tuple[int, int]], false_starts: dict[str, int] | None = None, hours: float = 0.5
) -> Counts:
    false = dict.fromkeys(takes, 0) | (false_starts or {})
    return Counts(dict.fromkeys((*false, ANY), hours), false | {ANY: sum(false.values())}, takes, dict(takes))


@st.composite
def some_counts(draw: st.DrawFn) -> Counts:
    takes = {label: draw(TAKES) for label in LABELS}
    return counts(takes, {label: draw(st.integers(0, 30)) for label in LABELS}, draw(st.floats(0.01, 20.0)))


def times(each: Counts, factor: int) -> Counts:
    return Counts(
        {node: hours * factor for node, hours in each.hours.items()},
        {node: count * factor for node, count in each.false_starts.items()},
        {label: (missed * factor, done * factor) for label, (missed, done) in each.takes.items()},
        {},
    )


def verdict(before: Counts, after: Counts, *, new: tuple[str, ...] = ()) -> Verdict:
    nothing = Compared("stored", Counts(), Counts())
    return judge(Compared("held out", before, after), nothing, new, [*after.takes])


@given(some_counts())
def test_what_does_as_before_is_accepted(same: Counts) -> None:
    assert verdict(same, same).accepts()


@given(some_counts(), st.data())
def test_what_is_nowhere_worse_is_accepted(before: Counts, data: st.DataObject) -> None:
    takes = {
        label: (data.draw(st.integers(0, missed)), done) for label, (missed, done) in before.takes.items()
    }
    false = {node: data.draw(st.integers(0, before.false_starts[node])) for node in LABELS}
    after = counts(takes, false, before.hours[ANY])
    assert verdict(before, after).accepts()


@settings(max_examples=30)
@given(some_counts(), some_counts(), st.integers(2, 5))
def test_more_of_the_same_recordings_accepts_nothing_that_was_refused(
    before: Counts, other: Counts, factor: int
) -> None:
    takes = {
        label: (round(other.takes[label][0] / other.takes[label][1] * done), done)
        for label, (_, done) in before.takes.items()
    }
    after = counts(takes, {node: other.false_starts[node] for node in LABELS}, before.hours[ANY])
    if not verdict(before, after).accepts():
        assert not verdict(times(before, factor), times(after, factor)).accepts()


def test_the_sentence_says_what_is_missed_now_and_was_not() -> None:
    answer = verdict(
        counts({"walking": (1, 6), "sitting": (0, 3)}), counts({"walking": (5, 6), "sitting": (0, 3)})
    )
    assert (
        answer.sentence() == "refused: walking is missed in 5 of 6 takes where it was missed in 1 (held out)"
    )
    # What was shown to be worse is accepted in no case.
    assert not answer.accepts(anyway=True)


def test_two_false_starts_more_may_be_chance_and_three_are_not() -> None:
    before = counts({"walking": (0, 6)})
    assert verdict(before, counts({"walking": (0, 6)}, {"walking": 2})).accepts()
    answer = verdict(before, counts({"walking": (0, 6)}, {"walking": 3}))
    assert "walking begins falsely 3 times in 30 min where it was never" in answer.sentence()


def test_a_new_label_begins_falsely_no_oftener_than_an_eager_point_allows() -> None:
    before = Counts({ANY: 0.1}, {ANY: 0}, {"walking": (0, 3), "tape_box": (3, 3)}, {})
    after = counts({"walking": (0, 3), "tape_box": (0, 3)}, {"tape_box": 1}, 0.02)
    answer = verdict(before, after, new=("tape_box",))
    assert "tape_box begins falsely once in 1.2 min, more than 2 an hour" in answer.sentence()
    longer = counts({"walking": (0, 3), "tape_box": (0, 3)}, {"tape_box": 1}, 1.0)
    assert verdict(before, longer, new=("tape_box",)).accepts()


def test_a_new_label_has_to_be_told_at_all() -> None:
    before = Counts({ANY: 0.1}, {ANY: 0}, {"walking": (0, 3), "tape_box": (3, 3)}, {})
    answer = verdict(before, counts({"walking": (0, 3), "tape_box": (3, 3)}), new=("tape_box",))
    assert answer.sentence() == "refused: tape_box is told in none of 3 takes of it that were held out"


def test_recordings_that_say_too_little_are_no_reason_to_accept() -> None:
    alone = counts({"tape_box": (0, 2)}, hours=0.0)
    answer = verdict(Counts({ANY: 0.1}, {ANY: 0}, {"tape_box": (2, 2)}, {}), alone, new=("tape_box",))
    assert not answer.accepts()
    assert answer.accepts(anyway=True)
    assert answer.sentence().startswith(
        "refused, as the recordings say too little: nothing else than tape_box"
    )
    assert answer.sentence(anyway=True).startswith("accepted anyway: ")


def test_a_gain_on_what_was_taught_hides_no_loss_elsewhere() -> None:
    taught = Compared("held out", counts({"walking": (9, 9)}), counts({"walking": (0, 9)}))
    stored = Compared("stored", counts({"walking": (0, 3)}), counts({"walking": (3, 3)}))
    answer = judge(taught, stored, (), ["walking"])
    assert answer.sentence() == "refused: walking is missed in 3 of 3 takes where it was missed in 0 (stored)"


def test_a_row_has_what_was_told_before_and_now() -> None:
    compared = Compared("held out", counts({"walking": (4, 6)}), counts({"walking": (1, 6)}, {"walking": 1}))
    [row] = rows([compared], {"walking": 30.0})
    assert (row["told_before"], row["told_after"], row["takes"]) == (2, 5, 6)
    assert (row["false_starts_after"], row["at_most_per_hour"]) == (1, 9.49)
