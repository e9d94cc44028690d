import hashlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, lacking
from hypothesis import given, strategies as st
from msgspec.structs import replace
from numpy.testing import assert_allclose, assert_array_equal

from edgehar.errors import ModelError
from edgehar.pipeline import manifest
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.manifest import available, find, read
from edgehar.pipeline.model_spec import ModelSpec, Sensor
from edgehar.pipeline.mounting import level
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.training import export
from edgehar.types import FloatArray, HopAcceleration, Window

SHIPPED = ROOT / "models" / "imu_tcn.json"


def tensor(index: int, *shape: int, dtype: type = np.float32) -> dict[str, Any]:
    return {"index": index, "shape": np.array(shape), "dtype": dtype}


class Network:
    """Stands where LiteRT's interpreter does: keeps what it is shown, and answers with the same at any time."""

    def __init__(
        self, spec: ModelSpec, logits: Sequence[float], outputs: list[dict[str, Any]] | None = None
    ) -> None:
        self.seen = np.empty(0, np.float32)
        self._inputs = [tensor(0, 1, spec.window, spec.width)]
        self._outputs = [tensor(8, 1, len(logits))] if outputs is None else outputs
        self._logits = np.array([logits], np.float32)

    def get_input_details(self) -> list[dict[str, Any]]:
        return self._inputs

    def get_output_details(self) -> list[dict[str, Any]]:
        return self._outputs

    def set_tensor(self, index: int, x: FloatArray) -> None:
        assert index == 0
        self.seen = x[0].copy()

    def invoke(self) -> None:
        pass

    def get_tensor(self, index: int) -> FloatArray:
        [shape] = [output["shape"] for output in self._outputs if output["index"] == index]
        return self._logits if shape[1] == self._logits.size else np.full(shape, index, np.float32)


@pytest.fixture(scope="session")
def model() -> Recognizer:
    if not SHIPPED.is_file():
        lacking(f"the shipped model {SHIPPED}")
    return load(SHIPPED)


@pytest.fixture
def pair(tmp_path: Path, model: Recognizer) -> Path:
    """Copy the shipped pair, so that it may be damaged."""
    assert model.spec
    for suffix in (".json", ".tflite"):
        shutil.copy(SHIPPED.with_suffix(suffix), tmp_path)
    return tmp_path / "imu_tcn.json"


def window(model: Recognizer, seed: int = 0, coverage: tuple[float, ...] = (1.0,)) -> Window:
    spec = model.spec
    x = np.random.default_rng(seed).normal(0, 8, (spec.window, len(spec.sensors) * 6)).astype(np.float32)
    return Window(12.5, x, coverage, 3.0)


def refusal(file: Path) -> str:
    """Return what a manifest is refused with; nothing if it is not."""
    try:
        read(file)
    except ModelError as error:
        return str(error)
    return ""


