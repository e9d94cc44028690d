"""What the benchmark of lost packets takes for a false start."""

import pytest

from benchmarks.loss import SETTLED_S, is_false
from edgehar.pipeline.label_tree import LabelTree
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
