"""Fine-tuning a tiny pair on a few simulated wearers who stand in for people."""

import hashlib
import os
import re
import tomllib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking
from msgspec.structs import replace
from people_sets import simulate

from edgehar.cli import train as cli
from edgehar.errors import OperatorError
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.manifest import ModelSpec
from edgehar.training import cache, export, finetune_recipe, recipe as recipes, weights
from edgehar.training.build import Build, fitting_libraries
from edgehar.training.finetune import Finetune
from edgehar.training.finetune_recipe import FinetuneRecipe, Synthetic

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

RECIPE = """
name = "mine"
version = "1"
seed = 3
base = "tiny"
held_out = 0.3

[tuning]
steps = 30
batch = 32

[synthetic]
recipe = "tiny.toml"
share = 0.25

[[recordings]]
set = "walks"

[[recordings]]
set = "hands"
labels = { handwork = ["lying", "walking"] }
"""


@pytest.fixture(scope="module")
def libraries() -> str:
    try:
        return fitting_libraries()
    except ImportError as error:
        lacking(str(error))


@pytest.fixture(scope="module")
def folder(libraries: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a base, a recipe beside it, and two sets."""
    folder: Path = tmp_path_factory.mktemp("tuned")
    content = (ROOT / "tests" / "tiny.toml").read_bytes()
    (folder / "tiny.toml").write_bytes(content)
    work = cache.make_work_folder(folder / "base")
    build = Build(recipes.load(folder / "tiny.toml"), work, 1, libraries, lambda *_: None)
    network, spec, floats = build.pair()
    export.write_pair(folder / "tiny", network, spec)
    weights.write(folder / "tiny", floats, spec.sha256)
    (folder / "mine.toml").write_text(RECIPE)
    script = (("walking", 12.0), ("running", 9.0), ("lying", 9.0))
    simulate(folder / "imu" / "walks.npz", script, people=range(1, 6))
    activity = ["walking", "handwork"] * 2
    simulate(folder / "imu" / "hands.npz", script[:1] * 2, ("wrist_left",), people=(1, 2), activity=activity)
    return folder


def tuning(folder: Path, work: Path, libraries: str, recipe: FinetuneRecipe | None = None) -> Finetune:
    path = folder / "mine.toml"
    recipe = recipe or finetune_recipe.load(path)
    return Finetune(recipe, path, folder, cache.make_work_folder(work), 1, libraries, lambda *_: None)


@pytest.fixture(scope="module")
def made(folder: Path, libraries: str) -> tuple[Finetune, bytes, ModelSpec]:
    tuned = tuning(folder, folder / "work", libraries)
    content, spec, floats = tuned.pair()
    export.write_pair(folder / "mine", content, spec)
    weights.write(folder / "mine", floats, spec.sha256)
    return tuned, content, spec


def test_a_pair_comes_out_that_runs_and_says_whom_it_was_tuned_on(
    made: tuple[Finetune, bytes, ModelSpec], folder: Path
) -> None:
    _, content, spec = made
    assert recognizer.load(folder / "mine").spec.sha256 == hashlib.sha256(content).hexdigest()
    tuned_on, held_out = spec.provenance["tuned_on"], spec.provenance["held_out"]
    assert {*tuned_on["walks"], *held_out["walks"]} == {1, 2, 3, 4, 5}
    assert len(held_out["walks"]) == 2
    assert not {*tuned_on["walks"]} & {*held_out["walks"]}
    assert spec.provenance["base"]["id"] == "tiny@0.0.1"
    assert spec.provenance["calibration"]["windows"] > 0


def test_the_same_recipe_makes_the_same_bytes_and_goes_on_where_it_was_stopped(
    made: tuple[Finetune, bytes, ModelSpec], folder: Path, libraries: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuned, _, _ = made
    monkeypatch.setattr("edgehar.training.finetune_fit.ROUND", 10)
    heard: list[int] = []

    def stops_in_the_second_round(stage: str, done: int, _: int) -> None:
        heard.append(done)
        if stage.startswith("fine-tuning") and done == 14:
            raise KeyboardInterrupt

    again = tuning(folder, folder / "again", libraries)
    with pytest.raises(KeyboardInterrupt):
        replace(again, progress=stops_in_the_second_round).pair()
    assert again.progress_sentence().startswith("10 of 30 steps are kept in ")
    heard.clear()
    interrupted, spec, _ = replace(again, progress=lambda _, done, __: heard.append(done)).pair()
    assert heard[0] == 11
    whole, _, _ = replace(tuned, folder=cache.make_work_folder(folder / "whole")).pair()
    assert interrupted == whole
    assert spec.sha256 == hashlib.sha256(whole).hexdigest()


def test_new_labels_and_frozen_layers(folder: Path, libraries: str) -> None:
    recipe = finetune_recipe.load(folder / "mine.toml")
    frozen = replace(recipe.tuning, steps=5, frozen=("stem0", "fuse"))
    hands = replace(recipe.recordings[1], labels={})
    recipe = replace(
        recipe, new_labels=("handwork",), recordings=(recipe.recordings[0], hands), tuning=frozen
    )
    _, spec, floats = tuning(folder, folder / "new", libraries, recipe).pair()
    base = weights.read(folder / "tiny", manifest.read(folder / "tiny"))
    assert spec.labels == ("walking", "running", "lying", "handwork")
    for name in base.arrays:
        same = np.array_equal(
            floats.arrays[name].astype(float)[..., :3], base.arrays[name].astype(float)[..., :3]
        )
        assert same == name.startswith(("conv_stem0/", "norm_stem0/", "conv_fuse/", "norm_fuse/")), name


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"new_labels": ("walking",)}, "knows walking already"),
        ({"tuning": {"frozen": ("stem9",)}}, "no layer is called 'stem9'; there are 0, fuse, hidden, stem0"),
        ({"recordings": ({"set": "nowhere"},)}, r"nowhere\.npz: no such file"),
        ({"recordings": ({"files": "*.ehr"},)}, r"\*\.ehr: no such files"),
        ({"base": "nothing"}, "no model 'nothing'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    folder: Path, libraries: str, change: dict[str, object], complaint: str, tmp_path: Path
) -> None:
    recipe = msgspec.to_builtins(finetune_recipe.load(folder / "mine.toml"))
    for key, value in change.items():
        recipe[key] = {**recipe[key], **value} if isinstance(value, dict) else value
    with pytest.raises(OperatorError, match=complaint):
        tuning(folder, tmp_path, libraries, msgspec.convert(recipe, FinetuneRecipe)).pair()


def test_people_are_simulated_as_the_recipe_beside_says_or_else_as_a_shipped_one(
    folder: Path, libraries: str, tmp_path: Path
) -> None:
    recipe = finetune_recipe.load(folder / "mine.toml")
    beside = tuning(folder, tmp_path, libraries, recipe).synthetic()
    assert beside is not None
    assert beside.recipe.name == "tiny"
    shipped = replace(recipe, base="imu_tcn", synthetic=Synthetic(share=0.25, windows=60))
    build = tuning(folder, tmp_path, libraries, shipped).synthetic()
    assert build is not None
    assert (build.recipe.name, build.recipe.synthesis.windows) == ("imu_tcn_synthetic", 60)
    lost = replace(recipe, synthetic=Synthetic(share=0.25, recipe="lost.toml"))
    with pytest.raises(OperatorError, match=re.escape(f"{folder / 'lost.toml'}: ")):
        tuning(folder, tmp_path, libraries, lost).synthetic()


def test_the_package_brings_what_a_recipe_names_without_a_path() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert wheel[f"models/{Synthetic(share=0.25).recipe}"] == f"edgehar/models/{Synthetic(share=0.25).recipe}"
    for source, target in wheel.items():
        assert (ROOT / source).is_file()
        assert target == f"edgehar/{source}"


def test_the_command_writes_a_pair_with_its_weights_and_tells_what_it_is_worth(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["finetune", str(folder / "mine.toml"), "--data", str(folder), "--out", str(tmp_path)]
    options = ["--work", str(tmp_path / "work"), "--portion", "0.5", "--synthetic", "0", "--workers", "1"]
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, *options, "--random-start"])
    assert ended.value.code == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert last == f"{tmp_path / 'mine'}.json"
    assert lines[0].split() == [
        *["held", "out", "people", "windows", "fine", "coarse", "false", "(base:", "fine", "coarse", "false)"]
    ]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["walks", "trouser_pocket", "2"],
        ["hands", "wrist", "1"],
    ]
    spec = recognizer.load(tmp_path / "mine").spec
    assert spec.provenance["base"] is None
    assert len(spec.provenance["tuned_on"]["walks"]) == 2
    assert weights.read(tmp_path / "mine", spec).network
    # `handwork` may be what it likes: of what nobody knows nothing is scored.
    assert len(lines[2].split()) == 8
