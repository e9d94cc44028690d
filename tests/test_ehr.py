import io
import math
import os
import struct
from pathlib import Path

import pytest
from conftest import lacking
from hypothesis import given, settings, strategies as st

from edgehar.errors import RecordingError
from edgehar.recordings.ehr import CHUNK, Header, Writer, read
from edgehar.types import Item, Stream

HEADER = Header(
    "mia", (Stream("wrist_left"), Stream("trouser_pocket")), epoch=1760000000.25, created="a test"
)
ITEMS: list[Item] = [(i * 0.1, i % 2, bytes((0x10, i)) * (i % 7)) for i in range(40)]


def write(path: Path, items: list[Item], header: Header = HEADER) -> Path:
    with Writer(path, header) as writer:
        for item in items:
            writer.push(*item)
    return path


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(
        st.tuples(st.floats(allow_nan=False), st.integers(0, 1), st.binary(max_size=300)), max_size=20
    )
)
def test_packets_come_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, items: list[Item]) -> None:
    recording = read(write(tmp_path_factory.mktemp("r") / "a.ehr", items))

    again = list(recording)

    assert recording.header == HEADER
    assert [(struct.pack("<d", t), stream, body) for t, stream, body in again] == [
        (struct.pack("<d", t), stream, body) for t, stream, body in items
    ]
    assert recording.torn == 0


def test_a_file_of_several_read_chunks_comes_back(tmp_path: Path) -> None:
    items: list[Item] = [(float(i), 0, bytes([i % 256]) * 60_000) for i in range(20)]

    assert list(read(write(tmp_path / "a.ehr", items))) == items


def test_the_file_is_laid_out_as_documented(tmp_path: Path) -> None:
    data = write(tmp_path / "a.ehr", [(1.5, 1, b"\x10body")]).read_bytes()

    header_length = struct.unpack_from("<H", data, 8 + 6)[0]
    record = data[8 + 17 + header_length :]
    assert data[:10] == b"edgehar\x01\xe4R"
    assert record[:2] == b"\xe4R"
    assert struct.unpack_from("<HBd", record, 6) == (5, 1, 1.5)
    assert record[17:] == b"\x10body"


