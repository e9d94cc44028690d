"""Recordings of other programs: every form, as it is and malformed, and what comes back out of the `.ehr`."""

import codecs
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose

from edgehar.apps.imports import columns_of, import_file, zone_of
from edgehar.errors import ConfigError, OperatorError, RecordingError
from edgehar.pipeline.tracks import read_tracks
from edgehar.recordings.ehr import Recording
from edgehar.recordings.imports.form import Wish
from edgehar.recordings.imports.registry import FORMATS
from edgehar.recordings.imports.source import Source
from edgehar.types import ACCELERATION, IMU_CHANNELS, Samples

G = foreign.G
MAP = ["time=ms", "time_unit=ms", "acceleration=ax,ay,az", "angular_rate=gx,gy,gz", "label=did"]


def imported(
    path: Path, *, columns: list[str] | None = None, **wishes: Any
) -> tuple[dict[str, Any], Samples]:
    """Import, and return what was understood and what the recording holds."""
    out = path.with_name("out.ehr")
    out.unlink(missing_ok=True)
    keys = {key: wishes.pop(key) for key in ("zone", "device") if key in wishes}
    wish = Wish("trouser_pocket", columns=columns_of(columns or [], None), **keys)
    understood = import_file(path, out, wish, **wishes)
    return understood, read_tracks(Recording(out))[0]["trouser_pocket"]


def refusal(path: Path, **wishes: Any) -> str:
    with pytest.raises((RecordingError, ConfigError)) as caught:
        imported(path, **wishes)
    assert not path.with_name("out.ehr").exists()
    return str(caught.value)


def edited(path: Path, *changes: tuple[str, str]) -> Path:
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("name", [name for name in foreign.WRITERS if name != "any.csv"])
def test_each_form_is_detected_and_gives_its_samples_and_times_back(tmp_path: Path, name: str) -> None:
    t, x = foreign.motion()
    path = foreign.WRITERS[name](tmp_path / name, t, x)
    fitting = [form.name for form in FORMATS.values() if form.detect(Source(path))]
    assert fitting == [name.partition(".")[0]]

    understood, track = imported(path, wearer="w7")
    columns = 3 if "actigraph" in name else 6
    assert track.channels == (ACCELERATION if columns == 3 else IMU_CHANNELS)
    # Counts of ±2 g and ±250 degree/s, and what the file itself rounds to.
    assert_allclose(track.x, x[:, :columns], atol=0.002)
    assert_allclose(track.t, t, atol=1e-3)
    header = Recording(path.with_name("out.ehr")).header
    assert header.wearer == "w7"
    assert header.epoch == pytest.approx(foreign.BEGIN, abs=1e-3)
    assert header.created.endswith(f"from {name} ({name.partition('.')[0]})")
    figures = {
        key: understood[key] for key in ("samples", "lasts_s", "at_rest_m_s2", "still_s", "up_at_rest")
    }
    assert figures == {
        "samples": 1500,
        "lasts_s": 30.0,
        "at_rest_m_s2": 9.81,
        "still_s": 10,
        "up_at_rest": "+y",
    }
    assert understood["rate_hz"] == pytest.approx(50.0, abs=0.1)
    assert understood["known_to"] == ["imu_tcn", "imu_tcn_synthetic"]
    json.dumps(understood)


def test_any_table_is_read_by_a_map_of_its_columns(tmp_path: Path) -> None:
    t, x = foreign.motion()
    path = foreign.any_table(tmp_path / "any.csv", t, x)
    assert "say what its columns are with --column" in refusal(path)
    understood, track = imported(path, columns=MAP)
    assert_allclose(track.x, x, atol=0.002)
    assert_allclose(track.t, t, atol=1e-3)
    assert understood["labels_s"] == {"standing": 10.0, "walking": 20.0}
    truth: list[Any] = Recording(tmp_path / "out.ehr").truth()
    assert truth == [
        (0.0, pytest.approx(10.0), "standing"),
        (pytest.approx(10.0), pytest.approx(30.0), "walking"),
    ]


def test_one_label_is_that_of_all_the_while(tmp_path: Path) -> None:
    path = foreign.any_table(tmp_path / "any.csv", *foreign.motion())
    understood, _ = imported(path, columns=MAP, label="Jogging")
    assert understood["labels_s"] == {"running": 30.0}
    truth: list[Any] = Recording(tmp_path / "out.ehr").truth()
    assert truth == [(0.0, pytest.approx(29.98), "running")]


