import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from edgehar.publishers.event_file import EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.outbox import ANOTHER_CHANCE, TRIES, Bounds, Outbox
from edgehar.publishers.payloads import Message

steps = st.lists(st.sampled_from(["push", "send", "acknowledge", "lose"]), max_size=200)


def event(number: int) -> Message:
    return Message("event", str(number).encode(), retain=False)


def state(topic: str, word: bytes) -> Message:
    return Message(topic, word, retain=True)


def outbox_of(events: int) -> Outbox:
    return Outbox(Bounds(events))


def take_all(outbox: Outbox) -> list[Message]:
    return list(iter(outbox.take, None))


def test_states_collapse_to_the_newest_of_each_topic_in_the_order_they_became_due() -> None:
    outbox = outbox_of(10)
    for message in (state("a", b"1"), state("b", b"1"), state("a", b"2")):
        outbox.push(message)
    assert take_all(outbox) == [state("a", b"2"), state("b", b"1")]


def test_a_new_connection_gets_every_state_then_what_was_on_its_way_then_what_waited() -> None:
    outbox = outbox_of(10)
    for message in (state("a", b"1"), event(0), event(1), event(2)):
        outbox.push(message)
    for number in range(3):
        taken = outbox.take()
        assert taken is not None
        outbox.mark_sent(number, taken)
    outbox.acknowledge(0)
    outbox.requeue()
    assert take_all(outbox) == [state("a", b"1"), event(0), event(1), event(2)]


def test_what_is_repeated_is_every_state_at_its_newest_and_no_event() -> None:
    outbox = outbox_of(10)
    for message in (state("a", b"1"), event(0), state("b", b"1")):
        outbox.push(message)
    for number in range(3):
        taken = outbox.take()
        assert taken is not None
        outbox.mark_sent(number, taken)
        outbox.acknowledge(number)
    outbox.push(state("b", b"2"))
    outbox.repeat()
    assert sorted(take_all(outbox), key=lambda message: message.topic) == [state("a", b"1"), state("b", b"2")]


def test_what_was_removed_is_not_kept() -> None:
    outbox = outbox_of(10)
    for number, message in enumerate((state("a", b"1"), state("a", b""))):
        outbox.push(message)
        taken = outbox.take()
        assert taken is not None
        outbox.mark_sent(number, taken)
    for number in range(2):
        outbox.acknowledge(number)
    outbox.repeat()
    assert take_all(outbox) == []


def test_what_is_left_is_every_event_that_was_not_acknowledged_in_order() -> None:
    outbox = outbox_of(10)
    for message in (state("a", b"1"), event(0), event(1), event(2)):
        outbox.push(message)
    for number in range(3):
        taken = outbox.take()
        assert taken is not None
        outbox.mark_sent(number, taken)
    outbox.acknowledge(1)
    assert list(outbox._kept) == [event(1), event(2)]


def test_of_too_many_events_the_oldest_is_dropped_and_counted() -> None:
    outbox = outbox_of(3)
    for number in range(5):
        outbox.push(event(number))
    assert outbox.dropped == 2
    assert take_all(outbox) == [event(2), event(3), event(4)]


def test_events_wait_in_no_more_bytes_than_they_may() -> None:
    outbox = Outbox(Bounds(size=10 * (len("event") + 1000)))
    assert [outbox.push(Message("event", bytes((n,)) * 1000, retain=False)) for n in range(12)] == [
        True
    ] * 10 + [
        False,
        False,
    ]
    assert [message.payload[0] for message in outbox._kept] == list(range(2, 12))
    assert outbox.dropped == 2


def test_an_event_that_nobody_took_for_too_long_makes_room_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outbox, now = Outbox(Bounds(age_s=100.0)), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number, at in enumerate((1000.0, 1050.0, 1100.0, 1120.0)):
        now = at
        outbox.push(event(number))
    assert (list(outbox._kept), outbox.dropped) == ([event(1), event(2), event(3)], 1)


@pytest.mark.parametrize("began", [0.0, 1_740_000_000.0, 1_780_000_000.0])
def test_a_clock_that_is_set_drops_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, began: float
) -> None:
    """A machine without a clock of its own begins with an old date, or with 1970."""
    monkeypatch.setattr(time, "time", lambda: began)
    outbox = Outbox(Bounds(age_s=100.0), kept_in(tmp_path))
    outbox.push(event(0))
    monkeypatch.setattr(time, "time", lambda: 1_780_000_050.0)
    outbox.push(event(1))
    outbox._kept.close()
    again = Outbox(Bounds(age_s=100.0), kept_in(tmp_path))
    again.push(event(2))
    again._kept.close()
    # Between two lives the date alone tells how long it was.
    dropped = began == 1_740_000_000.0
    assert [*again._kept] == [event(number) for number in range(dropped, 3)]


