from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking

from edgehar.errors import ConfigError
from edgehar.evaluation import baselines
from edgehar.evaluation.baselines import Forest, Trees
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import manifest
from edgehar.pipeline.manifest import ModelSpec
from edgehar.training import recipe as recipes
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, synthesize
from edgehar.types import FloatArray, Window

LABELS = ("walking", "running", "standing")
PER_SENSOR = 119


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    full = recipes.load(ROOT / "models" / "imu_tcn.toml")
    replace = msgspec.structs.replace
    sensors = tuple(replace(s, labels=()) for s in full.sensors if s.beside is None)
    synthesis = replace(full.synthesis, windows=240, bout_s=7.0)
    return replace(full, labels=LABELS, sensors=sensors, synthesis=synthesis)


@pytest.fixture(scope="module")
def data(recipe: Recipe) -> Dataset:
    return synthesize(recipe, 1, lambda _: None)


@pytest.fixture(scope="module")
def spec(recipe: Recipe) -> ModelSpec:
    shipped = manifest.read(ROOT / "models" / "imu_tcn.json")
    sensors = tuple(manifest.Sensor(s.name, s.placements) for s in recipe.sensors)
    return msgspec.structs.replace(shipped, labels=recipe.labels, sensors=sensors)


def grown(recipe: Recipe, data: Dataset, trees: int = 12) -> Trees:
    try:
        return baselines.grow(recipe, data, 1, trees)
    except ConfigError as error:
        lacking(str(error))


@pytest.fixture(scope="module")
def trees(recipe: Recipe, data: Dataset) -> Trees:
    return grown(recipe, data)


def wave(hz: float, axis: int) -> FloatArray:
    """(1, 128, 12): the first of two sensors swings along one axis, at 50 Hz."""
    x = np.zeros((1, 128, 12), np.float32)
    x[0, :, axis] = 1.0 + 0.5 * np.sin(2 * np.pi * hz * np.arange(128) / 50.0)
    return x


@pytest.mark.parametrize("axis", [0, 4])
def test_features_name_the_frequency_and_where_its_energy_is(axis: int) -> None:
    # Signal by signal, 14 features each: the norm of acceleration is the fourth, of angular rate the eighth.
    signal = axis if axis < 3 else axis + 1
    own = baselines.features(wave(3.125, axis), 50.0)[0, signal * 14 : signal * 14 + 14]
    mean, spread, least, _, median, _, greatest, top = own[:8]
    assert [mean, spread, least, median, greatest] == pytest.approx([1.0, 0.354, 0.5, 1.0, 1.5], abs=0.02)
    assert top == pytest.approx(3.125)
    assert own[8:].argmax() == 2  # 2 to 4 Hz


def test_what_is_not_worn_has_zeros_for_features() -> None:
    found = baselines.features(wave(2.0, 1), 50.0)
    assert found.shape == (1, 2 * PER_SENSOR)
    assert found[0, :PER_SENSOR].any()
    assert not found[0, PER_SENSOR:].any()


def test_axes_that_move_together_correlate() -> None:
    x = wave(2.0, 0)
    x[..., 1] = -x[..., 0]
    x[..., 2] = x[..., 0]
    assert baselines.features(x, 50.0)[0, 112:115] == pytest.approx([-1.0, 1.0, -1.0], abs=1e-3)


def test_the_trees_answer_as_those_they_were_taken_from(recipe: Recipe, data: Dataset) -> None:
    sklearn = pytest.importorskip("sklearn.ensemble")
    x = baselines.views(recipe, data)
    # The third label is missing, as it may be in a small set.
    forest = sklearn.RandomForestClassifier(9, random_state=3).fit(x, np.minimum(data.label, 1) * 2)
    flat = baselines._flat([tree.tree_ for tree in forest.estimators_], 3, forest.classes_)
    expected = forest.predict_proba(x)
    got = np.array([flat.probabilities(row) for row in x])
    assert got[:, [0, 2]] == pytest.approx(expected, abs=1e-5)
    assert not got[:, 1].any()


def test_the_same_seed_grows_the_same_trees(recipe: Recipe, data: Dataset, trees: Trees) -> None:
    again = grown(recipe, data)
    for field in Trees.__struct_fields__:
        assert getattr(again, field).tobytes() == getattr(trees, field).tobytes()


def test_the_forest_answers_like_the_recognizer(spec: ModelSpec, trees: Trees) -> None:
    sensors = tuple(manifest.Sensor(s.name, s.placements, ("walking", "running")) for s in spec.sensors)
    forest = Forest(msgspec.structs.replace(spec, sensors=sensors), trees)
    x = np.zeros((spec.window, len(sensors) * 6), np.float32)
    x[:, 2] = 9.81
    window = Window(3.0, x, (1.0, 0.9), 0.5, worn=(0, 1))
    [told] = forest.push(window)
    assert told.probabilities is not None
    assert told.probabilities.sum() == pytest.approx(1.0)
    assert told.probabilities[LABELS.index("standing")] == 0.0
    assert (told.t, told.coverage, told.peak_to_peak, told.embedding) == (3.0, 0.9, 0.5, None)
    [partly] = forest.push(msgspec.structs.replace(window, excluded_sensors={1: 0.2}, coverage=(1.0, 0.2)))
    assert (partly.coverage, dict(partly.excluded_sensors)) == (1.0, {1: 0.2})
    [nothing] = forest.push(
        msgspec.structs.replace(window, excluded_sensors={0: 0.1, 1: 0.2}, coverage=(0.1, 0.2))
    )
    assert nothing.probabilities is None
    assert forest.slots(["chest"]) == spec.slots(["chest"])


def recorded(folder: Path) -> None:
    """Trials of simulated wearers in the form of the real sets."""
    parts = [
        (person, label, Wearer(person, ["trouser_pocket"]).perform(label, 9.0)[0].x)
        for person in (21, 22)
        for label in LABELS
    ]
    scale = np.array([0.005] * 3 + [0.002] * 3, np.float32)
    (folder / "imu").mkdir()
    np.savez(
        folder / "imu" / "home.npz",
        x=np.rint(np.concatenate([x for *_, x in parts]) / scale).astype(np.int16),
        scale=scale,
        columns=[f"trouser_pocket.{c}" for c in ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")],
        n=[len(x) for *_, x in parts],
        subject=[person for person, *_ in parts],
        activity=[label for _, label, _ in parts],
        trial=range(len(parts)),
        rate_hz=50.0,
    )


def test_a_kept_forest_is_scored_on_the_rows_of_the_evaluation(
    tmp_path: Path, spec: ModelSpec, trees: Trees
) -> None:
    recorded(tmp_path)
    path = tmp_path / "random_forest.npz"
    np.savez(path, **{field: getattr(trees, field) for field in Trees.__struct_fields__})
    path.with_suffix(".json").write_bytes(msgspec.json.encode(spec))
    heard: list[tuple[str, int, int]] = []
    found = baselines.score(path, tmp_path, ["home"], 1, lambda *what: heard.append(what))
    line = found.lines["home trouser_pocket"]
    assert line.everybody.people == 2
    assert line.everybody.macro_f1 > 0.5
    assert not found.few_shot
    assert heard[-1] == ("scoring random_forest", 2, 2)
    table = baselines.publish(tmp_path / "imu_tcn", {"random_forest": found}, write=True)
    assert f"| home trouser_pocket | {line.everybody.macro_f1:.3f} |" in table
    assert not (tmp_path / "results.json").exists()


def test_broken_results_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ConfigError, match=r"results\.json: no results of"):
        baselines.publish(tmp_path / "imu_tcn", {}, write=True)