def test_annotations_of_sensor_logger_are_labels_to_the_next(tmp_path: Path) -> None:
    path = foreign.sensor_logger(tmp_path / "walk", *foreign.motion())
    understood, _ = imported(path)
    assert understood["labels_s"] == {"standing": 10.0, "walking": 20.0}


@pytest.mark.parametrize("standardised", [False, True])
def test_an_iphone_s_opposite_sign_is_turned_round_where_it_was_not_standardised(
    tmp_path: Path, *, standardised: bool
) -> None:
    t, x = foreign.motion()
    sign = 1.0 if standardised else -1.0
    path = foreign.sensor_logger(tmp_path / "walk", t, x, platform="ios", sign=sign)
    if standardised:
        edited(path / "Metadata.csv", (",false,", ",true,"))
    understood, track = imported(path)
    assert_allclose(track.x, x, atol=0.002)
    assert ("turned round: iOS" in understood["gravity"]) != standardised
    (path / "Metadata.csv").unlink()
    assert "expected a Metadata.csv that names the platform" in refusal(path)
    (path / "Gravity.csv").unlink()
    assert "without it neither posture nor fall can be told" in refusal(path)


def test_annotations_of_which_none_can_be_read_are_none(tmp_path: Path) -> None:
    path = foreign.sensor_logger(tmp_path / "walk", *foreign.motion(seconds=2.0))
    edited(path / "Annotation.csv", (str(round(foreign.BEGIN))[:6], "x"))
    assert imported(path)[0]["labels_s"] is None


def test_uncalibrated_acceleration_in_g_is_an_iphone_s(tmp_path: Path) -> None:
    t, x = foreign.motion()
    path = foreign.sensor_logger(tmp_path / "walk", t, x)
    for name, scale, word in (("-g", -1 / G, "iOS"), ("m", 1.0, "+1 g")):
        rows = [
            (round((foreign.BEGIN + at) * 1e9), at, *(scale * row[2::-1]))
            for at, row in zip(t, x, strict=True)
        ]
        foreign.lines(path / "AccelerometerUncalibrated.csv", ["time,seconds_elapsed,z,y,x"], rows)
        (path / "TotalAcceleration.csv").unlink(missing_ok=True)
        understood, track = imported(path)
        assert_allclose(track.x, x, atol=0.002, err_msg=name)
        assert word in understood["gravity"]


