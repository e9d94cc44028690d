"""The order of births, data and deaths, whatever happens, as a host hears it."""

import pytest
from hypothesis import given, settings, strategies as st
from scada_host import GROUP, NODE, NodeView

from edgehar.publishers.payloads import Message
from edgehar.publishers.sparkplug import node as sparkplug_node
from edgehar.publishers.sparkplug.history import RESENT_MS
from edgehar.publishers.sparkplug.node import DROPPED, HEARD, MOST_AT_ONCE, WATCHED, EdgeNode
from edgehar.publishers.sparkplug.payload import DataType

TYPES = {"x": DataType.INT64, "y": DataType.STRING}
OTHER_TYPES = {"x": DataType.INT64, "z": DataType.DOUBLE}


def node(limit: int = 1000, bd_seq: int = 7) -> EdgeNode:
    return EdgeNode(GROUP, NODE, {"Properties/Model": "net@1"}, limit=limit, bd_seq=bd_seq, now_ms=0)


def hear(view: NodeView, *groups: list[Message]) -> NodeView:
    for message in (message for group in groups for message in group):
        assert not message.retain
        view.hear(message.topic, message.payload)
    return view


def living(limit: int = 1000) -> tuple[EdgeNode, NodeView]:
    """Return a node that is born, with the device `anna` that lives, and what a host knows."""
    edge = node(limit)
    edge.define("anna", TYPES, 0)
    edge.set_alive("anna", 0, is_alive=True)
    edge.count(0)
    edge.open_session(0)
    return edge, hear(NodeView(), edge.births(0))


def test_births_come_first_with_all_metrics_and_only_what_changed_follows() -> None:
    edge, view = living()
    assert view.kinds == ["NBIRTH", "DBIRTH anna"]
    assert view.values[""] == {
        "Properties/Model": "net@1", WATCHED: 1, HEARD: 1, DROPPED: 0, "Node Control/Rebirth": False, "bdSeq": 7,
    }  # fmt: skip
    assert view.values["anna"] == {"x": None, "y": None}
    hear(view, edge.change("anna", {"x": 1, "y": "a"}, 5, 6), edge.change("anna", {"x": 1, "y": "b"}, 7, 8))
    assert not edge.change("anna", {"x": 1, "y": "b"}, 9, 9)
    assert view.values["anna"] == {"x": 1, "y": "b"}
    assert view.kinds[2:] == ["DDATA anna"] * 2


def test_the_number_of_a_session_goes_up_with_every_connect_and_comes_round() -> None:
    edge, view = node(bd_seq=254), NodeView()
    for _ in range(4):
        will = edge.open_session(0)
        hear(view, edge.births(0), [will])
        edge.close_session(0, is_delivered=False)
    assert view.births == view.deaths == [254, 255, 0, 1]


def test_the_number_of_a_message_comes_round_and_counts_node_and_devices_together() -> None:
    edge, view = living()
    hear(view, edge.define("ben", TYPES, 1), edge.set_alive("ben", 1, is_alive=True), edge.count(1))
    for number in range(600):
        hear(view, edge.change(("anna", "ben")[number % 2], {"x": number}, number, number))
    assert view.kinds[2:4] == ["DBIRTH ben", "NDATA"]
    assert (view.values["anna"]["x"], view.values["ben"]["x"]) == (598, 599)


def test_what_changes_while_nobody_listens_is_told_after_the_births_as_old_with_its_time() -> None:
    edge, view = living()
    edge.close_session(10, is_delivered=True)
    for t in (11, 12):
        assert not edge.change("anna", {"x": t}, t, t)
    edge.open_session(20)
    hear(view, edge.births(20))
    assert view.kinds[-3:] == ["NBIRTH", "DBIRTH anna", "DDATA anna"]
    assert view.values["anna"]["x"] == 12
    assert view.history == [("anna", 11, "x", 11), ("anna", 12, "x", 12)]
    assert edge.waiting == 0


def test_what_was_sent_just_before_a_loss_is_told_again_and_nothing_that_is_older() -> None:
    edge, view = living()
    for t in (0, RESENT_MS, RESENT_MS + 1):
        hear(view, edge.change("anna", {"x": t}, t, t))
    edge.close_session(2 * RESENT_MS, is_delivered=False)
    assert edge.waiting == 0
    hear(view, edge.births(2 * RESENT_MS))
    assert [value for *_, value in view.history] == [RESENT_MS, RESENT_MS + 1]


