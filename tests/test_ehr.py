import io
import itertools
import math
import os
import struct
from pathlib import Path

import pytest
from conftest import lacking
from hypothesis import given, settings, strategies as st

from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header, Recording, read
from edgehar.recordings.ehr_records import CHUNK, MARK_STREAM, encode_record
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.marks import Mark
from edgehar.types import UNREADABLE, Item, Stream

HEADER = Header(
    "mia", (Stream("wrist_left"), Stream("trouser_pocket")), epoch=1760000000.25, created="a test"
)
ITEMS: list[Item] = [(i * 0.1, i % 2, bytes((0x10, i)) * (i % 7)) for i in range(40)]


def write(path: Path, items: list[Item], header: Header = HEADER) -> Path:
    with Writer(path, header) as writer:
        for item in items:
            writer.push(*item)
    return path


def packets(recording: Recording) -> list[Item]:
    """Read all but the marks of what could not be read."""
    return [item for item in recording if item[1] != UNREADABLE]


def crafted(path: Path, items: list[Item], header: Header = HEADER) -> Path:
    """Write records of any time and stream, with checksums that are right."""
    path.write_bytes(write(path, [], header).read_bytes() + b"".join(encode_record(*item) for item in items))
    return path


@settings(max_examples=50, deadline=None)
@given(
    items=st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.integers(0, 1), st.binary(max_size=300)), max_size=20
    ).map(sorted)
)
def test_packets_come_back_to_the_bit(tmp_path_factory: pytest.TempPathFactory, items: list[Item]) -> None:
    recording = read(write(tmp_path_factory.mktemp("r") / "a.ehr", items))

    again = list(recording)

    assert recording.header == HEADER
    assert [(struct.pack("<d", t), stream, body) for t, stream, body in again] == [
        (struct.pack("<d", t), stream, body) for t, stream, body in items
    ]
    assert recording.unread.spoilt_bytes == 0


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
        assert recording.unread.spoilt_bytes == cut - ends[kept]


@pytest.mark.parametrize("garbage", [b"\0" * 4096, b"\xe4R" * 50, b"\xff" * 17, b"\xe4"])
def test_garbage_behind_the_last_record_is_counted_and_left(tmp_path: Path, garbage: bytes) -> None:
    path = write(tmp_path / "a.ehr", ITEMS)
    path.write_bytes(path.read_bytes() + garbage)
    recording = read(path)

    assert list(recording) == ITEMS
    assert recording.unread.spoilt_bytes == len(garbage)


def test_a_record_behind_garbage_is_found_where_two_reads_part_its_marker(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ehr", ITEMS[:1])
    start = path.read_bytes()
    record = start[-17:]
    garbage = b"x" * (8 + CHUNK - 1 - len(start))
    path.write_bytes(start + garbage + record)
    recording = read(path)

    assert packets(recording) == ITEMS[:1] * 2
    assert recording.unread.spoilt_bytes == len(garbage)


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

    assert packets(recording) == ITEMS[:20] + ITEMS[21:]
    assert recording.unread.spoilt_bytes == 17 + len(ITEMS[20][2])
    assert list(recording)[20] == (ITEMS[21][0], UNREADABLE, b"")


def test_what_could_not_be_read_is_counted_and_located(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ehr", ITEMS)
    content = bytearray(path.read_bytes())
    spots = [content.index(encode_record(*ITEMS[i])) for i in (10, 11, 30)]
    for spot in spots:
        content[spot + 7] ^= 1
    path.write_bytes(content)
    recording = read(path)
    assert recording.unread.in_words() == ""

    assert packets(recording) == [item for i, item in enumerate(ITEMS) if i not in {10, 11, 30}]
    spoilt = sum(17 + len(ITEMS[i][2]) for i in (10, 11, 30))
    assert (
        recording.unread.in_words() == f"{spoilt} bytes in 2 places, the first 0.9 s in, at byte {spots[0]}"
    )


@pytest.mark.parametrize(
    ("t", "at"),
    [
        *itertools.product((math.nan, math.inf, -math.inf, 1e300, -1e300, 1e12, 1e8), (0, 1, 2, 20, 39)),
        # Of two at the beginning nobody can tell which is wrong.
        *itertools.product((-5.0, 0.0), (2, 20, 39)),
    ],
)
def test_a_time_that_is_none_of_an_arrival_costs_its_own_record(tmp_path: Path, t: float, at: int) -> None:
    items = [(100 + t, stream, body) for t, stream, body in ITEMS]
    recording = read(crafted(tmp_path / "a.ehr", [*items[:at], (t, 0, b"x"), *items[at:]]))

    assert packets(recording) == items
    assert recording.unread.refused == 1
    assert recording.unread.in_words().startswith("1 record of impossible time or stream, the first ")


def test_a_stream_that_the_header_lacks_costs_its_own_record(tmp_path: Path) -> None:
    recording = read(crafted(tmp_path / "a.ehr", [*ITEMS[:9], (0.85, 2, b"x"), *ITEMS[9:]]))

    assert packets(recording) == ITEMS
    assert recording.unread.refused == 1


def test_what_a_thread_hands_on_a_little_late_is_no_fault(tmp_path: Path) -> None:
    items: list[Item] = [(5.0, 0, b"a"), (4.5, 1, b"b"), (5.1, 0, b"c")]
    recording = read(write(tmp_path / "a.ehr", items))

    assert list(recording) == items
    assert recording.unread.in_words() == ""


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.floats(), st.integers(0, 254), st.binary(max_size=9)), max_size=30))
def test_whatever_the_times_all_records_are_read_in_order_or_counted(
    tmp_path_factory: pytest.TempPathFactory, items: list[Item]
) -> None:
    recording = read(crafted(tmp_path_factory.mktemp("r") / "a.ehr", items))
    times = [t for t, _, _ in packets(recording)]

    assert len(times) + recording.unread.refused == len(items)
    assert all(later > earlier - 1.1 for earlier, later in itertools.pairwise(times))
    assert all(abs(t) <= 1e9 for t in times)


