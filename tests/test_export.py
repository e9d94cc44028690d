"""`edgehar export`: what stands in the table, and that it is what was imported."""

import csv
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import foreign
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose

from edgehar.apps.export import COLUMNS, export_recording
from edgehar.apps.imports import columns_of, import_file
from edgehar.errors import ConfigError, RecordingError
from edgehar.recordings.imports.form import Wish

MAP = ["time=ms", "time_unit=ms", "acceleration=ax,ay,az", "angular_rate=gx,gy,gz", "label=did"]


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    path = foreign.any_table(tmp_path / "walk.csv", *foreign.motion())
    import_file(path, None, Wish("wrist_left", columns=columns_of(MAP, None)), wearer="w7")
    return tmp_path / "walk.ehr"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_export_of_an_import_gives_the_values_of_the_file(walk: Path, tmp_path: Path) -> None:
    t, x = foreign.motion()
    figures = export_recording(walk, tmp_path / "a.csv")
    assert figures == {
        "table": f"{tmp_path / 'a.csv'}",
        "wearer": "w7",
        "begins": None,
        "rows": {"wrist_left": 1500},
    }
    table = rows(tmp_path / "a.csv")
    assert tuple(table[0]) == COLUMNS
    values = np.array([[float(row[name]) for name in COLUMNS[3:9]] for row in table])
    assert_allclose(values, x, atol=0.002)
    assert_allclose([float(row["time_s"]) for row in table], t, atol=1e-3)
    assert [row["label"] for row in table] == ["standing"] * 500 + ["walking"] * 1000
    assert {(row["placement"], row["utc"]) for row in table} == {("wrist_left", "")}
    # And once more: what was exported can be imported.
    again = Wish(
        "wrist_left",
        columns=columns_of(["time=time_s", "acceleration=acc_x,acc_y,acc_z", "label=label"], None),
    )
    assert import_file(tmp_path / "a.csv", tmp_path / "b.ehr", again)["samples"] == 1500


def test_parquet_has_the_same_with_units_and_dates(tmp_path: Path) -> None:
    t, x = foreign.motion()
    import_file(
        foreign.actigraph(tmp_path / "a.csv", t, x), tmp_path / "a.ehr", Wish("wrist_left"), label="walking"
    )
    export_recording(tmp_path / "a.ehr", tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet")
    assert tuple(table.column_names) == COLUMNS
    units = {field.name: (field.metadata or {}).get(b"unit") for field in table.schema}
    assert {name: units[name] for name in ("time_s", "acc_x", "gyr_x", "label")} == {
        "time_s": b"s",
        "acc_x": b"m/s^2",
        "gyr_x": b"rad/s",
        "label": None,
    }
    assert table.schema.metadata[b"wearer"] == b"wearer"
    assert_allclose(np.column_stack([table[name].to_numpy() for name in COLUMNS[3:6]]), x[:, :3], atol=0.002)
    assert table["gyr_x"].null_count == len(t)
    first = table["utc"][0].as_py()
    assert abs((first - datetime(2026, 3, 1, 12, tzinfo=UTC)).total_seconds()) < 1e-3
    # The last sample stands where the label ends.
    assert table["label"].to_pylist()[:-1] == ["walking"] * (len(t) - 1)


def test_a_rate_gives_the_grid_of_the_recognizer_and_no_rows_in_a_gap(tmp_path: Path) -> None:
    t, x = foreign.motion(rate_hz=100.0)
    keep = (t < 14.0) | (t > 17.0)
    import_file(foreign.movella_dot(tmp_path / "a.csv", t[keep], x[keep]), tmp_path / "a.ehr", Wish("ankle"))
    export_recording(tmp_path / "a.ehr", tmp_path / "b.csv", rate_hz=25.0)
    table = rows(tmp_path / "b.csv")
    times = np.array([float(row["time_s"]) for row in table])
    assert_allclose(times * 25, np.round(times * 25), atol=1e-4)
    assert len(times) == pytest.approx(27 * 25, abs=3)
    assert not ((times > 14.05) & (times < 16.95)).any()
    values = np.array([[float(row[name]) for name in COLUMNS[3:9]] for row in table])
    expected = np.column_stack([np.interp(times, t, column) for column in x.T])
    # A mean over a cell of 40 ms lies this much below the crest of what moves at 1.8 Hz; at 10 s it leaps.
    smooth = np.abs(times - 10.0) > 0.05
    assert_allclose(values[smooth], expected[smooth], atol=0.08)


def test_one_person_of_a_set_is_exported_too(tmp_path: Path) -> None:
    names = [f"wrist.{name}" for name in COLUMNS[3:9]] + [f"chest.{name}" for name in COLUMNS[3:6]]
    np.savez(
        tmp_path / "set.npz",
        x=np.full((60, 9), 1962, np.int16),
        scale=np.full(9, 0.005, np.float32),
        columns=np.array(names),
        n=np.array([30, 30]),
        subject=np.array([1, 2]),
        activity=np.array(["walking", "running"]),
        trial=np.array([1, 2]),
        rate_hz=np.float32(10),
    )
    assert export_recording(tmp_path / "set.npz", tmp_path / "a.csv", subject="2")["rows"] == {
        "wrist": 30,
        "chest": 30,
    }
    table = rows(tmp_path / "a.csv")
    assert {row["label"] for row in table} == {"running"}
    assert [row["gyr_x"] == "" for row in table] == [False] * 30 + [True] * 30


def test_what_cannot_be_written_is_refused_in_one_line(walk: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a name that ends in \.csv or \.parquet"):
        export_recording(walk, tmp_path / "a.xlsx")
    with pytest.raises(ConfigError, match="--rate: expected 1 to 1000 Hz, got 0"):
        export_recording(walk, tmp_path / "a.csv", rate_hz=0.0)
    with pytest.raises(RecordingError, match="No such file"):
        export_recording(walk, tmp_path / "nowhere" / "a.csv")
    with pytest.raises(RecordingError, match="No such file"):
        export_recording(tmp_path / "b.ehr", tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(RecordingError, match="there is one already"):
        export_recording(walk, tmp_path / "a.csv")


def test_without_pyarrow_the_extra_is_named(walk: Path, tmp_path: Path) -> None:
    script = "import sys; sys.modules['pyarrow'] = None; from edgehar.__main__ import main; sys.argv[0] = 'edgehar'; main()"
    done = subprocess.run(
        [sys.executable, "-c", script, "export", str(walk), str(tmp_path / "a.parquet")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "`pip install 'edgehar[parquet]'` brings it" in done.stderr
    assert "Traceback" not in done.stderr