def test_an_event_that_waits_already_is_not_taken_twice() -> None:
    outbox = outbox_of(3)
    for number in (0, 1, 0):
        outbox.push(event(number))
    assert take_all(outbox) == [event(0), event(1)]


def kept_in(folder: Path) -> KeptEvents:
    return KeptEvents(EventFile(folder))


def test_what_an_earlier_life_kept_goes_first_and_is_let_go_once_it_arrived(tmp_path: Path) -> None:
    kept = kept_in(tmp_path)
    outbox = Outbox(Bounds(4), kept)
    for number in range(6):
        outbox.push(event(number))
    kept.close()
    kept = kept_in(tmp_path)
    outbox = Outbox(Bounds(4), kept)
    outbox.push(event(6))
    assert connect(outbox, set())[0] == [event(3), event(4), event(5), event(6)]
    assert outbox.dropped == 1
    assert kept.size == 0
    kept.close()
    kept = kept_in(tmp_path)
    assert list(kept) == []
    kept.close()


def test_events_move_to_another_place_once(tmp_path: Path) -> None:
    kept, other = kept_in(tmp_path / "a"), kept_in(tmp_path / "b")
    for number in (0, 1):
        kept.keep(event(number))
    for number in (1, 2):
        other.keep(event(number))
    kept.move_to(other)
    kept.close()
    other.close()
    left = {folder: [*kept_in(tmp_path / folder)] for folder in "ab"}
    assert left == {"a": [], "b": [event(1), event(2), event(0)]}


@given(steps)
def test_no_event_is_lost_uncounted_whatever_happens_in_whatever_order(happenings: list[str]) -> None:
    outbox, pushed, received, sent = outbox_of(5), 0, set[bytes](), list[tuple[int, Message]]()
    for number, happening in enumerate(happenings):
        if happening == "push":
            outbox.push(event(pushed))
            pushed += 1
        elif happening == "send" and (taken := outbox.take()):
            outbox.mark_sent(number, taken)
            sent.append((number, taken))
        elif happening == "acknowledge" and sent:
            first, message = sent.pop(0)
            assert outbox.acknowledge(first) == message
            received.add(message.payload)
        elif happening == "lose":
            outbox.requeue()
            sent.clear()
    assert outbox.in_flight == len(sent)
    assert outbox.events - outbox.in_flight <= 5
    assert outbox.events + len(received) + outbox.dropped == pushed
    rest = [int(message.payload) for message in take_all(outbox)]
    assert rest == sorted(rest)


def connect(outbox: Outbox, deadly: set[Message], lasts: int = 1000) -> tuple[list[Message], Message | None]:
    """Send over one connection, three at a time, until that is lost or nothing is left.

    It is lost over a deadly message, or after `lasts` others. Return what was acknowledged, and what is given up.
    """
    received: list[Message] = []
    sent: list[tuple[int, Message]] = []
    number = 0
    while True:
        while len(sent) < 3 and (message := outbox.take()):
            sent.append((number, message))
            outbox.mark_sent(*sent[-1])
            number += 1
        if not sent:
            return received, None
        if sent[0][1] in deadly or len(received) == lasts:
            return received, outbox.requeue()
        number_of_first, message = sent.pop(0)
        outbox.acknowledge(number_of_first)
        received.append(message)


def test_what_was_on_its_way_when_a_connection_was_lost_travels_alone_until_it_is_acknowledged() -> None:
    outbox = outbox_of(10)
    for number in range(5):
        outbox.push(event(number))
    for number in range(2):
        taken = outbox.take()
        assert taken is not None
        outbox.mark_sent(number, taken)
    assert outbox.requeue() is None
    for number in range(2):
        assert outbox.take() == event(number)
        outbox.mark_sent(number, event(number))
        assert outbox.take() is None
        outbox.acknowledge(number)
    assert take_all(outbox) == [event(2), event(3), event(4)]


def test_a_topic_that_is_given_up_stays_so_however_its_state_changes_until_another_link_breaks() -> None:
    outbox, deadly = outbox_of(10), {state("a", bytes((number,))) for number in range(100)}
    outbox.push(state("status", b"online"))
    losses = 0
    for number in range(100):
        outbox.push(state("a", bytes((number,))))
        outbox.push(event(number))
        while event(number) not in connect(outbox, deadly)[0]:
            losses += 1
    # With others on the first connection, then alone.
    assert losses == 1 + TRIES
    outbox.push(state("a", b"well again"))
    assert connect(outbox, deadly) == ([], None)
    outbox.requeue()
    assert connect(outbox, deadly) == ([state("status", b"online"), state("a", b"well again")], None)


