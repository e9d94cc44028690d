"""Opportunity as it is published: which columns are read, and both tracks of labels."""

from pathlib import Path

import archives
import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.published.targets import read_published
from edgehar.recordings.published.opportunity import COLUMNS, GESTURES, LOCOMOTION, read

FILE = "dataset/S2-ADL3.dat"
RUNS = [(1, 0, 1.0), (2, 406516, 0.5), (0, 405506, 0.5), (4, 0, 2.0)]


def test_the_113_columns_of_the_challenge_are_read(tmp_path: Path) -> None:
    x = archives.opportunity(tmp_path / FILE, RUNS)
    recording = read(tmp_path, FILE)
    assert (recording.person, recording.rate_hz, recording.x.shape) == ("S2", 30.0, (120, 113))
    # As the challenge counts them: all from the 2nd to the 134th but the four of each orientation.
    orientations = {c for unit in range(5) for c in range(46 + 13 * unit, 50 + 13 * unit)}
    taken = [c for c in range(1, 134) if c not in orientations]
    assert recording.x == pytest.approx(x[:, taken])
    assert recording.t == pytest.approx(x[:, 0] / 1000)


def test_names_stand_over_their_columns() -> None:
    """The file's columns, from 1: 38 to 40 are the acceleration of the back's unit, 51 is the next unit's first, 103 a shoe's."""
    orientations = {c for unit in range(5) for c in range(47 + 13 * unit, 51 + 13 * unit)}
    taken = [c for c in range(2, 135) if c not in orientations]
    at = dict(zip(COLUMNS, taken, strict=True))
    names = [
        "rkn_upper.acc_x",
        "rh.acc_z",
        "imu_back.acc_x",
        "imu_rua.acc_x",
        "shoe_left.euler_x",
        "shoe_right.compass",
    ]
    assert [at[name] for name in names] == [2, 37, 38, 51, 103, 134]


def test_both_tracks_are_words(tmp_path: Path) -> None:
    archives.opportunity(tmp_path / FILE, RUNS)
    labels = read(tmp_path, FILE).labels
    assert (
        labels["locomotion"].of_rows().tolist()
        == ["stand"] * 30 + ["walk"] * 15 + ["null"] * 15 + ["sit"] * 60
    )
    assert labels["gesture"].of_rows().tolist() == (
        ["null"] * 30 + ["open_door_1"] * 15 + ["toggle_switch"] * 15 + ["null"] * 60
    )
    assert (len(LOCOMOTION), len(GESTURES)) == (5, 18)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        (243, "3", r"line 4: expected the code of a label, one of 0, 1, 2, 4, 5, got 3"),
        (249, "406518", r"line 4: expected the code of a label, .* got 406518"),
        (20, "-", r"line 4, column 21: expected a number or NaN, got '-'"),
    ],
)
def test_a_misfit_is_named(tmp_path: Path, column: int, value: str, message: str) -> None:
    archives.opportunity(tmp_path / FILE, RUNS)
    lines = (tmp_path / FILE).read_text().splitlines()
    cells = lines[3].split()
    cells[column] = value
    lines[3] = " ".join(cells)
    archives.write(tmp_path / FILE, lines)
    with pytest.raises(RecordingError, match=message):
        read(tmp_path, FILE)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of data; of S3-ADL5, a sensor was off and another came late."""
    data = tmp_path_factory.mktemp("data")
    folder = data / "OpportunityUCIDataset" / "dataset"
    for person in (1, 2, 3):
        for run in ("Drill", "ADL1", "ADL2", "ADL3", "ADL4", "ADL5"):
            archives.opportunity(folder / f"S{person}-{run}.dat", RUNS, person)
    lines = [line.split() for line in (folder / "S3-ADL5.dat").read_text().splitlines()]
    lost = [" ".join([c[0], "NaN", "NaN" if i < 40 else c[2], *c[3:]]) for i, c in enumerate(lines)]
    archives.write(folder / "S3-ADL5.dat", lost)
    return data


@pytest.mark.parametrize(("name", "step", "windows"), [("locomotion", 12, 9), ("gesture", 2, 49)])
def test_windows_end_with_their_label_and_keep_the_null_class(
    data: Path, name: str, step: int, windows: int
) -> None:
    target = read_published(data, f"opportunity {name}")
    assert target is not None
    assert len(target.begin) == 18 * windows
    # What is lost is drawn, as the study does it.
    assert (target.window, target.x.shape[2], target.lost) == (24, 113, 0)
    assert np.isfinite(target.x).all()
    words = read(data / "OpportunityUCIDataset", FILE).labels[name].of_rows()[23::step]
    assert [target.labels[i] for i in target.label[target.recording == 12]] == words.tolist()


def test_parts_are_those_of_the_challenge(data: Path) -> None:
    target = read_published(data, "opportunity locomotion")
    assert target is not None
    counts = {part: int((target.part == part).sum()) // 9 for part in ("train", "validation", "test")}
    assert counts == {"train": 12, "validation": 2, "test": 4}
    assert set(target.person[target.part == "test"].tolist()) == {"S2", "S3"}
    # Shares of twelve recordings, rounded up: S1's drill and first everyday run.
    assert sorted(set(target.recording[target.learned(0.1)].tolist())) == [0, 1]
    assert set(target.person[target.learned(0.5)].tolist()) == {"S1"}
