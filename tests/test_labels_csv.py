"""What was done during a recording, in the file beside it; how it is read is tested where people are read to be learnt from."""

from pathlib import Path

import pytest

from edgehar.apps.replay import replay_recording
from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.labels_csv import beside
from edgehar.sources.replay import open_recording
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream

BEGAN_S = 100.0


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    path = tmp_path / "walk.ehr"
    simulator = Simulator(placements=["trouser_pocket"], script=[("sitting", 20.0), ("walking", 30.0)])
    with Writer(path, Header("anna", (Stream("trouser_pocket"),), 0.0)) as writer:
        for t, stream, body in simulator.packets():
            writer.push(BEGAN_S + t, stream, body)
    return path


async def test_a_replay_is_scored_by_the_labels_beside_it(
    walk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await replay_recording(walk)
    assert "macro-F1" not in capsys.readouterr().out
    beside(walk).write_text("0,20,sitting\n20,50,jogging\n")
    assert open_recording(walk).truth == ((100.0, 120.0, "sitting"), (120.0, 150.0, "running"))
    await replay_recording(walk)
    assert "macro-F1" in capsys.readouterr().out


def test_labels_that_cannot_be_read_are_refused_by_their_line(walk: Path) -> None:
    beside(walk).write_text("start,end,label\n20,0,walking\n")
    with pytest.raises(RecordingError, match=r"walk\.labels\.csv: line 2: expected lines of start,end,label"):
        open_recording(walk)
