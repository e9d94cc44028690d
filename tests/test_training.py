"""The way from a recipe to a scored pair, small enough to run in seconds."""

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking

from edgehar.cli import train as cli
from edgehar.errors import ConfigError
from edgehar.evaluation import comparison
from edgehar.evaluation.tables import scores_table
from edgehar.pipeline import manifest, recognizer
from edgehar.training import calibrate, export, recipe as recipes
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, Views, normalize, synthesize
from edgehar.training.tcn import Layer
from edgehar.training.virtual_sensors import sides
from edgehar.types import STANDARD_GRAVITY

SHIPPED = ROOT / "models" / "imu_tcn_synthetic.toml"


def ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """Shrink the shipped recipe a hundred times."""
    full = recipes.load(SHIPPED)
    replace = msgspec.structs.replace
    return replace(
        full,
        labels=("walking", "standing", "lying"),
        tree={"still": ("standing", "lying")},
        sensors=tuple(replace(sensor, labels=()) for sensor in full.sensors),
        synthesis=replace(full.synthesis, windows=240, bout_s=7.0, activities={}),
        network=replace(full.network, layers=(Layer(8, 5, 4), Layer(16, 5, 2)), hidden=8),
        fit=replace(full.fit, epochs=40, batch=32, representative=60),
    )


@pytest.fixture(scope="module")
def windows(recipe: Recipe) -> Dataset:
    return synthesize(recipe, 1, ignore)


@pytest.fixture(scope="module")
def fitted(recipe: Recipe, windows: Dataset) -> Any:
    return fit(recipe, windows)


def fit(recipe: Recipe, windows: Dataset) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        from edgehar.training import fit as fitting  # noqa: PLC0415

        return fitting.fit(recipe, windows, ignore)
    except ImportError as error:
        lacking(f"TensorFlow ({error})")


