"""What is stored of whom, as `edgehar data` lists and removes it: with a daemon that runs, and without one."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mosquitto import PATIENCE_S, Mosquitto, free_port
from typer.testing import CliRunner

from edgehar import cli
from edgehar.errors import EdgeharError, OperatorError
from edgehar.publishers.event_file import EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.payloads import Message, iso_utc
from edgehar.recordings import moments
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.excerpt import Excerpt, write
from edgehar.recordings.marks import Mark
from edgehar.recordings.moments import Moment
from edgehar.recordings.names import RecordingName
from edgehar.types import Stream

DAY_S = 86_400.0
WEARERS = ("anna", "anna-2", "ben")
CONFIG = """
[gateway]
id = "gw"
state_dir = "state"
[mqtt]
host = "127.0.0.1"
port = {port}
{more}
[[wearer]]
id = "anna"
[wearer.simulator]
placements = ["wrist"]
longest_s = 5
"""


def edgehar(*arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run a verb in this process, which is quicker than another one, for somebody who types an answer."""
    done = CliRunner().invoke(cli.app, arguments, input=answer)
    refusal = f"{done.exception}" if isinstance(done.exception, EdgeharError) else ""
    code = 78 if isinstance(done.exception, OperatorError) else done.exit_code
    return subprocess.CompletedProcess(arguments, code, done.stdout, done.stderr + refusal)


def event(wearer: str, number: int) -> Message:
    return Message(f"edgehar/gw/{wearer}/event", b'{"id":"%s-%d"}' % (wearer.encode(), number), retain=False)


def store(folder: Path, port: int = 1, more: str = "") -> Path:
    """Store something of each kind of three wearers, a day old and ten days old; return the configuration."""
    state = folder / "state"
    (state / "recordings").mkdir(parents=True)
    (folder / "heads").mkdir()
    for wearer in WEARERS:
        for days in (1, 10):
            unix_s = time.time() - days * DAY_S
            header = Header(wearer, (Stream("wrist"),), epoch=unix_s)
            name = RecordingName(wearer, unix_s, "walking")
            with Writer(state / "recordings" / str(name), header) as writer:
                writer.mark(0.0, Mark("begin", "walking"))
                writer.push(1.0, 0, b"x")
            write(
                state / "kept",
                RecordingName(wearer, unix_s, "rejected"),
                Excerpt(header, [(0.0, 0, b"x")], []),
            )
        (state / "recordings" / str(name)).with_suffix(".labels.csv").write_text("0,1,walking\n")
        moments.append(
            state / "recordings" / f"{wearer}.moments.jsonl",
            Moment(iso_utc(time.time() - DAY_S), wearer, "button"),
        )
        (folder / "heads" / f"{wearer}.1.head.json").write_text("{}")
        (folder / "heads" / f"{wearer}.2.undone.json").write_text("{}")
    with Writer(state / "recordings" / "mine.ehr", Header("anna", (Stream("wrist"),), epoch=1e9)) as writer:
        writer.push(0.0, 0, b"x")
    kept = KeptEvents(EventFile(state))
    for number in range(300):
        for wearer in WEARERS:
            kept.keep(event(wearer, number))
    kept.close()
    (state / "events.sqlite.damaged").write_bytes(b"\0edgehar/gw/anna/event\0")
    config = folder / "edgehar.toml"
    config.write_text(CONFIG.format(port=port, more=more))
    return config