def test_a_later_part_whose_header_is_spoilt_follows_the_first(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ehr", [(7000.0, 0, b"a"), (7001.0, 0, b"b")])
    begin = path.stat().st_size
    write(path, [(5.0, 0, b"c"), (6.0, 0, b"d")])
    content = bytearray(path.read_bytes())
    content[begin + 20] ^= 1
    path.write_bytes(content)
    recording = read(path)

    assert packets(recording) == [(7000.0, 0, b"a"), (7001.0, 0, b"b"), (7001.0, 0, b"c"), (7002.0, 0, b"d")]
    assert recording.unread.refused == 0


def test_a_later_header_that_is_none_is_counted(tmp_path: Path) -> None:
    path = crafted(tmp_path / "a.ehr", [(7.0, 0, b"a"), (0.0, 255, b"{}"), (5.0, 0, b"b")])
    recording = read(path)

    assert packets(recording) == [(7.0, 0, b"a"), (7.0, 0, b"b")]
    assert recording.unread.refused == 1


def test_a_recording_of_no_date_that_can_be_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ehr", [], Header("mia", HEADER.streams, epoch=1e300))

    with pytest.raises(RecordingError, match=r"a\.ehr: header: epoch 1e\+300, expected Unix time in s"):
        read(path)


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
        (b"", "expected a file that `edgehar record` wrote, got an empty one"),
        (b"PK\x03\x04 an npz", 'got one that begins with "PK\\u0003\\u0004 an "'),
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

    with pytest.raises(RecordingError, match=r'begins with "dear dia"'):
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


def test_marks_say_what_was_done_and_are_no_packets(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    marks = [
        (1.0, Mark("begin", "Walking", "key")),
        (2.0, Mark("moment", note="tap")),
        (3.0, Mark("begin", "jogging")),
        (4.0, Mark("end")),
        (5.0, Mark("begin", "sitting")),
        (6.0, Mark("end")),
        (6.5, Mark("void")),
        (7.0, Mark("begin", "sitting")),
        (7.5, Mark("void")),
        (8.0, Mark("begin", "lying")),
    ]
    items: list[Item] = [(float(t), 0, b"body") for t in range(10)]
    with Writer(path, HEADER) as writer:
        for item in items:
            writer.push(*item)
            for t, mark in marks:
                if item[0] <= t < item[0] + 1:
                    writer.mark(t, mark)
    recording = read(path)
    assert list(recording) == items
    assert recording.marks() == marks
    assert recording.truth() == [(1.0, 3.0, "walking"), (3.0, 4.0, "running"), (8.0, 9.0, "lying")]


def test_marks_of_a_later_writer_are_moved_with_its_packets(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ehr", [(100.0, 0, b"body")])
    with Writer(path, Header("mia", HEADER.streams, epoch=HEADER.epoch + 110.0)) as writer:
        writer.mark(1.0, Mark("begin", "walking"))
        writer.push(2.0, 0, b"body")
    assert read(path).truth() == [(111.0, 112.0, "walking")]


def test_a_mark_that_cannot_be_read_is_counted_and_costs_no_packet(tmp_path: Path) -> None:
    items: list[Item] = [(1.0, 0, b"body"), (2.0, MARK_STREAM, b'{"kind":"beg'), (3.0, 0, b"body")]
    recording = read(crafted(tmp_path / "a.ehr", items))
    assert (recording.marks(), recording.unread.refused) == ([], 1)
    assert packets(recording) == [items[0], items[2]]


def test_what_a_killed_writer_said_does_not_hold_for_the_next_ones_packets(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    killed = Writer(path, HEADER)
    killed.push(1.0, 0, b"a")
    killed.mark(1.0, Mark("begin", "walking"))
    killed.push(3.0, 0, b"b")
    killed._file.close()  # the lock goes with it, and no end is written
    with Writer(path, HEADER) as writer:
        writer.push(5.0, 0, b"c")
        writer.mark(6.0, Mark("begin", "sitting"))
        writer.push(8.0, 0, b"d")
    recording = read(path)
    assert recording.truth() == [(1.0, 3.0, "walking"), (6.0, 8.0, "sitting")]
    assert [mark.label for _, mark in recording.marks()] == ["walking", "sitting"]
    assert [body for _, _, body in recording] == [b"a", b"b", b"c", b"d"]
