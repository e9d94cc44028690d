"""The file of a study's figures: nothing that was scored is lost or scored twice."""

import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from edgehar.errors import ConfigError
from edgehar.evaluation.studies.results import Results


class Entry(Struct, frozen=True):
    f1: float


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    first = Results(file, Entry, 1)
    assert "a" not in first
    first.keep("b", Entry(0.5))
    first.keep("a", Entry(0.25))
    again = Results(file, Entry, 1)
    assert again.entries == {"a": Entry(0.25), "b": Entry(0.5)}
    assert [line[:3] for line in file.read_text().splitlines()[1:-1]] == ['"a"', '"b"']


_MANY = """
import sys
from pathlib import Path
from msgspec import Struct
from edgehar.evaluation.studies.results import Results

class Entry(Struct, frozen=True):
    f1: float

results = Results(Path(sys.argv[1]), Entry, 1)
print(len(results.entries), flush=True)
sys.stdin.readline()
for i in range(40):
    results.keep(f"{sys.argv[2]} {i}", Entry(0.01 * i))
"""


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    command = [sys.executable, "-c", _MANY, str(file)]
    pair = [
        subprocess.Popen([*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    for each in pair:
        assert each.stdout
        assert each.stdout.readline() == "0\n"
    for each in pair:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.communicate(timeout=60) and each.returncode for each in pair] == [0, 0]
    kept = Results(file, Entry, 1).entries
    assert sorted(kept) == sorted(f"{name} {i}" for name in "ab" for i in range(40))


def test_figures_of_another_version_are_refused_and_stay(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    Results(file, Entry, 1).keep("a", Entry(0.5))
    before = file.read_bytes()
    with pytest.raises(ConfigError, match="version 1 of the study, 2 expected; move the file away"):
        Results(file, Entry, 2)
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", ["", "[]", '{"version": 1, "entries": {"a": {"f1": "x"}}}', "\xff"])
def test_another_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    file = tmp_path / "some.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"some\.json: expected figures of a study"):
        Results(file, Entry, 1)


def test_a_folder_that_is_missing_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no: figures cannot be written to it: No such file"):
        Results(tmp_path / "no" / "some.json", Entry, 1).keep("a", Entry(0.5))
