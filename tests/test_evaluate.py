"""The table of an evaluation, on simulated wearers and on people."""

import shutil
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace
from people_sets import simulate

from edgehar.cli import train as cli
from edgehar.errors import ConfigError, RecordingError
from edgehar.evaluation import comparison, evaluate, picture, plan, report, tables
from edgehar.evaluation.answers import answer
from edgehar.evaluation.results import Results
from edgehar.evaluation.unseen import NEVER, OTHERS
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.model_spec import SEEN
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import read_set
from edgehar.training import export
from edgehar.types import IMU_CHANNELS

SHIPPED = manifest.find("imu_tcn")
BRIEF: Sequence[tuple[str, float]] = (("standing", 10.0), ("running", 5.3), ("walking", 2.5))


@pytest.fixture(scope="module")
def model() -> Recognizer:
    return recognizer.load(SHIPPED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two people of motionsense, one of whom was decided on, and a set that nobody knows."""
    folder: Path = tmp_path_factory.mktemp("data")
    simulate(folder / "imu" / "motionsense.npz", BRIEF, people=(2, 40))
    worn = "chest", "wrist_left", "waist"
    columns = [f"{name}.{channel}" for name in (*worn[:2], "hat") for channel in IMU_CHANNELS]
    simulate(folder / "imu" / "stroll.npz", BRIEF, worn, people=(2,), columns=columns)
    return folder


@pytest.fixture(scope="module")
def scores(folder: Path) -> Results:
    return evaluate.evaluate(SHIPPED, folder)


def copied(folder: Path) -> Path:
    """Copy the shipped pair into another folder."""
    for suffix in (".json", ".tflite"):
        (folder / SHIPPED.name).with_suffix(suffix).write_bytes(SHIPPED.with_suffix(suffix).read_bytes())
    return folder / SHIPPED.name


def test_windows_are_scored_inside_trials_only(model: Recognizer, folder: Path) -> None:
    trials = read_set(folder, "motionsense")[:3]
    run = plan.Run("motionsense", ("trouser_pocket",), ("standing", "running", "walking"))
    answers = answer(model, trials, run)
    # 10 s hold windows that end at 2.56, 3.84, ... 8.96 s, 5.3 s hold three, 2.5 s none.
    assert answers.true.tolist() == ["standing"] * 6 + ["running"] * 3
    assert set(answers.person) == {"motionsense 2"}
    assert set(answers.predicted) <= set(model.spec.labels)
    # The decision starts anew in each trial.
    assert answers.state[5] == "standing"
    assert answers.state[6] == "no_signal"
    assert set(answers.state) <= {*model.spec.labels, *model.spec.tree, "other", "no_signal"}
    assert np.allclose(answers.probabilities.sum(axis=1), 1.0, atol=1e-5)


def test_what_is_not_among_the_labels_is_passed_over(model: Recognizer, folder: Path) -> None:
    run = plan.Run("motionsense", ("trouser_pocket",), ("running",))
    assert set(answer(model, read_set(folder, "motionsense"), run).true) == {"running"}


def test_who_was_decided_on_is_told_apart(scores: Results) -> None:
    line = scores.lines["motionsense trouser_pocket"]
    assert (line.everybody.windows, line.everybody.people) == (18, 2)
    assert line.decided_on is not None
    assert line.apart is not None
    assert (line.decided_on.windows, line.apart.windows) == (9, 9)
    assert set(line.everybody.f1) == {"standing", "running"}
    assert scores.lines["stroll chest"].apart is None


def tuned(folder: Path, tuned_on: dict[str, list[int]], name: str = "tuned") -> Path:
    """Write the shipped pair as one that was fitted to these people."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.tflite").write_bytes(SHIPPED.with_suffix(".tflite").read_bytes())
    export.write_manifest(folder / name, replace(manifest.read(SHIPPED), provenance={"tuned_on": tuned_on}))
    return folder / f"{name}.json"


