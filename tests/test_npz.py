import itertools
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.errors import RecordingError
from edgehar.recordings.npz import NpzTrack, read_npz
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS, STANDARD_GRAVITY, Packet
from edgehar.wire.protocol import Data, Description, decode


def made(path: Path, **changes: Any) -> Path:
    """Write two people, four trials of 30 rows at 10 Hz, two sensors, one of them without angular rate."""
    columns = [f"wrist.{name}" for name in IMU_CHANNELS] + [f"chest.{name}" for name in ACCELERATION]
    arrays: dict[str, Any] = {
        "x": np.arange(120 * 9, dtype=np.int16).reshape(120, 9),
        "scale": np.full(9, 0.005, np.float32),
        "columns": np.array(columns),
        "n": np.array([30, 30, 30, 30]),
        "subject": np.array([1, 2, 1, 1]),
        "activity": np.array(["walking", "walking", "running", "walking"]),
        "trial": np.array([2, 1, 1, 3]),
        "rate_hz": np.float32(10),
    } | changes
    np.savez_compressed(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def packets(track: NpzTrack, stream: int = 0) -> list[tuple[float, Packet]]:
    decoder = EdgeharReader()
    received = [(t, packet) for t, which, body in track if which == stream for packet in decoder.push(body)]
    assert (decoder.lost, decoder.malformed, decoder.undescribed, decoder.restarts) == (0, 0, 0, 0)
    return received


def signal(track: NpzTrack, stream: int = 0) -> np.ndarray[Any, Any]:
    return np.concatenate([packet.values * packet.scale for _, packet in packets(track, stream)])


def trial_rows(path: Path, chosen: Sequence[int]) -> np.ndarray[Any, Any]:
    with np.load(path) as file:
        ends = np.cumsum(file["n"])
        x = file["x"] * file["scale"]
        return np.concatenate(
            [x[end - n : end] for n, end in zip(file["n"][chosen], ends[chosen], strict=True)]
        )


def test_trials_join_in_the_order_of_their_numbers_without_a_gap(tmp_path: Path) -> None:
    path = made(tmp_path / "set.npz")
    track = read_npz(path, subject=1)

    assert track.truth == [(0.0, 3.0, "running"), (3.0, pytest.approx(9.0), "walking")]
    assert track.header.wearer == "set-1"
    assert [stream.placement for stream in track.header.streams] == ["wrist", "chest"]
    np.testing.assert_allclose(signal(track), trial_rows(path, [2, 0, 3])[:, :6], atol=0.0027)
    np.testing.assert_allclose(signal(track, 1), trial_rows(path, [2, 0, 3])[:, 6:], atol=0.0027)


def test_a_packet_arrives_with_its_last_sample_and_says_when_the_first_was_taken(tmp_path: Path) -> None:
    track = read_npz(made(tmp_path / "set.npz"), subject=1, samples_per_packet=4)
    received = packets(track)

    assert [t for t, _ in received[:2]] == pytest.approx([0.3, 0.7])
    assert [packet.ticks_us for _, packet in received] == [i * 400_000 for i in range(23)]
    assert [packet.sequence for _, packet in received] == list(range(23))
    assert len(received[-1][1].values) == 2
    assert received[-1][0] == pytest.approx(8.9)


def test_each_stream_is_described_at_its_start_and_every_second(tmp_path: Path) -> None:
    track = read_npz(made(tmp_path / "set.npz"), subject=1)
    described = [(t, stream) for t, stream, body in track if isinstance(decode(body), Description)]

    assert described == [(float(second), stream) for second in range(9) for stream in (0, 1)]
    assert [stream for _, stream, body in track][:4] == [0, 1, 0, 1]


def test_a_long_pause_is_not_filled_with_descriptions(tmp_path: Path) -> None:
    t_ms = np.array([*range(0, 1500, 100), *range(6000, 7500, 100)] * 4)
    track = read_npz(made(tmp_path / "set.npz", t_ms=t_ms), subject=2)

    assert [t for t, stream, body in track if stream == 0 and body[0] == 0x11] == [0.0, 1.0, 6.0, 7.0]


def test_trials_of_the_same_number_keep_the_files_order(tmp_path: Path) -> None:
    names = np.array([f"activity_{i:02}" for i in range(40)])
    path = made(
        tmp_path / "set.npz", n=np.full(40, 3), subject=np.ones(40), activity=names, trial=np.tile([2, 1], 20)
    )

    assert [label for _, _, label in read_npz(path).truth] == [*names[1::2], *names[::2]]


def test_times_never_go_back_and_reading_twice_gives_the_same(tmp_path: Path) -> None:
    track = read_npz(made(tmp_path / "set.npz"), subject=2)
    items = list(track)

    assert all(before[0] <= after[0] for before, after in itertools.pairwise(items))
    assert list(track) == items


def test_only_what_was_asked_for_is_there(tmp_path: Path) -> None:
    path = made(tmp_path / "set.npz")
    track = read_npz(path, subject="1", placements=["chest"], activities=["walking"], trials=[3])

    assert [stream.placement for stream in track.header.streams] == ["chest"]
    assert track.truth == [(0.0, 3.0, "walking")]
    np.testing.assert_allclose(signal(track), trial_rows(path, [3])[:, 6:], atol=0.0027)


def test_a_set_of_one_person_needs_no_choice(tmp_path: Path) -> None:
    assert read_npz(made(tmp_path / "set.npz", subject=np.full(4, 7))).header.wearer == "set-7"


def test_labels_of_rows_are_the_truth_where_there_are_some(tmp_path: Path) -> None:
    labels = np.array(["sit"] * 35 + ["stand"] * 85)
    track = read_npz(made(tmp_path / "set.npz", subject=np.full(4, 1), trial=np.arange(4), row_label=labels))

    assert track.truth == [(0.0, 3.5, "sit"), (3.5, pytest.approx(12.0), "stand")]


def test_rows_that_arrived_together_are_one_packet_of_a_sensor_without_a_clock(tmp_path: Path) -> None:
    burst = [-40, -38, -39, -30, 80, 82, 84, 86, 90, 60] + [200 + i for i in range(20)]
    t_ms = np.array(burst * 4)
    track = read_npz(made(tmp_path / "set.npz", t_ms=t_ms), subject=1)
    received = packets(track, 1)[:8]

    # Counted from the first row; what went back in time came with what was before it.
    assert [len(packet.values) for _, packet in received] == [4, 6, 11, 9, 4, 6, 11, 9]
    assert [t for t, _ in received] == pytest.approx(
        [0.01, 0.13, 0.25, 0.259, 0.359 + 0.01, 0.359 + 0.13, 0.359 + 0.25, 0.359 + 0.259]
    )
    assert all(packet.ticks_us is None for _, packet in received)


def test_what_exceeds_the_range_is_clipped(tmp_path: Path) -> None:
    x = np.full((120, 9), 32000, np.int16)
    track = read_npz(made(tmp_path / "set.npz", x=x), subject=1)

    assert signal(track, 1).max() == pytest.approx(16 * STANDARD_GRAVITY, rel=1e-4)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({}, "one subject has to be chosen, with --subject or `subject`, of 1, 2"),
        ({"subject": 9}, "no subject 9; there are 1, 2"),
        ({"subject": 1, "activities": ["cycling"]}, "no activity cycling; there are running, walking"),
        ({"subject": 2, "activities": ["running"]}, "no activity running; there are walking"),
        ({"subject": 1, "trials": [2, 12]}, "no trial 12; there are 1, 2, 3"),
        ({"subject": 1, "placements": ["ankle"]}, "no placement ankle; there are chest, wrist"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(
    tmp_path: Path, choice: dict[str, Any], words: str
) -> None:
    path = made(tmp_path / "set.npz")

    with pytest.raises(RecordingError) as caught:
        read_npz(path, **choice)

    assert str(caught.value) == f"{path}: {words}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate_hz": None, "trial": None}, "lacks rate_hz, trial; a set has x, scale, "),
        ({"columns": np.array(["wrist.mag_x"] * 9)}, "no channel mag_x"),
        ({"scale": np.ones(8)}, "x, scale and columns differ in width"),
        ({"trial": np.ones(3)}, "n, subject, activity, trial differ in length"),
        ({"n": np.array([30, 30, 30, 31])}, "array x: "),
        ({"n": np.array([30, 30, 0, 60])}, "a trial with nothing in it"),
        ({"x": np.zeros((120, 9), np.int16, order="F")}, "array x: stored by columns, expected by rows"),
        ({"subject": np.array([1, 1, 1, None], object)}, "array subject: object, expected numbers or text"),
        ({"rate_hz": np.float32(0)}, "array rate_hz: 0.0, expected a number from 0.1 to 100000"),
    ],
)
def test_a_set_of_another_form_is_refused_in_words(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path = made(tmp_path / "set.npz", **changes)

    with pytest.raises(RecordingError) as caught:
        read_npz(path, subject=1)

    assert str(caught.value).startswith(f"{path}: {words}")
    assert "\n" not in str(caught.value)


def test_a_set_without_trials_is_refused_in_words(tmp_path: Path) -> None:
    none = {key: np.array([], int) for key in ("n", "subject", "activity", "trial")}
    path = made(tmp_path / "set.npz", x=np.zeros((0, 9), np.int16), **none)

    with pytest.raises(RecordingError) as caught:
        read_npz(path)

    assert str(caught.value) == f"{path}: a set with nothing in it"


def test_a_file_that_is_no_npz_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    damaged = made(tmp_path / "damaged.npz")
    data = bytearray(damaged.read_bytes())
    data[60:90] = bytes(30)
    damaged.write_bytes(data)

    with pytest.raises(RecordingError, match=r"text\.npz: no npz file"):
        read_npz(tmp_path / "text.npz")
    with pytest.raises(RecordingError, match=r"damaged\.npz: .*"):
        read_npz(damaged, subject=1)
    with pytest.raises(RecordingError, match=r"none\.npz: No such file"):
        read_npz(tmp_path / "none.npz")


def test_packets_longer_than_the_wire_allows_are_not_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="20 samples"):
        read_npz(made(tmp_path / "set.npz"), subject=1, samples_per_packet=20)


