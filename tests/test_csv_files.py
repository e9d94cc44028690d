"""CSV of other programs: columns by name, units, order, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, read_csv
from edgehar.types import ACCELERATION, IMU_CHANNELS, STANDARD_GRAVITY

AXES = ("ax", "ay", "az")
HEAD = "t,ax,ay,az"


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.floats(-4, 4)] * 6), min_size=2, max_size=20), st.sampled_from(",;\t"))
def test_numbers_come_back_in_si_whatever_the_delimiter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]], delimiter: str
) -> None:
    path = tmp_path_factory.mktemp("csv") / "walk.csv"
    head = delimiter.join(["ms", *AXES, "gx", "gy", "gz", "did"])
    body = [delimiter.join(map(str, [1000 + 20 * i, *row, "walk"])) for i, row in enumerate(rows)]
    columns = Columns(
        time="ms",
        acceleration=AXES,
        angular_rate=("gx", "gy", "gz"),
        label="did",
        time_unit="ms",
        acceleration_unit="g",
        angular_rate_unit="deg/s",
    )
    track, labels = read_csv(written(path, head, *body), columns, "wrist")
    assert (track.placement, track.channels, labels) == ("wrist", IMU_CHANNELS, ["walk"] * len(rows))
    assert_allclose(track.t, 0.02 * np.arange(len(rows)), atol=1e-9)
    units = [STANDARD_GRAVITY] * 3 + [math.pi / 180] * 3
    assert_allclose(track.x, np.array(rows) * units, rtol=1e-5, atol=1e-5)


def test_a_sign_that_some_programs_turn_round_is_turned_back(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", HEAD, "0,0,0,-1", "1,0,0,-1")
    track, labels = read_csv(path, Columns("t", AXES, acceleration_unit="-g"), "waist")
    assert track.channels == ACCELERATION
    assert track.x[:, 2].tolist() == pytest.approx([STANDARD_GRAVITY] * 2)
    assert labels == ["", ""]


def test_rows_are_put_in_the_order_in_which_they_were_taken_and_holes_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", HEAD, "0.02,2,0,0", "0.00,1,0,0", "0.03,,0,0", "0.04,3,0,0")
    track, _ = read_csv(path, Columns("t", AXES), "wrist")
    assert track.x[:, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "no column is called 't'; its first line names "),
        (
            ["t,ax,ay", "0,0,0"],
            "no column is called 'az'; did you mean `ay` or `ax`? its first line names t, ax, ay",
        ),
        ([HEAD], "expected two rows of numbers or more, got 0"),
        ([HEAD, "0,0,0,1", "1,zero,0,1"], "line 3, column 'ax': expected a number, got 'zero'"),
        ([HEAD, "0,0,0,1", "1,nan,0,1"], "line 3, column 'ax': expected a number, got 'nan'"),
        ([HEAD, "9,0,0,1", "1,0,0,1"], "column 't' goes back by 8 s"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, lines: list[str], complaint: str) -> None:
    path = written(tmp_path / "a.csv", *lines)
    with pytest.raises(RecordingError) as caught:
        read_csv(path, Columns("t", AXES), "wrist")
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(RecordingError, match="expected CSV in UTF-8"):
        read_csv(tmp_path / "a.csv", Columns("t", AXES), "wrist")
    with pytest.raises(RecordingError, match="No such file"):
        read_csv(tmp_path / "b.csv", Columns("t", AXES), "wrist")
