"""What bash offers on Tab, by the script that `--show-completion` prints."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

TAB = """
eval "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"_${1//-/_}_completion" "$1"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def in_bash(script: str, *words: str) -> str:
    """Run a script in which the commands are on the path; return what it prints."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script, "bash", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@cache
def completion_of(command: str) -> str:
    return in_bash("$1 --show-completion bash", command)


def offered(*words: str) -> list[str]:
    """Return what is offered for the last of the words."""
    return in_bash(TAB, completion_of(words[0]), *words).split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("edgehar mo", ["models"]),
        ("edgehar models info imu", ["imu_tcn", "imu_tcn_synthetic"]),
        ("edgehar demo --model imu_tcn_", ["imu_tcn_synthetic"]),
        ("edgehar record walk.ehr --placement wrist_", ["wrist_left", "wrist_right"]),
        ("edgehar devices test X --profile move", ["movella_dot", "movesense"]),
        ("edgehar run --verb", ["--verbose"]),
        ("edgehar init --simulate wrist_", ["wrist_left", "wrist_right"]),
        ("edgehar stat", ["status"]),
        ("edgehar-train ev", ["evaluate"]),
    ],
)
def test_the_shell_completes(line: str, names: list[str]) -> None:
    assert offered(*line.split()) == names