def test_a_topic_that_was_given_up_is_tried_again_once_many_others_went_over_a_link_that_holds() -> None:
    outbox, deadly = outbox_of(10), {state("a", b"1")}
    outbox.push(state("a", b"1"))
    for number in range(1 + TRIES):
        outbox.push(event(number))
        while event(number) not in connect(outbox, deadly)[0]:
            pass
    outbox.push(state("a", b"2"))
    for number in range(ANOTHER_CHANCE):
        outbox.push(event(number))
        received, _ = connect(outbox, deadly)
        if received != [event(number)]:
            break
    assert number > ANOTHER_CHANCE / 2
    assert received == [event(number), state("a", b"2")]


def test_what_was_set_aside_is_sent_at_its_newest_once_the_broker_acknowledges_another_one() -> None:
    outbox, deadly = outbox_of(10), {state("a", b"1"), state("a", b"2")}
    outbox.push(state("a", b"1"))
    outbox.push(event(0))
    for _ in range(TRIES + 1):
        assert connect(outbox, {*deadly, event(0)}) == ([], None)
    outbox.push(state("a", b"2"))
    outbox.push(state("a", b"3"))
    assert connect(outbox, deadly) == ([event(0), state("a", b"3")], None)
    assert outbox.is_empty


def test_while_nothing_is_acknowledged_at_all_no_message_is_to_blame_and_the_limit_holds() -> None:
    outbox = outbox_of(4)
    outbox.push(state("a", b"1"))
    for number in range(40):
        outbox.push(event(number))
        for _ in range(TRIES):
            assert connect(outbox, {state("a", b"1"), *map(event, range(40))}) == ([], None)
        assert outbox.events == min(4, number + 1)
    assert (outbox.overflowed, outbox.dropped) == (36, 36)
    received, given_up = connect(outbox, set())
    assert (set(received), given_up) == ({state("a", b"1"), *map(event, range(36, 40))}, None)


def test_a_broker_that_acknowledges_nothing_over_this_connection_may_itself_be_at_fault() -> None:
    outbox = outbox_of(10)
    outbox.push(event(0))
    assert connect(outbox, set()) == ([event(0)], None)
    outbox.requeue()
    outbox.push(event(1))
    for _ in range(3 * TRIES):
        assert connect(outbox, {event(1)}) == ([], None)
        assert outbox.events == 1
    assert connect(outbox, set()) == ([event(1)], None)
    assert (outbox.is_empty, outbox.dropped) == (True, 0)


@given(
    st.lists(st.booleans(), max_size=12),
    st.lists(st.booleans(), max_size=3),
    st.lists(st.integers(0, 6), max_size=TRIES - 1),
)
def test_the_deadly_are_given_up_and_all_others_arrive_in_order_over_a_link_that_breaks(
    deadly_events: list[bool], deadly_states: list[bool], breaks: list[int]
) -> None:
    events = [event(number) for number in range(len(deadly_events))]
    states = [state(str(number), b"") for number in range(len(deadly_states))]
    deadly = {
        message
        for message, is_deadly in zip([*states, *events], [*deadly_states, *deadly_events], strict=True)
        if is_deadly
    }
    outbox = outbox_of(20)
    outbox.push(state("status", b"online"))
    for message in (*states, *events):
        outbox.push(message)
    received: list[Message] = []
    given_up: list[Message] = []
    for _ in range(len(breaks) + (TRIES + 1) * len(deadly) + 1):
        some, culprit = connect(outbox, deadly, breaks.pop() if breaks else 1000)
        received += some
        given_up += [culprit] if culprit else []
    assert set(given_up) == deadly
    assert [message for message in received if not message.retain] == [
        message for message in events if message not in deadly
    ]
    assert set(received) == {state("status", b"online"), *states, *events} - deadly
    assert outbox.events == 0
    assert set(outbox._suspects) == {message.topic for message in deadly if message.retain}


def test_what_is_discarded_is_never_sent_wherever_it_was(tmp_path: Path) -> None:
    kept = KeptEvents(EventFile(tmp_path))
    outbox = Outbox(Bounds(100), kept)
    events = [event(number) for number in range(4)]
    for each in events:
        outbox.push(each)
    for number in range(2):
        message = outbox.take()
        assert message
        outbox.mark_sent(number, message)
    outbox.discard([events[0], events[2]])
    assert outbox.in_flight == 1
    assert outbox.acknowledge(0) is None
    outbox.requeue()
    assert take_all(outbox) == [events[1], events[3]]
    assert [*kept] == [events[1], events[3]]
    kept.close()
