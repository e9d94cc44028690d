import hashlib
import pickle
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking
from test_finetune import folder, libraries, tuning

from edgehar.errors import ConfigError, ModelError
from edgehar.evaluation import baselines, forest as forests
from edgehar.evaluation.forest import Forest
from edgehar.evaluation.unseen import Recordings
from edgehar.motion.wearer import Wearer
from edgehar.personal.statistics import PER_SENSOR, statistics
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec, Sensor
from edgehar.training import export, finetune_recipe, recipe as recipes
from edgehar.training.build import Build
from edgehar.training.finetune import Finetune
from edgehar.training.people_split import split
from edgehar.training.people_windows import PeopleWindows
from edgehar.training.provenance import people_of
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, synthesize
from edgehar.types import FloatArray, Window

__all__ = ["folder", "libraries"]
"""Fixtures: a tiny base, a recipe that fine-tunes it, and two sets."""

LABELS = ("walking", "running", "standing")


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    full = recipes.load(ROOT / "models" / "imu_tcn_synthetic.toml")
    replace = msgspec.structs.replace
    sensors = tuple(replace(s, labels=()) for s in full.sensors if s.beside is None)
    synthesis = replace(full.synthesis, windows=240, bout_s=7.0)
    return replace(full, labels=LABELS, sensors=sensors, synthesis=synthesis)


@pytest.fixture(scope="module")
def data(recipe: Recipe) -> Dataset:
    return synthesize(recipe, 1, lambda *_: None)


@pytest.fixture(scope="module")
def spec(recipe: Recipe) -> ModelSpec:
    shipped = manifest.read(ROOT / "models" / "imu_tcn.json")
    sensors = tuple(Sensor(s.name, s.placements) for s in recipe.sensors)
    as_tiny = {"labels": recipe.labels, "sensors": sensors, "tree": {}, "operating_points": {}}
    return msgspec.structs.replace(shipped, **as_tiny)


def grown(recipe: Recipe, data: Dataset, trees: int = 12) -> Any:
    try:
        return forests.grow(forests.views(recipe, data), data.label, recipe.seed, 1, trees)
    except ImportError as error:
        lacking(str(error))


@pytest.fixture(scope="module")
def forest(recipe: Recipe, data: Dataset) -> Any:
    return grown(recipe, data)


def wave(hz: float, axis: int) -> FloatArray:
    """Make (1, 128, 12): the first of two sensors swings along one axis, at 50 Hz."""
    x = np.zeros((1, 128, 12), np.float32)
    x[0, :, axis] = 1.0 + 0.5 * np.sin(2 * np.pi * hz * np.arange(128) / 50.0)
    return x


@pytest.mark.parametrize("axis", [0, 4])
def test_features_name_the_frequency_and_where_its_energy_is(axis: int) -> None:
    # Signal by signal, 14 features each: the norm of acceleration is the fourth, of angular rate the eighth.
    signal = axis if axis < 3 else axis + 1
    features = statistics(wave(3.125, axis), 50.0)[0, signal * 14 : signal * 14 + 14]
    mean, spread, least, _, median, _, greatest, top = features[:8]
    assert [mean, spread, least, median, greatest] == pytest.approx([1.0, 0.354, 0.5, 1.0, 1.5], abs=0.02)
    assert top == pytest.approx(3.125)
    assert features[8:].argmax() == 2  # 2 to 4 Hz


def test_what_is_not_worn_has_zeros_for_features() -> None:
    features = statistics(wave(2.0, 1), 50.0)
    assert features.shape == (1, 2 * PER_SENSOR)
    assert features[0, :PER_SENSOR].any()
    assert not features[0, PER_SENSOR:].any()


def test_axes_that_move_together_correlate() -> None:
    x = wave(2.0, 0)
    x[..., 1] = -x[..., 0]
    x[..., 2] = x[..., 0]
    assert statistics(x, 50.0)[0, 112:115] == pytest.approx([-1.0, 1.0, -1.0], abs=1e-3)


def test_a_window_is_answered_as_scikit_learn_does(recipe: Recipe, spec: ModelSpec, data: Dataset) -> None:
    sklearn = pytest.importorskip("sklearn.ensemble")
    x = forests.views(recipe, data)
    # The second label is missing, as it may be in a small set.
    forest = sklearn.RandomForestClassifier(9, random_state=3).fit(x, np.minimum(data.label, 1) * 2)
    expected = forest.predict_proba(x)
    got = np.array([Forest(spec, forest).probabilities(row[None]) for row in x])
    assert got[:, [0, 2]] == pytest.approx(expected, abs=1e-5)
    assert not got[:, 1].any()


def test_the_same_seed_grows_the_same_trees(recipe: Recipe, data: Dataset, forest: Any) -> None:
    again = grown(recipe, data)
    for tree, same in zip(forest.estimators_, again.estimators_, strict=True):
        assert tree.tree_.threshold.tobytes() == same.tree_.threshold.tobytes()
        assert tree.tree_.value.tobytes() == same.tree_.value.tobytes()


def test_without_scikit_learn_no_window_is_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(
        recipes.load(ROOT / "tests" / "tiny.toml"), tmp_path, 1, "tf 1", lambda *_: pytest.fail("simulated")
    )
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"sklearn\.ensemble"):
        forests.forest(forests.simulated(build))


