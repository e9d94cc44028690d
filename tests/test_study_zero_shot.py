"""Zero-shot by text: a pair out of a tiny pre-training, what it is scored by, and the study as one runs it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, lacking
from msgspec.structs import replace
from numpy.testing import assert_allclose, assert_array_equal
from people_sets import simulate

from edgehar.cli import train as cli
from edgehar.evaluation.studies.targets import Target
from edgehar.evaluation.studies.zero_shot import study, tables as zero_shot_tables
from edgehar.pipeline import manifest, recognizer
from edgehar.training import prototype as prototypes
from edgehar.training.build import fitting_libraries
from edgehar.training.studies import text_pair
from edgehar.training.studies.pretrain import Pretraining
from edgehar.training.studies.text_pair import TextPair

SETTINGS = """
targets = ["dsads wrist"]
elsewhere = { sitting = "wrist" }
typed = ["ironing", "hammering"]
shuffles = 3
head_steps = 3
[pretraining]
windows = 100
steps = 2
batch = 16
mocap = false
"""
TINY = Pretraining(windows=100, steps=2, batch=16, mocap=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make two sets of simulated people, a page and settings."""
    try:
        fitting_libraries()
    except ImportError as error:
        lacking(str(error))
    folder: Path = tmp_path_factory.mktemp("zero_shot")
    script = (("rowing", 15.0), ("jumping", 15.0), ("throwing", 15.0))
    labels = ["rowing", "jumping", "cross_trainer"] * 2
    simulate(folder / "imu" / "dsads.npz", script, ("wrist_right",), people=(1, 2), activity=labels)
    simulate(folder / "imu" / "sitting.npz", [("sitting", 20.0)], ("wrist",))
    (folder / "studies.md").write_text("# Studies\n\n<!-- scores study zero_shot -->\n<!-- /scores -->\n")
    (folder / "tiny.toml").write_text(SETTINGS)
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path) -> Path:
    arguments = [
        "--data",
        folder,
        "--settings",
        folder / "tiny.toml",
        "--out",
        folder,
        "--work",
        folder / "work",
    ]
    with pytest.raises(SystemExit, match="0"):
        cli.main(
            ["study", "zero-shot", *map(str, arguments), "--workers", "1", "--export", str(folder / "mine")]
        )
    return folder


@pytest.fixture(scope="module")
def made(ran: Path) -> TextPair:
    """Return the pair of the same settings: what was simulated and pre-trained is kept."""
    return text_pair.make(TINY, 3, None, ran / "work", 1, lambda *_: None)


def test_the_study_writes_its_figures_and_its_tables(ran: Path) -> None:
    page = (ran / "studies" / "zero_shot.md").read_text()
    figures = json.loads((ran / "studies" / "zero_shot.json").read_text())["entries"]
    assert len(figures) == 2
    for way in study.WAYS:
        assert f"| dsads wrist: {way} | 3 | 1 | 2 |" in page
        assert f"| dsads wrist: {way} | 3 | 1 | 2 |" in (ran / "studies.md").read_text()
    assert "| dsads wrist: any label at random | 3 | 1 |  |  | 0.333 |" in page
    assert "| ironing | 2 |" in page
    assert "| cross_trainer | exercising on a cross trainer |" in page