def test_a_zip_with_a_folder_in_it_is_read_like_the_folder(tmp_path: Path) -> None:
    t, x = foreign.motion()
    folder = foreign.sensor_logger(tmp_path / "walk", t, x)
    with zipfile.ZipFile(tmp_path / "walk.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"walk/{file.name}")
            archive.writestr(f"__MACOSX/walk/._{file.name}", b"\x00\x05\x16\x07")
    _, track = imported(tmp_path / "walk.zip")
    assert_allclose(track.x, x, atol=0.002)
    (tmp_path / "cut.zip").write_bytes((tmp_path / "walk.zip").read_bytes()[:-200])
    assert "a damaged zip" in refusal(tmp_path / "cut.zip")


@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_phyphox_with_other_delimiters_and_decimal_commas(
    tmp_path: Path, delimiter: str, *, comma: bool
) -> None:
    t, x = foreign.motion(jitter_s=0.002)
    _, track = imported(foreign.phyphox(tmp_path / "a.zip", t, x, delimiter=delimiter, comma=comma))
    assert_allclose(track.x, x, atol=0.002)
    assert_allclose(track.t, t, atol=1e-3)


def test_phyphox_without_gravity_is_refused_with_the_reason(tmp_path: Path) -> None:
    names = ",".join(['"Time (s)"', *(f'"Linear Acceleration {axis} (m/s^2)"' for axis in "xyz")])
    path = foreign.lines(tmp_path / "a.csv", [names], [(i / 50, 0, 0.1, 0) for i in range(100)])
    assert "expected acceleration with gravity, got columns called 'Linear Acceleration'" in refusal(path)
    edited(path, ("Linear Acceleration", "Acceleration"))
    assert "got a median of 0.10 m/s^2" in refusal(path)


def test_a_pause_of_phyphox_is_a_gap_again(tmp_path: Path) -> None:
    t, x = foreign.motion()
    path = foreign.phyphox(tmp_path / "a.zip", t, x)
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(tmp_path / "b.zip", "w") as paused:
        for name in archive.namelist():
            text = archive.read(name).decode()
            if name == "meta/time.csv":
                text += f'"PAUSE",1.2E1,{foreign.BEGIN + 12}\n"START",1.2E1,{foreign.BEGIN + 72}\n'
            paused.writestr(name, text)
    understood, track = imported(tmp_path / "b.zip")
    assert understood["largest_gap_s"] == pytest.approx(60.02)
    assert_allclose(track.t, t + 60.0 * (t >= 12.0), atol=1e-3)


def test_rows_that_arrived_in_bursts_are_spread_and_a_chip_s_own_times_are_taken(tmp_path: Path) -> None:
    t, x = foreign.motion()
    path = foreign.witmotion(tmp_path / "a.txt", t, x)
    text = path.read_text("utf-8").splitlines()
    rows = [line.split("\t") for line in text[1:]]
    for at, row in zip(t, rows, strict=True):
        row[2] = foreign.date(at, "%Y-%m-%d %H:%M:%S.%f")
    foreign.lines(path, text[:1], rows, "\t")
    _, track = imported(path)
    assert_allclose(track.t, t, atol=1e-3)


def test_one_of_several_sensors_of_a_file_is_chosen(tmp_path: Path) -> None:
    t, x = foreign.motion()
    path = foreign.witmotion(tmp_path / "a.txt", t, x)
    text = path.read_text("utf-8").splitlines()
    both = [text[0], *(row for line in text[1:] for row in (line, line.replace("00:03", "00:04")))]
    path.write_text("\n".join(both) + "\n", "utf-8")
    assert "holds several sensors, WT(C0:FF:EE:00:00:03) and WT(C0:FF:EE:00:00:04)" in refusal(path)
    _, track = imported(path, device="WT(C0:FF:EE:00:00:04)")
    assert_allclose(track.x, x, atol=0.002)


@pytest.mark.parametrize("kept", ["FreeAcc_X,FreeAcc_Y,FreeAcc_Z,Gyr_X", "dv[1],dv[2],dv[3],Gyr_X"])
def test_movella_s_other_payloads_are_refused(tmp_path: Path, kept: str) -> None:
    path = foreign.movella_dot(tmp_path / "a.csv", *foreign.motion())
    edited(path, ("Acc_X,Acc_Y,Acc_Z,Gyr_X", kept))
    assert "expected acceleration with gravity" in refusal(path)
    assert "Rate quantities" in refusal(path)


def test_axivity_without_names(tmp_path: Path) -> None:
    t, x = foreign.motion(rate_hz=100.0)
    _, track = imported(foreign.axivity(tmp_path / "a.csv", t, x, with_names=False))
    assert_allclose(track.x, x, atol=0.002)
    # Acceleration, light, temperature and battery.
    rows = [
        (foreign.date(at), *(f"{v / G:f}" for v in row[:3]), 300, 250, 200)
        for at, row in zip(t, x, strict=True)
    ]
    _, track = imported(foreign.lines(tmp_path / "b.csv", [], rows))
    assert track.channels == ACCELERATION
    assert_allclose(track.x, x[:, :3], atol=0.002)


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("form", ["M/d/yyyy", "dd/MM/yyyy"])
@pytest.mark.parametrize("stamps", [False, True])
def test_actigraph_with_and_without_timestamps_and_in_european_forms(
    tmp_path: Path, delimiter: str, form: str, *, stamps: bool
) -> None:
    t, x = foreign.motion(rate_hz=30.0)
    path = foreign.actigraph(tmp_path / "a.csv", t, x, stamps=stamps, delimiter=delimiter, form=form)
    _, track = imported(path)
    assert_allclose(track.x, x[:, :3], atol=0.002)
    assert_allclose(track.t, t, atol=1.5e-3)
    assert Recording(tmp_path / "out.ehr").header.epoch == pytest.approx(foreign.BEGIN, abs=1e-3)


def test_actigraph_without_names_with_sleep_and_with_counts(tmp_path: Path) -> None:
    t, x = foreign.motion(rate_hz=30.0)
    path = foreign.actigraph(tmp_path / "a.csv", t, x)
    text = path.read_text().splitlines()
    slept = [*text[:10], *text[11:311], *["0,0,0"] * 300, *text[611:]]
    path.write_text("\n".join(slept) + "\n")
    understood, track = imported(path)
    assert understood["rows_passed_over"] == 300
    assert understood["largest_gap_s"] == pytest.approx(10.033, abs=1e-3)
    assert len(track.t) == 600
    edited(path, ("(hh:mm:ss) 00:00:00", "(hh:mm:ss) 00:01:00"))
    assert "got counts of epochs of 00:01:00" in refusal(path)


def test_dates_without_a_zone_are_of_the_zone_that_is_named(tmp_path: Path) -> None:
    path = foreign.axivity(tmp_path / "a.csv", *foreign.motion())
    imported(path, zone=zone_of("Europe/Berlin"))
    assert Recording(tmp_path / "out.ehr").header.epoch == pytest.approx(foreign.BEGIN - 3600, abs=1e-3)
    with pytest.raises(ConfigError, match="expected a name such as Europe/Berlin, got 'Mars'"):
        zone_of("Mars")


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "a byte order mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16 with a mark": lambda text: text.encode("utf-16"),
    "UTF-16 without one": lambda text: text.encode("utf-16-le"),
    "Windows' western text": lambda text: text.encode("latin-1"),
    "Windows' ends of lines": lambda text: text.replace("\n", "\r\n").encode(),
    "no end of the last line": lambda text: text.rstrip("\n").encode(),
    "a last line that was cut off": lambda text: text.encode() + b"2026-03-01T12:00:30.",
    "a last line that was cut off in a number": lambda text: (
        text.encode() + text.splitlines()[-1].encode()[:-3]
    ),
}