def test_a_forest_is_kept_until_its_version_or_the_windows_change(
    recipe: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tiny = recipes.load(ROOT / "tests" / "tiny.toml")
    heard: list[str] = []
    build = Build(tiny, tmp_path, 1, "tf 1", lambda stage, *_: heard.append(stage))
    try:
        path = forests.forest(forests.simulated(build, 3), 3)
    except ImportError as error:
        lacking(str(error))
    content = path.read_bytes()
    assert heard.count("growing 3 trees") == 2
    assert forests.forest(forests.simulated(build, 3), 3) == path
    assert path.read_bytes() == content
    assert heard.count("growing 3 trees") == 2
    assert isinstance(forests.load(path), Forest)
    path.write_bytes(content[:-100])
    with pytest.raises(
        ModelError, match=r"random_forest\.npz: another forest than that of its manifest, or damaged"
    ):
        forests.load(path)
    assert forests.forest(forests.simulated(build, 3), 3).read_bytes() == content
    assert "is not used: damaged" in caplog.text

    key, version = forests.forest_key, forests.FOREST_VERSION
    assert key(recipe) == key(recipe, version=version) != key(recipe, version=version + 1)
    assert key(msgspec.structs.replace(recipe, seed=1)) != key(recipe)
    assert key(recipe, trees=3) != key(recipe)


def test_a_forest_of_recorded_windows_says_whose_they_are(
    folder: Path, libraries: str, tmp_path: Path
) -> None:
    tuned = tuning(folder, tmp_path, libraries)
    try:
        path = forests.forest(forests.recorded(tuned, 3), 3)
    except ImportError as error:
        lacking(str(error))
    made = forests.load(path)
    assert made.spec.provenance["tuned_on"] == people_of(tuned.recipe, fitted_to(tuned))
    assert made.spec.labels == tuned.spec().labels
    # Other people, and another share of them, are another forest.
    fewer = finetune_recipe.changed(tuned.recipe, portion=0.5)
    assert (
        forests.recorded(msgspec.structs.replace(tuned, recipe=fewer), 3).key
        != forests.recorded(tuned, 3).key
    )


def fitted_to(tuned: Finetune) -> PeopleWindows:
    windows, spec = tuned.windows(), tuned.spec()
    return windows.take(split(tuned.recipe, windows, spec.window / spec.rate_hz).fitted)


@pytest.mark.parametrize("stale", [False, True])
def test_a_forest_that_cannot_be_kept_is_not_scored(tmp_path: Path, *, stale: bool) -> None:
    pytest.importorskip("sklearn.ensemble")
    tiny = recipes.load(ROOT / "tests" / "tiny.toml")
    build = Build(tiny, tmp_path, 1, "tf 1", lambda *_: None)
    if stale:
        forests.forest(forests.simulated(build, 2), 2)

    (tmp_path / ".random_forest.npz.new").mkdir()  # in the way of what is written
    with pytest.raises(ConfigError, match=r"^[^\n]*random_forest\.npz: not written; make room for it[^\n]*$"):
        forests.forest(forests.simulated(build, 3), 3)


def test_the_forest_answers_like_the_recognizer(spec: ModelSpec, forest: Any) -> None:
    sensors = tuple(Sensor(s.name, s.placements, ("walking", "running")) for s in spec.sensors)
    judge = Forest(msgspec.structs.replace(spec, sensors=sensors), forest)
    x = np.zeros((spec.window, len(sensors) * 6), np.float32)
    x[:, 2] = 9.81
    window = Window(3.0, x, (1.0, 0.9), 0.5, worn=(0, 1))
    [whole] = judge.push(window)
    assert whole.probabilities is not None
    assert whole.probabilities.sum() == pytest.approx(1.0)
    assert whole.probabilities[LABELS.index("standing")] == 0.0
    assert (whole.t, whole.coverage, whole.peak_to_peak, whole.embedding) == (3.0, 0.9, 0.5, None)
    [partly] = judge.push(msgspec.structs.replace(window, excluded_sensors={1: 0.2}, coverage=(1.0, 0.2)))
    assert (partly.coverage, dict(partly.excluded_sensors)) == (1.0, {1: 0.2})
    [nothing] = judge.push(
        msgspec.structs.replace(window, excluded_sensors={0: 0.1, 1: 0.2}, coverage=(0.1, 0.2))
    )
    assert nothing.probabilities is None
    assert judge.slots(["chest"]) == spec.slots(["chest"])


def recorded(folder: Path) -> None:
    """Write trials of simulated wearers in the form of the real sets."""
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
    tmp_path: Path, spec: ModelSpec, forest: Any
) -> None:
    recorded(tmp_path)
    path = tmp_path / "random_forest.npz"
    np.savez(path, forest=np.frombuffer(pickle.dumps(forest), np.uint8))
    spec = msgspec.structs.replace(spec, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    export.write_manifest(path.with_suffix(""), spec)
    heard: list[tuple[str, int, int]] = []
    scores = baselines.score(path, Recordings(tmp_path), ["home"], 1, lambda *told: heard.append(told))
    line = scores.lines["home trouser_pocket"]
    assert line.everybody.people == 2
    assert line.everybody.macro_f1 > 0.5
    assert not scores.few_shot
    assert heard[-1] == ("scoring random_forest", 1, 1)
    baselines.publish(tmp_path / "imu_tcn", tmp_path, {"random_forest": scores})
    row = f"| home trouser_pocket | {line.everybody.macro_f1:.3f} |"
    assert row in (tmp_path / "baselines.md").read_text()
    assert not (tmp_path / "results.json").exists()