def test_what_was_scored_is_not_scored_again(ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (ran / "studies" / "zero_shot.json").read_bytes()
    settings = study.Settings(TINY, 3, ("dsads wrist",), 3, {"sitting": "wrist"}, ("ironing", "hammering"))
    results = study.open_results(ran)
    assert {*results.entries} == {study.key(settings, name) for name in ("dsads wrist", "sitting")}
    elsewhere = replace(settings, elsewhere={"sitting": "hip"})
    assert study.key(elsewhere, "sitting") not in results
    assert study.key(elsewhere, "dsads wrist") in results
    monkeypatch.setattr(study, "Judge", None)
    assert study.run(settings, ran, results, ran / "work", 1, lambda *_: None) is None
    assert (ran / "studies" / "zero_shot.json").read_bytes() == before
    assert zero_shot_tables.tables(settings, results) in (ran / "studies" / "zero_shot.md").read_text()


def test_with_no_fit_what_is_kept_is_laid_out(
    ran: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ran / "studies" / "zero_shot.md"
    before = page.read_bytes()
    page.unlink()
    settings = ("--settings", str(ran / "tiny.toml"), "--out", str(ran), "--no-fit")
    with pytest.raises(SystemExit, match="0"):
        cli.main(["study", "zero-shot", "--data", str(tmp_path / "nowhere"), *settings])
    assert page.read_bytes() == before
    capsys.readouterr()
    with pytest.raises(SystemExit, match="78"):
        cli.main(["study", "zero-shot", "--data", str(ran), *settings, "--export", str(tmp_path / "pair")])
    assert "--export makes the pair" in capsys.readouterr().err


def test_the_pair_that_it_exports_takes_texts(ran: Path) -> None:
    pair = ran / "mine.json"
    plain = recognizer.load(pair)
    assert plain.spec.text is not None
    assert plain.spec.name == "mine"
    assert {each.label for each in plain.spec.text.trained} == {*plain.spec.labels}
    prototypes.write(pair, prototypes.add(pair, "ironing"), ran / "ironing")
    assert recognizer.load(ran / "ironing" / "mine").spec.labels == (*plain.spec.labels, "ironing")


def test_the_same_settings_make_the_same_pair(ran: Path, made: TextPair) -> None:
    assert made.spec.sha256 == manifest.read(ran / "mine").sha256
    assert made.spec.text == manifest.read(ran / "mine").text


def test_int8_lies_where_float_does(ran: Path, made: TextPair) -> None:
    judge = study.Judge(made, ran / "mine")
    x = np.random.default_rng(1).normal(0.0, 3.0, (20, 2, 128, 3)).astype(np.float32)
    x[:, 0, :, 2] += 9.8
    _, int8 = judge.int8(x)
    assert (judge.float_embeddings(x) * int8).sum(axis=1).min() > 0.99


def test_a_typed_text_is_scored_as_the_run_time_has_it(ran: Path, made: TextPair) -> None:
    pair = ran / "mine.json"
    prototypes.write(pair, prototypes.add(pair, "hammering"), ran / "hammering")
    typed = study.Judge(made, ran / "hammering" / "mine")
    x = np.random.default_rng(2).normal(0.0, 5.0, (20, 2, 128, 3)).astype(np.float32)
    mixed, _ = typed.int8(x)
    judge = study.Judge(made, ran / "mine")
    taken, told = judge.typed("hammering", *judge.int8(x))
    assert_allclose(taken, mixed[:, -1], atol=1e-3)
    assert_array_equal(told, mixed.argmax(axis=1) == mixed.shape[1] - 1)


def test_what_was_seen_under_other_words_is_not_unseen() -> None:
    shown = ("stairs_up_or_down", "dribbling_ball", "kicking_ball", "basketball_shoot", "waving", "lying")
    never = ("draw_x", "swipe_left", "push", "writing", "eating_soup", "cross_trainer", "moving_elevator")
    assert not zero_shot_tables.unseen(shown).any()
    assert zero_shot_tables.unseen(never).all()


def test_shuffled_texts_are_right_as_often_as_chance() -> None:
    n, labels = 3000, tuple("abcde")
    true = np.random.default_rng(3).integers(0, 5, n)
    target = Target("made", labels, np.zeros((n, 1), np.float32), true, np.full(n, "1"), np.zeros(n))
    perfect = np.eye(5, dtype=np.float32)[true]
    settings = study.Settings(shuffles=400)
    shares = [of.counts[0, 0].sum() / n for of in study._shuffled(settings, target, perfect)]
    assert_allclose(np.mean(shares), 0.2, atol=0.03)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ('targets = ["moon"]', "targets: expected some of dsads wrist, .*; got 'moon'"),
        ("head_steps = 0", "head_steps"),
        ("colour = 1", "colour"),
    ],
)
def test_settings_that_say_nothing_are_refused(
    settings: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.toml").write_text(settings)
    with pytest.raises(SystemExit, match="78"):
        cli.main(["study", "zero-shot", "--data", str(ROOT), "--settings", str(tmp_path / "bad.toml")])
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert re.search(says, told)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("", r"imu/utd_mhad\.npz: no such file"),
        ("targets = []\nelsewhere = {moon = 'wrist'}", r"imu/moon\.npz: no such file"),
        (
            "targets = []\nelsewhere = {desk = 'nose'}",
            "elsewhere.desk: expected one of wrist_left, got 'nose'",
        ),
    ],
)
def test_what_the_data_lack_is_said_before_anything_is_made(
    settings: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    simulate(tmp_path / "imu" / "desk.npz", [("sitting", 6.0)], ["wrist_left"], people=(1,))
    (tmp_path / "settings.toml").write_text(settings)
    work, options = tmp_path / "work", ("--settings", str(tmp_path / "settings.toml"), "--out", str(tmp_path))
    with pytest.raises(SystemExit, match="78"):
        cli.main(["study", "zero-shot", "--data", str(tmp_path), "--work", str(work), *options])
    assert re.search(says, capsys.readouterr().err)
    assert not [*work.glob("*.npz")]