@pytest.mark.parametrize("how", ENCODINGS)
@pytest.mark.parametrize("name", ["witmotion.txt", "movella_dot.csv"])
def test_whatever_the_encoding_and_the_end_of_the_file(tmp_path: Path, name: str, how: str) -> None:
    t, x = foreign.motion()
    path = foreign.WRITERS[name](tmp_path / name, t, x)
    path.write_bytes(ENCODINGS[how](path.read_text("utf-8")))
    _, track = imported(path)
    assert_allclose(track.x, x, atol=0.002)


def test_swapped_columns_are_told_by_their_names(tmp_path: Path) -> None:
    t, x = foreign.motion()
    path = foreign.movella_dot(tmp_path / "a.csv", t, x)
    edited(path, ("Acc_X,Acc_Y,Acc_Z", "Acc_Z,Acc_X,Acc_Y"))
    _, track = imported(path)
    assert_allclose(track.x[:, [2, 0, 1]], x[:, :3], atol=0.002)


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("any.csv", [], "expected a recording of Sensor Logger"),
        ("axivity.csv", [("Accel-Y (g)", "Accel-W (g)")], "no column is called 'Accel-Y (g)'; did you mean"),
        (
            "axivity.csv",
            [("2026-03-01 12:00:07.000", "half past")],
            "line 352, column 'Time': expected a date and time",
        ),
        ("axivity.csv", [("2026-03-01 12:00:07", "2026-03-01 11:00:07")], "goes back by 3599.98 s"),
        ("witmotion.txt", [("AsY(°/s)", "Volume")], "no column is called 'AsY'"),
        ("movella_dot.csv", [("SampleTimeFine,", "Time,")], "expected a recording of Sensor Logger"),
        ("actigraph.csv", [("at 50 Hz", "")], "expected the rate in the first line"),
        (
            "actigraph.csv",
            [("Start Date 3/1/2026", "Start Date never")],
            "expected `Start Time` and `Start Date`",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_that_says_where(
    tmp_path: Path, name: str, changes: list[tuple[str, str]], complaint: str
) -> None:
    path = edited(foreign.WRITERS[name](tmp_path / name, *foreign.motion()), *changes)
    message = refusal(path)
    assert complaint in message
    assert str(path) in message
    assert "\n" not in message


def test_a_wrong_unit_is_named_with_the_one_it_may_be(tmp_path: Path) -> None:
    t, x = foreign.motion()
    in_g = foreign.axivity(tmp_path / "a.csv", t, x * G)
    assert "acceleration_unit` is taken as 'g', is it 'm/s^2'?" in refusal(in_g)
    path = foreign.any_table(tmp_path / "b.csv", t, x * 57.3)
    columns = [*MAP, "acceleration_unit=g"]
    assert "gravity must be in it" in refusal(path, columns=columns)
    path = foreign.any_table(tmp_path / "c.csv", t, np.column_stack((x[:, :3], x[:, 3:] * 200)))
    assert "expected at most 100 rad/s, got 200; its unit is taken as 'rad/s', is it 'deg/s'?" in refusal(
        path, columns=MAP
    )
    assert "is it 'ms'?" in refusal(path, columns=[*MAP, "time_unit=s"])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "got a file that begins with"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, "expected"),
        (b"PK\x03\x04nothing", "a damaged zip"),
        (b"a" * 200_000, "got one without an end"),
        (b"PacketCounter,SampleTimeFine,Acc_X,Acc_Y,Acc_Z\n", "expected"),
        (b"time,seconds_elapsed,z,y,x\n", "expected TotalAcceleration.csv"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert complaint in refusal(tmp_path / "a.csv")


def test_no_file_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "a.csv")
    (tmp_path / "b").mkdir()
    assert "expected files that end in .csv, .txt, .tsv" in refusal(tmp_path / "b")


