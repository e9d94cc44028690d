"""The study of clips, the whole command: on films, a folder of HMDB51's form and poses that are made here."""

import json
import logging
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from cameras import plain, write_video
from published import int8_file
from skeletons import penn as penn_labels
from test_hmdb51 import write_lists
from typer.testing import CliRunner, Result

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from edgehar.cli.train import app
from edgehar.errors import OperatorError
from edgehar.evaluation.studies.clips import sets as clip_sets, study
from edgehar.evaluation.studies.clips.fits import (
    AMONG,
    AS_SHIPPED,
    BASIC,
    FOREST,
    MAJORITY,
    RECURRENT,
    TUNED,
    Course,
    Courses,
)
from edgehar.evaluation.studies.clips.footage import Footage
from edgehar.evaluation.studies.clips.study import Entry
from edgehar.evaluation.studies.clips.tables import _bare, scores, tables
from edgehar.evaluation.studies.outcome import Outcome, wilson
from edgehar.evaluation.studies.results import NO_DATA, NOT_RUN, Results
from edgehar.motion.capture.planar import JHMDB_JOINTS, PENN_JOINTS
from edgehar.sources.camera.opencv import Picture

pytestmark = pytest.mark.timeout(
    300
)  # the whole command, many small fits; half a minute where nothing else runs

Ran = tuple[Path, str, list[str]]
SETTINGS = """
seeds = 1
sets = ["films", "hmdb51 1"]
ways = [
    "commonest label", "basic LRCN", "MoveNet, recurrent as published", "random forest on keypoints",
    "MoveNet, pose tCNN int8, fine-tuned", "MoveNet, pose tCNN int8, as shipped",
    "MoveNet, pose tCNN int8, as shipped, among these labels",
]
"""
THE_SAME = """
classes = ["walking", "standing"]
[films]
"a.avi" = [["walking", 0.0, 1.0], ["standing", 1.1, 2.1]]
"b.avi" = [["walking", 0.0, 1.0], ["standing", 1.1, 2.1], ["running", 2.1, 3.2]]
"gone.avi" = [["walking", 0.0, 1.0]]
[courses]
lrcn = { passes = 1, steps = 1, batch = 2 }
recurrent = { passes = 1, steps = 2, batch = 4 }
pose_tcn = { passes = 1, steps = 2, batch = 4 }
"""

ON_POSES_ALONE = """
seeds = 2
sets = ["jhmdb", "penn", "penn own"]
ways = ["commonest label", "random forest on keypoints"]
"""


def film(path: Path, squat: Picture, pictures: int) -> None:
    """Write a film of somebody who moves through the picture for a second, and stays from then on."""
    small = squat[::2, ::2]
    stage = np.full((len(small), 2 * small.shape[1], 3), 90, np.uint8)

    def at(i: int) -> Picture:
        left = 8 * min(i, 15)
        picture = stage.copy()
        picture[:, left : left + small.shape[1]] = small
        return picture

    write_video(path, (at(i) for i in range(pictures)), fps=15.0)


