"""Refusals of `edgehar-train` before it works for minutes."""

import os
from pathlib import Path

import msgspec
import pytest
from conftest import ROOT, lacking
from test_evaluate import simulate

from edgehar.cli import train as cli
from edgehar.errors import ConfigError
from edgehar.evaluation.results import Results
from edgehar.training import export, recipe as recipes
from edgehar.training.build import fitting_libraries

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

TINY = (ROOT / "tests" / "tiny.toml").read_text()
BRIEF = [("walking", 6.0), ("running", 6.0)]


class Refused:
    """A command line that is refused; calling it gives the lines of stderr."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: object) -> list[str]:
        with pytest.raises(SystemExit) as exit_:
            cli.main([*map(str, arguments)])
        assert exit_.value.code == 78
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
    except ConfigError as error:
        lacking(str(error))
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("[fit]", "[decision]\nenter = 0.3\nstay = 0.4\n[fit]"),
            "decision.stay: expected less",
        ),
        (('"walking", "running", "lying"', '"walking", "lying", "lying"'), "labels: expected each once"),
        (('name = "trouser_pocket"', 'name = "wrist"'), "sensors: expected each name once"),
        (("window = 128", "window = 30"), "hop: expected at most the window"),
        (("rate_hz = 50.0", "rate_hz = 2000.0"), "<= 1000"),
        (('"device", "level"', '"device", "gravity"'), "$.frames[1]"),
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
    assert not list(export.problems(recipes.load(ROOT / "models" / "imu_tcn.toml")))


def test_a_folder_that_no_pair_can_be_written_to_is_refused_at_once(
    tmp_path: Path, recipe: Path, refused: Refused
) -> None:
    out = tmp_path / "tiny.toml" / "pairs"
    *_, line = refused("build", recipe, "--out", out, "--work", tmp_path / "work")
    assert line == f"edgehar-train: {out}: Not a directory; --out takes a folder to write to"
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