def rewrite(pair: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a manifest and seal it, as who exports a pair does."""
    raw = json.loads(pair.read_text())
    change(raw)
    pair.write_text(json.dumps(raw | {"manifest_sha256": manifest.seal(raw)}))


def judged(model: Recognizer, item: Window) -> FloatArray:
    [prediction] = model.push(item)
    assert prediction.probabilities is not None
    return prediction.probabilities


def test_probabilities_sum_to_one_over_the_labels(model: Recognizer) -> None:
    [prediction] = model.push(window(model))
    assert prediction.probabilities is not None
    assert prediction.probabilities.shape == (len(model.spec.labels),)
    assert prediction.probabilities.dtype == np.float32
    assert float(prediction.probabilities.sum()) == pytest.approx(1)
    assert (prediction.t, prediction.peak_to_peak, prediction.coverage) == (12.5, 3.0, 1.0)
    assert prediction.embedding is not None
    assert prediction.embedding.ndim == 1


def test_the_same_window_gives_the_same_bits_whatever_came_between(model: Recognizer) -> None:
    first = judged(model, window(model, 1))
    kept = first.copy()
    other = judged(model, window(model, 2))
    assert not np.array_equal(first, other)
    assert_array_equal(first, kept)
    assert_array_equal(judged(model, window(model, 1)), kept)


def test_the_network_sees_clipped_and_scaled_channels(model: Recognizer) -> None:
    spec = model.spec
    network = Network(spec, [0.0] * len(spec.labels))
    x = window(model).x * 5
    Recognizer(spec, network).push(Window(0.0, x, (1.0,), 0.0))
    clip, scale = (np.array(six) for six in (spec.normalization.clip, spec.normalization.scale))
    seen = network.seen.reshape(len(x), len(spec.sensors), len(spec.frames), 6)
    for i in range(len(spec.sensors)):
        channels = x[:, i * 6 : i * 6 + 6]
        for frame, shown in zip(spec.frames, seen[:, i].transpose(1, 0, 2), strict=True):
            expected = channels if frame == "device" else level(channels)
            assert_allclose(shown, np.clip(expected, -clip, clip) / scale, rtol=1e-6)
    assert (np.abs(x) > np.tile(clip, len(spec.sensors))).any()


def test_a_window_is_not_changed(model: Recognizer) -> None:
    item = window(model)
    before = item.x.copy()
    item.x.flags.writeable = False
    model.push(item)
    assert_array_equal(item.x, before)


COVERAGES = {
    "both": ((0.9, 0.8), (), 0.8),
    "the second is left out": ((0.9, 0.79), (1,), 0.9),
    "the first is left out": ((0.0, 0.9), (0,), 0.9),
    "none is left": ((0.3, 0.7), (0, 1), 0.7),
    "nothing came": ((0.0,), (0,), 0.0),
    "nothing is worn": ((), (), 0.0),
}


@pytest.mark.parametrize(("coverage", "out", "tells"), COVERAGES.values(), ids=COVERAGES.keys())
def test_a_window_is_judged_while_a_sensor_is_left(
    model: Recognizer, coverage: tuple[float, ...], out: tuple[int, ...], tells: float
) -> None:
    missing = {i: coverage[i] for i in out}
    [prediction] = model.push(replace(window(model, coverage=coverage), excluded_sensors=missing))
    is_judged = len(out) < len(coverage)
    assert (prediction.probabilities is not None) is is_judged
    assert (prediction.embedding is not None) is is_judged
    assert prediction.coverage == tells
    assert prediction.excluded_sensors == missing


def test_a_model_of_the_device_s_own_axes_sees_the_window_as_it_is(model: Recognizer) -> None:
    unscaled = replace(model.spec.normalization, scale=(1.0,) * 6, clip=(1e6,) * 6)
    spec = replace(model.spec, frames=("device",), normalization=unscaled)
    network, item = Network(spec, [0.0] * len(spec.labels)), window(model)
    recognizer = Recognizer(spec, network)
    recognizer.push(replace(item, worn=(0, 2), coverage=(1.0, 1.0)))
    assert_array_equal(network.seen, item.x)
    recognizer.push(replace(item, worn=(0, 2), coverage=(1.0, 0.1), excluded_sensors={2: 0.1}))
    assert_array_equal(network.seen[:, :6], item.x[:, :6])
    assert not network.seen[:, 6:].any()


@pytest.mark.parametrize("sensor", [0, 1])
def test_the_network_sees_a_missing_sensor_as_one_that_is_not_worn(model: Recognizer, sensor: int) -> None:
    item = window(model, coverage=(0.9,) * 2)
    unworn = item.x.copy()
    unworn[:, sensor * 6 : sensor * 6 + 6] = 0.0
    without = judged(model, replace(item, excluded_sensors={sensor: 0.5}))
    assert_array_equal(without, judged(model, replace(item, x=unworn)))
    assert not np.array_equal(without, judged(model, item))


def answer(
    spec: ModelSpec, logits: Sequence[float], temperature: float = 1.0, tells: Sequence[int] = ()
) -> FloatArray | None:
    """Return the probabilities that a network's logits become; `tells`: labels of its only sensor, else all."""
    labels = tuple(f"label {i}" for i in range(len(logits)))
    sensor = Sensor("wrist", ("wrist",), tuple(labels[i] for i in tells))
    spec = replace(spec, labels=labels, temperature=temperature, sensors=(sensor,))
    rows = np.zeros((spec.window, 6), np.float32)
    [prediction] = Recognizer(spec, Network(spec, logits)).push(Window(0.0, rows, (1.0,), 0.0, worn=(0,)))
    return prediction.probabilities


@given(
    st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=20),
    st.floats(0.05, 20),
)
def test_softmax_is_that_of_the_textbook(model: Recognizer, logits: list[float], temperature: float) -> None:
    z = np.array(logits, np.float64) / temperature
    want = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    got = answer(model.spec, logits, temperature)
    assert got is not None
    assert_allclose(got, want, atol=1e-6)


