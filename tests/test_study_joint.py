"""The study of joint pre-training, the whole command, on sets that are made here."""

import itertools
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import archives
import msgspec
import numpy as np
import people_sets
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from edgehar.cli import train as cli
from edgehar.errors import ConfigError, RecordingError
from edgehar.evaluation.studies import outcome as outcomes
from edgehar.evaluation.studies.joint import study as joint, tables as joint_tables
from edgehar.evaluation.studies.joint.study import (
    ALL,
    FOREST,
    FROZEN,
    LABELS,
    LABELS_LONG,
    LONG,
    RANDOM,
    TUNED,
    Cell,
    Entry,
    Settings,
)
from edgehar.evaluation.studies.outcome import Outcome, outcome
from edgehar.evaluation.studies.results import Results
from edgehar.evaluation.studies.targets import Target
from edgehar.recordings.published import openpack

SETTINGS = """
targets = ["dsads wrist"]
portions = [1.0]
rows = ["random forest", "random start", "all four"]
trees = 5
[pretraining]
windows = 40
steps = 2
batch = 8
mocap = false
[course]
head_steps = 4
steps = 2
batch = 8
"""
PAGE = "# Studies\n\n<!-- scores study joint -->\n<!-- /scores -->\n"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    script = [("walking", 17.0), ("sitting", 17.0)]
    people_sets.simulate(folder / "imu" / "dsads.npz", script, ["wrist_right"], people=(1, 2))
    return folder


def test_the_command_fits_tells_and_goes_on(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "studies.md").write_text(PAGE)
    settings = tmp_path / "tiny.toml"
    settings.write_text(SETTINGS)
    arguments = ["study", "joint", "--data", people, "--settings", settings, "--out", tmp_path]
    arguments += ["--work", tmp_path / "work", "--workers", "1"]
    command = [*map(str, arguments)]
    run(command)
    told = capsys.readouterr().out
    file = tmp_path / "studies" / "joint.json"
    entries = json.loads(file.read_text())["entries"]
    # Of two people each is a fold.
    assert len(entries) == 6
    for row in ("| random forest |  |", "| random start | frozen |", "| all four | not frozen |"):
        assert row in told
    assert "| edgehar | OpenPack |  |  | not run: data not at hand |" in told
    assert "| edgehar | MM-Fit |  |  | not run: data not at hand |" in told
    assert told.strip() in (tmp_path / "studies" / "joint.md").read_text()
    page = (tmp_path / "studies.md").read_text()
    assert "[All tables](studies/joint.md)" in page
    assert "| all four | not frozen |" in page
    assert (tmp_path / "studies" / "joint.png").read_bytes().startswith(b"\x89PNG")
    made = file.stat().st_mtime_ns
    for more in ([], ["--no-fit"]):
        run([*command, *more])
        assert capsys.readouterr().out == told
    assert file.stat().st_mtime_ns == made


def run(command: list[str]) -> None:
    """Run a command line that succeeds."""
    with pytest.raises(SystemExit) as exit_:
        cli.main(command)
    assert exit_.value.code == 0


class Stopped(Exception):  # noqa: N818  # no error
    """Somebody pressed Ctrl-C."""


def test_what_was_fitted_is_not_fitted_again(people: Path, tmp_path: Path) -> None:
    settings = Settings(targets=("dsads wrist",), portions=(0.5, 1.0), rows=(FOREST,), trees=3)

    def study(name: str, until: int | None) -> bytes:
        (tmp_path / name / "studies").mkdir(parents=True, exist_ok=True)
        results = joint.open_results(tmp_path / name)
        progress = stopper(until)
        try:
            joint.Study(settings, people, results, tmp_path, 1, progress).run()
        except Stopped:
            assert f"{len(results.entries)} fits are kept in {results.path}" in joint.kept(settings, results)
        return results.path.read_bytes()

    stopped = study("some", 2)
    assert stopped.count(b", fold ") == 1
    assert study("some", None) == study("all", None) != stopped


def stopper(until: int | None) -> Callable[[str, int, int], None]:
    """Return a progress that stops at the fit of that number."""
    count = 0

    def progress(stage: str, _done: int, _total: int) -> None:
        nonlocal count
        count += stage.startswith("fits,")
        if count == until:
            raise Stopped

    return progress


def test_a_published_set_joins_where_its_archive_is(tmp_path: Path) -> None:
    for seed, user in enumerate(("U0101", "U0102", "U0103")):
        runs = [(100, 14.0), (None, 1.0), (300, 14.0)]
        archives.openpack(tmp_path / openpack.FOLDER, user, "S0100", runs, seed)
    (tmp_path / "studies").mkdir()
    results = joint.open_results(tmp_path)
    settings = Settings(targets=(), portions=(1.0,), rows=(FOREST,), trees=3)
    joint.Study(settings, tmp_path, results, tmp_path, 1, stopper(None)).run()
    assert len(results.entries) == 3
    told = joint_tables.tables(joint_tables.Scores(settings, results, tmp_path))
    assert "| start | encoder | OpenPack | mean |" in told
    assert "| edgehar | OpenPack |" not in told
    assert "| edgehar | MM-Fit |  |  | not run: data not at hand |" in told


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ("targets = ['moon']", "targets: expected some of dsads wrist, .*; got 'moon'"),
        ("rows = ['magic']", "rows: expected some of random forest, random start, .*labels, .*; got 'magic'"),
        ("portions = [0.0]", "Expected `float` > 0.0"),
        ("speed = 3", "unknown field `speed`; expected some of targets, portions, rows, "),
    ],
)
def test_settings_that_cannot_be_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: str, complaint: str
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(settings)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["study", "joint", "--data", str(tmp_path), "--settings", str(file), "--out", str(tmp_path)])
    assert exit_.value.code == 78
    err = capsys.readouterr().err
    assert re.search(complaint, err), err


def test_a_folder_without_the_sets_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(
            [
                "study",
                "joint",
                "--data",
                str(tmp_path / "no"),
                "--out",
                str(tmp_path),
                "--work",
                str(tmp_path / "w"),
            ]
        )
    assert exit_.value.code == 78
    assert "no/imu/wisdm_watch.npz: no such file" in capsys.readouterr().err.splitlines()[-1]


def test_missing_motion_is_said_before_the_first_fit(people: Path, tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    results = joint.open_results(tmp_path)
    settings = Settings(targets=("dsads wrist",), rows=(FOREST, LABELS), trees=3)
    with pytest.raises(RecordingError, match=r"mocap: no such folder; .* say mocap = false"):
        joint.Study(settings, people, results, tmp_path, 1, stopper(None)).run()
    assert not results.entries


def test_other_settings_are_other_fits() -> None:
    cell = Cell(LABELS, "dsads wrist", 0.1, 0)
    usual, longer = Settings(), Settings(course=msgspec.structs.replace(Settings().course, steps=7))
    assert joint.key(usual, cell) != joint.key(longer, cell)
    forest = msgspec.structs.replace(cell, row=FOREST)
    assert joint.key(usual, forest) == joint.key(longer, forest)
    more = Settings(pretraining=msgspec.structs.replace(Settings().pretraining, steps=7))
    random = msgspec.structs.replace(cell, row=RANDOM)
    assert joint.key(usual, random) == joint.key(more, random)
    assert joint.key(usual, cell) != joint.key(more, cell)


def made(right: float, seed: int, labels: tuple[str, ...] = ("eating_soup", "typing", "walking")) -> Outcome:
    """Return answers to six people, so much of them right."""
    rng = np.random.default_rng(seed)
    person = np.repeat([f"p{i}" for i in range(6)], 60)
    true = rng.integers(3, size=len(person))
    answer = np.where(rng.random(len(person)) < right, true, (true + 1) % 3)
    return outcome(labels, person, true, answer)


def test_tables_say_what_was_gained_and_leave_out_what_is_missing(tmp_path: Path) -> None:
    settings = Settings(targets=("wisdm wrist", "utd wrist"), portions=(0.1,), rows=(RANDOM, LABELS, ALL))
    results = Results(tmp_path / "joint.json", Entry, 1)
    better, worse = made(0.9, 1), made(0.6, 2)
    for row, of in ((RANDOM, worse), (LABELS, worse), (ALL, better)):
        for name in ("wisdm wrist", "utd wrist"):
            if (row, name) == (RANDOM, "utd wrist"):
                continue
            for fold in range(2):
                key = joint.key(settings, Cell(row, name, 0.1, fold))
                part = part_of(of, fold)
                results.keep(key, Entry({TUNED: part, FROZEN: part}, 3, 2))
    scores = joint_tables.Scores(settings, results, tmp_path)
    lines = joint_tables.tables(scores).splitlines()
    value = outcomes.value
    assert sum(line.startswith(f"| {ALL} | {TUNED} | {value(better):.3f} (") for line in lines) == 1
    missing = next(line for line in lines if line.startswith(f"| {RANDOM} | {TUNED} |"))
    assert missing.split(" | ")[3:] == ["", " |"]
    utd = msgspec.structs.replace(scores, settings=msgspec.structs.replace(settings, targets=("utd wrist",)))
    assert "Eating, typing and ball games" not in joint_tables.tables(utd)
    gains = next(line for line in lines if line.startswith(f"| {ALL} | {TUNED} | +"))
    assert f"| {value(better) - value(worse):+.3f} (+" in gains
    two = [(better, worse), (better, worse)]
    mean, around = outcomes.mean_gain(two)
    assert around is not None
    assert f"| {mean:+.3f} ({around[0]:+.3f} to {around[1]:+.3f}) |" in gains
    fine = [i for i, name in enumerate(better.labels) if name in joint_tables.FINE]
    f1 = float(np.mean(outcomes.each_f1(better.counts.sum(axis=0))[fine]))
    assert any(line.startswith(f"| {ALL} | {TUNED} | {f1:.3f} (") for line in lines)


def test_longer_starts_are_set_beside_each_other_and_not_said_twice(tmp_path: Path) -> None:
    rows = (LONG, LABELS, LABELS_LONG)
    settings = Settings(targets=("wisdm wrist", "utd wrist"), portions=(0.1,), rows=rows)
    results = Results(tmp_path / "joint.json", Entry, 1)
    better, worse = made(0.9, 1), made(0.6, 2)
    for row in rows:
        whole = better if row == LABELS_LONG else worse
        for name, fold in itertools.product(settings.targets, range(2)):
            part = part_of(whole, fold)
            key = joint.key(settings, Cell(row, name, 0.1, fold))
            results.keep(key, Entry({TUNED: part, FROZEN: part}, 3, 2))
    text = joint_tables.tables(joint_tables.Scores(settings, results, tmp_path))
    of = outcomes.value(better) - outcomes.value(worse)
    [line] = [line for line in text.splitlines() if line.startswith("| 10% |")]
    assert line.count(f"| {of:+.3f} (") == 3  # each target, and their mean
    # Only the steps of all layers are more: frozen it is the same start.
    assert f"| {LABELS} | {FROZEN} |" in text
    assert f"| {LABELS_LONG} | {FROZEN} |" not in text


def part_of(of: Outcome, fold: int) -> Outcome:
    """Return the answers to every second of the people."""
    return Outcome(of.labels, of.people[fold::2], of.right[fold::2], of.missed[fold::2], of.wrong[fold::2])


def test_a_mean_of_gains_is_surer_than_each() -> None:
    pairs = [(made(0.8, seed), made(0.7, seed + 50)) for seed in range(4)]
    mean, around = outcomes.mean_gain(pairs)
    assert mean == pytest.approx(np.mean([outcomes.gain(*pair)[0] for pair in pairs]))
    assert around is not None
    widths = []
    for pair in pairs:
        alone = outcomes.gain(*pair)[1]
        assert alone is not None
        widths.append(alone[1] - alone[0])
    assert around[0] < mean < around[1]
    assert around[1] - around[0] < min(widths)


def test_a_target_is_thinned_evenly() -> None:
    target = Target(
        "t", ("a",), np.arange(70.0, dtype=np.float32).reshape(-1, 1, 1, 1), np.zeros(70, np.int64),
        np.array(["p"] * 70), np.arange(70) / 70,
    )  # fmt: skip
    few = joint.thinned(target, 20)
    assert few.x[:, 0, 0, 0].tolist() == list(range(0, 70, 4))
    assert joint.thinned(target, 70).x.shape == target.x.shape
    with pytest.raises(ConfigError):
        joint.check(Settings(targets=("t",)))
