"""Fine-tuning a tiny pair on a few simulated wearers who stand in for people."""

import functools
import hashlib
import os
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import pytest
from conftest import ROOT, lacking
from labelled import record
from msgspec.structs import replace
from people_sets import simulate

from edgehar.cli import train as cli
from edgehar.errors import ConfigError, OperatorError
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training import cache, export, finetune_recipe, finetune_report, recipe as recipes, weights
from edgehar.training.build import Build, fitting_libraries
from edgehar.training.finetune import Finetune
from edgehar.training.finetune_recipe import FinetuneRecipe, Recordings, Synthetic
from edgehar.training.provenance import people_of
from edgehar.training.weights import Weights
from edgehar.types import Prediction, Window

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
representative = 60

[synthetic]
recipe = "tiny.toml"
share = 0.25

[[recordings]]
set = "walks"

[[recordings]]
set = "hands"
labels = { handwork = ["lying", "walking"] }
"""


class WithNewLabel:
    """A recognizer that knows a label more than another, and never answers it."""

    def __init__(self, recognizer: Recognizer, spec: ModelSpec) -> None:
        self.spec, self._recognizer = spec, recognizer

    def push(self, window: Window) -> list[Prediction]:
        [prediction] = self._recognizer.push(window)
        assert prediction.probabilities is not None
        more = np.zeros(len(self.spec.labels) - len(prediction.probabilities), np.float32)
        return [replace(prediction, probabilities=np.concatenate([prediction.probabilities, more]))]


@pytest.fixture(scope="module")
def libraries() -> str:
    try:
        return fitting_libraries()
    except ImportError as error:
        lacking(str(error))


@functools.cache
def base_pair(libraries: str) -> tuple[bytes, ModelSpec, Weights]:
    """Build the base once, however many files of tests tune it."""
    with TemporaryDirectory() as work:
        recipe = recipes.load(ROOT / "tests" / "tiny.toml")
        return Build(recipe, Path(work), 1, libraries, lambda *_: None).pair()


@pytest.fixture(scope="module")
def folder(libraries: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Make a base, a recipe beside it, and two sets; a temperature is found on few views."""
    folder: Path = tmp_path_factory.mktemp("tuned")
    content = (ROOT / "tests" / "tiny.toml").read_bytes()
    (folder / "tiny.toml").write_bytes(content)
    network, spec, floats = base_pair(libraries)
    export.write_pair(folder / "tiny", network, spec)
    weights.write(folder / "tiny", floats, spec.sha256)
    (folder / "mine.toml").write_text(RECIPE)
    more = content.decode().replace('"lying"]', '"lying", "jumping"]')
    (folder / "more.toml").write_text(more)
    script = (("walking", 12.0), ("running", 9.0), ("lying", 9.0))
    simulate(folder / "imu" / "walks.npz", script, people=range(1, 6))
    activity = ["walking", "handwork"] * 2
    simulate(folder / "imu" / "hands.npz", script[:1] * 2, ("wrist_left",), people=(1, 2), activity=activity)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgehar.training.finetune._CALIBRATED_ON", 300)
        yield folder


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
    # Of each set its own: the same number in another collection is another person.
    assert (len(held_out["walks"]), len(held_out["hands"])) == (2, 1)
    assert not {*tuned_on["walks"]} & {*held_out["walks"]}
    assert spec.provenance["base"]["id"] == "tiny@0.0.1"
    assert spec.provenance["training_data"].endswith(", and simulated people")
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
    # The same file that `edgehar personalize` takes.
    (folder / "boxes").mkdir()
    record(
        folder / "boxes" / "box.ehr",
        [("arm_work", 12), ("walking", 9)],
        {"arm_work": "tape_box"},
        placement="wrist_left",
    )
    box = Recordings(files="boxes/box.ehr", person="me", held_out=0.0)
    recipe = replace(
        recipe,
        new_labels=("handwork", "tape_box"),
        recordings=(recipe.recordings[0], hands, box),
        tuning=frozen,
    )
    _, spec, floats = tuning(folder, folder / "new", libraries, recipe).pair()
    base = weights.read(folder / "tiny", manifest.read(folder / "tiny"))
    assert spec.labels == ("walking", "running", "lying", "handwork", "tape_box")
    # It was recorded at the wrist alone: nobody asks a trouser pocket for it.
    assert [sensor.labels for sensor in spec.sensors] == [(), (), ("walking", "running", "lying")]
    for name in base.arrays:
        same = np.array_equal(
            floats.arrays[name].astype(float)[..., :3], base.arrays[name].astype(float)[..., :3]
        )
        assert same == name.startswith(("conv_stem0/", "norm_stem0/", "conv_fuse/", "norm_fuse/")), name


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"new_labels": ("walking",)}, "tiny@0.0.1 knows walking already$"),
        ({"new_labels": ("Jogging",)}, "tiny@0.0.1 knows Jogging already, as running$"),
        ({"new_labels": ("tape", "Tape")}, "new_labels: expected each once, got tape, Tape"),
        ({"new_labels": ("",)}, r"mine\.toml: Expected `str` of length >= 1"),
        ({"new_labels": ("no_signal",)}, r"mine\.toml: labels: expected none of .*no_signal"),
        ({"new_labels": ("tape",)}, "new_labels: no window shows 'tape'; the recordings say handwork, lying"),
        (
            {"synthetic": {"recipe": "more.toml", "share": 0.25}},
            "labels: expected those of mine@1, got also jumping",
        ),
        (
            {"recordings": ({"files": "x.csv", "placement": "wirst"},)},
            r"tiny@0\.0\.1 takes no sensor .*`wrist`",
        ),
        ({"held_out": 1.0}, "nobody is left to fit to"),
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
        assert (ROOT / source).exists()
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
    assert last == f"{tmp_path / 'mine_random_start'}.json"
    assert lines[0].split() == [
        *["held", "out", "people", "windows", "fine", "coarse", "false", "(base:", "fine", "coarse", "false)"]
    ]
    assert [line.split()[:3] for line in lines[1:]] == [
        ["walks", "trouser_pocket", "2"],
        ["hands", "wrist", "1"],
    ]
    spec = recognizer.load(tmp_path / "mine_random_start").spec
    assert spec.provenance["base"] is None
    assert len(spec.provenance["tuned_on"]["walks"]) == 2
    assert weights.read(tmp_path / "mine_random_start", spec).network
    # `handwork` may be what it likes: of what nobody knows nothing is scored.
    assert len(lines[2].split()) == 8