def test_a_label_that_is_not_offered_has_no_probability(model: Recognizer) -> None:
    got = answer(model.spec, [1.0, 9.0, 2.0], tells=(0, 2))
    assert got is not None
    assert_allclose(got, [1 / (1 + math.e), 0.0, math.e / (1 + math.e)], rtol=1e-6)


@pytest.mark.parametrize("logits", [[0.0, math.nan], [math.nan, 0.0], [math.inf, 0.0]])
def test_no_number_is_no_probability(model: Recognizer, logits: list[float]) -> None:
    assert answer(model.spec, logits) is None


# -- pairs that fit, and how they are found


@pytest.mark.parametrize("name", ["imu_tcn", "imu_tcn.json", "imu_tcn.tflite"])
def test_either_file_or_none_names_the_pair(pair: Path, name: str) -> None:
    path = pair.with_name(name)
    assert find(path) == find(str(path)) == pair
    assert load(path).spec == read(path)


@pytest.mark.usefixtures("model")
def test_a_shipped_model_is_found_by_its_name() -> None:
    assert find("imu_tcn") == SHIPPED
    assert SHIPPED in available()


def test_the_package_s_own_models_come_first(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pair.parent / "edgehar"
    shutil.copytree(pair.parent, package / "models")
    monkeypatch.setattr(manifest, "__file__", str(package / "pipeline" / "manifest.py"))
    assert find("imu_tcn") == package / "models" / "imu_tcn.json"
    assert available() == [package / "models" / "imu_tcn.json"]


def test_a_pair_in_the_working_directory_is_found(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.rename(pair.with_name("mine.json"))
    monkeypatch.chdir(pair.parent)
    assert find("mine") == Path("mine.json")


def test_a_path_with_a_suffix_is_never_a_name(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pair.parent)
    assert find("imu_tcn.json") == Path("imu_tcn.json")
    assert find("./imu_tcn") == Path("imu_tcn.json")
    assert find("imu_tcn") == SHIPPED


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("name", ["imu_tnc", "/nowhere/imu_tcn", "no.such", ".", ""])
def test_an_unknown_name_says_what_there_is(name: str) -> None:
    with pytest.raises(ModelError, match=r"expected .* \(.*imu_tcn.*\)"):
        find(name)


def test_slots_follow_the_order_of_the_sensors(model: Recognizer) -> None:
    sensors = model.spec.sensors
    worn = [sensors[2].placements[-1], sensors[0].placements[0]]
    want: list[str | None] = [None] * len(sensors)
    want[0], want[2] = worn[1], worn[0]
    assert model.slots(worn) == tuple(want)


def test_two_placements_for_one_sensor_are_refused(model: Recognizer) -> None:
    first, second = next(s.placements[:2] for s in model.spec.sensors if s.name == "trouser_pocket")
    with pytest.raises(ModelError, match=f'"{second}".*"{first}"'):
        model.slots([first, second])


def test_two_of_a_kind_fill_two_slots_in_the_order_they_are_given(model: Recognizer) -> None:
    names = [sensor.name for sensor in model.spec.sensors]
    slots = model.slots(["wrist_right", "knee_left", "wrist_left", "ankle_right"])
    assert dict(zip(names, slots, strict=True)) == dict.fromkeys(names) | {
        "wrist": "wrist_right",
        "other_wrist": "wrist_left",
        "lower_leg": "knee_left",
        "other_leg": "ankle_right",
    }
    with pytest.raises(ModelError, match=r'"wrist".*"wrist_right" and "wrist_left"'):
        model.slots(["wrist_right", "wrist_left", "wrist"])
    with pytest.raises(ModelError, match='at "wrist_left", which finds "wrist_left" in its place;'):
        model.slots(["wrist_left", "wrist_left"])


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        (
            "wrist_rigth",
            'takes no sensor worn at "wrist_rigth"; did you mean `wrist_right` or `wrist_left`? `edgehar models',
        ),
        ("xyz", 'takes no sensor worn at "xyz"; `edgehar models info` lists all places'),
    ],
)
def test_a_place_that_no_sensor_is_worn_at_gets_the_nearest_two(
    model: Recognizer, placement: str, expected: str
) -> None:
    with pytest.raises(ModelError) as caught:
        model.slots([placement])
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 200


def test_only_labels_that_a_worn_sensor_can_tell_have_probability(model: Recognizer) -> None:
    labels = model.spec.labels
    names = [sensor.name for sensor in model.spec.sensors]
    pocket, wrist = names.index("trouser_pocket"), names.index("wrist")
    alone = judged(model, replace(window(model), worn=(pocket,)))
    assert {labels[i] for i in np.flatnonzero(alone)} == set(model.spec.sensors[pocket].labels) < set(labels)
    both = replace(window(model, coverage=(1.0, 1.0)), worn=(wrist, pocket))
    assert judged(model, both)[labels.index("lying")] > 0
    lost = judged(model, replace(both, excluded_sensors={wrist: 0.1}))
    assert lost[labels.index("lying")] == 0


def test_only_accelerations_of_sensors_that_can_tell_a_fall_is_handed_on(model: Recognizer) -> None:
    names = [sensor.name for sensor in model.spec.sensors]
    pocket, chest = names.index("trouser_pocket"), names.index("chest")
    hop = HopAcceleration(30.0, 9.0, (0.0, 0.0, 9.8))
    hops = {pocket: hop, chest: hop}
    [prediction] = model.push(replace(window(model), hop_accelerations=hops, earlier_hops=((1.0, hops),)))
    assert prediction.hop_accelerations == {chest: hop}
    assert prediction.earlier_hops == ((1.0, {chest: hop}),)


# -- pairs that do not fit


def put(*path: str | int, value: object) -> Callable[[dict[str, Any]], object]:
    def change(raw: Any) -> None:
        for key in path[:-1]:
            raw = raw[key]
        raw[path[-1]] = value

    return change