@pytest.fixture(scope="module")
def pair(recipe: Recipe, windows: Dataset, fitted: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from edgehar.training.fit import network, representative  # noqa: PLC0415

    stem: Path = tmp_path_factory.mktemp("pair") / recipe.name
    content = export.to_int8(
        fitted, network(recipe, recipe.network, batch=1), representative(recipe, windows)
    )
    export.write_pair(stem, content, export.describe(recipe, content, {"seed": recipe.seed}))
    return stem.with_name(f"{recipe.name}.json")


def test_quantizing_writes_nothing(
    recipe: Recipe, windows: Dataset, fitted: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    from edgehar.training.fit import network, representative  # noqa: PLC0415

    assert export.to_int8(fitted, network(recipe, recipe.network, batch=1), representative(recipe, windows))
    assert capfd.readouterr() == ("", "")


def test_windows_are_synthesized_equally_for_all_labels(recipe: Recipe, windows: Dataset) -> None:
    assert windows.x.shape == (240, len(recipe.sensors), 2, recipe.window, 3)
    assert np.bincount(windows.label).tolist() == [80, 80, 80]
    still = windows.x[windows.label == 1, :, 0].astype(np.float32)
    assert np.median(np.linalg.norm(still, axis=-1)) == pytest.approx(STANDARD_GRAVITY, abs=0.3)


def test_the_same_seed_gives_the_same_windows_with_any_number_of_workers(
    recipe: Recipe, windows: Dataset
) -> None:
    again = synthesize(recipe, 2, ignore)
    assert again.x.tobytes() == windows.x.tobytes()
    assert again.site.tolist() == windows.site.tolist()


def test_a_view_zeroes_what_is_not_worn(recipe: Recipe, windows: Dataset) -> None:
    rows = np.arange(240).repeat(4)
    x = Views(recipe, windows, seed=3).windows(rows)
    worn = np.abs(x).max(axis=(2, 3, 4)) > 0
    turning = np.abs(x[:, :, 1]).max(axis=(2, 3)) > 0
    assert worn.any(axis=1).all()
    assert not (turning & ~worn).any()
    alone = worn.sum(axis=1) == 1
    for i, sensor in enumerate(recipe.sensors):
        assert (alone & worn[:, i]).mean() == pytest.approx(sensor.alone + 0.03, abs=0.05)
    # Who stands or lies turns by less than int8 tells from zero.
    assert 0.15 < 1.0 - turning[windows.label[rows] == 0].any(axis=1).mean() < 0.4


def test_no_view_asks_for_what_its_sensors_cannot_tell(recipe: Recipe, windows: Dataset) -> None:
    replace = msgspec.structs.replace
    blind = replace(recipe, sensors=tuple(replace(s, labels=("walking",)) for s in recipe.sensors[1:]))
    sensors = (recipe.sensors[0], *blind.sensors)
    rows = np.arange(240).repeat(4)
    x = Views(replace(recipe, sensors=sensors), windows, seed=3).windows(rows)
    first = np.abs(x[:, 0]).max(axis=(1, 2, 3)) > 0
    assert first[windows.label[rows] != 0].all()
    assert not first[windows.label[rows] == 0].all()


def test_two_of_a_kind_sit_on_either_side(recipe: Recipe) -> None:
    for seed in range(20):
        drawn = sides(recipe, np.random.default_rng(seed))
        names = [sensor.name for sensor in recipe.sensors]
        assert all(drawn[i] != drawn[names.index(s.beside)] for i, s in enumerate(recipe.sensors) if s.beside)


def test_the_same_seed_gives_the_same_weights(recipe: Recipe, windows: Dataset) -> None:
    brief = msgspec.structs.replace(recipe, fit=msgspec.structs.replace(recipe.fit, epochs=3))
    once, again = fit(brief, windows), fit(brief, windows)
    for first, second in zip(once.get_weights(), again.get_weights(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_network_learns(recipe: Recipe, windows: Dataset, fitted: Any) -> None:
    answers = np.argmax(
        fitted.predict(Views(recipe, windows, seed=4)(np.arange(240)), verbose=0)["logits"], axis=1
    )
    assert (answers == windows.label).mean() > 0.6


def test_the_int8_pair_answers_as_the_float_network_does(
    recipe: Recipe, windows: Dataset, fitted: Any, pair: Path
) -> None:
    x = Views(recipe, windows, seed=5).windows(np.arange(240))
    loaded = recognizer.load(pair)
    logits = fitted.predict(normalize(recipe, x), verbose=0)["logits"]
    expected = np.where(calibrate.offered(loaded.spec, x), logits, -np.inf)
    got = calibrate.answers(loaded, x)
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.93
    assert loaded.spec.labels == recipe.labels
    assert loaded.spec.quantization.weights == "int8"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('  "waving", "clapping"', '  "flying", "clapping"'), "no activity is called flying"),
        (('sites = ["wrist"]', 'sites = ["nose"]'), "no site is called nose"),
        (('beside = "wrist"', 'beside = "hat"'), "no sensor before other_wrist is called hat"),
        (("alone = ", "alone = 1.0 # "), "exceed 1"),
        (('"device", "level"', '"device", "sideways"'), "no frame is called sideways"),
        (("bout_s = ", "bout_s = 2.0 # "), "bout_s is shorter"),
        (("epochs = ", "epoks = "), "epoks"),
        (("seed = ", "seed = nothing # "), "nvalid"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(
    tmp_path: Path, change: tuple[str, str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = SHIPPED.read_text()
    assert change[0] in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(*change))
    with pytest.raises(ConfigError, match=complaint):
        recipes.load(path)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["build", str(path)])
    assert exit_.value.code == 78
    assert capsys.readouterr().err.count("\n") == 1


def test_the_shipped_pair_is_of_the_shipped_recipe() -> None:
    made, spec = recipes.load(SHIPPED), manifest.read(SHIPPED.with_suffix(".json"))
    expected = export.describe(
        made, SHIPPED.with_suffix(".tflite").read_bytes(), spec.provenance, spec.temperature
    )
    assert msgspec.structs.replace(spec, metrics={}, manifest_sha256="") == expected
    assert spec.provenance["recipe_sha256"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    assert SHIPPED.with_suffix(".tflite").stat().st_size <= 150_000


def test_the_shipped_pair_loses_no_more_at_int8_than_it_may() -> None:
    spec = manifest.read(SHIPPED.with_suffix(".json"))
    rounding = spec.provenance["int8"]
    assert rounding["agreement"] >= 0.98
    assert rounding["macro_f1_float32"] - rounding["macro_f1_int8"] <= 0.01
    assert spec.temperature == spec.provenance["calibration"]["temperature"]


def test_the_figures_beside_the_shipped_pair_are_its_own() -> None:
    readme, details = (SHIPPED.with_name(name).read_text() for name in ("README.md", "DETAILS.md"))
    spec = manifest.read(SHIPPED.with_name("imu_tcn.json"))
    assert scores_table(spec.metrics) in details
    columns = comparison.read(SHIPPED.parent, spec.name)
    assert comparison.tables(columns) in readme
    assert all(scores.sha256 == spec.sha256 for scores in columns.values() if scores.model == spec.id)