def test_the_report_compares_both_pairs_on_labels_that_both_know(
    made: tuple[Finetune, bytes, ModelSpec], folder: Path, libraries: str
) -> None:
    tuned, _, _ = made
    hands = replace(tuned.recipe.recordings[1], labels={})
    recipe = replace(tuned.recipe, new_labels=("handwork",), recordings=(tuned.recipe.recordings[0], hands))
    again = tuning(folder, folder / "reported", libraries, recipe)
    _, held_out = again.sides(again.windows())
    base = recognizer.load(folder / "tiny")
    # The base with an output more stands in for a pair that learned the new label and forgot nothing.
    learned = WithNewLabel(base, again.spec_of(again.windows()))
    walks, hands_row = finetune_report.rows(recipe, held_out, base, learned)  # type: ignore[arg-type]
    for row in (walks, hands_row):
        assert row.tuned == row.base
    assert (walks.new, hands_row.new) == (None, 0.0)
    assert finetune_report.text([walks]).splitlines()[0].split()[4:5] == ["fine"]
    assert finetune_report.text([walks, hands_row]).splitlines()[0].split()[4:6] == ["new", "fine"]


def test_two_entries_of_the_same_files_name_all_their_people(
    made: tuple[Finetune, bytes, ModelSpec],
) -> None:
    tuned, _, _ = made
    walks = tuned.recipe.recordings[0]
    twice = replace(tuned, recipe=replace(tuned.recipe, recordings=(walks, walks)))
    windows = tuned.windows()
    rows = (windows.source == 0) & np.isin(windows.subject, ["1", "2", "3"])
    some = windows.take(rows)
    some = replace(some, source=(some.subject == "3").astype(np.int64))
    assert people_of(twice.recipe, some) == {"walks": [1, 2, 3]}


def keys(tuned: Finetune) -> tuple[str, str]:
    """Return the keys of windows and fit."""
    return tuned._windows_key(), tuned.state().key


