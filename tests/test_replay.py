"""Replays of what is on disk and of what is not, at every pace."""

import asyncio
import math
import os
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.errors import RecordingError
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.pace import Pace
from edgehar.sources.replay import Replay, open_recording
from edgehar.types import Item, Stream
from edgehar.wire.protocol import encode_data

ITEMS: list[Item] = [
    (5000.0 + i * 0.01, i % 2, encode_data(i, i * 10_000, np.zeros((1, 6), np.int16))) for i in range(50)
]
HEADER = Header(wearer="anna", streams=(Stream("wrist"), Stream("waist")), epoch=1.7e9)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "walk.ehr"
    with Writer(path, HEADER) as writer:
        for item in ITEMS:
            writer.push(*item)
    return path


async def replayed(replay: Replay) -> list[Item]:
    items: list[Item] = []
    await replay.run(lambda *item: items.append(item))
    return items


@pytest.mark.parametrize("speed", [0, math.inf, 100.0, 1.0])
async def test_every_pace_gives_the_same_packets_and_times(recording: Path, speed: float) -> None:
    assert await replayed(Replay(recording, speed=speed)) == ITEMS


async def test_each_life_begins_at_the_start(recording: Path) -> None:
    replay = Replay(open_recording(recording), speed=0)
    assert await replayed(replay) == await replayed(replay) == ITEMS


async def test_it_never_runs_ahead_of_its_pace(recording: Path) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    ahead: list[float] = []
    await Replay(recording, speed=5).run(
        lambda t, *_: ahead.append((t - ITEMS[0][0]) / 5 - (loop.time() - began))
    )
    # A timer may fire early by the clock's resolution.
    assert max(ahead) < 0.002


async def test_a_late_packet_does_not_delay_the_next_ones() -> None:
    # A clock that only sleeping and working move: due times stay where they were.
    clock = 100.0

    async def sleep(seconds: float) -> None:
        nonlocal clock
        clock += seconds

    began, times = clock, list[float]()
    pace = Pace(ITEMS[0][0], 1, now=lambda: clock, sleep=sleep)
    for t, *_ in ITEMS[:8]:
        await pace.until(t)
        times.append(clock - began)
        clock += 0.025 if len(times) == 3 else 0.004
    assert times == pytest.approx([0, 0.01, 0.02, 0.045, 0.049, 0.053, 0.06, 0.07])


async def test_as_fast_as_it_goes_still_lets_others_run(recording: Path) -> None:
    turns = 0

    async def publish() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def slow(_t: float, _stream: int, _body: bytes) -> None:
        until = loop.time() + 0.002
        while loop.time() < until:
            pass

    loop = asyncio.get_running_loop()
    publishing = asyncio.create_task(publish())
    await Replay(recording, speed=0).run(slow)
    publishing.cancel()
    assert turns >= 10


async def test_an_exception_of_deliver_leaves_run(recording: Path) -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Replay(recording, speed=0).run(deliver)


def test_a_recording_has_no_persons_to_choose_from(recording: Path) -> None:
    with pytest.raises(RecordingError, match=r"only an \.npz set has subjects"):
        open_recording(recording, subject="anna")


def test_some_of_a_recordings_sensors_are_replayed(recording: Path) -> None:
    track = open_recording(recording, placements=["waist"])
    assert track.header == structs.replace(HEADER, streams=(Stream("waist"),))
    assert list(track.packets) == [(t, 0, body) for t, stream, body in ITEMS if stream == 1]


def test_a_sensor_is_replayed_as_worn_elsewhere(recording: Path, data: Path) -> None:
    track = open_recording(recording, placements=["wrist=chest", "waist"])
    assert track.header.streams == (Stream("chest"), Stream("waist"))
    assert list(track.packets) == ITEMS
    wanted = ["trouser_pocket=thigh"]
    track = open_recording(data / "imu" / "motionsense.npz", subject="1", placements=wanted)
    assert track.header.streams == (Stream("thigh"),)


@pytest.mark.parametrize(
    ("placements", "words"),
    [
        (["nose"], "no placement nose; there are wrist, waist"),
        (["nose=wrist"], "no placement nose; there are wrist, waist"),
        (["wrist", "wrist=chest"], "placements wrist, wrist; each can be chosen once"),
    ],
)
def test_a_sensor_that_was_not_recorded_is_refused(
    recording: Path, placements: list[str], words: str
) -> None:
    with pytest.raises(RecordingError) as refused:
        open_recording(recording, placements=placements)
    assert str(refused.value) == f"{recording}: {words}"


@pytest.fixture
def spoilt(recording: Path) -> Path:
    """Flip a bit of a recording's last record."""
    content = bytearray(recording.read_bytes())
    content[-1] ^= 1
    recording.write_bytes(content)
    return recording


async def test_what_could_not_be_read_is_said_at_the_end(
    spoilt: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await replayed(Replay(spoilt, speed=0))
    [line] = [record.getMessage() for record in caplog.records]
    size = 17 + len(ITEMS[-1][2])
    assert line.startswith(
        f"{spoilt}: could not be read: {size} bytes in 1 place, the first 0.5 s in, at byte "
    )


async def test_of_a_sound_recording_nothing_is_said(
    recording: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await replayed(Replay(recording, speed=0))
    assert not caplog.records


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no recording")
    with pytest.raises(RecordingError, match=r"notes\.txt"):
        open_recording(tmp_path / "notes.txt")


@pytest.mark.parametrize("name", ["walk.ehr", "set.npz"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(RecordingError, match="expected a file, and it is a pipe"):
        open_recording(tmp_path / name)


def test_a_recording_knows_its_wearer_and_no_truth(recording: Path) -> None:
    track = open_recording(recording)
    assert track.header == HEADER
    assert track.truth == ()


async def test_a_person_of_a_set_is_replayed_with_the_truth(data: Path) -> None:
    track = open_recording(data / "imu" / "motionsense.npz", subject="1")
    items = await replayed(Replay(track, speed=0))
    assert items[-1][0] == pytest.approx(track.truth[-1][1], abs=1)
    decoders = [EdgeharReader() for _ in track.header.streams]
    for _, stream, body in items:
        decoders[stream].push(body)
    assert all(decoder.packets > 1000 and decoder.lost == decoder.undescribed == 0 for decoder in decoders)
