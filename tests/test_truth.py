"""The truth of a window where a set says less than the model, and what is said coarsely."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from edgehar.evaluation.metrics import score
from edgehar.evaluation.truth import NO_ANSWER, coarse_answers, held_to, truth_of
from edgehar.pipeline import manifest
from edgehar.recordings.labels import possible_labels

SPEC = replace(
    manifest.read(manifest.find("imu_tcn")),
    tree={
        "still": ("sitting", "standing", "lying"),
        "on_foot": ("walking", "stairs"),
        "stairs": ("stairs_up", "stairs_down"),
    },
)
TOPS = {
    "stairs_up": "on_foot",
    "stairs_down": "on_foot",
    "walking": "on_foot",
    "sitting": "still",
    "standing": "still",
}


def words(*given: str) -> np.ndarray:
    return np.array(given, np.str_)


def top(label: str) -> str:
    return TOPS.get(label, label)


@pytest.mark.parametrize(
    ("true", "answer", "fine", "coarse"),
    [
        ("walking", "stairs_up", "walking", "on_foot"),
        ("stairs_up_or_down", "stairs_down", "stairs_down", "on_foot"),
        ("stairs_up_or_down", "walking", "stairs_up", "on_foot"),
        ("typing", "standing", "standing", "still"),
        ("typing", "other", "other", "other"),
        ("typing", "waving", "sitting", "still"),
        ("walking", NO_ANSWER, "walking", "on_foot"),
    ],
)
def test_an_answer_is_held_to_one_of_what_may_be_true(true: str, answer: str, fine: str, coarse: str) -> None:
    assert held_to(words(true), words(answer), SPEC.labels).tolist() == [fine]
    assert held_to(words(true), words(top(answer)), SPEC.labels, top).tolist() == [coarse]


@pytest.mark.parametrize("kind", ["typing", "hands"])
def test_what_the_model_tells_itself_is_the_truth_by_its_label_and_by_its_kind(kind: str) -> None:
    told, tops = (*SPEC.labels, "typing"), {**TOPS, "typing": kind}
    true, answers = words("typing", "typing", "typing"), words("typing", "sitting", "other")
    assert held_to(true, answers, told).tolist() == ["typing"] * 3
    coarse = words(*(tops.get(answer, answer) for answer in answers.tolist()))
    held = held_to(true, coarse, told, lambda label: tops.get(label, label))
    assert held.tolist() == [kind] * 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("walking", "typing", "stairs_up_or_down", "turning", "running")),
            st.sampled_from(
                ("walking", "sitting", "standing", "stairs_up", "other", "running", "typing", NO_ANSWER)
            ),
        ),
        min_size=1,
    ),
    st.sampled_from((SPEC.labels, (*SPEC.labels, "typing"))),
)
def test_an_answer_is_right_if_and_only_if_it_may_be_true(
    pairs: list[tuple[str, str]], told: tuple[str, ...]
) -> None:
    true, answers = (words(*column) for column in zip(*pairs, strict=True))
    right = held_to(true, answers, told) == answers
    assert right.tolist() == [answer in possible_labels(label, told) for label, answer in pairs]
    coarse = words(*map(top, answers.tolist()))
    assert np.all((held_to(true, coarse, told, top) == coarse)[right])


def test_other_that_may_be_true_is_right_and_counts_for_no_label() -> None:
    true, answers = words("typing", "walking", "walking"), words("other", "walking", "other")
    scored = score(words("a 1", "a 1", "a 1"), held_to(true, answers, SPEC.labels), answers)
    assert scored.f1 == {"walking": pytest.approx(2 / 3, abs=1e-4)}
    assert scored.accuracy == pytest.approx(2 / 3, abs=1e-4)
    assert scored.windows == 3


def test_the_coarse_answer_is_the_kind_whose_labels_are_together_the_likeliest() -> None:
    probabilities = np.zeros((3, len(SPEC.labels)), np.float32)
    for label, p in {"running": 0.4, "walking": 0.25, "stairs_up": 0.35}.items():
        probabilities[0, SPEC.labels.index(label)] = p
    probabilities[1, SPEC.labels.index("running")] = 1.0
    assert coarse_answers(SPEC, probabilities).tolist() == ["on_foot", "running", NO_ANSWER]
    labels = coarse_answers(replace(SPEC, tree={}), probabilities)
    assert labels.tolist() == ["running", "running", NO_ANSWER]


@pytest.mark.parametrize(
    ("begin", "end", "whole", "part"),
    [
        (0.0, 2.0, "walking", "walking"),
        (1.0, 3.0, None, None),
        (1.1, 3.1, None, "sitting"),
        (2.0, 4.0, "sitting", "sitting"),
        (3.5, 5.5, None, None),
    ],
)
def test_a_window_has_one_truth_or_none(
    begin: float, end: float, whole: str | None, part: str | None
) -> None:
    truth = [(0.0, 2.0, "walking"), (2.0, 4.0, "sitting")]
    assert truth_of(truth, begin, end, greater_part=False) == whole
    assert truth_of(truth, begin, end, greater_part=True) == part
