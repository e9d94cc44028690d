"""From a recipe to a scored pair, small enough to run in seconds."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking

from edgehar import manifest, recognizer
from edgehar.errors import ConfigError, RecordingError
from edgehar.motion.wearer import Wearer
from edgehar.training import cli, evaluate, export, recipe as recipes
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, Views, synthesize
from edgehar.training.tcn import Layer
from edgehar.types import STANDARD_GRAVITY, FloatArray

SHIPPED = ROOT / "models" / "imu_tcn.toml"


def ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    """The shipped recipe, a hundred times less of it."""
    full = recipes.load(SHIPPED)
    replace = msgspec.structs.replace
    return replace(
        full,
        labels=("walking", "standing", "lying"),
        synthesis=replace(full.synthesis, windows=240, bout_s=7.0),
        network=replace(full.network, layers=(Layer(8, 5, 4), Layer(16, 5, 2)), embedding=8),
        fit=replace(full.fit, epochs=14, batch=32, representative=60),
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
    from edgehar.training.fit import representative  # noqa: PLC0415

    stem: Path = tmp_path_factory.mktemp("pair") / recipe.name
    content = export.to_int8(fitted, recipe, representative(recipe, windows))
    export.write_pair(stem, content, export.describe(recipe, content, {"seed": recipe.seed}))
    return stem.with_name(f"{recipe.name}.json")


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
    x = Views(recipe, windows, seed=3)(rows).reshape(len(rows), recipe.window, len(recipe.sensors), 2, 3)
    worn = np.abs(x).max(axis=(1, 3, 4)) > 0
    turning = np.abs(x[:, :, :, 1]).max(axis=(1, 3)) > 0
    favourite = [sensor.name for sensor in recipe.sensors].index(recipe.views.favourite)
    assert worn.any(axis=1).all()
    assert not (turning & ~worn).any()
    alone = worn.sum(axis=1) == 1
    assert (alone & worn[:, favourite] & (windows.label[rows] == 0)).sum() > 0.25 * (
        windows.label[rows] == 0
    ).sum()
    assert (alone & worn[:, favourite] & (windows.label[rows] == 2)).sum() < 0.25 * (
        windows.label[rows] == 2
    ).sum()
    assert 0.15 < 1.0 - turning.any(axis=1).mean() < 0.4


def test_the_same_seed_gives_the_same_weights(recipe: Recipe, windows: Dataset, fitted: Any) -> None:
    again = fit(recipe, windows)
    for first, second in zip(fitted.get_weights(), again.get_weights(), strict=True):
        assert first.tobytes() == second.tobytes()


def test_the_network_learns(recipe: Recipe, windows: Dataset, fitted: Any) -> None:
    answers = np.argmax(
        fitted.predict(Views(recipe, windows, seed=4)(np.arange(240)), verbose=0)["logits"], axis=1
    )
    assert (answers == windows.label).mean() > 0.6


def test_the_int8_pair_answers_as_the_float_network_does(
    recipe: Recipe, windows: Dataset, fitted: Any, pair: Path
) -> None:
    x = Views(recipe, windows, seed=5)(np.arange(240))
    expected = fitted.predict(x, verbose=0)["logits"]
    loaded = recognizer.load(pair)
    got = np.array([probabilities(loaded, window) for window in x])
    assert (got.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.93
    assert loaded.spec.labels == recipe.labels
    assert loaded.spec.quantization.weights == "int8"


def probabilities(loaded: recognizer.Recognizer, normalized: FloatArray) -> FloatArray:
    scale = np.tile(np.array(loaded.spec.normalization.scale, np.float32), len(loaded.spec.sensors))
    found, embedding = loaded._judge(normalized * scale)
    assert found is not None
    assert embedding is not None
    return found


def small_set(path: Path, script: Sequence[tuple[str, float]]) -> None:
    """Trials of a simulated wearer in the form of the real sets."""
    wearer = Wearer(21, ["trouser_pocket"])
    x = [wearer.perform(activity, seconds)[0].x for activity, seconds in script]
    scale = np.array([0.005] * 3 + [0.001] * 3, np.float32)
    np.savez(
        path,
        x=np.rint(np.concatenate(x) / scale).astype(np.int16),
        scale=scale,
        columns=[f"trouser_pocket.{c}" for c in ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")],
        n=[len(part) for part in x],
        subject=[1] * len(x),
        activity=[activity for activity, _ in script],
        trial=range(len(x)),
        rate_hz=50.0,
    )


def test_windows_are_scored_inside_trials_only(pair: Path, tmp_path: Path) -> None:
    small_set(tmp_path / "set.npz", [("standing", 10.0), ("running", 5.0), ("lying", 5.3), ("walking", 2.5)])
    trials = evaluate.open_trials(tmp_path / "set.npz")
    row = evaluate.Row("set", (1,), ("trouser_pocket",))
    pairs = list(evaluate.answers(recognizer.load(pair), trials, row))
    # 10 s hold windows that end at 2.56, 3.84, ... 8.96 s, 5.3 s hold three, 2.5 s none; it knows no running.
    assert [true for true, _ in pairs] == ["standing"] * 6 + ["lying"] * 3


def test_macro_f1_is_that_of_the_textbook() -> None:
    pairs = (
        [("walking", "walking")] * 3
        + [("walking", "lying")]
        + [("standing", "walking"), ("standing", "standing")]
    )
    score = evaluate.score(pairs)
    # Walking: precision 3/4, recall 3/4; standing: precision 1, recall 1/2; lying is not there, only wrong.
    assert score.f1 == {"walking": 0.75, "standing": 0.667}
    assert score.macro_f1 == pytest.approx((0.75 + 2 / 3) / 2, abs=1e-4)
    assert score.weighted_f1 == pytest.approx((4 * 0.75 + 2 * 2 / 3) / 6, abs=1e-4)
    assert score.confusion["walking"] == {"walking": 3, "lying": 1}
    with pytest.raises(RecordingError, match="no windows"):
        evaluate.score([])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('labels = ["walking"', 'labels = ["flying"'), "no activity is called flying"),
        (('sites = ["wrist"]', 'sites = ["nose"]'), "no site is called nose"),
        (('favourite = "trouser_pocket"', 'favourite = "hat"'), "no sensor is called hat"),
        (("favourite_alone = ", "favourite_alone = 1.0 # "), "exceed 1"),
        (("bout_s = ", "bout_s = 2.0 # "), "bout_s is shorter"),
        (("epochs = ", "epoks = "), "epoks"),
        (("seed = ", "seed = nothing # "), "nvalid"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(
    tmp_path: Path,
    change: tuple[str, str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = SHIPPED.read_text()
    assert change[0] in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(*change))
    with pytest.raises(ConfigError, match=complaint):
        recipes.load(path)
    monkeypatch.setattr("sys.argv", ["edgehar-train", "build", str(path)])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 78
    assert capsys.readouterr().err.count("\n") == 1


def test_the_shipped_pair_is_of_the_shipped_recipe() -> None:
    made, spec = recipes.load(SHIPPED), manifest.read(SHIPPED.with_suffix(".json"))
    assert (spec.name, spec.version, spec.labels) == (made.name, made.version, made.labels)
    assert spec.normalization == made.normalization
    assert [sensor.placements for sensor in spec.sensors] == [sensor.placements for sensor in made.sensors]
    assert SHIPPED.with_suffix(".tflite").stat().st_size <= 150_000
    assert spec.provenance["recipe_sha256"] == hashlib.sha256(SHIPPED.read_bytes()).hexdigest()


def test_the_shipped_model_scores_on_people_as_its_manifest_says(data: Path) -> None:
    loaded = recognizer.load(SHIPPED.with_suffix(".json"))
    trials = evaluate.open_trials(data / "imu" / "motionsense.npz")
    row = evaluate.Row("motionsense", tuple(range(7, 13)), ("trouser_pocket",))
    found = evaluate.score(list(evaluate.answers(loaded, trials, row)))
    # int8 kernels differ a little between processors.
    assert found.macro_f1 == pytest.approx(loaded.spec.metrics[row.name]["macro_f1"], abs=0.01)
    assert found.macro_f1 > 0.58