def test_of_more_changes_than_the_limit_the_oldest_are_dropped_counted_and_the_host_is_told() -> None:
    edge, view = living(limit=3)
    hear(view, edge.change("anna", {"x": 100}, 1, 1))
    edge.close_session(2, is_delivered=False)
    for number in range(5):
        edge.change("anna", {"x": number}, number, number)
    assert (edge.waiting, edge.dropped) == (3, 2)  # what was sent already is no loss
    hear(view, edge.births(9))
    assert [value for *_, value in view.history] == [2, 3, 4]
    assert view.values[""][DROPPED] == 2


def test_who_died_while_nobody_listened_is_born_to_tell_it_and_dies() -> None:
    edge, view = living()
    hear(view, edge.define("ben", TYPES, 0), edge.set_alive("ben", 0, is_alive=True))
    edge.close_session(10, is_delivered=True)
    for who in ("anna", "ben"):
        edge.change(who, {"x": 1}, 11, 11)
    assert edge.set_alive("anna", 12, is_alive=False) == edge.remove("ben", 12) == edge.count(12) == []
    assert not edge.has("ben")
    hear(view, edge.births(13))
    assert view.kinds[3:] == [
        "NBIRTH", "DBIRTH anna", "DDATA anna", "DBIRTH ben", "DDATA ben", "DDEATH anna", "DDEATH ben"
    ]  # fmt: skip
    assert len(view.history) == 2
    assert view.values.keys() == {""}
    assert hear(NodeView(), edge.births(14)).kinds == ["NBIRTH"]


@pytest.mark.parametrize("is_removed", [True, False])
def test_who_dies_just_before_births_that_were_asked_for_is_not_left_alive(is_removed: bool) -> None:  # noqa: FBT001
    edge, view = living()
    edge.hold()
    assert (edge.remove("anna", 1) if is_removed else edge.set_alive("anna", 1, is_alive=False)) == []
    assert edge.count(1) == []
    hear(view, edge.births(2))
    assert view.kinds[2:] == ["NBIRTH", "DBIRTH anna", "DDEATH anna"]
    assert hear(NodeView(), edge.births(3)).kinds == ["NBIRTH"]


def test_who_does_not_live_says_nothing_and_the_next_birth_tells_what_is_so_by_then() -> None:
    edge, view = living()
    hear(view, edge.set_alive("anna", 1, is_alive=False))
    assert not edge.change("anna", {"x": 5}, 2, 2)
    hear(view, edge.set_alive("anna", 3, is_alive=True))
    assert view.kinds[-2:] == ["DDEATH anna", "DBIRTH anna"]
    assert view.values["anna"]["x"] == 5
    assert not view.history


def test_other_metrics_are_another_birth_and_what_stayed_is_still_known() -> None:
    edge, view = living()
    hear(view, edge.change("anna", {"x": 5, "y": "a"}, 1, 1))
    edge.close_session(2, is_delivered=True)
    edge.change("anna", {"x": 6, "y": "b"}, 3, 3)
    hear(view, edge.births(4), edge.define("anna", OTHER_TYPES, 5))
    assert edge.define("anna", OTHER_TYPES, 5) == []
    hear(view, edge.set_alive("anna", 6, is_alive=True), edge.change("anna", {"z": 0.5, "y": "c"}, 7, 7))
    assert view.values["anna"] == {"x": 6, "z": 0.5}
    assert view.kinds[-3:] == ["DDEATH anna", "DBIRTH anna", "DDATA anna"]


def test_an_old_change_of_what_is_no_metric_any_more_is_not_told() -> None:
    edge, _ = living()
    edge.close_session(2, is_delivered=True)
    edge.change("anna", {"y": "b"}, 3, 3)
    edge.change("anna", {"x": 6}, 4, 4)
    edge.define("anna", OTHER_TYPES, 5)
    assert hear(NodeView(), edge.births(6)).history == [("anna", 4, "x", 6)]