def poses(folder: Path, rng: np.random.Generator) -> None:
    folder.mkdir()
    n, labels = np.full(8, 20), np.array(["golf", "run"] * 4)
    body = rng.normal(0.5, 0.1, (1, len(JHMDB_JOINTS), 2)) + rng.normal(0.0, 0.01, (160, 1, 2))
    np.savez(
        folder / "jhmdb_gt_pose.npz",
        pose=body.astype(np.float32),
        n=n,
        label=labels,
        split1_train=np.arange(8) < 4,
    )
    points = rng.integers(0, 300, (160, len(PENN_JOINTS), 2)).astype(np.int16)
    np.savez(
        folder / "penn_action_2d.npz", xy=points, scale=np.float32(1.0), visible=np.ones((160, len(PENN_JOINTS)), np.uint8),
        n=n, activity=labels, trial=np.array([f"{8 - i:04}" for i in range(8)]), height_width=np.full((8, 2), 360),
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, data: Path, squat: Picture) -> Path:
    """Return a folder of films, clips, poses and weights, as DATA."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "video").mkdir()
    for name, pictures in (("a.avi", 32), ("b.avi", 50)):
        film(folder / "video" / name, squat, pictures)
    poses(folder / "pose", np.random.default_rng(1))
    labels = folder / clip_sets.PENN_LABELS
    labels.mkdir(parents=True)
    for i in range(8):
        penn_labels(labels / f"{i + 1:04}.mat", train=1 if i < 6 else -1)
    hmdb = folder / "hmdb51"
    hmdb.mkdir()
    lists = {
        label: f"{label}_a.avi 1\n{label}_b.avi 2\n{label}_c.avi 0\n" for label in ("walking", "standing")
    }
    write_lists(hmdb, lists | {"walking": lists["walking"] + "bad.avi 1\ngone.avi 2\n"})
    for label in ("walking", "standing"):
        for part in "ab":
            write_video(hmdb / label / f"{label}_{part}.avi", [plain(10 * i) for i in range(12)])
    (hmdb / "walking" / "bad.avi").write_bytes(b"no film")
    (folder / "movenet").mkdir()
    shutil.copy(int8_file(data), folder / "movenet")
    (folder / "settings.toml").write_text(SETTINGS + THE_SAME)
    (folder / "poses.toml").write_text(ON_POSES_ALONE + THE_SAME)
    return folder


@pytest.fixture(scope="module")
def ran(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Run the command on films and clips, then on poses; return where it wrote, its last stdout, and what was logged."""
    out = tmp_path_factory.mktemp("docs")
    (out / "studies.md").write_text("before\n<!-- scores study clips -->\n<!-- /scores -->\nafter\n")
    told = Told()
    logging.getLogger(clip_sets.__name__).addHandler(told)
    first, second = call(made, out, "settings.toml"), call(made, out, "poses.toml")
    logging.getLogger(clip_sets.__name__).removeHandler(told)
    assert (first.exit_code, second.exit_code) == (0, 0), first.output + second.output
    return out, second.stdout, told.lines


def call(data: Path, out: Path, settings: str, *more: str) -> Result:
    arguments = ["study", "clips", "--data", str(data), "--settings", str(data / settings)]
    return CliRunner().invoke(app, [*arguments, "--out", str(out), "--work", str(out / "work"), *more])


class Told(logging.Handler):
    """What is logged by clip_sets."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def rows_of(text: str, title: str) -> dict[str, list[str]]:
    """Return the cells of each row of the table below a heading, by the first."""
    part = text.split(f"### {title}")[1].split("###", maxsplit=1)[0]
    cells = [
        line.removeprefix("| ").removesuffix(" |").split(" | ")
        for line in part.splitlines()
        if line.startswith("| ")
    ]
    assert len({len(row) for row in cells}) == 1
    return {first: rest for first, *rest in cells}


def test_every_way_is_scored_on_every_set(ran: Ran) -> None:
    _, told, _ = ran
    films = rows_of(told, "Films")
    assert {MAJORITY, BASIC, RECURRENT, FOREST, TUNED, AS_SHIPPED, AMONG} < set(films)
    assert films[MAJORITY][0] == "0.500"  # as many stand as walk
    assert films[AS_SHIPPED][-1] == "1.00"
    assert float(films[BASIC][-1]) < 1.0
    hmdb = rows_of(told, "HMDB51")
    assert re.match(r"[01]\.\d{3} \(.*\) / [01]\.\d{3}", hmdb[BASIC][1])
    assert hmdb[BASIC][0] == "34 %"
    assert hmdb[BASIC][2:] == [NOT_RUN, NOT_RUN]  # at hand, but not asked for
    for title in ("JHMDB", "Penn Action, halves", "Penn Action, its own split"):
        assert {_bare(way) for way in (MAJORITY, FOREST)} < set(rows_of(told, title))
    assert rows_of(told, "JHMDB")["DD-Net, published"][0] == "77.2 %"


def test_clips_that_cannot_be_looked_at_are_named_counted_and_stop_nothing(ran: Ran) -> None:
    _, told, logged = ran
    assert "4 of 5 clips decoded (1 missing, 0 bad)" in told
    assert "running (1)" in told
    assert "4 of 6 clips decoded (1 missing, 1 bad)" in told
    [line] = logged
    assert re.match(r"left out: .*walking/bad\.avi is no video", line)


def test_tables_and_figures_and_picture_are_written(ran: Ran) -> None:
    out, told, _ = ran
    page = (out / "studies.md").read_text()
    assert page.startswith("before\n<!-- scores study clips -->\n### Films")
    assert page.endswith("<!-- /scores -->\nafter\n")
    assert told.strip() in page
    assert (out / "studies" / "clips.png").read_bytes().startswith(b"\x89PNG")


def test_with_no_fit_what_is_kept_is_laid_out(made: Path, ran: Ran) -> None:
    out, told, _ = ran
    kept = (out / "studies" / "clips.json").read_bytes()
    (out / "studies" / "clips.png").unlink()
    assert call(made, out, "poses.toml", "--no-fit").stdout == told
    assert (out / "studies" / "clips.png").is_file()
    assert (out / "studies" / "clips.json").read_bytes() == kept


def test_a_study_goes_on_where_it_was_stopped_to_the_same_figures(made: Path, ran: Ran) -> None:
    out, _, _ = ran
    file = out / "studies" / "clips.json"
    before = json.loads(file.read_text())
    names = (f"films, {RECURRENT}, b, 0 @", f"hmdb51 1, {BASIC}, split 1, 0 @")
    keys = [key for key in before["entries"] if key.startswith(names)]
    assert len(keys) == 2
    entries = {key: entry for key, entry in before["entries"].items() if key not in keys}
    file.write_text(json.dumps(before | {"entries": entries}))
    assert call(made, out, "settings.toml").exit_code == 0
    after = json.loads(file.read_text())["entries"]
    assert set(after) == set(before["entries"])
    assert [after[key]["outcome"] for key in keys] == [before["entries"][key]["outcome"] for key in keys]
    kept = [key for key in before["entries"] if key not in keys]
    assert [after[key] for key in kept] == [before["entries"][key] for key in kept]


def test_a_study_that_is_interrupted_keeps_what_was_scored(made: Path, tmp_path: Path) -> None:
    settings = study.Settings(("jhmdb",), (MAJORITY, FOREST), seeds=3)

    def stop(stage: str, done: int, _: int) -> None:
        if stage == f"jhmdb, {FOREST}" and done == 2:
            raise KeyboardInterrupt

    results = Results(tmp_path / "clips.json", Entry, study.VERSION)
    with pytest.raises(KeyboardInterrupt):
        study.run(made, settings, tmp_path / "work", results, stop)
    kept = Results(tmp_path / "clips.json", Entry, study.VERSION)
    assert set(kept.entries) == {"jhmdb", f"jhmdb, {MAJORITY}, split 1, 0", f"jhmdb, {FOREST}, split 1, 0"}
    assert scores(kept.entries, "jhmdb")[FOREST].seeds == 1
    study.run(made, settings, tmp_path / "work", kept, lambda *_: None)
    assert scores(kept.entries, "jhmdb")[FOREST].seeds == 3


def test_figures_of_other_settings_are_kept_apart(tmp_path: Path) -> None:
    usual = study.Settings()
    longer = study.Settings(courses=Courses(recurrent=Course(1, 2, 4)))
    results = Results(tmp_path / "clips.json", Entry, study.VERSION)
    for settings in (usual, longer):
        for way in (FOREST, RECURRENT):
            results.keep(
                settings.key("jhmdb", way, "split 1", 0),
                Entry("jhmdb", way, "split 1", clips=len(results.entries)),
            )
    # A forest has no course: one figure serves both.
    assert len(results.entries) == 3
    assert f"jhmdb, {RECURRENT}, split 1, 0" in results
    name = f"jhmdb, {RECURRENT}, split 1, 0"
    assert study.scored(usual, results)[name] != study.scored(longer, results)[name]
    fewer = study.Settings(films={"a.avi": [("walking", 0.0, 1.0)]})
    assert fewer.key("films") != usual.key("films") == "films"
    assert fewer.key("jhmdb") == "jhmdb"


def test_splits_of_poses_are_as_published_or_by_number(made: Path) -> None:
    assert clip_sets.jhmdb(made).folds[0].learned.tolist() == [0, 1, 2, 3]
    # Clips 0008 to 0001: of each action those of the lower numbers are learned from.
    assert clip_sets.penn(made).folds[0].learned.tolist() == [4, 5, 6, 7]
    assert clip_sets.penn_own(made).folds[0].tested.tolist() == [0, 1]


def test_no_clip_of_a_recording_is_learned_from_where_it_is_tested(
    made: Path, tmp_path: Path, weights: Path
) -> None:
    spans = {"a.avi": [("walking", 0.0, 1.0)], "b.avi": [("walking", 0.0, 1.0), ("walking", 1.1, 2.1)]}
    films = clip_sets.films(made, spans, Footage(weights, tmp_path), lambda *_: None)
    assert [
        (films.group[fold.learned].tolist(), films.group[fold.tested].tolist()) for fold in films.folds
    ] == [
        (["b", "b"], ["a"]),
        (["a"], ["b", "b"]),
    ]


def refusal(*arguments: object) -> str:
    with pytest.raises(OperatorError) as caught:
        app([str(each) for each in ("study", "clips", *arguments)], standalone_mode=False)
    return str(caught.value)


def test_a_wrong_folder_and_wrong_settings_are_one_error_each(tmp_path: Path, made: Path) -> None:
    out = ["--out", tmp_path / "out", "--work", tmp_path / "work"]
    assert "nowhere: expected video/, pose/ or hmdb51/; --data takes" in refusal("--data", "nowhere", *out)
    (tmp_path / "wrong.toml").write_text("sets = ['ucf101']")
    refused = refusal("--data", made, "--settings", tmp_path / "wrong.toml", *out)
    assert "wrong.toml: Invalid enum value 'ucf101'" in refused
    (tmp_path / "ways.toml").write_text("ways = ['by eye']")
    refused = refusal("--data", made, "--settings", tmp_path / "ways.toml", *out)
    assert "ways: expected some of commonest label, basic LRCN" in refused
    (tmp_path / "alone.toml").write_text('sets = ["films"]\n[films]\n"a.avi" = [["walking", 0.0, 1.0]]')
    refused = refusal("--data", made, "--settings", tmp_path / "alone.toml", *out)
    assert "video: expected a label that two recordings show" in refused
    (tmp_path / "none.toml").write_text("seeds = 0")
    assert "seeds" in refusal("--data", made, "--settings", tmp_path / "none.toml", *out)


def test_what_is_not_at_hand_has_rows_that_say_so(tmp_path: Path) -> None:
    text = tables({}, tmp_path)
    assert rows_of(text, "JHMDB")["all ways"][0] == NO_DATA
    assert rows_of(text, "Penn Action, its own split")["all ways"][0].startswith("not run: ")
    assert rows_of(text, "HMDB51")[RECURRENT] == ["70 % (50 of 71 clips)", NO_DATA, NO_DATA, NO_DATA]


def test_what_is_at_hand_and_not_fitted_yet_says_no_more_than_that(made: Path) -> None:
    text = tables({}, made)
    for title in ("JHMDB", "Penn Action, its own split"):
        assert rows_of(text, title)["all ways"][0] == NOT_RUN
    assert rows_of(text, "HMDB51")[RECURRENT][1:] == [NOT_RUN] * 3
    assert f"### Films\n\n{NOT_RUN}\n" in text


def test_a_way_counts_once_all_its_folds_are_scored() -> None:
    def fit(fold: str, right: int) -> Entry:
        return Entry(
            "films",
            MAJORITY,
            fold,
            outcome=Outcome(("a", "b"), (fold,), ((right, 0),), ((0, 4 - right),), ((4 - right, 0),)),
        )

    entries = {"films": Entry("films", folds=2, clips=8), "1": fit("x", 4)}
    assert scores(entries, "films") == {}
    entries["2"] = fit("y", 2)
    score = scores(entries, "films")[MAJORITY]
    assert (score.clips, score.accuracy) == (8, 0.75)
    assert score.wilson == wilson(6, 8)
