"""A camera's recipe on its way to a pair, small enough to run in seconds."""

import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking

from edgehar.errors import ConfigError
from edgehar.pipeline import manifest, recognizer
from edgehar.training import calibrate, export, film, recipe as recipes
from edgehar.training.camera_recipe import CameraRecipe
from edgehar.training.film import Film, as_keypoints, bout, synthesize
from edgehar.training.keypoint_views import Views, normalize
from edgehar.types import KEYPOINTS, FloatArray

TINY = ROOT / "tests" / "pose_tiny.toml"


def ignore(*_: object) -> None:
    pass


def read(path: Path) -> CameraRecipe:
    recipe = recipes.load_any(path)
    assert isinstance(recipe, CameraRecipe)
    return recipe


@pytest.fixture(scope="module")
def recipe() -> CameraRecipe:
    return read(TINY)


@pytest.fixture(scope="module")
def made(recipe: CameraRecipe) -> Film:
    return synthesize(recipe, 1, ignore)


def keypoints(made: Film) -> FloatArray:
    return as_keypoints(made.x).reshape(*made.x.shape[:2], len(KEYPOINTS), 3)


def test_labels_are_filmed_equally_often(recipe: CameraRecipe, made: Film) -> None:
    assert made.x.shape == (240, recipe.window, 51)
    assert np.bincount(made.label).tolist() == [80, 80, 80]


def test_the_same_seed_films_the_same_with_any_number_of_workers(recipe: CameraRecipe, made: Film) -> None:
    assert synthesize(recipe, 2, ignore).x.tobytes() == made.x.tobytes()


def test_who_stands_is_upright_in_the_picture_and_who_lies_is_not(made: Film) -> None:
    x = keypoints(made)
    trunk = x[:, :, 11:13, :2].mean(axis=(1, 2)) - x[:, :, 5:7, :2].mean(axis=(1, 2))
    steep = trunk[:, 1] / np.linalg.norm(trunk, axis=1)
    assert np.median(steep[made.label == 2]) > 0.95
    assert np.median(np.abs(steep[made.label == 1])) < 0.85


def test_a_fall_is_seen_in_each_of_its_windows(recipe: CameraRecipe) -> None:
    for seed in range(4):
        windows = bout(recipe, "falling", seed).reshape(-1, recipe.window, len(KEYPOINTS), 3)
        assert len(windows)


def test_views_are_mirrored_with_left_for_right(recipe: CameraRecipe, made: Film) -> None:
    still = msgspec.structs.replace(
        recipe,
        views=msgspec.structs.replace(
            recipe.views, tilt=0.0, stretch=1.0, noise=0.0, lost_joint=0.0, lost_limb=0.0, annotated=0.0
        ),
    )
    shown = Views(still, made, seed=1).windows(np.arange(240)).reshape(240, recipe.window, len(KEYPOINTS), 3)
    x = keypoints(made)
    same = np.abs(shown - x).max(axis=(1, 2, 3)) < 1e-4
    assert 80 < same.sum() < 160
    assert shown[~same][:, :, 5, 0] == pytest.approx(-x[~same][:, :, 6, 0], abs=1e-4)
    assert shown[~same][:, :, 5, 2] == pytest.approx(x[~same][:, :, 6, 2], abs=1e-4)


def test_what_people_annotate_has_neither_eyes_nor_doubt(recipe: CameraRecipe, made: Film) -> None:
    sure = msgspec.structs.replace(recipe, views=msgspec.structs.replace(recipe.views, annotated=1.0))
    score = Views(sure, made, seed=1).windows(np.arange(20)).reshape(20, recipe.window, 17, 3)[..., 2]
    assert set(np.unique(score)) <= {0.0, 1.0}
    assert not score[:, :, 1:5].any()


def test_a_shorter_clip_is_held_at_both_ends(recipe: CameraRecipe, made: Film) -> None:
    replace = msgspec.structs.replace
    held = replace(recipe, views=replace(recipe.views, annotated=1.0, held=1.0, noise=0.0))
    shown = Views(held, made, seed=1).windows(np.arange(60))
    still = (np.abs(np.diff(shown, axis=1)).max(axis=2) == 0.0).sum(axis=1)
    assert 0 <= still.min() < still.max() <= int(0.7 * recipe.window) + 1


def test_a_film_becomes_a_pair_that_answers(recipe: CameraRecipe, made: Film, tmp_path: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        from edgehar.training import fit as fitting  # noqa: PLC0415

        fitted = fitting.fit(recipe, made, ignore)
    except ImportError as error:
        lacking(f"TensorFlow ({error})")
    single = fitting.network(recipe, recipe.network, batch=1)
    content = export.to_int8(fitted, single, fitting.representative(recipe, made))
    export.write_pair(tmp_path / recipe.name, content, export.describe(recipe, content, {}))
    loaded = recognizer.load(tmp_path / recipe.name)
    x = Views(recipe, made, seed=9).windows(np.arange(240))
    answers = calibrate.answers(loaded, x).argmax(axis=1)
    assert (answers == made.label).mean() > 0.75
    assert (answers == fitting.logits(fitted, normalize(recipe, x)).argmax(axis=1)).mean() > 0.93
    assert loaded.spec.modality.channels == loaded.spec.channels


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('"standing"]', '"flying"]'), "no activity is called flying"),
        (('modality = "camera"', 'modality = "radar"'), "radar"),
        (("bout_s = 6.0", "bout_s = 1.0"), "bout_s is shorter"),
        (("lost_frames = 0.1", "lost_frame = 0.1"), "lost_frame"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    text = TINY.read_text()
    assert change[0] in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(*change, 1))
    with pytest.raises(ConfigError, match=complaint):
        recipes.load_any(path)


def test_who_films_other_windows_raises_the_version(recipe: CameraRecipe) -> None:
    figures = {
        activity: round(float(bout(recipe, activity, 3).astype(np.float64).std()), 1) for activity in SPREADS
    }
    assert figures == pytest.approx(SPREADS, rel=2e-3), (
        "other windows are filmed than before: raise SIMULATION_VERSION in edgehar/training/cache.py, then take over "
        f"{figures}"
    )


SPREADS = {"walking": 4231.7, "falling": 814.0, "sitting": 1372.4}
"""Standard deviation of all counts of one bout."""


def test_the_shipped_pair_is_of_the_shipped_recipe() -> None:
    path = ROOT / "models" / "pose_tcn.toml"
    made, spec = read(path), manifest.read(path.with_suffix(".json"))
    content = path.with_suffix(".tflite").read_bytes()
    expected = export.describe(made, content, spec.provenance, spec.temperature)
    assert msgspec.structs.replace(spec, metrics={}, manifest_sha256="") == expected
    assert len(content) <= 150_000
    rounding = spec.provenance["int8"]
    assert rounding["agreement"] >= 0.98
    assert rounding["macro_f1_float32"] - rounding["macro_f1_int8"] <= 0.01


def test_the_shipped_pair_knows_strangers_by_each_label() -> None:
    recipe = read(ROOT / "models" / "pose_tcn.toml")
    strangers = calibrate.strangers_recipe(recipe)
    loaded = recognizer.load(ROOT / "models" / "pose_tcn")
    index = 0
    for label, name in enumerate(recipe.labels):
        activity = recipe.synthesis.of(name)[0]
        people = [film.bout(strangers, activity, 1_000_000 * index + 500_000 + seed) for seed in range(6)]
        answers = calibrate.answers(loaded, as_keypoints(np.concatenate(people)))
        assert (answers.argmax(axis=1) == label).mean() > 0.4, name
        index += len(recipe.synthesis.of(name))
