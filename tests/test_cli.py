"""The verbs as a shell sees them: stdout, stderr and the exit code."""

import json
import logging
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from configurations import EVERYTHING
from conftest import ROOT
from shell import run
from typer.testing import CliRunner

from edgehar import cli
from edgehar.cli import train
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import SEEN

COMMANDS = {"edgehar": cli.app, "edgehar-train": train.app}


def verbs(app: typer.Typer) -> Iterator[tuple[str, ...]]:
    """Name every group and verb of a command line as it is typed; the root is ()."""
    below: list[tuple[tuple[str, ...], Any]] = [((), typer.main.get_command(app))]
    for words, command in below:
        yield words
        below += [((*words, name), verb) for name, verb in getattr(command, "commands", {}).items()]


VERBS = [(command, *words) for command, app in COMMANDS.items() for words in verbs(app)]
GROUPS = [group for group in VERBS if any(verb[:-1] == group for verb in VERBS)]


def edgehar(*arguments: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgehar", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


def help_of(verb: Sequence[str], option: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paragraphs of a verb's help on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(COMMANDS[verb[0]], [*verb[1:], option], prog_name=verb[0])
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.split("\n\n")


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_begins_with_a_sentence_and_an_example(
    verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage, sentence, example, *_ = help_of(verb, "--help", monkeypatch)
    assert usage.startswith(f"Usage: {' '.join(verb)} ")
    assert sentence.strip()[0].isupper()
    assert sentence.endswith(".")
    assert example.strip().startswith(f"Example: {' '.join(verb)}")
    assert help_of(verb, "-h", monkeypatch) == help_of(verb, "--help", monkeypatch)


@pytest.mark.parametrize("verb", GROUPS, ids=" ".join)
def test_a_list_of_verbs_has_whole_sentences_at_80_columns(
    verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, commands = help_of(verb, "--help", monkeypatch)
    heading, *lines = commands.strip().splitlines()
    assert heading == "Commands:"
    for line in lines:
        name, sentence = line.split(maxsplit=1)
        _, text, *_ = help_of((*verb, name), "--help", monkeypatch)
        assert sentence == text.strip()


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    level = logger.level
    yield logger
    logger.setLevel(level)


@pytest.mark.parametrize(
    "arguments",
    ["-v models list", "models -v list", "models list -v", "models list --verbose --json"],
)
def test_verbose_may_stand_before_and_behind_the_verb(root_logger: logging.Logger, arguments: str) -> None:
    assert CliRunner().invoke(cli.app, arguments).exit_code == 0
    assert root_logger.level == logging.DEBUG


def test_every_verb_takes_verbose(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(VERBS) > 20
    for verb in VERBS:
        assert "-v, --verbose " in "".join(help_of(verb, "-h", monkeypatch)), verb


def test_a_models_summary_fits_a_terminal_of_80_columns_and_28_lines() -> None:
    _, out, _ = run("models", "info", "imu_tcn")
    lines = out.splitlines()
    assert len(lines) < 28  # the prompt takes one
    assert max(map(len, lines)) <= 80
    spec = manifest.read(manifest.find("imu_tcn"))
    assert all(label in out for label in spec.labels)
    assert "people it has not seen" in " ".join(out.split())
    seen = [name for name, score in spec.metrics.items() if score["mark"] == SEEN]
    assert seen
    assert not [name for name in seen if name in " ".join(out.split())]
    _, full, _ = run("models", "info", "imu_tcn", "--full")
    assert spec.sha256 in full
    assert len(full.splitlines()) > 200


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["models", "list"], id="models list"),
        pytest.param(["models", "info", "imu_tcn"], id="models info"),
        pytest.param(["models", "info", "imu_tcn", "--full"], id="models info --full"),
        pytest.param(["models", "verify", "imu_tcn"], id="models verify"),
        pytest.param(["config", "check"], id="config check"),
        pytest.param(["config", "show"], id="config show"),
    ],
)
def test_reports_print_for_people_and_as_json(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "edgehar.toml").write_text(EVERYTHING)
    monkeypatch.chdir(tmp_path)
    assert run(*arguments)[1].strip()
    assert json.loads(run(*arguments, "--json")[1])


def test_verify_says_what_the_checksums_cover(tmp_path: Path) -> None:
    for suffix in (".json", ".tflite"):
        shutil.copy(ROOT / "models" / f"imu_tcn{suffix}", tmp_path)
    pair = tmp_path / "imu_tcn.json"
    assert "checksums_cover: network, labels, settings and" in run("models", "verify", pair)[1]
    sealed = json.loads(pair.read_text())
    pair.write_text(json.dumps({key: sealed[key] for key in sealed if key != "manifest_sha256"}))
    assert "checksums_cover: network alone: " in run("models", "verify", pair)[1]
    pair.write_text(json.dumps(sealed | {"labels": sealed["labels"][::-1]}))
    code, _, err = run("models", "verify", pair)
    assert code == 78
    assert "imu_tcn.json: manifest_sha256: expected " in err


def test_the_places_of_a_models_sensors_are_listed_as_they_are_written() -> None:
    described = " ".join(run("models", "info", "imu_tcn")[1].split())
    assert "up to 2 of wrist, wrist_left, wrist_right: all labels" in described
    assert "one of trouser_pocket, trouser_pocket_left, trouser_pocket_right, thigh, " in described
    assert "[" not in described


def test_a_sensor_that_can_tell_every_label_says_so() -> None:
    wrist = run("models", "info", "imu_tcn", "--full")[1].split("name: wrist\n")[1]
    assert wrist.splitlines()[1].strip() == "labels: all"


def test_the_schema_is_json() -> None:
    assert "$defs" in json.loads(run("config", "schema")[1])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(["fly"], 2, "No such command", id="unknown verb"),
        pytest.param(
            ["run", "-c", "nowhere.toml"], 78, "nowhere.toml: cannot be read", id="no configuration"
        ),
        pytest.param(["models", "info", "nothing"], 78, "imu_tcn", id="unknown model"),
        pytest.param(["replay", "nowhere.ehr"], 78, "nowhere.ehr", id="no recording"),
        pytest.param(["record", "x.ehr"], 78, "--port", id="nothing to record"),
        pytest.param(
            ["record", "x.ehr", "--port", "p", "--placement", "a b/+"], 78, "placement", id="no placement"
        ),
        pytest.param(["record", "x.ehr", "--port", "foo://x:1"], 78, "foo://x:1", id="no port"),
        pytest.param(["record", "x.ehr", "--port", "p", "--seconds", "-1"], 2, "--seconds", id="no duration"),
        pytest.param(["sim", "--drift-ppm", "nan"], 2, "--drift-ppm", id="no number"),
        pytest.param(["run", "-c", "/dev/zero"], 78, "more than 1,048,576 bytes", id="no end"),
        pytest.param(["demo", "--port", "99999"], 2, "65535", id="port out of range"),
        pytest.param(
            ["sim", "--disconnect-every-s", "-20"], 2, "--disconnect-every-s", id="time out of range"
        ),
    ],
)
def test_a_refusal_is_an_exit_code_and_a_sentence_on_stderr(
    arguments: list[str], code: int, message: str
) -> None:
    ended, out, err = run(*arguments)
    assert (ended, out) == (code, "")
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("line", "change"),
    [
        pytest.param(2, 'path = "imu_tcm"', id="model"),
        pytest.param(6, 'password_file = "./nowhere"', id="password"),
        pytest.param(7, 'tls = { ca_file = "nowhere.pem" }', id="TLS"),
        pytest.param(2, 'labels = ["stil"]', id="labels"),
        pytest.param(8, "no_signal_after_s = 0.5", id="decision"),
        pytest.param(10, 'placement = "wirst"', id="placement"),
    ],
)
def test_what_a_key_points_to_is_refused_with_its_line(tmp_path: Path, line: int, change: str) -> None:
    keys = {
        2: 'path = "imu_tcn"',
        6: 'password_file = "./secret"',
        7: "tls = {}",
        8: "held_threshold = 0.2",
        10: 'placement = "wrist"',
    }
    keys[line] = change
    path = tmp_path / "edgehar.toml"
    path.write_text(f"""[model]
{keys[2]}
[mqtt]
host = "h"
username = "u"
{keys[6]}
{keys[7]}
[decision]
{keys[8]}
[[wearer]]
id = "w"
serial = [{{ port = "/dev/ttyACM0", {keys[10]} }}]
""")
    (tmp_path / "secret").write_text("s3cret")
    code, _, err = run("config", "check", "-c", path)
    assert code == 78
    assert err.startswith(f"edgehar: {path}:{line}: ")


