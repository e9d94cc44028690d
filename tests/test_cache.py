import multiprocessing
import os
import re
import shutil
import signal
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
from edgehar.training import cache, recipe as recipes
from edgehar.training.cache import CachedArrays
from edgehar.training.recipe import Recipe

ARRAYS = {"x": np.arange(60, dtype=np.float16).reshape(3, 20), "n": np.array(7)}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return recipes.load(ROOT / "models" / "imu_tcn.toml")


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


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted(new: Path) -> None:
        new.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.write_whole(path, interrupted)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


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


def test_what_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/a\.txt: cannot be written: Not a directory; make room"):
        cache.write_whole(tmp_path / "file" / "a.txt", lambda path: path.write_text("new"))


def test_a_folder_to_write_to_is_made_and_tried(tmp_path: Path) -> None:
    cache.check_writable(tmp_path / "a" / "b", "mend it")
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").touch()
    for folder in (
        tmp_path / "file",
        tmp_path / "file" / "a",
        Path("/proc"),
    ):  # nobody writes there, not even root
        with pytest.raises(ConfigError, match=rf"^{folder}: .*; mend it$"):
            cache.check_writable(folder, "mend it")


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
recipe = recipes.load(Path({str(ROOT / "models" / "imu_tcn.toml")!r}))
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


def test_no_process_of_the_pool_hears_ctrl_c() -> None:
    before = {process.pid for process in multiprocessing.active_children()}
    with cache.processes(4) as pool:
        list(pool.map(int, range(20)))  # whatever is still started for them is there by now
        mine = {process.pid for process in multiprocessing.active_children()} - before
        assert len(mine) == 4
        for pid in mine:
            [blocked] = re.findall(r"SigBlk:\s(\w+)", Path(f"/proc/{pid}/status").read_text())
            assert int(blocked, 16) & 1 << signal.SIGINT - 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


_POOL = """
import sys, time
from edgehar.training import cache
if __name__ == "__main__":
    try:
        with cache.processes(2) as pool:
            jobs = pool.map(time.sleep, [0.3] * 200)
            next(jobs)
            print("at work", flush=True)
            list(jobs)
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def test_ctrl_c_stops_the_processes_without_a_word(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(_POOL)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("stopped\n", "")
