"""`edgehar personalize` as a shell sees it: taught, judged, in use, taken back."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from labelled import Script, record
from shell import run
from test_cli import edgehar
from typer.testing import CliRunner, Result

from edgehar import cli
from edgehar.config.read import load

CONFIG = """# the house
[gateway]
id = "gw"
state_dir = "state"

[[wearer]]
id = "anna"  # not her name
simulator = {placements = ["wrist_right"]}
"""

DAY = [("walking", 15.0), ("standing", 10.0), ("sitting", 15.0)]
PACKING: Script = [
    *(("arm_work", 15), ("walking", 15), ("arm_work", 15)),
    *(("sitting", 15), ("arm_work", 15), ("standing", 10)),
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an ordinary day, one of packing, and sabotage: sitting that is called walking."""
    folder = tmp_path_factory.mktemp("recordings")
    record(folder / "day.ehr", [*DAY * 3])
    record(folder / "box.ehr", PACKING, {"arm_work": "tape_box"})
    script = [*(("sitting", 15.0), ("standing", 10.0)) * 2, ("sitting", 15.0)]
    record(folder / "swapped.ehr", script, {"sitting": "walking"})
    record(folder / "silent.ehr", [("arm_work", 20)], is_labelled=False)
    return folder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "edgehar.toml"
    path.write_text(CONFIG)
    return path


def personalize(config: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.app, ["personalize", "--config", str(config), *map(str, arguments)])


def report(config: Path, *arguments: str | Path) -> dict[str, Any]:
    done = personalize(config, *arguments, "--json")
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_new_activity_is_taught_used_and_taken_back(recordings: Path, config: Path) -> None:
    done = personalize(config, recordings / "box.ehr", "--replay", recordings / "day.ehr")
    assert done.exit_code == 0, done.output
    assert "accepted: " in done.stdout
    assert "undo: edgehar personalize --undo --wearer anna" in done.stdout
    head = config.parent / "heads" / "anna.1.head.json"
    assert load(config).wearer[0].head == str(head)
    assert 'id = "anna"  # not her name' in config.read_text()

    assert "tape_box began" in run("replay", recordings / "box.ehr", "--head", head)[1]
    assert "tape_box began" not in run("replay", recordings / "box.ehr")[1]

    about = CliRunner().invoke(cli.app, ["models", "info", str(head), "--json"])
    assert json.loads(about.stdout)["new_labels"] == ["tape_box"]
    [row] = json.loads(personalize(config, "--list", "--json").stdout)
    assert (row["head"], row["in_use"]) == ("anna.1", "yes")
    assert "anna.1 is taken back; in use is the model as it is" in personalize(config, "--undo").stdout
    assert config.read_text() == CONFIG


def test_who_was_taught_nothing_has_no_heads_to_list(config: Path) -> None:
    done = personalize(config, "--list", "--json")
    assert (json.loads(done.stdout), done.stderr) == ([], "anna has been taught nothing yet\n")


def test_the_table_says_what_was_told_before_and_now(recordings: Path, config: Path) -> None:
    answer = report(config, recordings / "box.ehr", "--dry-run")
    [row] = [row for row in answer["labels"] if row["label"] == "tape_box"]
    assert (row["taught_s"], row["takes"], row["told_before"]) == (45.0, 3, 0)
    assert row["told_after"] >= 2
    assert (answer["accepted"], answer["head"], config.read_text()) == (True, None, CONFIG)


def test_sabotage_is_refused_by_a_stored_recording(recordings: Path, config: Path) -> None:
    state = config.parent / "state" / "recordings"
    state.mkdir(parents=True)
    (state / "day.ehr").write_bytes((recordings / "day.ehr").read_bytes())
    done = personalize(config, recordings / "swapped.ehr", "--anyway")
    assert done.exit_code == 1
    assert re.search(
        r"^refused: .*sitting is missed in \d of 3 takes where it was missed in \d \(stored recordings\)",
        done.stdout,
        re.MULTILINE,
    )
    assert config.read_text() == CONFIG
    assert not (config.parent / "heads").exists()


def test_the_next_lesson_forgets_nothing_of_the_one_before(recordings: Path, config: Path) -> None:
    first = report(config, recordings / "box.ehr")
    assert first["accepted"]
    second = report(config, recordings / "day.ehr")
    assert {"tape_box", "walking"} <= {row["label"] for row in second["labels"]}
    assert second["accepted"], second["sentence"]
    assert second["head"].endswith("anna.2.head.json")
    assert "in use is " in (undone := personalize(config, "--undo").stdout)
    assert "anna.1.head.json" in undone


