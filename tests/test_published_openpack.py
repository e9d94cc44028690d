"""OpenPack as it is published: a sensor's session, its operations, and windows of one wrist."""

from pathlib import Path

import archives
import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.published.targets import read_published, read_wrist
from edgehar.recordings.published.openpack import FOLDER, read

FILE = "U0202/atr/atr01/S0100.csv"
RUNS = [(None, 1.0), (100, 2.0), (1000, 1.0), (8100, 0.5), (None, 0.5)]


def test_a_session_is_read_in_si_units(tmp_path: Path) -> None:
    x = archives.openpack(tmp_path, "U0202", "S0100", RUNS)
    recording = read(tmp_path, FILE)
    assert recording.x[:, :3] == pytest.approx(9.80665 * x[:, :3], abs=1e-3)
    assert recording.x[:, 3:] == pytest.approx(np.deg2rad(x[:, 3:]), abs=1e-3)
    assert recording.columns[0] == "wrist_right.acc_x"
    assert recording.t == pytest.approx(0.033 * np.arange(len(x)), abs=1e-6)
    # Who came twice is one person.
    assert recording.person == "U0105"


def test_operations_are_words_and_the_rest_is_null(tmp_path: Path) -> None:
    archives.openpack(tmp_path, "U0202", "S0100", RUNS)
    recording = read(tmp_path, FILE)
    words = recording.labels["activity"].of_rows()
    expected = np.select(
        [recording.t < 1.0, recording.t < 3.0, recording.t < 4.0],
        ["null", "picking", "fill_out_order"],
        "null",
    )
    assert words.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "op,U0202,S0100,1,150,x,2021-10-14 11:25:33+09:00,2021-10-14 11:25:34+09:00,act",
            "line 2: .* got 'op, U0202",
        ),
        ("op,U0202,S0100,1,100,x,yesterday,2021-10-14 11:25:34+09:00,act", "line 2: .*'op, .*yesterday"),
        (
            "op,U0202,S0100,1,100,x,2021-10-14 11:25:35+09:00,2021-10-14 11:25:34+09:00,act",
            "line 2: .*a later end",
        ),
        ("op,U0202,S0100,1,100,x,2021-10-14 11:25:33,2021-10-14 11:25:34,act", "line 2: .*with their zone"),
        ("op,U0202", "line 2: expected the id of an operation"),
    ],
    ids=["unknown id", "no time", "ends before it starts", "no zone", "cut off"],
)
def test_a_wrong_operation_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    archives.openpack(tmp_path, "U0202", "S0100", RUNS)
    operations = tmp_path / "U0202/annotation/openpack-operations/S0100.csv"
    archives.write(operations, [line], archives.OPERATION_NAMES)
    with pytest.raises(RecordingError, match=message):
        read(tmp_path, FILE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "line 1: expected the names of columns, id, start and end among them, got nothing"),
        ("a,b\n1,2\n", "line 1: expected the names of columns, .* got a, b"),
        (None, "No such file"),
    ],
)
def test_operations_without_their_columns_are_refused(
    tmp_path: Path, content: str | None, message: str
) -> None:
    archives.openpack(tmp_path, "U0202", "S0100", RUNS)
    operations = tmp_path / "U0202/annotation/openpack-operations/S0100.csv"
    operations.unlink()
    if content is not None:
        operations.write_text(content)
    with pytest.raises(RecordingError, match=message):
        read(tmp_path, FILE)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1634178333023,0.1", "line 3: expected 11 columns, got 2"),
        (",".join(["1634178333023", "x", *["0"] * 9]), "line 3, column 2: expected a number or NaN, got 'x'"),
        (",".join(["NaN", *["0"] * 10]), "line 3: expected a time in ms within a day of the first, got nan"),
        (",".join(["1634268333023", *["0"] * 10]), "line 3: expected a time in ms within a day of the first"),
    ],
)
def test_a_wrong_sample_is_named_by_its_line(tmp_path: Path, line: str, message: str) -> None:
    archives.openpack(tmp_path, "U0202", "S0100", RUNS)
    lines = (tmp_path / FILE).read_text().splitlines()
    lines[2] = line
    archives.write(tmp_path / FILE, lines)
    with pytest.raises(RecordingError, match=message):
        read(tmp_path, FILE)


USERS = [
    f"U{i:04}" for i in (101, 102, 103, 105, 106, 107, 109, 111, 202, 205, 210, 104, 108, 110, 203, 204, 207)
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    for seed, user in enumerate(USERS):
        for session in ("S0100", "S0300"):
            archives.openpack(data / FOLDER, user, session, [(100, 6.0), (None, 1.0), (300, 6.0)], seed)
    return data


def test_nobody_is_tested_who_was_learned_from(data: Path) -> None:
    target = read_published(data, "openpack")
    assert target is not None
    people = {part: set(target.person[target.part == part].tolist()) for part in set(target.part.tolist())}
    assert people["test"] == {"U0104", "U0108", "U0110", "U0207"}
    assert (
        people["train"]
        == people["validation"]
        == {f"U{i:04}" for i in (101, 102, 103, 105, 106, 107, 109, 111)}
    )
    assert target.x.shape[1:] == (128, 6)
    assert sorted({target.labels[i] for i in target.label.tolist()}) == ["assemble_box", "picking"]
    # 6 s at 50 Hz are 300 rows: windows of 128 each 64 begin at three of them.
    assert len(target.begin) == len(USERS) * 2 * 2 * 3


def test_a_wrist_comes_as_the_windows_of_the_run_time(data: Path) -> None:
    target = read_wrist(data, "openpack")
    assert target is not None
    assert target.x.shape[1:] == (2, 128, 3)
    assert target.labels == ("assemble_box", "picking")
    assert target.people() == sorted(
        str(i) for i in (101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 207)
    )
    assert target.x[:, 0, :, 2].mean() == pytest.approx(9.81, abs=0.5)
    tested = target.tested(0)
    assert not set(target.person[tested].tolist()) & set(target.person[target.learned(0, 1.0)].tolist())


def test_a_wrist_that_is_not_at_hand_is_none(tmp_path: Path) -> None:
    assert read_wrist(tmp_path, "openpack") is None
    assert read_wrist(tmp_path, "mm-fit") is None


def test_an_archive_without_sessions_is_refused(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir(parents=True)
    with pytest.raises(
        RecordingError, match=r"v1\.0\.0: no file U\*/atr/atr01/S\*\.csv; unpack the whole archive"
    ):
        read_wrist(tmp_path, "openpack")