def test_replay_prints_a_persons_events_and_their_score(data: Path) -> None:
    npz = data / "imu" / "motionsense.npz"
    done = edgehar("replay", npz, "--subject", "1", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["type"] for line in lines} == {
        "activity_started",
        "activity_ended",
        "time_in_states_s",
        "score",
        "score_by_kind",
        "confusion",
        "f1_by_kind",
    }
    [score] = [line for line in lines if line["type"] == "score"]
    assert score["activity_started"]["true"] == 12
    assert 0 < score["activity_started"]["recall"] <= 1
    refused = edgehar("replay", npz)
    assert (refused.returncode, "one subject has to be chosen" in refused.stderr) == (78, True)


def test_a_simulated_sensor_can_be_recorded_and_replayed(tmp_path: Path) -> None:
    out = tmp_path / "walk.ehr"
    simulator = subprocess.Popen(
        [sys.executable, "-m", "edgehar", "sim", "--tcp", "0", "--placement", "wrist_left"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert simulator.stdout is not None
        url = simulator.stdout.readline().strip()
        recorded = edgehar(
            "record", out, "--port", url, "--placement", "wrist_left", "--seconds", "4", "--json"
        )
    finally:
        simulator.send_signal(signal.SIGINT)
        simulator.communicate()
    counts = json.loads(recorded.stdout)
    assert counts["packets"] > 15  # of five a second
    assert counts["placements"] == ["wrist_left"]
    replayed = edgehar("replay", out)
    assert replayed.returncode == 0
    assert "time in states: " in replayed.stdout
    assert "too short" not in replayed.stdout


@pytest.mark.parametrize("ignored", [False, True], ids=["terminal", "nohup"])
def test_a_closed_terminal_ends_a_verb_unless_it_runs_under_nohup(ignored: bool) -> None:  # noqa: FBT001
    simulator = subprocess.Popen(
        [*(["nohup"] if ignored else []), sys.executable, "-m", "edgehar", "sim", "--tcp", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert simulator.stdout is not None
        host, port = simulator.stdout.readline().strip().removeprefix("socket://").split(":")
        simulator.send_signal(signal.SIGHUP)
        if ignored:
            with socket.create_connection((host, int(port)), timeout=30) as sensor:
                assert sensor.recv(1)
            simulator.send_signal(signal.SIGTERM)
        simulator.communicate(timeout=30)
    finally:
        simulator.kill()
    assert simulator.returncode == 0


def test_demo_stops_when_its_seconds_are_over() -> None:
    done = edgehar("demo", "--seconds", "0.5", "--port", "0", "--json")
    assert done.returncode == 0, done.stderr


def test_demo_works_without_a_terminal_and_ctrl_c_is_130() -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "edgehar", "demo", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert demo.stdout is not None
        # The first window and a few hops after it, at the pace of a real wearer: four seconds.
        lines = map(json.loads, demo.stdout)
        assert any(line["type"] == "event" for line in lines)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=30)
    finally:
        demo.kill()
    assert demo.returncode == 130
    assert "Traceback" not in errors


def test_a_recording_is_not_recorded_again(tmp_path: Path) -> None:
    config = tmp_path / "edgehar.toml"
    config.write_text('[[wearer]]\nid = "a"\n[wearer.replay]\npath = "x.ehr"\n')
    done = edgehar("record", tmp_path / "out.ehr", "--config", config)
    assert (done.returncode, "is a recording already" in done.stderr) == (78, True)


def test_a_recording_of_nothing_is_a_failure(tmp_path: Path) -> None:
    done = edgehar("record", tmp_path / "out.ehr", "--port", "/dev/ttyNOWHERE", "--seconds", "0.5")
    assert done.returncode == 1
    assert "packets: 0" in done.stdout


INTERRUPTED = """
import signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
sys.argv = ["edgehar", "models", "list"]
from edgehar.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["edgehar.cli", "typer", "edgehar.cli.logs", "edgehar.pipeline.manifest"])
def test_ctrl_c_while_modules_load_is_130_without_a_traceback(module: str) -> None:
    script = INTERRUPTED.format(module=module)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr
