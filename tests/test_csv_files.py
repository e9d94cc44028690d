"""CSV of other programs: columns by name, units, order, and what is refused."""

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import Columns, read_csv
from edgehar.recordings.plausible import ForceUnit, TimeUnit
from edgehar.types import ACCELERATION, IMU_CHANNELS, STANDARD_GRAVITY

AXES = ("ax", "ay", "az")
HEAD = "t,ax,ay,az"


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.floats(-0.7, 0.7)] * 2, st.floats(0.6, 1.4), *[st.floats(-400, 400)] * 3), min_size=2
    ),
    st.sampled_from(",;\t"),
)
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
    path = written(tmp_path / "a.csv", HEAD, "0,0,0,-1", "0.1,0,0,-1")
    track, labels = read_csv(path, Columns("t", AXES, acceleration_unit="-g"), "waist")
    assert track.channels == ACCELERATION
    assert track.x[:, 2].tolist() == pytest.approx([STANDARD_GRAVITY] * 2)
    assert labels == ["", ""]


def test_rows_are_put_in_the_order_in_which_they_were_taken_and_holes_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", HEAD, "0.02,2,0,9", "0.00,1,0,9", "0.03,,0,9", "0.04,3,0,9")
    track, _ = read_csv(path, Columns("t", AXES), "wrist")
    assert track.x[:, 0].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([], "expected a first line that names columns, got an empty file or line"),
        (
            ["t,ax,ay", "0,0,0"],
            "no column is called 'az'; did you mean `ay` or `ax`? its first line names t, ax, ay",
        ),
        ([HEAD], "expected two rows of numbers or more, got 0"),
        ([HEAD, "0,0,0,1", "1,zero,0,1"], "line 3, column 'ax': expected a number, got 'zero'"),
        ([HEAD, "0,0,0,1", "1,nan,0,1"], "line 3, column 'ax': expected a number, got 'nan'"),
        ([HEAD, "0,0,0,1e99", "1,0,0,1"], "line 2, column 'az': expected a number, got '1e99'"),
        ([HEAD, "9,0,0,1", "1,0,0,1"], "column 't' goes back by 8 s"),
        (
            ["t;ax;ay;az", "0;0;0;1", "0,01;0;0;1"],
            "line 3, column 't': expected a number, got '0,01'; write decimal points: between semicolons",
        ),
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


def test_cells_may_be_quoted_and_stand_behind_a_space(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", f"{HEAD}, did", '0, 0, 0, "9.8", "up, down"', "0.02, 0, 0, 9.8, walk")
    track, labels = read_csv(path, Columns("t", AXES, label="did"), "wrist")
    assert labels == ["up, down", "walk"]
    assert track.x[:, 2].tolist() == pytest.approx([9.8, 9.8])


@pytest.mark.parametrize(
    ("acceleration", "unit", "complaint"),
    [
        (
            1.0,
            "m/s^2",
            "got 1 m/s^2; gravity must be in it; `acceleration_unit` is taken as 'm/s^2', is it 'g'?",
        ),
        (
            9.81,
            "g",
            "got 96.2 m/s^2; gravity must be in it; `acceleration_unit` is taken as 'g', is it 'm/s^2'?",
        ),
        (
            -9.81,
            "-g",
            "got 96.2 m/s^2; gravity must be in it; `acceleration_unit` is taken as '-g', is it 'm/s^2'?",
        ),
        (
            0.3,
            "m/s^2",
            "got 0.3 m/s^2; gravity must be in it; `acceleration_unit` is taken as 'm/s^2', and counts, or mg,",
        ),
        (
            1000.0,
            "g",
            "got 9.81e+03 m/s^2; gravity must be in it; `acceleration_unit` is taken as 'g', and counts, or mg,",
        ),
    ],
)
def test_what_cannot_be_acceleration_with_gravity_is_refused(
    tmp_path: Path, acceleration: float, unit: ForceUnit, complaint: str
) -> None:
    path = written(tmp_path / "a.csv", HEAD, *(f"{i / 50},0,0,{acceleration}" for i in range(20)))
    with pytest.raises(RecordingError) as caught:
        read_csv(path, Columns("t", AXES, acceleration_unit=unit), "wrist")
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("times", "unit", "complaint"),
    [
        (
            [20 * i for i in range(50)],
            "s",
            "got one every 20 s in the median; `time_unit` is taken as 's', is it 'ms'?",
        ),
        ([20_000 * i for i in range(50)], "s", "is it 'us'?"),
        ([20_000_000 * i for i in range(50)], "s", "is it 'ns'?"),
        (
            [i / 50 for i in range(50)],
            "ms",
            "every 2e-05 s in the median; `time_unit` is taken as 'ms', is it 's'?",
        ),
        ([i // 50 for i in range(200)], "s", "stamps of whole seconds, say, are too coarse"),
        ([5 * i for i in range(50)], "s", "is it 'ms'?"),
        ([i * 700_000 for i in range(50)], "ms", "times are a count of s, ms, us or ns"),
    ],
)
def test_times_in_another_unit_are_refused(
    tmp_path: Path, times: list[float], unit: TimeUnit, complaint: str
) -> None:
    path = written(tmp_path / "a.csv", HEAD, *(f"{t},0,0,9.8" for t in times))
    with pytest.raises(RecordingError) as caught:
        read_csv(path, Columns("t", AXES, time_unit=unit), "wrist")
    assert "column 't': expected a sample every 0.002 to 0.2 s" in str(caught.value)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [
        ("9999,0,9.8,0,0,0", "column 'ax': expected at most 200 g, got more in 2 of 50 rows"),
        (
            "0,0,9.8,0,-2001,0",
            "column 'gy': expected at most 2000 rad/s, got more in 2 of 50 rows",
        ),
    ],
)
def test_what_no_sensor_reads_is_refused(tmp_path: Path, cell: str, complaint: str) -> None:
    rows = [f"{100 + i / 50:g},{cell if i in (7, 9) else '0,0,9.8,0,0,0'}" for i in range(50)]
    path = written(tmp_path / "a.csv", f"{HEAD},gx,gy,gz", *rows)
    with pytest.raises(RecordingError) as caught:
        read_csv(path, Columns("t", AXES, angular_rate=("gx", "gy", "gz")), "wrist")
    assert str(caught.value) == (
        f"{path}: {complaint}, the first at t = 100.14; leave the cell empty where a number is missing"
    )


def test_what_a_hard_impact_reads_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", HEAD, *(f"{i / 50},{-199 * (i == 7)},0,1" for i in range(50)))
    track, _ = read_csv(path, Columns("t", AXES, acceleration_unit="g"), "wrist")
    assert track.x[:, 0].min() == pytest.approx(-199 * STANDARD_GRAVITY)


def test_a_leap_from_zero_to_unix_time_is_refused(tmp_path: Path) -> None:
    rows = [f"{1_700_000_000_000 + 20 * i},0,0,9.8" for i in range(50)]
    path = written(tmp_path / "a.csv", HEAD, "0,0,0,9.8", *rows)
    with pytest.raises(RecordingError) as caught:
        read_csv(path, Columns("t", AXES, time_unit="ms"), "wrist")
    assert str(caught.value) == (
        f"{path}: column 't': expected one recording, got 19675.9 days without a row, from 0 to 1700000000000; "
        "make a file of each recording"
    )
    night = [f"{i / 50 + 80_000 * (i > 20)},0,0,9.8" for i in range(50)]
    track, _ = read_csv(written(tmp_path / "b.csv", HEAD, *night), Columns("t", AXES), "wrist")
    assert track.t[-1] > 80_000


@pytest.mark.parametrize("rate_hz", [5.0, 500.0])
def test_the_slowest_and_the_fastest_sensors_are_read(tmp_path: Path, rate_hz: float) -> None:
    path = written(tmp_path / "a.csv", HEAD, *(f"{1e9 + i / rate_hz},0,0,9.8" for i in range(100)))
    track, _ = read_csv(path, Columns("t", AXES), "wrist")
    assert track.t[-1] == pytest.approx(99 / rate_hz, abs=1e-5)


def test_ten_hours_fit_into_the_memory_of_a_small_computer(tmp_path: Path) -> None:
    rows = 20_000
    row = ",0.12345,1.2345,9.81234,0.1234,0.2345,0.3456,walking"
    path = written(tmp_path / "a.csv", f"{HEAD},gx,gy,gz,did", *(f"{i / 100}{row}" for i in range(rows)))
    columns = Columns("t", AXES, angular_rate=("gx", "gy", "gz"), label="did")
    tracemalloc.start()
    try:
        read_csv(path, columns, "wrist")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Ten hours at 100 Hz are 3.6 million rows.
    assert peak / rows * 3_600_000 < 500e6
