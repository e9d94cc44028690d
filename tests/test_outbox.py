from hypothesis import given, strategies as st

from edgehar.publishers.outbox import Outbox
from edgehar.publishers.payloads import Message

steps = st.lists(st.sampled_from(["push", "send", "acknowledge", "lose"]), max_size=200)


def event(number: int) -> Message:
    return Message("event", str(number).encode(), retain=False)


def state(topic: str, word: bytes) -> Message:
    return Message(topic, word, retain=True)


def take_all(outbox: Outbox) -> list[Message]:
    return list(iter(outbox.take, None))


def test_states_collapse_to_the_newest_of_each_topic_in_the_order_they_became_due() -> None:
    outbox = Outbox(10)
    for message in (state("a", b"1"), state("b", b"1"), state("a", b"2")):
        outbox.push(message)
    assert take_all(outbox) == [state("a", b"2"), state("b", b"1")]


def test_a_new_connection_gets_every_state_then_what_was_on_its_way_then_what_waited() -> None:
    outbox = Outbox(10)
    for message in (state("a", b"1"), event(0), event(1), event(2)):
        outbox.push(message)
    for number in range(3):
        taken = outbox.take()
        assert taken is not None
        outbox.mark_sent(number, taken)
    outbox.acknowledge(0)
    outbox.requeue()
    assert take_all(outbox) == [state("a", b"1"), event(0), event(1), event(2)]


def test_of_too_many_events_the_oldest_is_dropped_and_counted() -> None:
    outbox = Outbox(3)
    for number in range(5):
        outbox.push(event(number))
    assert outbox.dropped == 2
    assert take_all(outbox) == [event(2), event(3), event(4)]


@given(steps)
def test_no_event_is_lost_uncounted_whatever_happens_in_whatever_order(happenings: list[str]) -> None:
    outbox, pushed, received, sent = Outbox(5), 0, set[bytes](), list[tuple[int, Message]]()
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
