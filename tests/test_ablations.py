"""Networks fitted to each way of showing a sensor, on people who are simulated here."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, lacking
from people_sets import simulate

from edgehar.errors import RecordingError
from edgehar.evaluation import ablations
from edgehar.training import export, recipe as recipes
from edgehar.training.build import fitting_libraries
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import synthesize

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BRIEF = [("walking", 6.0), ("running", 6.0)]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return recipes.load(ROOT / "tests" / "tiny.toml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write motionsense with one who was decided on and one who was not, and DSADS of two wrists."""
    folder: Path = tmp_path_factory.mktemp("data")
    simulate(folder / "imu" / "motionsense.npz", BRIEF, people=(2, 40))
    simulate(folder / "imu" / "dsads.npz", BRIEF, ("wrist_left", "wrist_right"), people=(1,))
    return folder


def test_only_people_who_are_decided_on_are_looked_at(recipe: Recipe, folder: Path) -> None:
    cases = ablations.cases(export.describe(recipe, b"", {}), folder)
    names = ["motionsense", "dsads", "dsads wrist_left", "dsads wrist_right"]
    assert [case.name for case in cases] == [name for name in names for _ in range(2)]
    plain, turned = cases[:2]
    # Two trials of 6 s hold three windows each; the sensor is the third of the model.
    assert plain.x.shape == (6, 3, 2, 128, 3)
    assert plain.true.tolist() == ["walking"] * 3 + ["running"] * 3
    assert not plain.x[:, :2].any()
    assert np.linalg.norm(turned.x, axis=-1) == pytest.approx(np.linalg.norm(plain.x, axis=-1), abs=1e-3)
    assert np.abs(turned.x - plain.x).max() > 1.0


@pytest.mark.parametrize(
    ("people", "performed"), [((40,), BRIEF), ((2,), [("waving", 6.0)]), ((2,), [("walking", 2.0)])]
)
def test_without_a_window_of_theirs_no_window_is_simulated(
    recipe: Recipe, tmp_path: Path, people: tuple[int, ...], performed: list[tuple[str, float]]
) -> None:
    simulate(tmp_path / "imu" / "motionsense.npz", performed, people=people)
    with pytest.raises(RecordingError, match="motionsense: no window of the people decided on"):
        ablations.ablate(recipe, lambda: pytest.fail("simulated"), tmp_path, 1, lambda *_: None)


def test_every_way_is_scored_as_worn_and_turned(recipe: Recipe, folder: Path) -> None:
    try:
        fitting_libraries()
    except ImportError as error:
        lacking(str(error))
    data = synthesize(recipe, 1, lambda *_: None)
    heard: list[str] = []
    names = ["half habits, half any orientation, device's axes", "any orientation, invariant channels"]
    ways = {name: ablations.VARIANTS[name] for name in names}
    scores = ablations.ablate(recipe, lambda: data, folder, 1, lambda stage, *_: heard.append(stage), ways)
    assert list(scores) == names
    columns = ["motionsense", "dsads", "dsads, each sensor alone, mean"]
    for row in scores.values():
        assert list(row) == columns + [f"{name}, any orientation" for name in columns]
        assert all(0.0 <= f1 <= 1.0 for f1 in row.values())
    # What no turn changes is recognized however it is turned.
    same = scores["any orientation, invariant channels"]
    assert same["motionsense, any orientation"] == same["motionsense"]
    assert {stage.partition(": ")[2] for stage in heard} == set(names)
    assert ablations.markdown(scores).count("\n") == 1 + len(names)


def test_the_short_table_shows_the_recipes_axes_and_the_best_others() -> None:
    scores = {name: {"motionsense": 0.1 * i, "dsads": 0.5} for i, name in enumerate(ablations.VARIANTS)}
    rows = [
        line.split(" | ")[0].removeprefix("| ")
        for line in ablations.short(scores, ("device", "level")).splitlines()
    ]
    ours = [name for name, variant in ablations.VARIANTS.items() if variant.frames == ("device", "level")]
    assert rows[2:] == [*ours, *list(ablations.VARIANTS)[-2:]]
