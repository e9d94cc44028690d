"""`edgehar import` and `edgehar export` as a shell sees them, and a replay of what they made."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import foreign
import numpy as np
from shell import run


def edgehar(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edgehar", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_phone_s_recording_is_imported_replayed_and_exported(tmp_path: Path) -> None:
    t, x = foreign.motion(seconds=40.0)
    keep = (t < 15.0) | (t > 30.0)
    zipped = foreign.phyphox(tmp_path / "walk.zip", t[keep], x[keep])
    done = edgehar("import", zipped, "--placement", "trouser_pocket", "--wearer", "w7")
    assert (done.returncode, done.stderr) == (0, "")
    assert "format: phyphox (iOS, Android)" in done.stdout
    assert "largest_gap_s: 15.0" in done.stdout

    replayed = edgehar("replay", tmp_path / "walk.ehr", "--json")
    assert replayed.returncode == 0, replayed.stderr
    [states] = [
        row for row in map(json.loads, replayed.stdout.splitlines()) if row["type"] == "time_in_states_s"
    ]
    # It abstains in the gap, but for the window's own length and the patience around it.
    assert states["no_signal"] >= 10.0
    assert sum(seconds for state, seconds in states.items() if state not in {"type", "no_signal"}) >= 15.0

    exported = edgehar("export", tmp_path / "walk.ehr", tmp_path / "walk.csv", "--json")
    assert json.loads(exported.stdout)["rows"] == {"trouser_pocket": int(np.count_nonzero(keep))}


def test_refusals_are_one_line_and_exit_codes_those_of_every_verb(tmp_path: Path) -> None:
    path = foreign.axivity(tmp_path / "a.csv", *foreign.motion(seconds=2.0))
    cases: list[tuple[tuple[str | Path, ...], int, str]] = [
        (("import", path), 2, "Missing option '--placement'"),
        (
            ("import", tmp_path / "none.csv", "--placement", "wrist"),
            78,
            "none.csv: No such file or directory",
        ),
        (("export", path, tmp_path / "b.csv"), 78, "a.csv: no recording"),
    ]
    for arguments, code, complaint in cases:
        ended, out, err = run(*arguments)
        assert ended == code, err
        assert complaint in err
        assert out == ""
        assert "Traceback" not in err
    assert not list(tmp_path.glob("*.ehr"))


def test_a_placement_that_no_model_knows_is_warned_of(tmp_path: Path) -> None:
    path = foreign.axivity(tmp_path / "a.csv", *foreign.motion(seconds=2.0))
    code, out, err = run("import", path, tmp_path / "b.ehr", "--placement", "wrist_lft", "--json")
    assert code == 0
    assert json.loads(out)["known_to"] == []
    assert "did you mean `wrist_left`?" in err


_HALF_WRITTEN = """
import sys, time
from pathlib import Path
from edgehar.cli.terminal import tidied_up
from edgehar.recordings.new_file import new_file

with tidied_up(), new_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


def test_what_is_told_to_end_leaves_no_half_file_and_ends_by_the_signal(tmp_path: Path) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", _HALF_WRITTEN, tmp_path / "walk.ehr"], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    assert len([*tmp_path.iterdir()]) == 1
    writer.terminate()
    assert writer.wait(30) == -signal.SIGTERM
    writer.stdout.close()
    assert [*tmp_path.iterdir()] == []
