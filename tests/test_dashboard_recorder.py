"""What the page's buttons write, and where a recording ends by itself."""

import asyncio
import shutil
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from listening import until
from test_control import control, start

from edgehar.daemon.control import WearerControl
from edgehar.dashboard import recorder as module
from edgehar.dashboard.recorder import Recorder, Recorders
from edgehar.errors import ConfigError, RecordingError
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings import moments
from edgehar.recordings.ehr import read
from edgehar.recordings.ehr_writer import Writer


@asynccontextmanager
async def recording(folder: Path, notes: list[str]) -> AsyncIterator[tuple[Recorder, Recorders]]:
    """Run a simulated wearer, anna, who can be recorded."""
    controlled = control()
    task = start(controlled)
    recorders = Recorders(folder, lambda _, text: notes.append(text))
    try:
        await until(lambda: is_described(controlled))
        yield recorders.of(controlled), recorders
    finally:
        await recorders.closed()
        task.cancel()
        await asyncio.wait([task])


def is_described(controlled: WearerControl) -> bool:
    """Tell whether its sensor has told how its packets are to be read, which a recording begins with."""
    return bool(controlled.feed.pipeline.intakes[0].reader.preamble)


def labels(recording: Path) -> list[str]:
    return [label for _, _, label in read(recording).truth()]


def files(folder: Path) -> list[Path]:
    return sorted((folder / "recordings").iterdir())


async def test_a_recording_can_be_replayed_and_nobody_else_reads_it(tmp_path: Path) -> None:
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, recorders):
        recorder.start("walking")
        assert recorders.running(recorder.control)
        with pytest.raises(ConfigError, match="anna is being recorded already, as walking; stop that first"):
            recorder.start("sitting")
        packets = recorder.control.feed.pipeline.intakes[0].reader
        before = packets.packets
        await until(lambda: packets.packets > before + 5)
        recorder.stop()
        assert recorders.running(recorder.control) is None
        await until(lambda: "ended" in notes[-1])
    [written] = files(tmp_path)
    assert stat.S_IMODE((tmp_path / "recordings").stat().st_mode) == 0o700
    track, recognizer = read(written), load(find("imu_tcn"))
    pipeline = Pipeline("anna", track.header.streams, recognizer, recognizer.spec.decision)
    for item in track:
        pipeline.push(*item)
    assert pipeline.intakes[0].reader.packets > 5
    assert pipeline.intakes[0].reader.health()["undescribed"] == 0
    assert labels(written) == ["walking"]


async def test_a_recording_goes_on_after_a_pause(tmp_path: Path) -> None:
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, _):
        recorder.start("walking")
        recorder.control.pause()
        await until(lambda: not recorder.control.feed.is_up)
        recorder.control.resume()
        await until(lambda: recorder.control.feed.is_up)
        size = recorder.running and recorder.running.size
        await until(lambda: recorder.running is not None and recorder.running.size > (size or 0))
    assert "ended as edgehar was stopped" in notes[-1]


async def test_a_recording_that_somebody_forgot_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.1)
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, _):
        recorder.start("walking")
        await until(lambda: "the most there can be" in notes[-1])
        assert (recorder.running, recorder.control.tap) == (None, None)
    assert labels(files(tmp_path)[0]) == ["walking"]


async def test_a_recording_that_grows_too_large_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 2000)
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, _):
        recorder.start("walking")
        await until(lambda: "the most there can be" in notes[-1])
    assert 2000 < files(tmp_path)[0].stat().st_size < 4000


async def test_a_disk_that_refuses_ends_the_recording_and_not_the_wearer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, _):
        recorder.start("walking")

        def refuse(*_: object) -> None:
            raise RecordingError("anna.ehr: No space left on device")

        monkeypatch.setattr(Writer, "push", refuse)
        await until(lambda: "as the disk refused: anna.ehr: No space left on device" in notes[-1])
        packets = recorder.control.feed.pipeline.intakes[0].reader
        before = packets.packets
        await until(lambda: packets.packets > before)


async def test_a_disk_that_others_fill_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_EVERY", 500)
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, _):
        recorder.start("walking")
        usage = shutil.disk_usage(tmp_path)._replace(free=100 * 2**20)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        await until(lambda: "100 MB are free on the disk, and 512 have to stay" in notes[-1])
        assert recorder.running is None
    assert labels(files(tmp_path)[0]) == ["walking"]