def test_a_copy_is_no_second_take_and_no_other_recording(config: Path, tmp_path: Path) -> None:
    once = record(
        tmp_path / "once.ehr", [("arm_work", 9), ("walking", 9), ("sitting", 9)], {"arm_work": "box"}
    )
    copy = tmp_path / "copy.ehr"
    copy.write_bytes(once.read_bytes())
    alone = report(config, once, "--dry-run")
    assert {row["takes"] for row in alone["labels"]} == {2}
    twice = personalize(config, once, copy, "--replay", once, "--dry-run", "--json")
    assert f"{copy}: 27 s of it stand in {once} too" in twice.stderr
    assert json.loads(twice.stdout) | {"took_s": 0} == alone | {"took_s": 0}


def test_recordings_of_another_place_are_refused_and_of_another_wearer_named(config: Path) -> None:
    elsewhere = record(config.parent / "elsewhere.ehr", DAY, placement="waist")
    done = run("personalize", elsewhere, "--config", config)
    assert (done[0], "expected what anna wears, wrist_right, got waist" in done[2]) == (78, True)
    bens = record(config.parent / "bens.ehr", DAY, wearer="ben")
    assert (
        "bens.ehr: was recorded of ben, and is taught to anna"
        in personalize(config, bens, "--dry-run").stderr
    )


def test_one_label_alone_says_too_little_unless_somebody_insists(recordings: Path, config: Path) -> None:
    silent = recordings / "silent.ehr"
    done = personalize(config, silent, "--label", "tape_box")
    assert done.exit_code == 1
    assert "refused, as the recordings say too little: nothing else than tape_box was done" in done.stdout
    assert personalize(config, silent, "--label", "tape_box", "--anyway").exit_code == 0
    assert load(config).wearer[0].head
    # Its label is remembered, and is not that of the next.
    rest = record(config.parent / "rest.ehr", [("sitting", 16)], is_labelled=False)
    answer = report(config, rest, "--label", "sitting", "--dry-run")
    taught = {row["label"]: row["taught_s"] for row in answer["labels"]}
    assert (round(taught["tape_box"]), round(taught["sitting"])) == (20, 16)


def test_what_would_be_forgotten_is_accepted_only_by_who_insists(recordings: Path, config: Path) -> None:
    gone = record(config.parent / "gone.ehr", PACKING, {"arm_work": "tape_box"})
    assert report(config, gone)["accepted"]
    gone.unlink()
    done = personalize(config, recordings / "day.ehr", "--dry-run")
    assert "gone.ehr: is no longer there" in done.stderr
    assert "tape_box, which the head in use was taught, would be told no more" in done.stdout
    assert done.exit_code == 1


def test_a_stored_file_that_is_no_recording_keeps_nobody_from_learning(
    recordings: Path, config: Path
) -> None:
    (config.parent / "state").mkdir()
    (config.parent / "state" / "torn.ehr").write_bytes(b"edgehar")
    record(config.parent / "state" / "bens.ehr", [("sitting", 10)], wearer="ben")
    done = personalize(config, recordings / "box.ehr", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "not judged: " in done.stderr
    assert "torn.ehr" in done.stderr
    assert "stored recordings" not in done.stdout


def test_a_damaged_head_and_one_of_another_network_fail_the_check_and_are_taken_back(
    recordings: Path, config: Path
) -> None:
    assert report(config, recordings / "box.ehr")["accepted"]
    head = config.parent / "heads" / "anna.1.head.json"
    head.write_text(head.read_text().replace("tape_box", "tape_bag"))
    code, _, err = run("config", "check", "--config", config)
    assert (code, "anna.1.head.json: sha256: expected" in err) == (78, True)
    assert personalize(config, "--undo").exit_code == 0
    assert config.read_text() == CONFIG


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "expected one of RECORDING, --undo and --list; none came"),
        (("x.ehr", "--undo"), "RECORDING and --undo came"),
        (("x.ehr",), "x.ehr: No such file"),
        (("walk.npz",), "walk.npz: expected a recording, *.ehr"),
        (("x.ehr", "--wearer", "ben"), "--wearer must name one of anna; it came as ben"),
        (("--undo",), "anna has no head that could be taken back"),
    ],
)
def test_what_cannot_be_is_one_line(config: Path, arguments: tuple[str, ...], problem: str) -> None:
    code, _, err = run("personalize", *arguments, "--config", config)
    assert code in {2, 78}
    assert problem in " ".join(err.split())


def test_a_recording_without_labels_and_a_label_too_short_are_one_line_each(
    recordings: Path, config: Path
) -> None:
    assert (
        "says nowhere what was done" in run("personalize", recordings / "silent.ehr", "--config", config)[2]
    )
    short = record(config.parent / "short.ehr", [("walking", 10), ("arm_work", 2)], {"arm_work": "tape_box"})
    done = edgehar("personalize", short, "--config", config)
    assert (done.returncode, done.stderr.count("\n")) == (78, 1)
    assert "tape_box: expected at least 2.56 s without a gap in one go" in done.stderr