def test_after_a_power_cut_at_any_byte_all_whole_records_are_read(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.ehr", ITEMS[:5]).read_bytes()
    header_end = len(write(tmp_path / "header.ehr", []).read_bytes())
    ends = [header_end]
    for _, _, body in ITEMS[:5]:
        ends.append(ends[-1] + 17 + len(body))
    assert ends[-1] == len(whole)

    for cut in range(header_end, len(whole)):
        (tmp_path / "cut.ehr").write_bytes(whole[:cut])
        recording = read(tmp_path / "cut.ehr")
        kept = sum(end <= cut for end in ends) - 1
        assert list(recording) == ITEMS[:kept]
        assert recording.torn == cut - ends[kept]


@pytest.mark.parametrize("garbage", [b"\0" * 4096, b"\xe4R" * 50, b"\xff" * 17, b"\xe4"])
def test_garbage_behind_the_last_record_is_counted_and_left(tmp_path: Path, garbage: bytes) -> None:
    path = write(tmp_path / "a.ehr", ITEMS)
    path.write_bytes(path.read_bytes() + garbage)
    recording = read(path)

    assert list(recording) == ITEMS
    assert recording.torn == len(garbage)


def test_a_record_behind_garbage_is_found_where_two_reads_part_its_marker(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ehr", ITEMS[:1])
    start = path.read_bytes()
    record = start[-17:]
    garbage = b"x" * (8 + CHUNK - 1 - len(start))
    path.write_bytes(start + garbage + record)
    recording = read(path)

    assert list(recording) == ITEMS[:1] * 2
    assert recording.torn == len(garbage)


def test_a_recording_is_continued_after_a_power_cut_at_any_byte(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.ehr", ITEMS[:3]).read_bytes()
    for cut in range(len(whole)):
        path = tmp_path / "cut.ehr"
        path.write_bytes(whole[:cut])
        before = [item for item in ITEMS[:3] if item in list(read(path))] if readable(path) else []
        write(path, ITEMS[3:])

        bodies = [(stream, body) for _, stream, body in read(path)]

        assert bodies == [(stream, body) for _, stream, body in [*before, *ITEMS[3:]]]


def readable(path: Path) -> bool:
    try:
        read(path)
    except RecordingError:
        return False
    return True


def test_one_spoilt_record_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ehr", ITEMS)
    data = bytearray(path.read_bytes())
    spot = data.index(ITEMS[20][2], data.index(ITEMS[19][2]) + 1)
    data[spot] ^= 0x40
    path.write_bytes(data)
    recording = read(path)

    assert list(recording) == ITEMS[:20] + ITEMS[21:]
    assert recording.torn == 17 + len(ITEMS[20][2])


@pytest.mark.parametrize(
    ("later", "first_t"),
    [
        (10.0, 15.0),  # 10 s after the first epoch, 5 s of stream time
        (-3600.0, 8.0),  # the clock was set back: directly behind
        (1e9, 68.0),  # decades, it says: a minute
    ],
)
def test_a_later_part_follows_the_first_in_time(tmp_path: Path, later: float, first_t: float) -> None:
    path = write(tmp_path / "a.ehr", [(7.0, 0, b"a"), (8.0, 0, b"b")])
    write(path, [(5.0, 0, b"c"), (6.0, 0, b"d")], Header(HEADER.wearer, HEADER.streams, HEADER.epoch + later))

    assert [t for t, _, _ in read(path)] == [7.0, 8.0, first_t, first_t + 1.0]


def test_a_killed_writer_loses_at_most_a_second(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.ehr", HEADER)
    for i in range(100):
        writer.push(i * 0.1, 0, b"x")

    # What another process sees now is what a kill would leave.
    times = [t for t, _, _ in read(tmp_path / "a.ehr")]

    writer.close()
    assert times[-1] >= 99 * 0.1 - 1.0


def test_a_file_object_is_written_and_left_open(tmp_path: Path) -> None:
    file = io.BytesIO()
    with Writer(file, HEADER) as writer:
        writer.push(0.5, 0, b"x")

    (tmp_path / "a.ehr").write_bytes(file.getvalue())
    assert list(read(tmp_path / "a.ehr")) == [(0.5, 0, b"x")]


def test_a_writer_refuses_a_stream_that_its_header_lacks() -> None:
    writer = Writer(io.BytesIO(), HEADER)

    with pytest.raises(ValueError, match="stream 2 of 2"):
        writer.push(0.0, 2, b"x")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "begins with b'', expected b'edgehar"),
        (b"PK\x03\x04 an npz", "begins with b'PK"),
        (b"edgehar\x02", "format version 2; this edgehar reads 1"),
        (b"edgehar\x01", "its first record is no readable header"),
        (b"edgehar\x01" + b"x" * 100, "its first record is no readable header"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "wrong.ehr"
    path.write_bytes(content)

    with pytest.raises(RecordingError) as caught:
        read(path)

    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.ehr: No such file"):
        read(tmp_path / "none.ehr")
    with pytest.raises(RecordingError, match=r"none/a\.ehr: No such file"):
        Writer(tmp_path / "none" / "a.ehr", HEADER)


def test_a_file_of_something_else_is_not_appended_to(tmp_path: Path) -> None:
    foreign = tmp_path / "diary.txt"
    foreign.write_text("dear diary")
    other = write(tmp_path / "other.ehr", [], Header("ben", (Stream("chest"),), epoch=0.0))

    with pytest.raises(RecordingError, match=r"begins with b'dear dia'"):
        Writer(foreign, HEADER)
    with pytest.raises(
        RecordingError, match=r"holds chest of ben; cannot append wrist_left, trouser_pocket of mia"
    ):
        Writer(other, HEADER)

    assert foreign.read_text() == "dear diary"


def test_a_file_that_is_being_written_has_no_second_writer(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    with Writer(path, HEADER) as writer:
        with pytest.raises(RecordingError, match="is being recorded to by another program"):
            Writer(path, HEADER)
        writer.push(1.0, 0, b"x")
    write(path, [(2.0, 0, b"y")])
    assert [body for _, _, body in read(path)] == [b"x", b"y"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RecordingError, match="expected a file, and it is a pipe"):
        Writer(tmp_path / "pipe", HEADER)


def test_packets_count_once_the_file_holds_them(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.ehr", HEADER)
    counted = []
    for t in (0.0, 0.4, 0.8, 1.2):
        writer.push(t, 0, b"x")
        writer.push(t, 0, b"")
        counted.append(writer.packets)
        assert len([body for _, _, body in read(tmp_path / "a.ehr") if body]) == writer.packets
    writer.close()
    assert counted == [1, 1, 1, 4]
    assert writer.packets == 4


def test_a_full_disk_is_the_operators_to_mend() -> None:
    full = Path("/dev/full")
    if not full.exists():
        lacking("/dev/full")
    with full.open("wb", buffering=0) as file, pytest.raises(RecordingError, match="No space left"):
        Writer(file, HEADER)


def test_reading_again_gives_the_same(tmp_path: Path) -> None:
    recording = read(write(tmp_path / "a.ehr", [(math.pi, 0, b"x")]))

    assert list(recording) == list(recording) == [(math.pi, 0, b"x")]
