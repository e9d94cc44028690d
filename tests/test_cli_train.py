"""Refusals of `edgehar-train` before it works for minutes."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking
from people_sets import simulate

from edgehar.cli import train as cli
from edgehar.evaluation.results import Results
from edgehar.training import export, recipe as recipes
from edgehar.training.build import fitting_libraries

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

TINY = (ROOT / "tests" / "tiny.toml").read_text()
BRIEF = [("walking", 6.0), ("running", 6.0)]


class Refused:
    """A command line that is refused; calling it gives the lines of stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys, self.code = capsys, 78

    def __call__(self, *arguments: object) -> list[str]:
        with pytest.raises(SystemExit) as exit_:
            cli.main([*map(str, arguments)])
        assert exit_.value.code == self.code
        out, err = self.capsys.readouterr()
        assert not out
        return [line for line in err.splitlines() if line.strip()]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    return Refused(capsys)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    try:
        fitting_libraries()
    except ImportError as error:
        lacking(str(error))
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("[fit]", "[decision]\nthreshold = 0.6\nheld_threshold = 0.7\n[fit]"),
            "decision.held_threshold: expected at most",
        ),
        (('"walking", "running", "lying"', '"walking", "lying", "lying"'), "labels: expected each once"),
        (('name = "trouser_pocket"', 'name = "wrist"'), "sensors: expected each name once"),
        (("window = 128", "window = 30"), "hop: expected at most the window"),
        (("rate_hz = 50.0", "rate_hz = 2000.0"), "<= 1000"),
        (('"device", "level"', '"device", "gravity"'), "frames: expected some of device, level"),
    ],
)
def test_what_no_manifest_may_say_is_refused_in_one_line(
    tmp_path: Path, refused: Refused, change: tuple[str, str], complaint: str
) -> None:
    text = TINY.replace(*change)
    assert text != TINY
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    [line] = refused("build", path)
    assert line.startswith(f"edgehar-train: {path}: ")
    assert complaint in line


def test_a_recipe_of_this_kind_has_no_such_problems() -> None:
    assert not list(export.problems(recipes.load(ROOT / "tests" / "tiny.toml")))
    assert not list(export.problems(recipes.load(ROOT / "models" / "imu_tcn_synthetic.toml")))


def test_a_folder_that_no_pair_can_be_written_to_is_refused_at_once(
    tmp_path: Path, recipe: Path, refused: Refused
) -> None:
    out = tmp_path / "tiny.toml" / "pairs"
    *_, line = refused("build", recipe, "--out", out, "--work", tmp_path / "work")
    assert line == f"edgehar-train: {out}: Not a directory; --out takes a folder to write to"
    assert not list((tmp_path / "work").glob("*.npz"))


@pytest.mark.parametrize(
    ("verb", "module", "package"),
    [
        ("build", "tensorflow", "tensorflow"),
        ("build", "scipy.optimize", "scipy"),
        ("baselines", "keras", "keras"),
        ("baselines", "sklearn.ensemble", "sklearn"),
        ("ablate", "scipy.optimize", "scipy"),
    ],
)
def test_a_missing_package_is_named_before_anything_is_simulated(
    tmp_path: Path,
    recipe: Path,
    refused: Refused,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    module: str,
    package: str,
) -> None:
    for name in ("motionsense", "dsads"):
        simulate(tmp_path / "imu" / f"{name}.npz", BRIEF)
    monkeypatch.setitem(sys.modules, module, None)
    refused.code = 3
    data = () if verb == "build" else ("--data", tmp_path)
    *_, line = refused(verb, recipe, *data, "--work", tmp_path / "work")
    assert line == f"edgehar-train: the package `{package}` is missing; pip install 'edgehar[train]'"
    assert not list((tmp_path / "work").glob("*.npz"))


def test_help_needs_no_package_of_the_extra() -> None:
    script = """
import sys
sys.modules.update(dict.fromkeys(["tensorflow", "keras", "scipy", "sklearn", "matplotlib"]))
from edgehar.cli import train
for verb in ([], ["build"], ["evaluate"], ["baselines"], ["ablate"]):
    try:
        train.main([*verb, "--help"])
    except SystemExit as ended:
        print("ended with", ended.code)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    *helps, rest = done.stdout.split("ended with 0\n")
    assert (len(helps), rest) == (5, "")
    assert all(text.startswith("Usage: ") for text in helps)


def test_a_library_that_cannot_be_loaded_says_why_in_one_line(
    recipe: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise ImportError("libcuda.so.1: no such file\n\nFailed to load the native runtime.")

    monkeypatch.setattr("edgehar.training.build.fitting_libraries", broken)
    refused.code = 3
    *_, line = refused("build", recipe)
    assert "`tensorflow` fails: libcuda.so.1: no such file; pip install" in line


def test_a_wrong_data_folder_is_refused_before_a_work_folder_is_made(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    [line] = refused("evaluate", "imu_tcn", "--data", "nowhere")
    assert "nowhere/imu: no such folder" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", ["baselines", "ablate"])
def test_a_network_that_was_not_scored_yet_gets_no_other_figures(
    tmp_path: Path, recipe: Path, refused: Refused, verb: str
) -> None:
    for name in ("motionsense", "dsads"):
        simulate(tmp_path / "imu" / f"{name}.npz", BRIEF)
    export.write_manifest(tmp_path / "tiny", export.describe(recipes.load(recipe), b"new", {}))
    *_, line = refused(verb, recipe, "--data", tmp_path, "--work", tmp_path / "work")
    pair = tmp_path / "tiny.json"
    assert line.endswith(
        f"{pair}: a network that was not scored yet; run `edgehar-train evaluate {pair}` first"
    )
    assert not list((tmp_path / "work").glob("*.npz"))


@pytest.mark.parametrize("verb", ["baselines", "ablate"])
def test_figures_of_another_network_are_refused_before_anything_is_simulated(
    tmp_path: Path, recipe: Path, refused: Refused, verb: str
) -> None:
    for name in ("motionsense", "dsads"):
        simulate(tmp_path / "imu" / f"{name}.npz", BRIEF)
    export.write_manifest(tmp_path / "tiny", export.describe(recipes.load(recipe), b"new", {}))
    results = Results("tiny@0", "0" * 64, "", "", {}, {}, {}, {}, {}, {})
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "results.json").write_bytes(msgspec.json.encode(results))
    *_, line = refused(verb, recipe, "--data", tmp_path, "--work", tmp_path / "work")
    assert "another network" in line
    assert line.endswith("tiny.json` first")
    assert not list((tmp_path / "work").glob("*.npz"))


@pytest.mark.parametrize("verb", ["baselines", "ablate"])
def test_figures_of_another_network_get_a_warning_where_nothing_is_written(
    tmp_path: Path, recipe: Path, refused: Refused, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    for name in ("motionsense", "dsads"):
        simulate(tmp_path / "imu" / f"{name}.npz", BRIEF)
    export.write_manifest(tmp_path / "tiny", export.describe(recipes.load(recipe), b"new", {}))
    (tmp_path / "work").mkdir()
    # Somebody else's file ends the command where its work would begin.
    np.savez(tmp_path / "work" / "windows.npz", x=np.zeros(1))
    *_, line = refused(verb, recipe, "--data", tmp_path, "--work", tmp_path / "work", "--no-write")
    [warning] = [record.getMessage() for record in caplog.records]
    assert f"{tmp_path / 'tiny.json'}: a network that was not scored yet" in warning
    assert "windows.npz: not made by edgehar-train" in line
