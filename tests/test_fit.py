"""Fits of a tiny recipe in seconds; one of them is interrupted as a terminal does it."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
import typer
from conftest import ROOT, lacking

from edgehar.cli.recipe_arguments import opened_build
from edgehar.training import cache, fit as fitting, recipe as recipes
from edgehar.training.build import Build, fitting_libraries

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

DIGEST = "d" * 64


@pytest.fixture(scope="module")
def recipe_file() -> Path:
    """Name a recipe of 5 steps in each of 4 epochs."""
    return ROOT / "tests" / "tiny.toml"


def build(recipe_file: Path, folder: Path, heard: list[tuple[str, int, int]] | None = None) -> Build:
    try:
        libraries = fitting_libraries()
    except ImportError as error:
        lacking(str(error))
    recipe = recipes.load(recipe_file)

    def progress(stage: str, done: int, total: int) -> None:
        if heard is not None:
            heard.append((stage, done, total))

    return Build(recipe, cache.make_work_folder(folder), 1, libraries, progress, DIGEST)


@pytest.fixture(scope="module")
def whole(recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Build, str]:
    """Finish a build that nobody interrupted; also the sha256 of its network."""
    made = build(recipe_file, tmp_path_factory.mktemp("whole"))
    content, spec, _ = made.pair()
    assert spec.sha256 == hashlib.sha256(content).hexdigest()
    assert spec.provenance["recipe_sha256"] == DIGEST
    return made, spec.sha256


_STOPPED = """
import os, signal, sys
from pathlib import Path
import typer
from msgspec.structs import replace
from edgehar.cli.recipe_arguments import opened_build
def stop(stage, done, total):
    if stage.startswith("fitting") and done == 13:
        os.killpg(0, signal.SIGINT)  # as a terminal does it
try:
    with opened_build(Path(sys.argv[1]), Path(sys.argv[2]), 1, fits=True) as made:
        replace(made, progress=stop).pair()
except typer.Exit as stopped:
    sys.exit(stopped.exit_code)
"""


def test_a_fit_that_was_interrupted_goes_on_to_the_same_bytes(
    recipe_file: Path, whole: tuple[Build, str], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _STOPPED, str(recipe_file), str(tmp_path / "work")]
    quiet = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    stopped = subprocess.run(
        command, capture_output=True, text=True, check=False, start_new_session=True, env=quiet
    )
    assert stopped.returncode == 130, stopped.stderr
    # Beside the line on the stop the bars alone: TensorFlow's start is silent.
    [line] = [text for text in stopped.stderr.splitlines() if text.strip() and "━━━" not in text]
    assert f"stopped; 2 of 4 epochs are kept in {tmp_path / 'work'}; the same command goes on" in line
    assert "Traceback" not in stopped.stderr
    assert not recipe_file.with_name("tiny.json").exists()
    heard: list[tuple[str, int, int]] = []
    _, spec, _ = build(recipe_file, tmp_path / "work", heard).pair()
    assert spec.sha256 == whole[1]
    # It neither simulated those windows again nor went through those epochs.
    assert not [stage for stage, _, _ in heard if stage == "simulating windows"]
    assert [done for stage, done, _ in heard if stage.startswith("fitting")] == list(range(10, 21))


def test_progress_tells_how_much_of_the_epoch_was_right_so_far(whole: tuple[Build, str]) -> None:
    epochs, each, batch = 4, 5, 32
    shares: list[float] = []

    def progress(stage: str, *_: int) -> None:
        shares.append(float(stage.removeprefix("fitting, ").partition("%")[0]) / 100)

    fitting.fit(whole[0].recipe, whole[0].windows(), progress)
    assert shares[0] == 0.0
    # The sums of an epoch grow, batch by batch, by a whole number of windows; the mean is told to a tenth of a percent.
    sums = np.reshape(shares[1:], (epochs, each)) * np.arange(1, each + 1)
    windows = np.diff(sums, axis=1, prepend=0.0) * batch
    assert np.abs(windows - windows.round()).max() < batch * 0.0005 * (2 * each - 1)
    assert windows.round().min() >= 0
    assert windows.round().max() <= batch
    assert len(set(windows.round().ravel())) > 4


def test_a_damaged_state_is_not_used(whole: tuple[Build, str], caplog: pytest.LogCaptureFixture) -> None:
    made, _ = whole
    state = made.state()
    content = state.path.read_bytes()
    assert made.progress_sentence().startswith("4 of 4")
    state.path.write_bytes(content[: len(content) // 2])
    assert state.load() is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "simulated windows are kept" in made.progress_sentence()
    state.path.write_bytes(content)


def test_a_build_tells_what_int8_costs_and_how_sure_it_may_be(whole: tuple[Build, str]) -> None:
    made, digest = whole
    content, spec, _ = made.pair()
    assert hashlib.sha256(content).hexdigest() == digest
    assert spec.temperature == spec.provenance["calibration"]["temperature"]
    assert spec.temperature != 1.0
    before, after = spec.provenance["calibration"]["nll"]
    assert after <= before
    rounding = spec.provenance["int8"]
    assert rounding["agreement"] > 0.8
    assert abs(rounding["macro_f1_float32"] - rounding["macro_f1_int8"]) < 0.15


@pytest.mark.parametrize(
    ("fits", "again", "line"),
    [
        (True, "the same command", "4 of 4 epochs are kept in {}; the same command goes on from there"),
        (True, "another", "4 of 4 epochs are kept in {}; another goes on from there"),
        (
            False,
            "the same command",
            "the simulated windows are kept in {}; the same command goes on from there",
        ),
    ],
)
def test_ctrl_c_tells_what_this_command_goes_on_from(
    recipe_file: Path,
    whole: tuple[Build, str],
    capsys: pytest.CaptureFixture[str],
    *,
    fits: bool,
    again: str,
    line: str,
) -> None:
    folder = whole[0].folder
    with pytest.raises(typer.Exit), opened_build(recipe_file, folder, 1, again, fits=fits):
        raise KeyboardInterrupt
    assert capsys.readouterr().err.splitlines()[-1] == f"edgehar-train: stopped; {line.format(folder)}"


def test_windows_of_another_recipe_are_not_said_to_be_kept(whole: tuple[Build, str], tmp_path: Path) -> None:
    made = msgspec.structs.replace(whole[0], folder=tmp_path)
    shutil.copy(whole[0].folder / "windows.npz", tmp_path)
    assert "simulated windows are kept" in made.progress_sentence()
    other = msgspec.structs.replace(made.recipe, seed=8)
    assert (
        msgspec.structs.replace(made, recipe=other).progress_sentence()
        == "nothing was done yet that could be kept"
    )


def test_a_pair_names_the_recipe_that_was_read(recipe_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    shutil.copy(recipe_file, path)
    with opened_build(path, tmp_path / "work", 1) as made:
        path.write_text("changed since")
    assert made.digest == hashlib.sha256(recipe_file.read_bytes()).hexdigest()


def test_a_fresh_build_forgets_what_is_kept(recipe_file: Path, tmp_path: Path) -> None:
    made = build(recipe_file, tmp_path)
    made.state().save({})
    (tmp_path / "tiny.json").touch()
    cache.forget(tmp_path)
    assert made.progress_sentence() == "nothing was done yet that could be kept"
    assert (tmp_path / "tiny.json").exists()