def test_decimal_commas_between_commas_cannot_be_told_apart(tmp_path: Path) -> None:
    t, x = foreign.motion(rate_hz=30.0)
    path = foreign.actigraph(tmp_path / "a.csv", t, x, delimiter=";")
    edited(path, (";", ","))
    assert "decimal commas cannot be told from those between numbers" in refusal(path)


def test_two_forms_at_once_are_not_guessed_between(tmp_path: Path) -> None:
    t, x = foreign.motion()
    folder = foreign.sensor_logger(tmp_path / "both", t, x)
    with zipfile.ZipFile(foreign.phyphox(tmp_path / "a.zip", t, x)) as archive:
        archive.extractall(folder)
    message = refusal(folder)
    assert "looks like sensor_logger and phyphox; say which it is with --format" in message
    shutil.rmtree(folder / "meta")
    assert imported(folder, name="phyphox")[0]["format"] == "phyphox (iOS, Android)"
    assert "no format is called" in refusal(folder, name="phypox")


def test_a_gap_stays_one_and_what_is_odd_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    t, x = foreign.motion(rate_hz=20.0)
    x[:, :3] *= 1.3
    x[-40:, 1] = 16.0 * G
    keep = (t < 5.0) | (t > 8.0)
    path = foreign.movella_dot(tmp_path / "a.csv", t[keep], x[keep])
    wish = Wish("trouser_poket")
    understood = import_file(path, tmp_path / "out.ehr", wish)
    assert understood["largest_gap_s"] == pytest.approx(3.1)
    assert understood["largest_gap_after_s"] == pytest.approx(4.95)
    assert understood["clipped_samples"] == 40
    assert understood["known_to"] == []
    said_of = caplog.text
    assert "20 samples a second lose faster movement" in said_of
    assert "its unit or range is another by a factor of 1.3" in said_of
    assert "40 samples of acceleration stand at the end of the range" in said_of
    assert "no shipped model knows a sensor at `trouser_poket`" in said_of
    assert "did you mean `trouser_pocket`?" in said_of


@pytest.mark.parametrize(
    ("out", "placement", "wishes", "complaint"),
    [
        ("b.csv", "wrist", {}, r"b.csv: expected a name that ends in \.ehr"),
        ("b.ehr", "", {}, "--placement: expected 1 to 64 letters"),
        ("b.ehr", "wrist", {"wearer": "a/b"}, '--wearer: expected 1 to 64 letters .*, got "a/b"'),
        ("b.ehr", "wrist", {"label": " "}, "--label: expected 1 to 64 letters"),
    ],
)
def test_names_that_nothing_else_takes_are_refused(
    tmp_path: Path, out: str, placement: str, wishes: dict[str, str], complaint: str
) -> None:
    path = foreign.axivity(tmp_path / "a.csv", *foreign.motion(seconds=2.0))
    with pytest.raises(OperatorError, match=complaint):
        import_file(path, tmp_path / out, Wish(placement), **wishes)
    assert [*tmp_path.iterdir()] == [path]


