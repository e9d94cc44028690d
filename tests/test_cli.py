"""The verbs as a shell sees them: stdout, stderr and the exit code."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "deploy" / "edgehar.toml"
VERBS = [
    [], ["run"], ["demo"], ["replay"], ["record"], ["sim"],
    ["models"], ["models", "list"], ["models", "info"], ["models", "verify"],
    ["config"], ["config", "check"], ["config", "show"], ["config", "schema"],
]  # fmt: skip


def edgehar(*arguments: str | Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgehar", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_begins_with_an_example(verb: list[str]) -> None:
    done = edgehar(*verb, "--help")
    assert done.returncode == 0
    _, _, text = done.stdout.partition("\n\n")
    assert text.strip().startswith("Example: edgehar " + " ".join(verb))


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["models", "list"], id="models list"),
        pytest.param(["models", "info", "imu_tcn"], id="models info"),
        pytest.param(["models", "verify", "imu_tcn"], id="models verify"),
        pytest.param(["config", "check", "-c", str(EXAMPLE)], id="config check"),
        pytest.param(["config", "show", "-c", str(EXAMPLE)], id="config show"),
    ],
)
def test_reports_print_for_people_and_as_json(arguments: list[str]) -> None:
    assert edgehar(*arguments).stdout.strip()
    assert json.loads(edgehar(*arguments, "--json").stdout)


def test_a_sensor_that_can_tell_every_label_says_so() -> None:
    wrist = edgehar("models", "info", "imu_tcn").stdout.split("name: wrist\n")[1]
    assert wrist.splitlines()[1].strip() == "labels: all"


def test_the_schema_is_json() -> None:
    assert "$defs" in json.loads(edgehar("config", "schema").stdout)


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
        pytest.param(["demo", "--port", "99999"], 2, "65535", id="port out of range"),
        pytest.param(
            ["sim", "--disconnect-every-s", "-20"], 2, "--disconnect-every-s", id="time out of range"
        ),
    ],
)
def test_a_refusal_is_an_exit_code_and_a_sentence_on_stderr(
    arguments: list[str], code: int, message: str
) -> None:
    done = edgehar(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_replay_prints_a_persons_events_and_their_score(data: Path) -> None:
    npz = data / "imu" / "motionsense.npz"
    done = edgehar("replay", npz, "--subject", "1", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["type"] for line in lines} == {
        "activity_started",
        "activity_ended",
        "time_in_states_s",
        "score",
    }
    assert lines[-1]["activity_started"]["true"] == 12
    assert 0 < lines[-1]["activity_started"]["recall"] <= 1
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