def test_whom_the_model_was_fitted_to_is_not_scored_and_each_row_says_so(
    folder: Path, tmp_path: Path
) -> None:
    other, all_of_it = tuned(tmp_path, {"motionsense": [2]}), tuned(tmp_path, {"stroll": [2]}, "stroller")
    scores = evaluate.evaluate(other, folder, only=["motionsense", "stroll"])
    line = scores.lines["motionsense trouser_pocket"]
    assert (line.everybody.windows, line.everybody.people, line.mark) == (9, 1, OTHERS)
    assert line.decided_on is None
    assert scores.lines["stroll chest"].mark == NEVER
    assert scores.left_out == {"motionsense": [2]}
    # Where a model has seen everybody, everybody is scored, and it is said.
    scores = evaluate.evaluate(all_of_it, folder, only=["stroll"])
    assert scores.lines["stroll chest"].mark == SEEN
    assert scores.lines["stroll chest"].everybody.windows == 9


def test_a_model_is_compared_on_people_whom_another_has_not_seen_either(folder: Path, tmp_path: Path) -> None:
    other = tuned(tmp_path, {"motionsense": [2]})
    saw_nobody = manifest.find("imu_tcn_synthetic")
    scores = evaluate.evaluate(saw_nobody, folder, only=["motionsense"], unseen_by=[other])
    line = scores.lines["motionsense trouser_pocket"]
    assert (line.everybody.windows, line.mark) == (9, NEVER)
    assert scores.left_out == {"motionsense": [2]}
    assert (
        scores.command
        == f"edgehar-train evaluate imu_tcn_synthetic --data DIR --unseen-by {manifest.read(other).name}"
    )


def test_left_and_right_are_pooled_in_the_row_that_stands_for_both(tmp_path: Path) -> None:
    simulate(tmp_path / "imu" / "walk.npz", BRIEF, ("wrist_left", "wrist_right", "chest"))
    scores = evaluate.evaluate(SHIPPED, tmp_path, only=["walk"])
    both = scores.lines["walk either wrist"].everybody
    sides = [scores.lines[f"walk {side}"].everybody for side in ("wrist_left", "wrist_right")]
    assert both.windows == sum(side.windows for side in sides)
    assert both.people == 1
    plain = [name for name, line in scores.lines.items() if line.is_headline]
    assert plain == ["walk all together", "walk chest", "walk either wrist"]
    assert scores.means["walk"].sensors == 3
    # A label is told by three sensors, in three rows and in that of all together.
    assert len(scores.evidence["running"]) == 4


def test_what_is_half_known_is_scored_by_what_it_may_be(model: Recognizer, tmp_path: Path) -> None:
    simulate(
        tmp_path / "imu" / "life.npz",
        [("stairs_up", 10.0), ("standing", 10.0), ("sitting", 10.0)],
        ("waist",),
        activity=["stairs_up_or_down", "standing", "stepper"],
    )
    trials = read_set(tmp_path, "life")
    [row, _] = plan.plan(model.spec, {"life": trials}).rows
    assert set(row.labels) == {"stairs_up_or_down", "standing"}
    answers = answer(model, trials, row.runs[0])
    assert set(answers.true) == {"stairs_up_or_down", "standing"}
    line = evaluate.line_of(model.spec, row, answers)
    assert set(line.everybody.f1) <= {"stairs_up", "stairs_down", "standing"}
    assert set(line.coarse.f1) == {"on_foot", "still"}
    assert line.coarse.accuracy >= line.everybody.accuracy
    # Where all is half known, there is nothing to score.
    hands = [replace(trial, truth=[(0.0, 10.0, "typing")]) for trial in trials]
    plans = plan.plan(model.spec, {"hands": hands})
    assert not plans.rows
    assert "for certain" in plans.skipped["hands waist"]


def test_an_unknown_set_gets_a_row_for_each_sensor_that_the_model_takes(scores: Results) -> None:
    names = [name for name in scores.lines if name.startswith("stroll") and "orientation" not in name]
    assert names == ["stroll all together", "stroll chest", "stroll wrist_left"]
    assert scores.lines["stroll all together"].placements == ("chest", "wrist_left")
    assert '"hat"' in scores.skipped["stroll hat: hat"]
    assert "no such recordings" in scores.skipped["dsads"]
    assert "no such file" in scores.skipped["alarms"]
    alone = [scores.lines[name].everybody.macro_f1 for name in names[1:]]
    assert scores.means["stroll"].everybody == pytest.approx(np.mean(alone), abs=1e-3)
    assert scores.means["stroll"].sensors == 2


def test_every_label_has_its_evidence_or_none(scores: Results) -> None:
    assert set(scores.evidence) == set(manifest.read(SHIPPED).labels)
    assert "motionsense trouser_pocket" in scores.evidence["standing"]
    assert not scores.evidence["cycling"]
    document, summary = tables.document(scores), tables.summary(scores)
    assert "| cycling | never tested on people |" in document
    assert "| cycling | 0 | never tested on people |" in summary
    f1 = scores.evidence["standing"]
    least, most = min(f1, key=f1.__getitem__), max(f1, key=f1.__getitem__)
    assert f"| {f1[least]:.2f} {least} | {f1[most]:.2f} {most} |" in summary
    # Falls and what is none of the labels have measurements of their own, if they were made.
    assert "| falling | never tested on people |" in document
    measured = replace(scores, more={**scores.more, "falls": None})
    assert "| falling | falls found and false alarms, below |" in tables.document(measured)


def test_conditions_are_varied_one_at_a_time(scores: Results) -> None:
    swept = scores.sweeps["motionsense trouser_pocket"]
    assert list(swept) == [
        "15 Hz",
        "20 Hz",
        "25 Hz",
        "5% of packets lost",
        "20% of packets lost",
        "without gyroscope",
    ]
    whole = scores.lines["motionsense trouser_pocket"].everybody.macro_f1
    assert swept["25 Hz"].ratio == pytest.approx(swept["25 Hz"].macro_f1 / whole, abs=1e-3)
    assert swept["25 Hz"].answered == 1.0
    assert swept["20% of packets lost"].decided_macro_f1 is not None


def test_the_same_files_give_the_same_bytes(folder: Path, scores: Results) -> None:
    again = evaluate.evaluate(SHIPPED, folder, workers=2)
    assert msgspec.json.encode(again) == msgspec.json.encode(scores)