def telling(changes: int) -> tuple[EdgeNode, NodeView]:
    """Return a node that has begun with the history of `anna`, her x from 0 on, and what a host knows."""
    edge, view = living()
    edge.close_session(1, is_delivered=True)
    for number in range(changes):
        edge.change("anna", {"x": number}, number, number)
    hear(view, edge.births(100))
    assert view.kinds[2:] == ["NBIRTH", "DBIRTH anna", "DDATA anna"]
    return edge, view


def tell_all(edge: EdgeNode, view: NodeView) -> None:
    while edge.is_telling:
        hear(view, edge.history(100))


def test_a_long_history_comes_piece_by_piece_and_what_changes_meanwhile_at_once() -> None:
    edge, view = telling(2 * MOST_AT_ONCE + 1)
    assert (len(view.history), edge.waiting) == (MOST_AT_ONCE, MOST_AT_ONCE + 1)
    hear(view, edge.change("anna", {"x": 1000}, 101, 101), edge.history(100))
    assert (view.values["anna"]["x"], edge.waiting, edge.is_telling) == (1000, 1, True)
    hear(view, edge.history(100))
    assert (view.values["anna"]["x"], edge.waiting, edge.is_telling) == (1000, 0, False)
    assert view.kinds[5:] == ["DDATA anna"] * 3
    assert [value for *_, value in view.history] == [*range(2 * MOST_AT_ONCE + 1)]


def test_births_that_are_asked_for_meanwhile_come_first_and_the_history_goes_on() -> None:
    edge, view = telling(3 * MOST_AT_ONCE)
    edge.hold()
    assert not edge.is_telling
    assert edge.change("anna", {"x": 1000}, 101, 101) == []
    hear(view, edge.births(102))
    assert view.kinds[5:] == ["NBIRTH", "DBIRTH anna", "DDATA anna"]
    tell_all(edge, view)
    assert [value for *_, value in view.history] == [*range(3 * MOST_AT_ONCE), 1000]


@pytest.mark.parametrize("what", ["dies", "leaves", "changes"])
def test_who_dies_while_their_history_is_told_is_born_for_the_rest(what: str) -> None:
    edge, view = telling(3 * MOST_AT_ONCE)
    match what:
        case "dies":
            hear(view, edge.set_alive("anna", 101, is_alive=False))
        case "leaves":
            hear(view, edge.remove("anna", 101))
        case "changes":
            hear(view, edge.define("anna", OTHER_TYPES, 101))
    hear(view, edge.count(101))
    assert view.kinds[5:] == ["DDEATH anna", "NDATA"]
    tell_all(edge, view)
    assert view.kinds[7:] == ["DBIRTH anna", "DDATA anna", "DDATA anna", "DDEATH anna"]
    assert len(view.history) == 3 * MOST_AT_ONCE
    assert edge.has("anna") == (what != "leaves")


def test_who_is_back_while_their_history_is_told_is_born_with_what_is_so_by_then() -> None:
    edge, view = telling(3 * MOST_AT_ONCE)
    hear(view, edge.set_alive("anna", 101, is_alive=False), edge.history(101))
    assert edge.change("anna", {"x": 1000}, 102, 102) == []
    hear(view, edge.set_alive("anna", 103, is_alive=True))
    assert view.values["anna"]["x"] == 1000
    tell_all(edge, view)
    assert len(view.history) == 3 * MOST_AT_ONCE
    assert view.values["anna"]["x"] == 1000


def test_what_a_lost_session_left_of_a_history_waits_and_what_was_told_comes_once_more() -> None:
    edge, view = telling(4 * MOST_AT_ONCE)
    hear(view, edge.change("anna", {"x": 1000}, 101, 101), edge.history(101))
    edge.close_session(102, is_delivered=False)
    assert edge.waiting == 2 * MOST_AT_ONCE
    before = len(view.history)
    hear(view, edge.births(103))
    tell_all(edge, view)
    assert [value for *_, value in view.history[before:]] == [*range(4 * MOST_AT_ONCE), 1000]


def test_over_a_link_that_breaks_again_and_again_nothing_is_sent_more_than_twice() -> None:
    edge, view = living()
    for t in range(100):
        hear(view, edge.change("anna", {"x": t}, t, t))
        edge.close_session(t, is_delivered=False)
        hear(view, edge.births(t))
    assert [value for *_, value in view.history] == [*range(100)]