def test_windows_and_fit_are_made_anew_when_anything_changes_that_they_come_from(
    folder: Path, libraries: str, tmp_path: Path
) -> None:
    for file in (*folder.glob("*.toml"), *folder.glob("tiny.*")):
        shutil.copy(file, tmp_path)
    recipe = finetune_recipe.load(tmp_path / "mine.toml")
    files = replace(recipe.recordings[0], set="", files="me/*.ehr")
    walks = replace(recipe.recordings[0], only_people_of="hands")
    recipe = replace(recipe, recordings=(files, walks))
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "anna.ehr").write_bytes(b"anna")
    shutil.copytree(folder / "imu", tmp_path / "imu")
    tuned = tuning(tmp_path, tmp_path / "work", libraries, recipe)
    windows, fit = keys(tuned)
    assert keys(tuned) == (windows, fit)

    def changes_windows() -> bool:
        nonlocal windows, fit
        before, (windows, fit) = (windows, fit), keys(tuned)
        assert fit != before[1]
        return windows != before[0]

    (tmp_path / "me" / "anna.labels.csv").write_text("0,20,walking\n")
    assert changes_windows()
    (tmp_path / "me" / "anna.labels.csv").write_text("0,20,running\n")
    assert changes_windows()
    shutil.move(tmp_path / "me", tmp_path / "you")
    tuned = replace(tuned, recipe=replace(recipe, recordings=(replace(files, files="*ou/*.ehr"), walks)))
    windows, fit = keys(tuned)
    shutil.move(tmp_path / "you", tmp_path / "thou")
    assert changes_windows()  # a file's folder is part of its person's name
    shutil.move(tmp_path / "thou", tmp_path / "me")
    tuned = replace(tuned, recipe=recipe)
    windows, fit = keys(tuned)
    (tmp_path / "me" / "anna.ehr").rename(tmp_path / "me" / "axel.ehr")
    (tmp_path / "me" / "anna.labels.csv").rename(tmp_path / "me" / "axel.labels.csv")
    assert changes_windows()
    shutil.copy(tmp_path / "imu" / "walks.npz", tmp_path / "imu" / "hands.npz")
    assert changes_windows()
    simulating = (tmp_path / "tiny.toml").read_text()
    (tmp_path / "tiny.toml").write_text(simulating.replace("rattle = 0.5", "rattle = 0.0"))
    assert not changes_windows()
    spec = manifest.read(tmp_path / "tiny")
    export.write_manifest(tmp_path / "tiny", replace(spec, temperature=spec.temperature + 0.1))
    assert not changes_windows()


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_no_pair_takes_the_place_of_the_base_or_of_the_one_that_the_recipe_says(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], libraries: str
) -> None:
    del libraries
    work = ["--data", str(folder), "--work", str(tmp_path)]
    before = (folder / "tiny.json").read_bytes()
    # A shipped base: the next run would take the new pair beside the recipe for it.
    shipped = RECIPE.replace('"mine"', '"imu_tcn"').replace('"tiny"', '"imu_tcn"')
    (folder / "shadow.toml").write_text(shipped)
    assert run("finetune", str(folder / "shadow.toml"), *work) == 78
    assert "imu_tcn.json is where the recipe looks for its base first; give" in capsys.readouterr().err
    (folder / "same.toml").write_text(RECIPE.replace('"mine"', '"tiny"'))
    assert run("finetune", str(folder / "same.toml"), *work) == 78
    assert "tiny.json is the base; give the recipe another `name`" in capsys.readouterr().err
    assert (folder / "tiny.json").read_bytes() == before
    for option in (["--portion", "0.5"], ["--seed", "4"], ["--frozen", "fuse"], ["--synthetic", "0"]):
        assert run("finetune", str(folder / "mine.toml"), *work, *option) == 78
        assert f"{option[0]}: makes another pair than mine.toml says; --out takes" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [".gitignore"]