def drop(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw.pop(key)


MISFITS = {
    "unknown field": (put("colour", value="red"), "colour: expected no such field"),
    "unknown inner field": (put("sensors", 1, "side", value="left"), r"sensors\[1\].side: expected no such"),
    "unknown field of two lines": (put("two\nlines", value=1), "two lines: expected no such field"),
    "missing field": (drop("labels"), "labels: expected a value, got none"),
    "wrong type": (put("window", value="128"), 'window: expected int, got "128"'),
    "fraction": (put("window", value=128.5), "window: expected int, got 128.5"),
    "inner wrong type": (
        put("sensors", 0, "placements", 0, value=7),
        r"sensors\[0\].placements\[0\]: expected str, got 7",
    ),
    "another format": (put("format", value=2), "format: expected 1, got 2; install"),
    "format is a word": (put("format", value="1"), 'format: expected 1, got "1"'),
    "one label": (put("labels", value=["walking"]), "labels: expected array of length >= 2"),
    "label twice": (lambda raw: put("labels", 1, value=raw["labels"][0])(raw), "labels: expected each once"),
    "reserved label": (put("labels", 0, value="no_signal"), "labels: expected none of no_signal, not_worn"),
    "label missing": (
        lambda raw: (raw["labels"].remove("punching"), raw.pop("operating_points")),
        r"outputs: expected float32 \(1, \d+\)",
    ),
    "label too many": (lambda raw: raw["labels"].append("flying"), r"outputs: expected float32 \(1, \d+\)"),
    "rate of zero": (put("rate_hz", value=0), "rate_hz: expected float > 0"),
    "hop longer than window": (put("hop", value=10_000), "hop: expected at most the window of"),
    "hop of zero": (put("hop", value=0), "hop: expected int >= 1, got 0"),
    "window of another length": (put("window", value=100), r"input: expected float32 \(1, 100, "),
    "sensor missing": (lambda raw: raw["sensors"].pop(), r"input: expected float32 \(1, "),
    "placement twice in a sensor": (
        lambda raw: raw["sensors"][1]["placements"].append(raw["sensors"][1]["placements"][0]),
        "sensors: expected each placement once",
    ),
    "a sensor's label that the model lacks": (
        put("sensors", 0, "labels", value=["flying"]),
        'sensors: expected labels of the model, got .*"flying"',
    ),
    "sensor name twice": (
        lambda raw: put("sensors", 1, "name", value=raw["sensors"][0]["name"])(raw),
        "sensors: expected each name once",
    ),
    "sensor without placement": (
        put("sensors", 0, "placements", value=[]),
        r"sensors\[0\].placements: expected",
    ),
    "channels in another order": (lambda raw: raw["channels"].reverse(), "channels: expected"),
    "channel missing": (lambda raw: raw["channels"].pop(), "channels: expected"),
    "unknown frame": (
        put("frames", value=["sideways"]),
        r"frames: expected some of device, level, got \[\"sideways\"\]",
    ),
    "frame twice": (put("frames", value=["level", "level"]), "frames: expected each once"),
    "no frame": (put("frames", value=[]), "frames: expected array of length >= 1"),
    "frame missing": (
        put("frames", value=["device"]),
        r"input: expected float32 \(1, \d+, 42\) for window and",
    ),
    "unit that is no word": (put("units", "acc", value=9.8), r"units\[...\]: expected str"),
    "units in g": (put("units", "acc", value="g"), 'units: expected .*"m/s.2".*got .*"g"'),
    "scale of zero": (
        put("normalization", "scale", 2, value=0),
        r"normalization.scale\[2\]: expected float > 0",
    ),
    "five clips": (
        put("normalization", "clip", value=[1.0] * 5),
        "normalization.clip: expected 6 numbers",
    ),
    "tree with an empty node": (
        put("tree", "still", value=[]),
        r"tree\[...\]: expected array of length >= 1",
    ),
    "tree with a child that is no word": (put("tree", "still", value=[1]), r"tree\[...\]\[0\]: expected str"),
    "tree with two parents": (
        put("tree", "on_foot", value=["walking", "lying"]),
        "tree: expected each child once",
    ),
    "temperature of zero": (put("temperature", value=0), "temperature: expected float > 0"),
    "temperature below zero": (put("temperature", value=-1.5), "temperature: .*got -1.5"),
    "int8 input": (put("quantization", "input", value="int8"), "quantization.input: expected float32"),
    "int8 output": (put("quantization", "output", value="int8"), "quantization.output: expected float32"),
    "sha256 is no digest": (put("sha256", value="abc"), "sha256: expected"),
    "sha256 of another file": (put("sha256", value="0" * 64), "sha256: expected 0000.*copy both again"),
    "decision with a wrong key": (
        put("decision", "entry", value=0.5),
        "decision.entry: expected no such field",
    ),
    "decision out of bounds": (
        put("decision", "threshold", value=1.5),
        "decision.threshold: expected float <= 0.9999, got 1.5",
    ),
    "held threshold above the other": (
        put("decision", value={"threshold": 0.6, "held_threshold": 0.7}),
        "decision.held_threshold: expected at most threshold",
    ),
}


@pytest.mark.parametrize(("change", "says"), MISFITS.values(), ids=MISFITS.keys())
def test_a_misfit_is_named_in_one_line(
    pair: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    rewrite(pair, change)
    with pytest.raises(ModelError, match=says) as raised:
        load(pair)
    text = str(raised.value)
    assert "\n" not in text
    assert str(pair.with_suffix("")) in text
    assert text.count("; ") >= 1, "it says what to do"


def reverse_labels(raw: dict[str, Any]) -> None:
    raw["labels"].reverse()


def halve_a_scale(raw: dict[str, Any]) -> None:
    raw["normalization"]["scale"][0] /= 2


UNNOTICED = {
    "labels": reverse_labels,
    "normalization": halve_a_scale,
    "sensors": lambda raw: raw["sensors"][0]["placements"].append("nose"),
    "decision": put("decision", "threshold", value=0.61),
    "temperature": put("temperature", value=0.8),
    "hop": put("hop", value=64),
    "rate_hz": put("rate_hz", value=25.0),
    "frames": lambda raw: raw["frames"].reverse(),
    "version": put("version", value="0.3.1"),
    "sha256": put("sha256", value="0" * 64),
}
"""Changes of what decides an answer, or names who gave it, that leave a manifest of the right form."""


@pytest.mark.parametrize("change", UNNOTICED.values(), ids=UNNOTICED.keys())
def test_a_manifest_that_was_changed_after_it_was_sealed_is_refused_in_one_line(
    pair: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    raw = json.loads(pair.read_text())
    change(raw)
    pair.write_text(json.dumps(raw))
    for read_it in (read, load):
        with pytest.raises(
            ModelError, match=r"imu_tcn\.json: manifest_sha256: expected .*copy both"
        ) as raised:
            read_it(pair)
        assert "\n" not in str(raised.value)


def test_settings_of_an_older_decision_give_way_to_the_defaults_of_todays(pair: Path) -> None:
    raw = json.loads(pair.read_text()) | {
        "decision": {"smoothing_s": 2.0, "fall_peak": 9.0, "min_coverage": 0.7}
    }
    pair.write_text(json.dumps(raw | {"manifest_sha256": manifest.seal(raw)}))
    assert read(pair).decision == Settings(min_coverage=0.7)


def test_scores_texts_and_the_layout_of_the_file_are_not_sealed(pair: Path) -> None:
    raw = json.loads(pair.read_text())
    raw["metrics"], raw["provenance"]["note"] = {"new": 1.0}, "copied by hand"
    pair.write_text(json.dumps(dict(sorted(raw.items()))))
    assert read(pair).metrics == {"new": 1.0}


def test_an_older_pair_without_a_seal_is_loaded(pair: Path) -> None:
    raw = json.loads(pair.read_text())
    del raw["manifest_sha256"], raw["decision"]["falls"]  # a key that was added since
    pair.write_text(json.dumps(raw))
    assert load(pair).spec.manifest_sha256 == ""


def test_a_key_that_is_added_with_a_default_breaks_no_seal(pair: Path) -> None:
    rewrite(pair, lambda raw: raw["decision"].pop("falls"))
    assert load(pair).spec.decision.falls == Settings().falls


def test_the_shipped_manifest_is_sealed_and_says_the_same_when_it_is_written_anew(pair: Path) -> None:
    shipped = read(SHIPPED)
    assert shipped.manifest_sha256
    export.write_manifest(pair.with_name("again"), read(pair))
    again = read(pair.with_name("again.json"))
    # Keys that were added since the pair was shipped are written too, and sealed.
    assert replace(again, manifest_sha256=shipped.manifest_sha256) == shipped
    assert (
        json.loads(SHIPPED.read_bytes()).keys()
        <= json.loads(pair.with_name("again.json").read_bytes()).keys()
    )


NO_JSON = {
    "empty": b"",
    "cut": b'{"format": 1, "name": "x',
    "binary": b"\xff\xfe\x00",
    "a list": b"[1, 2]",
    "a number": b"1",
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON.keys())
def test_a_manifest_that_is_none_is_refused(pair: Path, content: bytes) -> None:
    pair.write_bytes(content)
    with pytest.raises(ModelError, match=r"imu_tcn\.json.*expected") as raised:
        read(pair)
    assert "\n" not in str(raised.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.usefixtures("model")
@given(st.data())
def test_any_change_of_a_manifest_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = json.loads(SHIPPED.read_text())
    inner = raw
    while True:
        keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        key = data.draw(st.sampled_from(keys))
        if not inner[key] or not isinstance(inner[key], dict | list) or data.draw(st.booleans()):
            break
        inner = inner[key]
    if isinstance(inner, dict) and data.draw(st.booleans()):
        key = data.draw(st.text())
    inner[key] = data.draw(json_values)
    file = tmp_path_factory.getbasetemp() / "changed.json"
    file.write_text(json.dumps(raw))
    assert "\n" not in refusal(file)


@pytest.mark.parametrize("suffix", [".json", ".tflite"])
def test_a_missing_file_is_named(pair: Path, suffix: str) -> None:
    pair.with_suffix(suffix).unlink()
    with pytest.raises(ModelError, match=rf"imu_tcn\{suffix}: cannot be read: No such file"):
        load(pair)


def test_a_file_that_is_a_folder_is_named(pair: Path) -> None:
    pair.unlink()
    pair.mkdir()
    with pytest.raises(ModelError, match="cannot be read"):
        load(pair)


def test_one_flipped_bit_never_reaches_the_interpreter(pair: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = pair.with_suffix(".tflite")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(ModelError, match="sha256"):
        load(pair)


def replace_network(pair: Path, content: bytes) -> None:
    pair.with_suffix(".tflite").write_bytes(content)
    rewrite(pair, put("sha256", value=hashlib.sha256(content).hexdigest()))


@pytest.mark.parametrize(
    "content",
    [b"", b"TFL3", b"garbage" * 1000, bytes(4096), b"\x1c\0\0\0TFL3" + bytes(2000)],
    ids=["empty", "magic", "garbage", "zeros", "zeros with magic"],
)
def test_a_network_that_is_none_is_refused_in_one_line(pair: Path, content: bytes) -> None:
    replace_network(pair, content)
    with pytest.raises(ModelError, match=r"imu_tcn\.tflite: cannot be run: ") as raised:
        load(pair)
    assert "\n" not in str(raised.value)


_LOAD_ALL = """
import sys
from pathlib import Path
from edgehar.errors import ModelError
from edgehar.pipeline.recognizer import load
for path in sorted(Path(sys.argv[1]).glob("*.json")):
    try:
        load(path)
    except ModelError as error:
        assert "\\n" not in str(error)
        print("refused")
    else:
        print("loaded")
"""


def test_damaged_networks_load_or_are_refused_but_never_crash(pair: Path, tmp_path: Path) -> None:
    """In a process of its own: native code would take the tests down with it."""
    whole = pair.with_suffix(".tflite").read_bytes()
    rng = np.random.default_rng(7)
    folder = tmp_path / "damaged"
    for i in range(48):
        content = bytearray(whole)
        if i % 4 == 0:
            del content[int(rng.integers(len(content))) :]
        else:
            # Half of the flips in the first 4 kB, where the graph's structure is.
            for at in rng.integers(0, len(content) if i % 4 == 1 else 4000, int(rng.choice([1, 4, 30]))):
                content[at] ^= 1 << int(rng.integers(8))
        folder.mkdir(exist_ok=True)
        copy = folder / f"{i:02}.json"
        shutil.copy(pair, copy)
        replace_network(copy, bytes(content))
    ran = subprocess.run(
        [sys.executable, "-c", _LOAD_ALL, folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    outcomes = ran.stdout.split()
    assert len(outcomes) == 48
    assert outcomes.count("refused") >= 12


TENSORS = {
    "no output": ([], None),
    "no logits": ([tensor(8, 1, 64)], None),
    "logits alone": ([tensor(8, 1, 9)], (0, 8, None)),
    "logits first": ([tensor(8, 1, 9), tensor(9, 1, 64)], (0, 8, 9)),
    "embedding first": ([tensor(8, 1, 64), tensor(9, 1, 9)], (0, 9, 8)),
    "an embedding as long as the logits": ([tensor(8, 1, 9), tensor(9, 1, 9)], None),
    "three outputs": ([tensor(8, 1, 9), tensor(9, 1, 64), tensor(7, 1, 32)], None),
    "int8 logits": ([tensor(8, 1, 9, dtype=np.int8)], None),
    "logits of every row": ([tensor(8, 1, 128, 9)], None),
}


@pytest.mark.parametrize(("outputs", "taken"), TENSORS.values(), ids=TENSORS.keys())
def test_outputs_are_told_apart_by_their_shape(
    model: Recognizer, outputs: list[dict[str, Any]], taken: tuple[int, int, int | None] | None
) -> None:
    spec = replace(model.spec, labels=tuple("abcdefghi"), sensors=(Sensor("wrist", ("wrist",)),))
    network = Network(spec, [*range(9)], outputs)
    if taken is None:
        with pytest.raises(ModelError, match="outputs: expected"):
            Recognizer(spec, network)
        return
    rows = np.zeros((spec.window, 6), np.float32)
    [prediction] = Recognizer(spec, network).push(Window(0.0, rows, (1.0,), 0.0, worn=(0,)))
    assert prediction.probabilities is not None
    assert np.argmax(prediction.probabilities) == 8
    embedding = None if prediction.embedding is None else prediction.embedding[0]
    assert embedding == taken[2]


# -- the runtime


def test_loading_a_manifest_needs_no_runtime(model: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    assert read(SHIPPED) == model.spec


@pytest.mark.usefixtures("model")
def test_without_any_runtime_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    with pytest.raises(ModelError, match="install ai-edge-litert"):
        load(SHIPPED)


def test_tflite_runtime_stands_in_with_numpy_1_only(
    model: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    litert = sys.modules["ai_edge_litert.interpreter"]
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime", litert)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", litert)
    monkeypatch.setattr(np, "__version__", "2.4.6")
    with pytest.raises(ModelError, match=r"expected NumPy 1, got 2\.4\.6"):
        load(SHIPPED)
    monkeypatch.setattr(np, "__version__", "1.26.4")
    assert_array_equal(judged(load(SHIPPED), window(model)), judged(model, window(model)))
