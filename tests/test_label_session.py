"""Prompts for one activity after the other: what is taken, and what of it is taken back."""

from collections.abc import Callable

import pytest

from edgehar.apps.label_session import LabelSession, Prompt, Step, marked, read_labels
from edgehar.errors import ConfigError
from edgehar.recordings import marks
from edgehar.recordings.marks import TimedMark
from edgehar.recordings.scoring import Segment

TICK_S = 0.1


class Played:
    """A session in a time of its own, with a sensor that is heard every tick until it is told to be silent."""

    def __init__(self, *labels: str, take_s: float = 10, pause_s: float = 3, sensors: int = 1) -> None:
        placements = ["wrist_left", "chest"][:sensors]
        self.session = LabelSession(labels, placements, take_s=take_s, pause_s=pause_s)
        self.t, self.steps, self.heard = 100.0, list[Step](), list(range(sensors))

    def go_on(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            self.t += TICK_S
            for stream in self.heard:
                self.session.hear(self.t, stream)
            self.steps += self.session.push(self.t)

    def until_over(self) -> None:
        while not self.session.is_over:
            self.go_on(TICK_S)

    def tap(self, ago: float = 0.8) -> None:
        self.steps += self.session.tap(self.t, self.t - ago)

    @property
    def said(self) -> list[str]:
        return [step.text for step in self.steps if isinstance(step, Prompt)]

    @property
    def marks(self) -> list[TimedMark]:
        return [step for step in self.steps if not isinstance(step, Prompt)]

    @property
    def truth(self) -> list[Segment]:
        return [
            (round(start - 100, 1), round(end - 100, 1), label)
            for start, end, label in marks.segments(self.marks, self.t)
        ]


def test_activities_are_prompted_for_one_after_the_other() -> None:
    played = Played("walking", "tape_box")
    played.until_over()
    # The countdown begins with the first packet, at 0.1 s.
    assert played.truth == [(3.1, 13.1, "walking"), (16.1, 26.1, "tape_box")]
    assert played.session.seconds() == {"walking": 10.0, "tape_box": 10.0}
    assert played.said[:5] == [
        "next: walking, begins in 3",
        "next: walking, begins in 2",
        "next: walking, begins in 1",
        "walking: 10 s left",
        "walking: 9 s left",
    ]
    assert {mark.note for _, mark in played.marks} == {"countdown"}
    # In between nothing is claimed, and at the end there is time to take the last one back.
    assert played.t == pytest.approx(129.1, abs=0.2)


def test_nothing_is_counted_before_every_sensor_was_heard() -> None:
    played = Played("walking", sensors=2)
    played.heard = [0]
    played.go_on(5)
    assert played.said == ["waits for chest"]
    played.heard = [0, 1]
    played.go_on(2)
    assert played.said[-1] == "next: walking, begins in 2"
    assert not played.marks


def test_space_begins_and_ends_at_once() -> None:
    played = Played("walking", "sitting")
    played.go_on(1)
    played.steps += played.session.push(played.t, "go")
    played.go_on(4)
    played.steps += played.session.push(played.t, "go")
    played.until_over()
    assert played.truth == [(1.0, 5.0, "walking"), (8.0, 18.0, "sitting")]
    assert [mark.note for _, mark in played.marks] == ["key", "key", "countdown", "countdown"]


def test_what_is_skipped_leaves_nothing_whether_it_had_begun_or_not() -> None:
    played = Played("walking", "sitting", "standing")
    played.go_on(1)
    played.steps += played.session.push(played.t, "skip")
    played.go_on(5)
    played.steps += played.session.push(played.t, "skip")
    played.until_over()
    assert [label for _, _, label in played.truth] == ["standing"]
    assert played.session.seconds() == {"walking": 0.0, "sitting": 0.0, "standing": 10.0}


@pytest.mark.parametrize(
    ("wait_s", "taken"),
    [(5, 1), (14, 1), (22, 2)],
    ids=["while it runs", "after it has ended", "while the next one runs"],
)
def test_a_take_is_taken_back_and_repeated(wait_s: float, taken: int) -> None:
    played = Played("walking", "sitting")
    played.go_on(wait_s)
    played.steps += played.session.push(played.t, "redo")
    assert len(played.truth) == taken - 1
    played.until_over()
    [walking, sitting] = played.truth
    assert (walking[2], sitting[2]) == ("walking", "sitting")
    assert played.session.seconds() == {"walking": 10.0, "sitting": 10.0}


def test_the_last_take_too_can_be_taken_back() -> None:
    played = Played("walking")
    played.go_on(14)
    assert played.said[-1] == "that was all, ends in 3"
    played.steps += played.session.push(played.t, "redo")
    played.until_over()
    assert played.truth == [(17.0, 27.0, "walking")]


def test_where_nothing_was_taken_nothing_of_an_earlier_recording_is_taken_back() -> None:
    played = Played("walking")
    played.go_on(1)
    played.steps += played.session.push(played.t, "redo")
    assert not played.marks


def test_a_sensor_that_falls_silent_voids_the_take_and_it_is_repeated() -> None:
    played = Played("walking", "sitting", sensors=2)
    played.go_on(5)
    played.heard = [0]
    played.go_on(8)
    assert played.said[-1] == "chest fell silent: this take of walking does not count and is repeated"
    assert played.truth == []
    played.heard = [0, 1]
    played.until_over()
    assert [label for _, _, label in played.truth] == ["walking", "sitting"]
    assert all(end - start == pytest.approx(10) for start, end, _ in played.truth)


@pytest.mark.parametrize("end", [lambda s, t: s.push(t, "quit"), lambda s, t: s.stop(t)])
def test_what_runs_at_the_end_is_kept(end: Callable[[LabelSession, float], list[Step]]) -> None:
    played = Played("walking", "sitting")
    played.go_on(7)
    played.steps += end(played.session, played.t)
    assert played.session.is_over
    assert played.truth == [(3.1, 7.0, "walking")]
    assert played.session.push(played.t + 60, "go") == []


def test_a_moment_can_be_marked() -> None:
    played = Played("walking")
    played.go_on(5)
    played.steps += played.session.push(played.t, "moment")
    assert [mark.kind for _, mark in played.marks] == ["begin", "moment"]


def test_a_double_tap_begins_at_once_and_ends_before_the_hand_came() -> None:
    played = Played("walking", "sitting")
    played.go_on(1.5)
    played.tap()
    played.go_on(5.5)
    played.tap(ago=0.7)
    # Another sensor felt it too, and tells a little later.
    played.go_on(0.2)
    played.tap(ago=0.85)
    played.go_on(0.1)
    assert played.truth == [(1.5, 6.2, "walking")]
    assert played.said[-1] == "next: sitting, begins in 3"
    assert [mark.note for _, mark in played.marks] == ["tap", "tap"]


def test_a_double_tap_as_a_take_ends_by_itself_does_not_begin_the_next() -> None:
    played = Played("walking", "sitting")
    played.go_on(13.5)
    played.tap()
    assert played.said[-1] == "next: sitting, begins in 3"


def test_a_double_tap_that_took_long_to_come_ends_no_further_back_than_readers_take() -> None:
    played = Played("walking")
    played.go_on(9)
    played.tap(ago=2.5)
    assert played.truth == [(3.1, 8.1, "walking")]


def test_a_clock_that_is_looked_at_late_makes_no_take_longer() -> None:
    played = Played("walking", "sitting")
    played.go_on(12.9)
    played.t += 0.8
    played.session.hear(played.t, 0)
    played.steps += played.session.push(played.t)
    assert played.truth == [(3.1, 13.1, "walking")]


@pytest.mark.parametrize(
    ("given", "label"),
    [
        ("tighten screw", "tighten_screw"),
        (" Tape-Box ", "tape_box"),
        ("jogging", "running"),
        ("walking", "walking"),
    ],
)
def test_labels_get_the_form_that_labels_have(given: str, label: str) -> None:
    assert marked(given) == label
    assert read_labels(f"sitting,{given},")[1] == (given.strip(), label)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "none came"),
        (" , ", "none came"),
        ("walking,schräg", "64 letters"),
        ("x" * 65, "64 letters"),
        ("a\nb,c/d", "c/d"),
        ("no signal", "no_signal is no activity"),
    ],
)
def test_what_is_no_label_is_refused_by_its_name(given: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_labels(given)