def test_what_is_too_large_has_no_number_and_whose_birth_is_says_nothing() -> None:
    edge, view = node(), NodeView()
    edge.fits = lambda topic, payload: not topic.endswith("ben") and len(payload) < 200
    for who in ("anna", "ben"):
        edge.define(who, TYPES, 0)
        edge.set_alive(who, 0, is_alive=True)
    edge.change("ben", {"x": 1}, 1, 1)
    edge.count(1)
    edge.open_session(2)
    hear(
        view, edge.births(2), edge.change("ben", {"x": 2}, 3, 3), edge.change("anna", {"y": "a" * 200}, 4, 4)
    )
    hear(view, edge.change("anna", {"x": 1}, 5, 5), edge.set_alive("ben", 6, is_alive=False), edge.count(6))
    assert view.kinds == ["NBIRTH", "DBIRTH anna", "NDATA", "DDATA anna", "NDATA"]
    assert (view.values[""][DROPPED], edge.dropped, edge.waiting) == (3, 3, 0)
    edge.close_session(7, is_delivered=False)
    edge.fits = lambda _topic, payload: len(payload) < 50
    assert edge.births(8) == []
    assert not edge.is_born


def test_another_node_goes_on_with_what_the_one_before_left() -> None:
    before, _ = living()
    before.close_session(1, is_delivered=True)
    before.change("anna", {"x": 1}, 2, 2)
    before.define("ben", TYPES, 2)
    before.set_alive("ben", 2, is_alive=True)
    before.change("ben", {"x": 1}, 2, 2)
    after = node(bd_seq=99)
    after.succeed(before)
    after.define("anna", TYPES, 3)
    after.open_session(4)
    view = hear(NodeView(), after.births(4))
    assert view.births == [8]
    assert view.history == [("anna", 2, "x", 1)]
    assert view.values[""][DROPPED] == 1  # ben is not known any more


@pytest.mark.parametrize("device", ["anna", "nobody"])
def test_only_who_is_here_is_here(device: str) -> None:
    edge, _ = living()
    assert edge.has(device) == edge.is_alive(device) == (device == "anna")


steps = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from(["anna", "ben"]), st.integers(0, 3)),
        st.tuples(st.just("alive"), st.sampled_from(["anna", "ben"]), st.integers(0, 1)),
        st.tuples(st.just("define"), st.sampled_from(["anna", "ben"]), st.integers(0, 1)),
        st.tuples(
            st.sampled_from(["remove", "births", "history", "hold", "close"]),
            st.just("ben"),
            st.integers(0, 1),
        ),
    ),
    max_size=60,
)


def do(edge: EdgeNode, what: str, device: str, number: int, t: int) -> list[Message]:
    match what:
        case "change":
            return edge.change(device, {"x": number}, t, t)
        case "alive":
            return edge.set_alive(device, t, is_alive=bool(number))
        case "remove":
            return edge.remove(device, t)
        case "births" | "history" if what == "births" or edge.is_telling:
            return edge.births(t) if what == "births" else edge.history(t)
        case "hold":
            edge.hold()
        case "close":
            death = [edge.death(t)] if edge.is_born else []
            edge.close_session(t, is_delivered=bool(number))
            edge.open_session(t)
            return death
    return []


@settings(max_examples=300)
@given(steps, st.integers(1, 5))
def test_whatever_happens_a_host_can_follow_and_knows_all_values_of_who_lives(
    happening: list[tuple[str, str, int]], limit: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sparkplug_node, "MOST_AT_ONCE", 1)
        follow(happening, limit)


def follow(happening: list[tuple[str, str, int]], limit: int) -> None:
    edge, view = node(limit), NodeView()
    edge.open_session(0)
    for t, (what, device, number) in enumerate(happening):
        if what == "define" or not edge.has(device):
            hear(view, edge.define(device, (TYPES, OTHER_TYPES)[number % 2], t))
        hear(view, do(edge, what, device, number, t), edge.count(t))
        assert edge.waiting <= limit
        if edge.is_born:
            alive = {who for who in ("anna", "ben") if edge.is_alive(who)}
            # Others may be born as long as their history is told.
            assert alive == view.values.keys() - {""} or (edge.is_telling and alive < view.values.keys())
            for who in alive:
                assert view.values[who]["x"] == edge.value(who, "x")
