"""The order of births, data and deaths, whatever happens, as a host hears it."""

import pytest
from hypothesis import given, settings, strategies as st
from scada_host import GROUP, NODE, NodeView

from edgehar.publishers.payloads import Message
from edgehar.publishers.sparkplug.node import DROPPED, HEARD, MOST_AT_ONCE, RESENT_MS, WATCHED, EdgeNode
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
    assert edge.set_alive("anna", 12, is_alive=False) == edge.remove("ben", 12) == []
    assert not edge.has("ben")
    hear(view, edge.births(13))
    assert view.kinds[3:] == [
        "NBIRTH", "DBIRTH anna", "DBIRTH ben", "DDATA anna", "DDATA ben", "DDEATH anna", "DDEATH ben"
    ]  # fmt: skip
    assert len(view.history) == 2
    assert view.values.keys() == {""}
    assert hear(NodeView(), edge.births(14)).kinds == ["NBIRTH"]


@pytest.mark.parametrize("is_removed", [True, False])
def test_who_dies_just_before_births_that_were_asked_for_is_not_left_alive(is_removed: bool) -> None:  # noqa: FBT001
    edge, view = living()
    edge.hold()
    assert (edge.remove("anna", 1) if is_removed else edge.set_alive("anna", 1, is_alive=False)) == []
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


def test_a_long_history_comes_in_several_messages() -> None:
    edge, view = living()
    edge.close_session(1, is_delivered=True)
    for number in range(2 * MOST_AT_ONCE + 1):
        edge.change("anna", {"x": number}, number, number)
    hear(view, edge.births(100))
    assert view.kinds[-3:] == ["DDATA anna"] * 3
    assert [value for *_, value in view.history] == [*range(2 * MOST_AT_ONCE + 1)]


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
        st.tuples(st.sampled_from(["remove", "births", "hold", "close"]), st.just("ben"), st.integers(0, 1)),
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
        case "births":
            return edge.births(t)
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
    edge, view = node(limit), NodeView()
    edge.open_session(0)
    for t, (what, device, number) in enumerate(happening):
        if what == "define" or not edge.has(device):
            hear(view, edge.define(device, (TYPES, OTHER_TYPES)[number % 2], t))
        hear(view, do(edge, what, device, number, t), edge.count(t))
        assert edge.waiting <= limit
        if edge.is_born:
            assert view.values.keys() - {""} == {who for who in ("anna", "ben") if edge.is_alive(who)}
            for who in view.values.keys() - {""}:
                assert view.values[who]["x"] == edge.value(who, "x")