def test_each_verb_names_the_other_for_a_recipe_of_the_other_kind(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build", str(folder / "mine.toml")) == 78
    assert "mine.toml: a recipe of fine-tuning: `edgehar-train finetune`" in capsys.readouterr().err
    assert run("finetune", str(folder / "tiny.toml")) == 78
    assert "tiny.toml: a recipe that simulates people: `edgehar-train build`" in capsys.readouterr().err


def test_of_a_short_fit_no_more_steps_are_kept_than_it_has(
    made: tuple[Finetune, bytes, ModelSpec],
) -> None:
    tuned, _, _ = made
    assert tuned.progress_sentence().startswith("30 of 30 steps are kept in ")
    assert tuned.progress_sentence("the same command without --fresh").endswith(
        "; the same command without --fresh goes on from there"
    )


def test_nobody_held_out_leaves_the_temperature_of_the_base_and_a_share_of_none_simulates_nobody(
    folder: Path, libraries: str
) -> None:
    recipe = finetune_recipe.load(folder / "mine.toml")
    nobody = Synthetic(share=0.0)
    recipe = replace(recipe, held_out=0.0, synthetic=nobody, tuning=replace(recipe.tuning, steps=1))
    _, spec, _ = tuning(folder, folder / "nobody", libraries, recipe).pair()
    assert spec.temperature == manifest.read(folder / "tiny").temperature
    assert "calibration" not in spec.provenance
    assert spec.provenance["training_data"] == "recordings of people, named under tuned_on"


def of_known(folder: Path, beside: Path, people: dict[str, list[int | str]], apart: list[int]) -> None:
    """Copy base and recipe, and let the base have been fitted to people of these sets, and others be held out."""
    for file in (*folder.glob("*.toml"), *folder.glob("tiny.*")):
        shutil.copy(file, beside)
    spec = manifest.read(beside / "tiny")
    origin = spec.provenance | {"tuned_on": people, "held_out": {"walks": apart}}
    export.write_manifest(beside / "tiny", replace(spec, provenance=origin))


def brief(path: Path, folder: Path, libraries: str) -> Finetune:
    recipe = finetune_recipe.load(path)
    recipe = replace(recipe, synthetic=None, tuning=replace(recipe.tuning, steps=1))
    work = cache.make_work_folder(path.parent / "work")
    return Finetune(recipe, path, folder, work, 1, libraries, lambda *_: None)


def test_whom_the_base_was_fitted_to_is_remembered_and_never_held_out(
    folder: Path, libraries: str, tmp_path: Path
) -> None:
    people: dict[str, list[int | str]] = {"walks": [1, 2, 3], "elsewhere_wrist": [9], "me/*.csv": ["anna"]}
    of_known(folder, tmp_path, people, apart=[4, 7])
    tuned = brief(tmp_path / "mine.toml", folder, libraries)
    fitted, held_out = tuned.sides(tuned.windows())
    _, spec, _ = tuned.pair()
    tuned_on, apart = spec.provenance["tuned_on"], spec.provenance["held_out"]
    assert not {"1", "2", "3"} & {*held_out.subject[held_out.source == 0].tolist()}
    assert {*tuned_on["walks"]} | {*apart["walks"]} == {1, 2, 3, 4, 5, 7}
    assert {1, 2, 3} <= {*tuned_on["walks"]}
    assert 7 in apart["walks"]  # held out of both
    assert not {*tuned_on["walks"]} & {*apart["walks"]}
    assert (tuned_on["elsewhere_wrist"], tuned_on["me/*.csv"]) == ([9], ["anna"])
    # Who starts from nothing has met none of them, and is compared with the base on the same people.
    at_random = replace(tuned, random_start=True)
    assert [*at_random.sides(tuned.windows())[1].t] == [*held_out.t]
    _, spec, _ = at_random.pair()
    assert spec.provenance["tuned_on"] == people_of(tuned.recipe, fitted)


def test_whom_a_base_knows_all_of_leaves_its_temperature_and_nothing_to_report(
    folder: Path, libraries: str, tmp_path: Path
) -> None:
    of_known(folder, tmp_path, {"walks": [1, 2, 3, 4, 5], "hands": [1, 2]}, apart=[])
    tuned = brief(tmp_path / "mine.toml", folder, libraries)
    content, spec, _ = tuned.pair()
    export.write_pair(tmp_path / "mine", content, spec)
    assert spec.temperature == manifest.read(tmp_path / "tiny").temperature
    assert tuned.report(tmp_path / "mine") == []


def test_a_layer_that_is_none_is_refused_before_anything_is_cut(folder: Path, libraries: str) -> None:
    recipe = finetune_recipe.load(folder / "mine.toml")
    recipe = replace(recipe, tuning=replace(recipe.tuning, frozen=("stem9",)))
    with pytest.raises(ConfigError, match="no layer is called 'stem9'; there are 0, fuse, hidden, stem0"):
        tuning(folder, folder / "typo", libraries, recipe).pair()
    assert not (folder / "typo" / "people.npz").exists()