def names(folder: Path, wearer: str) -> set[Path]:
    """Return the files below a folder in whose name or bytes the wearer stands, and no longer name of another's."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path
        for path in files
        if wearer in path.name.replace("anna-2", "")
        or wearer.encode() in path.read_bytes().replace(b"anna-2", b"")
    }


@contextmanager
def daemon(config: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "edgehar", "run", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        while "first packet" not in process.stderr.readline():
            assert process.poll() is None
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def test_all_of_a_wearer_is_listed_by_its_kind(tmp_path: Path) -> None:
    config = store(tmp_path)
    rows = json.loads(edgehar("data", "list", "-c", str(config), "--wearer", "anna", "--json").stdout)
    assert sorted(row["kind"] for row in rows) == [
        *["head"] * 2,
        *["kept moment"] * 2,
        "labels",
        "marked moments",
        *["recording"] * 3,
        "waiting events",
    ]
    assert {row["what"] for row in rows if row["path"].endswith("walking.ehr")} == {"walking"}
    assert [row["what"] for row in rows if row["kind"] == "waiting events"] == ["300 events"]
    everybody = json.loads(edgehar("data", "list", "-c", str(config), "--json").stdout)
    assert {row["wearer"] for row in everybody} == {*WEARERS, None}


def test_a_purge_leaves_no_trace_of_the_wearer_and_all_of_the_others(tmp_path: Path) -> None:
    config, state = store(tmp_path), tmp_path / "state"
    before = {wearer: len(names(tmp_path, wearer)) for wearer in WEARERS}
    done = edgehar("data", "purge", "-c", str(config), "--wearer", "anna", "--yes")
    assert done.returncode == 0, done.stderr
    assert "removed: 300 events that waited for the broker" in done.stdout
    assert names(state, "anna") == set()
    assert names(tmp_path / "heads", "anna") == set()
    assert len(names(tmp_path, "ben")) == before["ben"]
    assert len([*state.rglob("anna-2*")]) == 6
    assert "out of reach: files elsewhere" in done.stderr
    kept = KeptEvents(EventFile(state))
    assert [message.topic for message in kept] == ["edgehar/gw/anna-2/event", "edgehar/gw/ben/event"] * 300
    kept.close()


def test_only_what_is_old_goes_if_that_is_asked_for(tmp_path: Path) -> None:
    config = store(tmp_path)
    done = edgehar("data", "purge", "-c", str(config), "--wearer", "ben", "--days", "5", "--yes", "--json")
    removed = json.loads(done.stdout)["removed"]
    assert sorted(row["kind"] for row in removed) == ["kept moment", "labels", "recording"]
    assert len([*(tmp_path / "state").rglob("ben-*.ehr")]) == 2
    again = edgehar(
        "data", "purge", "-c", str(config), "--wearer", "ben", "--before", "2020-01-01", "-y", "--json"
    )
    assert json.loads(again.stdout)["removed"] == []
    both = edgehar(
        "data", "purge", "-c", str(config), "--wearer", "ben", "--days", "5", "--before", "2020-01-01"
    )
    assert (both.returncode, "give one" in both.stderr) == (78, True)


def test_old_moments_go_out_of_a_file_that_has_newer_ones(tmp_path: Path) -> None:
    config = store(tmp_path)
    path = tmp_path / "state" / "recordings" / "ben.moments.jsonl"
    moments.append(path, Moment(iso_utc(time.time() - 10 * DAY_S), "ben", "tap"))
    done = edgehar("data", "purge", "-c", str(config), "--wearer", "ben", "--days", "5", "--yes", "--json")
    rows = [row for row in json.loads(done.stdout)["removed"] if row["kind"] == "marked moments"]
    assert [row["what"] for row in rows] == ["1 of its moments"]
    assert path.read_bytes().count(b"button") == path.read_bytes().count(b"\n") == 1


def test_what_nobody_can_tell_whose_it_is_is_left_and_named(tmp_path: Path) -> None:
    config = store(tmp_path)
    path = tmp_path / "state" / "recordings" / "odd.ehr"
    path.write_bytes(b"damaged")
    done = edgehar("data", "purge", "-c", str(config), "--wearer", "anna", "--yes")
    assert f"left: {path}: nobody can tell whose it is; remove it if it is anna's" in done.stdout
    assert done.returncode == 1
    old = edgehar("data", "purge", "-c", str(config), "--wearer", "anna", "--days", "1", "--yes")
    assert (old.returncode, "left" in old.stdout) == (0, False)


def test_a_wearer_of_whom_nothing_is_stored_may_be_another(tmp_path: Path) -> None:
    config = store(tmp_path)
    arguments = ("data", "purge", "-c", str(config), "--yes", "--wearer")
    assert "nothing was stored of bem; did you mean `ben`?" in edgehar(*arguments, "bem").stderr
    assert "nothing was stored" not in edgehar(*arguments, "ben").stderr
    refused = edgehar(*arguments, "../ben")
    assert (refused.returncode, "--wearer: expected" in refused.stderr) == (78, True)


def test_more_days_than_there_were_are_refused(tmp_path: Path) -> None:
    done = edgehar("data", "purge", "-c", str(store(tmp_path)), "--wearer", "ben", "--days", "1e9")
    assert (done.returncode, "less than or equal to 36500" in done.stderr) == (2, True)


def test_a_daemon_that_cannot_be_asked_is_said(tmp_path: Path) -> None:
    config, state = store(tmp_path), tmp_path / "state"
    (state / "purge.answer").mkdir()
    with contextlib.ExitStack() as stack:
        folder = os.open(state, os.O_RDONLY)
        stack.callback(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_SH)
        done = edgehar("data", "purge", "-c", str(config), "--wearer", "ben", "--yes")
    assert (done.returncode, "purge.request: Is a directory" in done.stderr) == (78, True)
    assert len(names(state, "ben")) > 0


def test_nothing_is_removed_unless_somebody_says_yes(tmp_path: Path) -> None:
    config = store(tmp_path)
    before = names(tmp_path, "anna")
    refused = edgehar("data", "purge", "-c", str(config), "--wearer", "anna", answer="no\n")
    assert (refused.returncode, "nothing was removed" in refused.stderr) == (1, True)
    assert names(tmp_path, "anna") == before
    assert edgehar("data", "purge", "-c", str(config), "--wearer", "anna").returncode != 0
    assert names(tmp_path, "anna") == before
    assert edgehar("data", "purge", "-c", str(config), "--wearer", "anna", answer="yes\n").returncode == 0


def test_a_recording_that_is_being_made_is_left_and_named(tmp_path: Path) -> None:
    config = store(tmp_path)
    path = tmp_path / "state" / "recordings" / "anna-20261201T000000Z-running.ehr"
    with Writer(path, Header("anna", (Stream("wrist"),), epoch=0.0)):
        done = edgehar("data", "purge", "-c", str(config), "--wearer", "anna", "--yes")
        assert done.returncode == 1
        assert f"left: {path}: is being recorded: end that, and purge again" in done.stdout
        assert names(tmp_path / "state", "anna") == {path}
    assert edgehar("data", "purge", "-c", str(config), "--wearer", "anna", "--yes").returncode == 0
    assert names(tmp_path / "state", "anna") == set()


def test_where_nothing_is_stored_that_is_said(tmp_path: Path) -> None:
    config = tmp_path / "edgehar.toml"
    config.write_text(CONFIG.format(port=1, more="").replace('state_dir = "state"', ""))
    done = edgehar("data", "list", "-c", str(config))
    assert (done.returncode, "there is no folder for what outlives edgehar" in done.stderr) == (78, True)
    config.write_text(CONFIG.format(port=1, more=""))
    done = edgehar("data", "list", "-c", str(config))
    assert (done.stdout, done.stderr) == ("", "nothing is stored of anybody\n")
    assert edgehar("data", "purge", "-c", str(config), "--wearer", "anna", "-y").returncode == 0
    assert not (tmp_path / "state").exists()
    (tmp_path / "state").write_text("a file")
    done = edgehar("data", "list", "-c", str(config))
    assert (done.returncode, "expected a folder, and it is a file" in done.stderr) == (78, True)


def test_a_daemon_that_runs_without_its_broker_forgets_what_waits_and_what_it_keeps(tmp_path: Path) -> None:
    config, state = store(tmp_path, more="[keep]\nafter_s = 60"), tmp_path / "state"
    with daemon(config) as process:
        listed = json.loads(edgehar("data", "list", "-c", str(config), "--json").stdout)
        [events] = [row["what"] for row in listed if row["kind"] == "waiting events"]
        assert events == "those of all wearers, which a running edgehar has"
        done = edgehar("data", "purge", "-c", str(config), "--wearer", "anna", "--yes", "--json")
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["daemon"] == "runs, and has forgotten"
        assert answer["events"] >= 300
        assert process.poll() is None
        assert {path for path in names(state, "anna") if path.suffix == ".ehr"} == set()
    kept = KeptEvents(EventFile(state))
    assert sum(message.topic.endswith("/ben/event") for message in kept) == 300
    assert sum(message.topic.endswith("/anna/event") for message in kept) < 10
    kept.close()


def test_what_the_broker_retains_goes_if_that_is_asked_for(tmp_path: Path) -> None:
    with Mosquitto(free_port(), tmp_path) as broker:
        config = store(tmp_path, broker.port, "[homeassistant]")
        text = config.read_text().replace('id = "anna"', 'id = "cleo"')
        with daemon(config):
            pass
        config.write_text(text)
        arguments = ("data", "purge", "-c", str(config), "--wearer", "anna", "--yes")
        assert "the broker's retained topics were left" in edgehar(*arguments).stderr
        topics = json.loads(edgehar(*arguments, "--retained", "--json").stdout)["topics"]
        assert "edgehar/gw/anna/status" in topics
        assert "homeassistant/device/edgehar-gw/anna/config" in topics
        assert json.loads(edgehar(*arguments, "--retained", "--json").stdout)["topics"] == []


@pytest.mark.parametrize("verb", ["list", "purge"])
def test_each_verb_has_an_example(verb: str) -> None:
    assert "Example: edgehar data" in edgehar("data", verb, "--help").stdout


def test_a_head_that_is_in_use_is_left_and_named(tmp_path: Path) -> None:
    config = store(tmp_path)
    text = config.read_text()
    config.write_text(text.replace('id = "anna"', 'id = "anna"\nhead = "heads/anna.1.head.json"'))
    arguments = ("data", "purge", "-c", str(config), "--wearer", "anna", "--yes")
    done = edgehar(*arguments)
    head = tmp_path / "heads" / "anna.1.head.json"
    assert (done.returncode, names(tmp_path / "heads", "anna")) == (1, {head})
    assert f"left: {head}: edgehar.toml names it: take the line out, and purge again" in done.stdout
    config.write_text(text)
    assert edgehar(*arguments).returncode == 0
    assert names(tmp_path / "heads", "anna") == set()
