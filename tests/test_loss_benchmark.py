"""What the benchmark of lost packets takes for a false start, and its short table."""

import pytest

from benchmarks.loss import LINKS, SENSORS, in_short, is_false
from edgehar.pipeline.label_tree import LabelTree
from edgehar.recordings.false_starts import SETTLED_S
from edgehar.types import Event

TREE = LabelTree(("walking", "sitting", "standing", "other"), {"still": ("sitting", "standing")})
TRUTH = [(0.0, 10.0, "sitting"), (10.0, 20.0, "walking")]


@pytest.mark.parametrize(
    ("label", "t", "expected"),
    [
        ("sitting", 5.0, False),
        ("still", 5.0, False),
        ("standing", 5.0, True),
        ("walking", 5.0, True),
        ("still", 10.0 + SETTLED_S, False),
        ("still", 10.1 + SETTLED_S, True),
        ("walking", 12.0, False),
    ],
)
def test_a_start_is_false_if_neither_it_nor_what_is_of_its_kind_is_done(
    label: str, t: float, *, expected: bool
) -> None:
    event = Event("1", "activity_started", "me", label, "other", 0.9, t - 2.0, t, None, 1.0, "net@1")
    assert is_false(TREE, TRUTH, event) is expected


def test_the_short_table_leaves_a_cell_empty_where_a_link_was_not_tried() -> None:
    row = ["20% lost", "92.5%", "87.3%", "12.7%", "0.3%", "0.891", "0.941", "8", "0", "0.03"]
    *lines, last = in_short({(SENSORS[0], "20% lost"): row}).splitlines()
    assert len(lines) + 1 == 2 + len(LINKS)
    assert "| 20% lost | 87.3% 0.941 |  |  |  |" in lines
    assert last == "| 20% lost, all twice |  |  |  |  |"