async def test_a_disk_that_takes_no_mark_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, _):
        recorder.start("walking")

        def refuse(*_: object) -> None:
            raise RecordingError("anna.ehr: No space left on device")

        await until(lambda: recorder.running is not None and recorder.running.size > 500)
        monkeypatch.setattr(Writer, "mark", refuse)
        recorder.mark()
        await until(lambda: "as the disk refused: anna.ehr: No space left on device" in notes[-1])
    # It lasts to the end of what was recorded.
    assert labels(files(tmp_path)[0]) == ["walking"]


async def test_a_recording_ends_with_the_wearer(tmp_path: Path) -> None:
    notes = list[str]()
    controlled = control()
    task = start(controlled)
    recorders = Recorders(tmp_path, lambda _, text: notes.append(text))
    await until(lambda: is_described(controlled))
    recorder = recorders.of(controlled)
    recorder.start("walking")
    await until(lambda: recorder.running is not None and recorder.running.size > 500)
    # As a configuration does that names them no more, or otherwise.
    task.cancel()
    await asyncio.wait([task])
    assert recorders.running(controlled) is None
    await recorders.closed()
    assert "ended as edgehar reads their sensors no longer" in notes[-1]
    assert labels(files(tmp_path)[0]) == ["walking"]


async def test_what_ends_as_it_begins_has_no_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with recording(tmp_path, []) as (recorder, recorders):
        monkeypatch.setattr(time, "monotonic", lambda: 100.0)
        recorder.start("walking")
        recorder.stop()
        monkeypatch.undo()
        await recorders.closed()
    assert labels(files(tmp_path)[0]) == []


async def test_two_recordings_never_share_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1.8e9)
    async with recording(tmp_path, []) as (recorder, recorders):
        recorder.start("walking")
        await recorders.closed()
        with pytest.raises(
            ConfigError, match=r"-walking\.ehr was recorded within this second; wait for the next"
        ):
            recorder.start("walking")


async def test_nothing_is_recorded_on_a_disk_that_is_nearly_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    async with recording(tmp_path, []) as (recorder, _):
        with pytest.raises(RecordingError, match="100 MB are free on the disk, and 512 have to stay"):
            recorder.start("walking")
        assert recorder.running is None


async def test_a_moment_is_marked_beside_no_recording_too_until_its_file_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with recording(tmp_path, []) as (recorder, _):
        recorder.mark()
        [path] = files(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.name == "anna.moments.jsonl"
        monkeypatch.setattr(moments, "LARGEST", path.stat().st_size)
        with pytest.raises(RecordingError, match=r"is full at .* kB; move it away"):
            recorder.mark()


async def test_without_a_folder_nothing_is_recorded_and_why_is_told() -> None:
    recorders, controlled = Recorders(None, lambda *_: None), control()
    assert recorders.obstacle(controlled) == (
        "there is no folder to write to; give state_dir under [gateway] in edgehar.toml"
    )
    with pytest.raises(ConfigError, match="anna cannot be recorded: there is no folder to write to"):
        recorders.of(controlled)


async def test_a_recording_of_a_chosen_length_ends_by_itself(tmp_path: Path) -> None:
    notes = list[str]()
    async with recording(tmp_path, notes) as (recorder, recorders):
        recorder.start("walking", seconds=0.3)
        running = recorders.running(recorder.control)
        assert running is not None
        assert (running["label"], running["seconds"]) == ("walking", 0.3)
        await until(lambda: recorder.running is None and "ended" in notes[-1])
    # Nothing was wrong with it.
    assert "Recording of walking ended; packets" in notes[-1]


async def test_what_marked_a_moment_stands_beside_it(tmp_path: Path) -> None:
    async with recording(tmp_path, []) as (recorder, recorders):
        recorder.mark("tap")
        recorder.start("walking")
        recorder.mark("tap")
        await recorders.closed()
    [beside] = [path for path in files(tmp_path) if path.suffix == ".jsonl"]
    [written] = [path for path in files(tmp_path) if path.suffix == ".ehr"]
    assert '"note":"tap"' in beside.read_text()
    assert [mark.note for _, mark in read(written).marks()][1] == "tap"