def test_what_would_be_passed_over_is_refused(tmp_path: Path) -> None:
    path = foreign.axivity(tmp_path / "a.csv", *foreign.motion(seconds=2.0))
    with pytest.raises(ConfigError, match="--device: expected a file of WitMotion's program"):
        import_file(path, None, Wish("wrist", device="left"))
    with pytest.raises(ConfigError, match="--format: axivity has columns of its own"):
        import_file(path, None, Wish("wrist", columns=columns_of(MAP, None)), name="axivity")
    assert [*tmp_path.iterdir()] == [path]


def test_a_label_gets_the_form_that_labels_have(tmp_path: Path) -> None:
    path = foreign.axivity(tmp_path / "a.csv", *foreign.motion(seconds=2.0))
    import_file(path, tmp_path / "b.ehr", Wish("wrist"), label="Tape  box")
    assert [label for _, _, label in Recording(tmp_path / "b.ehr").truth()] == ["tape_box"]


def test_a_file_s_name_may_be_no_text(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/n\xff.csv"))
    foreign.axivity(path, *foreign.motion(seconds=2.0))
    import_file(path, None, Wish("wrist"))
    assert "n?.csv" in Recording(path.with_suffix(".ehr")).header.created


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = foreign.axivity(tmp_path / "a.csv", *foreign.motion())
    (tmp_path / "a.ehr").write_text("mine")
    with pytest.raises(RecordingError, match="expected a new file, and there is one already"):
        import_file(path, None, Wish("wrist"))
    assert (tmp_path / "a.ehr").read_text() == "mine"


@pytest.mark.parametrize(
    ("pairs", "toml", "complaint"),
    [
        (["time"], "", "--column: expected KEY=VALUE"),
        (["time=t"], "", "--column: expected `acceleration`, and it is missing"),
        (["time=t", "acceleration=x,y"], "", "acceleration: expected"),
        (["tme=t"], "", "no key is called 'tme'; did you mean `time`?"),
        (
            [],
            'time = "t"\nacceleration = ["x", "y", "z"]\ntime_unit = "h"',
            "time_unit: expected one of s, ms, us, ns, date",
        ),
        ([], "time =", "expected TOML, got something else"),
    ],
)
def test_a_map_that_is_none_is_refused(tmp_path: Path, pairs: list[str], toml: str, complaint: str) -> None:
    (tmp_path / "map.toml").write_text(toml)
    with pytest.raises(ConfigError) as caught:
        columns_of(pairs, tmp_path / "map.toml" if toml else None)
    assert complaint in str(caught.value)


def test_dates_in_a_table_of_any_program(tmp_path: Path) -> None:
    t, x = foreign.motion()
    rows = [(foreign.date(at, "%Y-%m-%dT%H:%M:%S.%f") + "+02:00", *row) for at, row in zip(t, x, strict=True)]
    path = foreign.lines(tmp_path / "a.csv", ["when,ax,ay,az,gx,gy,gz"], rows)
    (tmp_path / "map.toml").write_text(
        'time = "when"\nacceleration = ["ax", "ay", "az"]\nangular_rate = ["gx", "gy", "gz"]\ntime_unit = "date"\n'
    )
    import_file(path, None, Wish("wrist", columns=columns_of([], tmp_path / "map.toml")))
    recording = Recording(tmp_path / "a.ehr")
    assert recording.header.epoch == pytest.approx(foreign.BEGIN - 7200, abs=1e-3)
    assert_allclose(read_tracks(recording)[0]["wrist"].x, x, atol=0.002)
    assert recording.truth() == []


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([*foreign.WRITERS]),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=6)), min_size=1, max_size=6
    ),
)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[float, int, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    path = foreign.WRITERS[name](folder / name, *foreign.motion(seconds=1.0))
    for file in path.iterdir() if path.is_dir() else [path]:
        content = file.read_bytes()
        for share, removed, put in edits:
            at = int(share * len(content))
            content = content[:at] + put + content[at + removed :]
        file.write_bytes(content)
    try:
        imported(path, columns=MAP if name == "any.csv" else None)
    except OperatorError as error:
        assert "\n" not in str(error)  # noqa: PT017 - that it is refused is one of two right ends