def test_rows_with_labels_of_their_own_are_scored_inside_them_and_by_the_greater_part(
    model: Recognizer, tmp_path: Path
) -> None:
    labels = np.array(["standing"] * 300 + ["TURNING"] * 60 + ["walking"] * 140)
    simulate(tmp_path / "imu" / "walk.npz", [("standing", 10.0)], row_label=labels)
    plans = plan.plan(model.spec, {"walk": read_set(tmp_path, "walk")})
    scored = [row for row in plans.rows if "orientation" not in row.name]
    assert [row.name for row in scored] == ["walk trouser_pocket", "walk trouser_pocket, by the greater part"]
    trials = read_set(tmp_path, "walk")
    inside, greater = (answer(model, trials, row.runs[0]).true.tolist() for row in scored)
    # Windows end at 2.56, 3.84, 5.12, 6.4, 7.68, 8.96 s.
    assert inside == ["standing"] * 3
    assert greater == ["standing"] * 4 + ["walking"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--data", "nowhere"], "no such folder"),
        (["--data", "bare"], "bare/imu: holds no set of the common form"),
        (
            ["--data", ".", "--only", "motionsense,dsads"],
            "by the name dsads; choose of motionsense, stroll, few_shot",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_one_line(
    folder: Path,
    arguments: list[str],
    complaint: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    (folder / "bare" / "imu").mkdir(parents=True, exist_ok=True)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["evaluate", str(SHIPPED), *arguments])
    assert exit_.value.code == 78
    assert complaint in capsys.readouterr().err.strip().splitlines()[-1]


def test_only_what_was_asked_for_is_scored(folder: Path) -> None:
    assert evaluate.set_names(folder) == ["motionsense", "stroll"]
    assert evaluate.set_names(folder, ["stroll"]) == ["stroll"]
    with pytest.raises(RecordingError, match="by the name stroll2"):
        evaluate.set_names(folder, ["stroll2"])


def test_a_damaged_set_is_not_passed_over(tmp_path: Path) -> None:
    simulate(tmp_path / "imu" / "stroll.npz", BRIEF)
    assert evaluate.set_names(tmp_path) == ["stroll"]
    content = (tmp_path / "imu" / "stroll.npz").read_bytes()
    (tmp_path / "imu" / "stroll.npz").write_bytes(content[:-30])
    with pytest.raises(RecordingError, match=r"stroll\.npz: no npz file, or a damaged one"):
        evaluate.set_names(tmp_path)


def test_results_go_into_a_folder_and_their_summary_beside_the_model(tmp_path: Path, scores: Results) -> None:
    copied(tmp_path)
    details, readme, work = tmp_path / "DETAILS.md", tmp_path / "README.md", tmp_path / "work"
    details.write_text("Above\n<!-- scores imu_tcn -->\nold\n<!-- /scores -->\nBelow\n")
    readme.write_text("<!-- scores imu_tcn table -->\n<!-- /scores -->\n")
    report.publish(tmp_path / SHIPPED.name, work, scores)
    columns = comparison.read(tmp_path, "imu_tcn")
    assert columns == {"synthetic only": comparison.scores_of_results(scores)}
    begin, end = "<!-- scores imu_tcn table -->", "<!-- /scores -->"
    assert readme.read_text() == f"{begin}\n{comparison.tables(columns)}\n{end}\n"
    text = details.read_text()
    assert text.startswith("Above\n<!-- scores imu_tcn -->\n#### ")
    assert text.endswith("|\n<!-- /scores -->\nBelow\n")
    metrics = manifest.read(tmp_path / SHIPPED.name).metrics
    assert tables.scores_table(metrics) in text
    line = scores.lines["motionsense trouser_pocket"]
    assert line.apart is not None
    assert metrics["motionsense trouser_pocket"] == {
        "windows": 18,
        "people": 2,
        "macro_f1": line.everybody.macro_f1,
        "interval": list(line.everybody.interval or ()),
        "coarse": line.coarse.macro_f1,
        "mark": NEVER,
        "decided_on": line.decided_on and line.decided_on.macro_f1,
        "apart": line.apart.macro_f1,
        "any_orientation": scores.lines["motionsense trouser_pocket, any orientation"].everybody.macro_f1,
        "after_decision": line.everybody.decided and line.everybody.decided.macro_f1,
    }
    assert msgspec.json.decode((work / "results.json").read_bytes(), type=Results) == scores
    assert (work / "results.md").read_text() == tables.document(scores) + "\n"
    assert (work / ".gitignore").read_text() == "*\n"
    content = (work / "confusion.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">2I", content[16:24]) > (500, 100)
    picture.draw({"same": line.everybody}, tmp_path / "one.png")
    picture.draw({"same": line.everybody}, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_where_nothing_can_be_told_apart_there_is_no_picture(tmp_path: Path, scores: Results) -> None:
    (tmp_path / SHIPPED.name).write_bytes(SHIPPED.read_bytes())
    report.publish(tmp_path / SHIPPED.name, tmp_path, msgspec.structs.replace(scores, lines={}))
    assert (tmp_path / "results.json").exists()
    assert not (tmp_path / "confusion.png").exists()


def test_scores_that_cannot_be_written_are_shown_all_the_same(
    tmp_path: Path, folder: Path, scores: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    model, work = copied(tmp_path), tmp_path / "work"
    (work / "results.json").mkdir(parents=True)
    arguments = ["evaluate", str(model), "--data", str(folder), "--workers", "1", "--work", str(work)]
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 78
    out, err = capsys.readouterr()
    assert out == tables.document(scores) + "\n"
    assert "results.json: cannot be written: Is a directory" in err.splitlines()[-1]


def test_matplotlib_is_missed_before_anything_is_scored(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["evaluate", str(copied(tmp_path)), "--data", str(folder), "--work", str(tmp_path / "work")])
    assert exit_.value.code == 3
    out, err = capsys.readouterr()
    assert not out
    assert err == "edgehar-train: the package `matplotlib` is missing; pip install 'edgehar[train]'\n"


def test_without_matplotlib_nothing_is_written(
    tmp_path: Path, scores: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SHIPPED.name).write_bytes(SHIPPED.read_bytes())
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="matplotlib"):
        report.publish(tmp_path / SHIPPED.name, tmp_path / "work", scores)
    assert not (tmp_path / "work" / "results.json").exists()
    assert (tmp_path / SHIPPED.name).read_bytes() == SHIPPED.read_bytes()


def test_where_figures_cannot_be_written_is_said_before_anything_is_scored(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("")
    shutil.copy(SHIPPED, tmp_path)
    shutil.copy(SHIPPED.with_suffix(".tflite"), tmp_path)
    options = [
        "--data",
        f"{folder}",
        "--work",
        f"{tmp_path / 'work'}",
        "--out",
        f"{tmp_path / 'taken' / 'new'}",
    ]
    with pytest.raises(SystemExit) as exit_:
        cli.main(["evaluate", f"{tmp_path / SHIPPED.name}", *options])
    assert exit_.value.code == 78
    out, err = capsys.readouterr()
    assert not out
    assert "taken/new: Not a directory; --no-write only prints" in err


def test_every_file_of_the_form_belongs_to_one_set(tmp_path: Path) -> None:
    names = "dsads", "dsads_more", "weda_fall_acc", "weda_fall_gyr", "openpack_sample", "xsens_walk"
    for name in names:
        simulate(tmp_path / "imu" / f"{name}.npz", [("standing", 1.0)])
    np.savez(tmp_path / "imu" / "xsens_walk.npz", another_form=np.zeros(3))
    assert evaluate.set_names(tmp_path) == ["dsads", "weda_fall", "dsads_more"]


def test_another_network_than_was_scored_is_refused(tmp_path: Path, scores: Results) -> None:
    (tmp_path / SHIPPED.name).write_bytes(SHIPPED.read_bytes())
    other = msgspec.structs.replace(scores, sha256="0" * 64)
    with pytest.raises(ConfigError, match="another network"):
        report.publish(tmp_path / SHIPPED.name, tmp_path, other)
    assert [path.name for path in tmp_path.iterdir()] == [SHIPPED.name]


@pytest.mark.parametrize(
    ("former", "added"),
    [({"more": {"baselines": 1}}, {"baselines": 1}), ({"more": {"baselines": 1}, "sha256": "0" * 64}, {})],
)
def test_scores_of_other_commands_are_kept_for_the_same_network_only(
    tmp_path: Path, scores: Results, former: dict[str, Any], added: dict[str, int]
) -> None:
    file = tmp_path / "results.json"
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(scores, **former)))
    report.publish(copied(tmp_path), tmp_path, scores)
    results = report.read_results(file)
    assert results is not None
    assert results.more == {**scores.more, **added}


def test_what_are_no_results_is_written_over(tmp_path: Path, scores: Results) -> None:
    (tmp_path / "results.json").write_bytes(b"{}")
    report.publish(copied(tmp_path), tmp_path, scores)
    assert report.read_results(tmp_path / "results.json") == scores


def test_the_shipped_model_scores_on_people_as_its_manifest_says(data: Path, model: Recognizer) -> None:
    title = "motionsense trouser_pocket"
    trials = [trial for trial in read_set(data, "motionsense") if trial.subject > 6]
    [row] = [row for row in plan.plan(model.spec, {"motionsense": trials}).rows if row.name == title]
    line = evaluate.line_of(model.spec, row, answer(model, trials, row.runs[0]))
    # int8 kernels differ a little between processors.
    assert line.everybody.macro_f1 == pytest.approx(model.spec.metrics[title]["apart"], abs=0.01)
    assert line.everybody.macro_f1 > 0.7