# Real recordings


def test_motionsense_comes_back_within_half_a_count(data: Path) -> None:
    path = data / "imu" / "motionsense.npz"
    track = read_npz(path, subject=5, activities=["standing"], samples_per_packet=19)

    with np.load(path) as file:
        chosen = np.flatnonzero((file["subject"] == 5) & (file["activity"] == "standing"))
        chosen = chosen[np.argsort(file["trial"][chosen])]
    x = signal(track)
    half = [16 * STANDARD_GRAVITY / 65536] * 3 + [np.radians(2000) / 65536] * 3
    assert np.all(np.abs(x - trial_rows(path, chosen.tolist())) <= np.array(half) * 1.001)
    assert np.linalg.norm(x[:, :3], axis=1).mean() == pytest.approx(9.81, abs=0.2)


def test_a_persons_motionsense_trials_follow_the_protocol_of_the_study(data: Path) -> None:
    track = read_npz(data / "imu" / "motionsense.npz", subject=1)

    labels = [label for _, _, label in track.truth]
    assert labels[:5] == ["stairs_down", "stairs_up", "sitting", "standing", "walking"]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(track.truth))
    assert track.truth[-1][1] == pytest.approx(max(t for t, _, _ in track) + 0.02)


def test_five_sensors_of_dsads_send_side_by_side(data: Path) -> None:
    track = read_npz(data / "imu" / "dsads.npz", subject=2, activities=["sitting", "jumping"])

    assert [stream.placement for stream in track.header.streams] == [
        *("chest", "wrist_right", "wrist_left", "knee_right", "knee_left")
    ]
    received = [packets(track, stream) for stream in range(5)]
    assert [[t for t, _ in stream] for stream in received] == [[t for t, _ in received[0]]] * 5
    assert received[0][0][1].period_us == 40_000


