"""Sets of recorded people: what is read, when samples were taken, what is refused."""

import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.testing import assert_allclose

from edgehar.errors import RecordingError
from edgehar.recordings import datasets
from edgehar.recordings.datasets import read_npz_set, read_set, sampling_times
from edgehar.recordings.trials import has_form, opened
from edgehar.types import STANDARD_GRAVITY


def write(path: Path, **changed: Any) -> Path:
    """Write two trials of 100 and 50 rows: person 3 sits, person 8 jogs."""
    path.parent.mkdir(exist_ok=True)
    content: dict[str, Any] = {
        "x": np.arange(150 * 6, dtype=np.int16).reshape(150, 6),
        "scale": np.array([0.01] * 3 + [0.001] * 3, np.float32),
        "columns": [f"chest.{c}" for c in ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")],
        "n": [100, 50],
        "subject": [3, 8],
        "activity": ["sitting", "jogging"],
        "trial": [1, 2],
        "rate_hz": 50.0,
    }
    content |= changed
    np.savez(path, **{key: value for key, value in content.items() if value is not None})
    return path


def test_a_trial_is_in_si_and_in_common_labels(tmp_path: Path) -> None:
    write(tmp_path / "imu" / "walks.npz")
    first, second = read_set(tmp_path, "walks")
    assert (first.subject, first.activity, first.number) == (3, "sitting", 1)
    assert (second.subject, second.activity, second.number) == (8, "running", 2)
    track = second.tracks["chest"]
    assert_allclose(track.t[[0, -1]], [0.0, 49 / 50])
    assert_allclose(track.x[0], np.arange(600, 606) * [0.01, 0.01, 0.01, 0.001, 0.001, 0.001], rtol=1e-6)
    assert second.truth == [(0.0, 1.0, "running")]
    assert second.end_s == pytest.approx(49 / 50)


def test_files_of_the_same_trials_are_joined(tmp_path: Path) -> None:
    write(tmp_path / "imu" / "pair_chest.npz")
    write(
        tmp_path / "imu" / "pair_wrist.npz", columns=[f"wrist.{c}_{a}" for c in ("acc", "gyr") for a in "xyz"]
    )
    trials = read_set(tmp_path, "pair")
    assert [sorted(trial.tracks) for trial in trials] == [["chest", "wrist"]] * 2


def test_channels_of_one_sensor_in_two_files_are_put_side_by_side(tmp_path: Path) -> None:
    rows = np.arange(150, dtype=np.int16)[:, None].repeat(3, axis=1)
    half = {"scale": np.ones(3, np.float32), "x": rows}
    write(tmp_path / "imu" / "band_acc.npz", columns=["wrist.acc_x", "wrist.acc_y", "wrist.acc_z"], **half)
    # The second begins at the same moment and is half as fast.
    write(
        tmp_path / "imu" / "band_gyr.npz",
        columns=["wrist.gyr_x", "wrist.gyr_y", "wrist.gyr_z"],
        **half | {"x": rows[:75] * 2, "n": [50, 25], "rate_hz": 25.0},
    )
    track = read_set(tmp_path, "band")[0].tracks["wrist"]
    assert track.channels == ("acc_x", "acc_y", "acc_z", "gyr_x", "gyr_y", "gyr_z")
    assert_allclose(track.x[:99, 0], track.x[:99, 3], atol=1e-4)


def test_row_labels_make_the_truth(tmp_path: Path) -> None:
    labels = np.array(["SEATED"] * 60 + ["WALKING"] * 40 + ["WALKING"] * 50)
    first, second = read_npz_set([write(tmp_path / "imu" / "up.npz", row_label=labels)])
    assert [label for *_, label in first.truth] == ["sitting", "walking"]
    assert first.truth[0][1] == first.truth[1][0] == pytest.approx(1.2)
    assert first.truth[1][1] == pytest.approx(2.0)
    assert [label for *_, label in second.truth] == ["walking"]


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_a_burst_is_spread_over_the_time_it_was_measured_in(burst: int, seed: int) -> None:
    period, count = 0.02, 200
    taken = np.arange(count) * period
    sent = taken[np.minimum(np.arange(count) // burst * burst + burst - 1, count - 1)]
    arrived = sent + np.random.default_rng(seed).uniform(0.0, 0.005, count)
    times = sampling_times(np.maximum.accumulate(arrived) * 1000, period)
    assert (np.diff(times) > 0).all()
    # Only what is left of a last, shorter burst waits less than the others did.
    assert np.abs(np.diff(times)[: count - 2 * burst] - period).max() < 0.006


def test_what_never_came_leaves_a_gap_and_what_came_late_does_not() -> None:
    taken = np.delete(np.arange(300) * 0.02, slice(100, 150))
    arrived = taken.copy()
    arrived[180:200] = arrived[200]
    times = sampling_times(arrived * 1000, 0.02)
    assert_allclose(times, taken, atol=1e-9)


def test_trials_of_one_person_follow_each_other(tmp_path: Path) -> None:
    trials = read_npz_set([write(tmp_path / "imu" / "walks.npz", subject=[3, 3])])
    tracks, truth = datasets.joined(trials)
    assert (np.diff(tracks["chest"].t) > 0).all()
    assert len(tracks["chest"].t) == len(tracks["chest"].x) == 150
    assert [label for *_, label in truth] == ["sitting", "running"]
    start, end, _ = truth[1]
    assert tracks["chest"].t[100] == pytest.approx(start)
    assert end - start == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"subject": None}, "lacks subject"),
        ({"n": [100, 51]}, "array x: 150 rows, expected the sum of n, 151"),
        ({"n": [149, 1]}, "no set of trials: a trial has under two rows"),
        ({"columns": ["chest.acc_x"]}, "x, scale and columns differ in width"),
        ({"columns": ["chest.acc_x"] * 6}, "columns name chest.acc_x twice"),
        ({"row_label": ["sitting"] * 149}, "array row_label: "),
        (
            {"columns": [f"chest.mag_{i}" for i in range(6)]},
            "no channel mag_0, mag_1, .*; there are acc_x, acc_y",
        ),
        ({"columns": [f"chest.{c}_{a}" for c in ("gyr", "acc") for a in "xyz"]}, "'chest' has columns gyr_x"),
        ({"columns": [f"chest.{c}_{a}" for a in "xyz" for c in ("acc", "gyr")]}, "acc_x, gyr_x, acc_y"),
        (
            {"columns": [f"{place}.acc_{a}" for a in "xy" for place in ("a", "b", "c")]},
            "'a' has columns acc_x, acc_y;",
        ),
        ({"rate_hz": 0.0}, "array rate_hz: 0.0, expected a number from 0.1 to 100000"),
        ({"t_ms": np.zeros(150)}, "a sample every 0 s"),
        ({"trial": [1]}, "n, subject, activity, trial differ in length"),
        ({"x": np.array([{}] * 150)}, "array x: "),
        ({"subject": ["8", "b"]}, "array subject: index 1: 'b', expected a whole number"),
        ({"subject": [[1, 2]]}, r"array subject: shape \(1, 2\), expected 1-D"),
        ({"rate_hz": [50.0, 50.0]}, r"array rate_hz: shape \(2,\), expected 0-D"),
        ({"scale": 0.01}, r"array scale: shape \(\), expected 1-D"),
        ({"scale": ["one"] * 6}, "array scale: <U3, expected numbers"),
        ({"x": np.zeros(150, np.int16)}, r"array x: shape \(150,\), expected 2-D"),
        ({"t_ms": ["0"] * 150}, "array t_ms: <U1, expected numbers"),
        ({"n": ["100", "50"]}, "array n: <U3, expected numbers"),
    ],
)
def test_another_form_is_refused_in_one_line(tmp_path: Path, changed: dict[str, Any], complaint: str) -> None:
    path = write(tmp_path / "imu" / "walks.npz", **changed)
    with pytest.raises(RecordingError, match=complaint) as refused:
        read_set(tmp_path, "walks")
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a deflated set whose rows do not pack well."""
    path = write(tmp_path_factory.mktemp("packed") / "imu" / "walks.npz")
    with np.load(path) as file:
        whole = dict(file)
    whole["x"] = np.random.default_rng(1).integers(-300, 300, (150, 6), np.int16)
    np.savez_compressed(path, **whole)
    return path


def test_a_damaged_byte_of_what_is_deflated_is_refused_in_one_line(packed: Path) -> None:
    content = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as archive:
        begin = archive.getinfo("x.npy").header_offset
    begin += 30 + sum(struct.unpack_from("<2H", content, begin + 26))  # behind its name and extra field
    content[begin] |= 0b110  # a block of the one type that deflate has not
    path = packed.with_name("damaged.npz")
    path.write_bytes(content)
    with pytest.raises(zlib.error), path.open("rb") as handle, np.load(handle) as file:
        file["x"]
    with pytest.raises(RecordingError, match=r"damaged\.npz: no npz file, or a damaged one: Error -3.*"):
        read_set(path.parents[1], "damaged")


@given(where=st.integers(0, 10**6), bits=st.integers(1, 255))
def test_any_damaged_byte_is_refused_in_one_line_or_does_no_harm(packed: Path, where: int, bits: int) -> None:
    content = bytearray(packed.read_bytes())
    content[where % len(content)] ^= bits
    path = packed.with_name("other.npz")
    path.write_bytes(content)
    try:
        has_form(path)
        assert len(read_set(path.parents[1], "other")) == 2
    except RecordingError as error:
        lines = str(error).splitlines()
        assert len(lines) == 1  # most damage is refused, some does no harm


@pytest.mark.parametrize("bug", [KeyError, TypeError, RuntimeError, IndexError])
def test_a_bug_of_who_reads_a_file_is_no_fault_of_the_file(packed: Path, bug: type[Exception]) -> None:
    with pytest.raises(bug, match="ours"), opened(packed):
        raise bug("ours")


def test_a_missing_or_damaged_file_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="no such file"):
        read_set(tmp_path, "walks")
    (tmp_path / "imu").mkdir()
    for name in ("walks", "utd_mhad"):
        (tmp_path / "imu" / f"{name}.npz").write_bytes(b"no archive")
        with pytest.raises(RecordingError, match=f"{name}.npz: no "):
            read_set(tmp_path, name)
        with pytest.raises(RecordingError, match=f"{name}.npz: no npz file, or a damaged one"):
            has_form(tmp_path / "imu" / f"{name}.npz")


@pytest.mark.parametrize(
    ("name", "placements"),
    [
        ("motionsense", {"trouser_pocket"}),
        ("sp_sw_har", {"trouser_pocket_left", "wrist_left"}),
        ("weda_fall", {"wrist"}),
        ("utd_mhad", {"wrist_right", "thigh_right"}),
        ("openpack", {"wrist_left", "wrist_right", "upper_arm_left"}),
        (
            "berkeley_mhad",
            {f"{part}_{side}" for part in ("wrist", "hip", "ankle") for side in ("left", "right")},
        ),
    ],
)
def test_real_sets_are_read(data: Path, name: str, placements: set[str]) -> None:
    trials = read_set(data, name)
    assert {placement for trial in trials for placement in trial.tracks} == placements
    tracks = [track for trial in trials for track in trial.tracks.values()]
    assert all((np.diff(track.t) > 0).all() for track in tracks)
    pulls = [np.median(np.linalg.norm(track.x[:, :3], axis=1)) for track in tracks]
    assert np.median(pulls) == pytest.approx(STANDARD_GRAVITY, rel=0.15)
