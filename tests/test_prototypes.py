"""Typed labels at run time: what the manifest may say of them, and what they take from the network's own answer."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace
from numpy.testing import assert_allclose, assert_array_equal
from test_recognizer import judged, put, rewrite, window
from text_pairs import SQUATS, copied, make

from edgehar.errors import ModelError
from edgehar.pipeline import manifest
from edgehar.pipeline.manifest import read
from edgehar.pipeline.model_spec import Sensor
from edgehar.pipeline.new_labels import with_labels, without_label
from edgehar.pipeline.prototypes import Mixture, Text, prototype
from edgehar.pipeline.recognizer import load
from edgehar.training import export, prototype as typing

LABELS = ("walking", "sitting", "falling")
WIDTH = 8


def unit(*ones: int) -> np.ndarray:
    return np.asarray(np.eye(WIDTH)[list(ones)].sum(axis=0), np.float32)


TEXT = Text(
    0.1,
    (prototype("walking", "a person walks", unit(0)), prototype("sitting", "seated", unit(1))),
    (prototype("ironing", "ironing", unit(2)), prototype("sawing", "sawing wood", unit(3))),
)
ALL = (*LABELS, "ironing", "sawing")

probabilities = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).filter(lambda p: sum(p) > 0.01)
directions = st.lists(st.floats(-3.0, 3.0), min_size=WIDTH, max_size=WIDTH).filter(
    lambda e: np.linalg.norm(e) > 0.1
)


def network_answer(p: list[float]) -> np.ndarray:
    return (np.array(p) / sum(p)).astype(np.float32)


@given(probabilities, directions)
def test_typed_labels_take_their_share_of_all_but_a_fall(p: list[float], embedding: list[float]) -> None:
    before = network_answer(p)
    mixed = Mixture(TEXT, ALL).of(before, np.array(embedding, np.float32), range(5))
    assert_allclose(mixed.sum(), 1.0, atol=1e-5)
    assert (mixed >= 0.0).all()
    assert mixed[2] == before[2]
    # What the network says of its labels among each other stays.
    assert_allclose(mixed[0] * before[1], mixed[1] * before[0], atol=1e-5)


@given(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_the_share_grows_with_the_cosine(one_cosine: float, other_cosine: float) -> None:
    low, high = sorted((one_cosine, other_cosine))
    mixture, p = Mixture(TEXT, ALL), np.array([0.5, 0.5, 0.0], np.float32)

    def share(cosine: float) -> float:
        embedding = np.zeros(WIDTH, np.float32)
        embedding[2], embedding[7] = cosine, np.sqrt(max(0.0, 1.0 - cosine**2))
        return float(mixture.of(p, 5.0 * embedding, range(5))[3])

    assert share(low) <= share(high)
    if high - low > 0.01:
        assert share(low) < share(high)


def test_the_length_of_an_embedding_does_not_matter_and_none_is_no_evidence() -> None:
    mixture, p = Mixture(TEXT, ALL), np.array([0.25, 0.75, 0.0], np.float32)
    assert_allclose(mixture.of(p, unit(2), range(5)), mixture.of(p, 9 * unit(2), range(5)), atol=1e-6)
    for nothing in (np.zeros(WIDTH, np.float32), np.full(WIDTH, np.nan, np.float32)):
        assert_array_equal(mixture.of(p, nothing, range(5)), [*p, 0, 0])


def test_a_typed_label_that_no_worn_sensor_is_asked_for_takes_nothing() -> None:
    mixture, p = Mixture(TEXT, ALL), np.array([0.25, 0.75, 0.0], np.float32)
    assert_array_equal(mixture.of(p, unit(3), range(3)), [*p, 0, 0])
    only = mixture.of(p, unit(3), range(4))
    assert only[4] == 0.0
    assert_allclose(only.sum(), 1.0, atol=1e-6)


# -- on a real network


@pytest.fixture(scope="module")
def stem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("spoken"))


@pytest.fixture
def pair(stem: Path, tmp_path: Path) -> Path:
    """Copy the pair, with one typed label."""
    path = copied(stem, tmp_path)
    return typing.write(path, typing.add(path, SQUATS, "squats"), None)


def test_without_typed_labels_the_answers_are_those_of_the_network_to_the_bit(stem: Path) -> None:
    plain, spoken = load(manifest.find("imu_tcn")), load(stem)
    for seed in range(8):
        assert_array_equal(judged(spoken, window(spoken, seed)), judged(plain, window(plain, seed)))


def test_a_typed_label_comes_last_and_the_rest_is_as_it_was_in_proportion(pair: Path, stem: Path) -> None:
    plain, spoken = load(stem), load(pair)
    assert spoken.spec.labels == (*plain.spec.labels, "squats")
    assert spoken.spec.logits == len(plain.spec.labels)
    for seed in range(8):
        before, after = judged(plain, window(plain, seed)), judged(spoken, window(spoken, seed))
        assert_allclose(after.sum(), 1.0, atol=1e-5)
        rest = [i for i, label in enumerate(plain.spec.labels) if label != "falling"]
        assert_allclose(after[rest] / after[rest].sum(), before[rest] / before[rest].sum(), atol=1e-4)


def test_what_is_typed_is_read_again_and_taken_away_to_the_bytes(pair: Path, stem: Path) -> None:
    before = stem.with_name("spoken.json").read_bytes()
    assert read(pair).text is not None
    assert [*map(str, export.misfits(read(pair)))] == []
    assert pair.read_bytes() != before
    typing.write(pair, typing.remove(pair, "squats"), None)
    assert pair.read_bytes() == before


def test_new_labels_are_told_by_sensors_that_name_theirs_and_have_thresholds() -> None:
    spec = read(manifest.find("imu_tcn"))
    some = replace(spec, sensors=(Sensor("wrist", ("wrist",), ("walking", "other")), *spec.sensors[1:]))
    more = with_labels(some, ("ironing",), range(len(some.sensors)))
    assert more.sensors[0].labels == ("walking", "other", "ironing")
    assert more.operating_points["normal"]["wrist"]["ironing"].basis == "default"
    assert without_label(more, "ironing") == some


def vector(array: np.ndarray) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def typed_twice(raw: Any) -> None:
    raw["text"]["typed"] *= 2
    raw["labels"].append("squats")


def rename(raw: Any, label: str) -> None:
    """Give the typed label another name wherever it stands."""
    raw["text"]["typed"][0]["label"] = raw["labels"][-1] = label
    for sensor in raw["sensors"]:
        sensor["labels"] = [label if name == "squats" else name for name in sensor["labels"]]


def other_typed(raw: Any) -> None:
    raw["labels"].remove("other")
    rename(raw, "other")


BAD = {
    "wrong length": (
        put("text", "typed", 0, "vector", value=vector(unit(0))),
        r"text\.typed\[0\]\.vector: expected 160 float32 numbers, as the first has, got \"32 bytes\"",
    ),
    "not unit": (
        put("text", "trained", 1, "vector", value=vector(np.full(160, 1.0))),
        r"text\.trained\[1\]\.vector: expected unit length, got 12\.6",
    ),
    "no number": (
        put("text", "trained", 1, "vector", value=vector(np.full(160, np.nan))),
        r"text\.trained\[1\]\.vector: expected unit length, got nan",
    ),
    "no base64": (put("text", "typed", 0, "vector", value="?"), r"text\.typed\[0\]\.vector: "),
    "label twice": (typed_twice, "labels: expected each once"),
    "label that the model lacks": (
        put("text", "trained", 0, "label", value="flying"),
        r"text\.trained: expected labels of the model that are not typed, got \[\"flying\"\]",
    ),
    "typed label that is none": (put("text", "typed", 0, "label", value="flying"), r"text\.typed: expected"),
    "reserved name": (lambda raw: rename(raw, "not_worn"), "labels: expected none of no_signal, not_worn"),
    "other": (other_typed, r"text\.typed: expected labels other than other and falling"),
    "a sensor that tells typed labels alone": (
        put("sensors", 0, "labels", value=["squats"]),
        "sensors: expected a label in each that is not typed",
    ),
    "temperature of zero": (
        put("text", "temperature", value=1e-320),
        r"text\.temperature: expected float >= 0\.001",
    ),
    "unknown field": (put("text", "colour", value=1), r"text\.colour: expected no such field"),
    "no trained ones": (put("text", "trained", value=[]), r"text\.trained: expected array of length >= 1"),
}


@pytest.mark.parametrize(("change", "says"), BAD.values(), ids=BAD.keys())
def test_a_bad_block_is_named_in_one_line(pair: Path, change: Callable[[Any], object], says: str) -> None:
    rewrite(pair, change)
    with pytest.raises(ModelError, match=says) as raised:
        load(pair)
    assert "\n" not in str(raised.value)


def test_a_network_without_the_space_of_the_texts_is_refused(pair: Path) -> None:
    raw = json.loads(pair.read_text())
    for each in (*raw["text"]["trained"], *raw["text"]["typed"]):
        each["vector"] = vector(unit(0))
    pair.write_text(json.dumps(raw | {"manifest_sha256": manifest.seal(raw)}))
    with pytest.raises(ModelError, match=r"outputs: expected an embedding float32 \(1, 8\) in the space"):
        load(pair)
