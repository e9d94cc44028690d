import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings, strategies as st

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.training import cache, recipe as recipes
from edgehar.training.cache import CachedArrays
from edgehar.training.recipe import Recipe

ARRAYS = {"x": np.arange(60, dtype=np.float16).reshape(3, 20), "n": np.array(7)}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return recipes.load(ROOT / "models" / "imu_tcn_synthetic.toml")


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    cached = CachedArrays(tmp_path / "a.npz", "k1")
    assert cached.load() is None
    assert not cached.is_good()
    cached.save(ARRAYS)
    arrays = cached.load()
    assert arrays is not None
    assert {name: array.tobytes() for name, array in arrays.items()} == {
        name: array.tobytes() for name, array in ARRAYS.items()
    }
    assert cached.is_good()


def test_what_is_of_another_key_is_refused_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    CachedArrays(tmp_path / "a.npz", "k1").save(ARRAYS)
    assert CachedArrays(tmp_path / "a.npz", "k2").load() is None
    [record] = caplog.records
    assert str(tmp_path / "a.npz") in record.getMessage()
    assert "another recipe" in record.getMessage()
    assert "\n" not in record.getMessage()


def test_an_archive_that_lost_an_array_is_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cached = CachedArrays(tmp_path / "a.npz", "k1")
    cached.save(ARRAYS)
    with np.load(cached.path) as file:
        kept = {name: file[name] for name in file.files if name != "n"}
    np.savez(cached.path, **kept)
    assert cached.load() is None
    assert "damaged (holds x of n, x)" in caplog.text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_never_gives_other_arrays(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cached = CachedArrays(Path(folder) / "a.npz", "k1")
        cached.save(ARRAYS)
        content = bytearray(cached.path.read_bytes())
        if data.draw(st.booleans()):
            del content[data.draw(st.integers(0, len(content) - 1)) :]
        else:
            content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        cached.path.write_bytes(content)
        arrays = cached.load()
        if arrays is not None:
            assert {name: array.tolist() for name, array in arrays.items()} == {
                name: array.tolist() for name, array in ARRAYS.items()
            }


def test_an_archive_of_somebody_else_is_neither_used_nor_written_over(tmp_path: Path) -> None:
    np.savez(tmp_path / "windows.npz", sign=np.ones(3), mine=np.arange(4))
    theirs = (tmp_path / "windows.npz").read_bytes()
    with pytest.raises(ConfigError, match=r"windows\.npz: not made by edgehar-train; --work takes a folder"):
        CachedArrays(tmp_path / "windows.npz", "k1").load()
    assert (tmp_path / "windows.npz").read_bytes() == theirs


def test_starting_over_deletes_what_builds_kept_and_nothing_else(tmp_path: Path) -> None:
    for name in ("windows", "fit"):
        CachedArrays(tmp_path / f"{name}.npz", "of an earlier recipe").save(ARRAYS)
    np.savez(tmp_path / "walks.npz", x=np.arange(4))
    np.savez(tmp_path / "signed.npz", sign=np.ones(3))
    (tmp_path / "torn.npz").write_bytes((tmp_path / "walks.npz").read_bytes()[:50])
    cache.forget(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["signed.npz", "torn.npz", "walks.npz"]


def test_git_leaves_the_folder_alone(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    folder = cache.make_work_folder(cache.make_work_folder(tmp_path / "build" / "name"))
    (folder / "windows.npz").touch()
    status = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


def test_a_folder_of_somebody_elses_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    cache.make_work_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
    with pytest.raises(ConfigError, match=r"photo\.png.*--work"):
        cache.make_work_folder(tmp_path / "photo.png")


def test_what_cannot_be_kept_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cached = CachedArrays(tmp_path / "gone" / "a.npz", "k1")
    cached.save(ARRAYS)
    assert [record.getMessage() for record in caplog.records] == [
        f"{cached.path} cannot be kept: No such file or directory"
    ]


def test_windows_are_kept_until_something_changes_that_makes_them(recipe: Recipe) -> None:
    replace, key = msgspec.structs.replace, cache.simulation_key
    other_fit = replace(recipe, fit=replace(recipe.fit, epochs=1), version="9")
    assert key(other_fit) == key(recipe)
    assert key(replace(recipe, seed=1)) != key(recipe)
    assert key(replace(recipe, synthesis=replace(recipe.synthesis, windows=9))) != key(recipe)
    [first, *others] = recipe.sensors
    assert key(replace(recipe, sensors=(replace(first, alone=0.0), *others))) == key(recipe)
    assert key(replace(recipe, sensors=(replace(first, sites=("chest",)), *others))) != key(recipe)


def test_a_fit_goes_on_only_with_the_same_windows_libraries_and_recipe(recipe: Recipe) -> None:
    replace, key = msgspec.structs.replace, cache.fit_key
    assert key(replace(recipe, version="9"), "data", "tf 1") == key(recipe, "data", "tf 1")
    told = replace(recipe, tree={"upright": ("walking", "running")}, decision=Settings(min_coverage=0.5))
    assert key(told, "data", "tf 1") == key(recipe, "data", "tf 1")
    assert cache.simulation_key(told) == cache.simulation_key(recipe)
    assert key(replace(recipe, fit=replace(recipe.fit, epochs=1)), "data", "tf 1") != key(
        recipe, "data", "tf 1"
    )
    assert key(recipe, "other data", "tf 1") != key(recipe, "data", "tf 1")
    assert key(recipe, "data", "tf 2") != key(recipe, "data", "tf 1")


def test_another_version_makes_another_key(recipe: Recipe) -> None:
    simulation, fit = cache.SIMULATION_VERSION, cache.FIT_VERSION
    assert cache.simulation_key(recipe, simulation) == cache.simulation_key(recipe)
    assert cache.simulation_key(recipe, simulation + 1) != cache.simulation_key(recipe)
    assert cache.fit_key(recipe, "data", "tf 1", fit) == cache.fit_key(recipe, "data", "tf 1")
    assert cache.fit_key(recipe, "data", "tf 1", fit + 1) != cache.fit_key(recipe, "data", "tf 1")


_KEYS = f"""
from pathlib import Path
from edgehar.training import cache, recipe as recipes
recipe = recipes.load(Path({str(ROOT / "models" / "imu_tcn_synthetic.toml")!r}))
data = cache.simulation_key(recipe)
print(cache.__file__, data, cache.fit_key(recipe, data, "tf 1"))
"""


def test_an_edit_of_a_source_makes_no_other_key(recipe: Recipe, tmp_path: Path) -> None:
    package = tmp_path / "edgehar"
    shutil.copytree(ROOT / "edgehar", package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (
        "motion/capture/bvh.py",
        "pipeline/resample.py",
        "training/fit.py",
        "training/synthesize.py",
    ):
        with (package / name).open("a") as source:
            source.write("# edited\n")
    edited = subprocess.run(
        [sys.executable, "-c", _KEYS],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    data = cache.simulation_key(recipe)
    assert edited.stdout.split() == [
        str(package / "training" / "cache.py"),
        data,
        cache.fit_key(recipe, data, "tf 1"),
    ]