def test_weda_keeps_its_bursts_and_has_acceleration_alone(data: Path) -> None:
    received = packets(read_npz(data / "imu" / "weda_fall_acc.npz", subject=3, activities=["walking"]))

    assert {packet.channels for _, packet in received} == {ACCELERATION}
    assert {packet.ticks_us for _, packet in received} == {None}
    gaps = np.diff([t for t, _ in received])
    assert np.all(gaps >= 0)
    assert np.mean(gaps > 0.08) > 0.3  # the link pauses for about 110 ms


def test_the_gyroscope_file_of_weda_has_angular_rate_alone(data: Path) -> None:
    received = packets(read_npz(data / "imu" / "weda_fall_gyr.npz", subject=3, trials=[1]))

    assert {packet.channels for _, packet in received} == {ANGULAR_RATE}


def test_sp_sw_har_is_labelled_by_row(data: Path) -> None:
    track = read_npz(data / "imu" / "sp_sw_har_wrist_left.npz", subject=1, trials=[1])

    assert [label for _, _, label in track.truth][:3] == ["SEATED", "STANDING_UP", "WALKING"]


@pytest.mark.parametrize("name", ["utd_mhad_paired", "xsens_vicon_walk_paired"])
def test_a_paired_set_is_no_track(data: Path, name: str) -> None:
    with pytest.raises(RecordingError, match="lacks x, scale, columns"):
        read_npz(data / "imu" / f"{name}.npz")


def test_one_trial_costs_little_of_the_sets_memory(data: Path) -> None:
    tracemalloc.start()
    track = read_npz(data / "imu" / "dsads.npz", subject=1, activities=["walking_outdoors"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert isinstance(decode(list(track)[-1][2]), Data)
    assert peak < 10e6  # the whole set is 34 MB
