"""Frames of files, at their pace and as fast as it goes."""

import math
import threading
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cameras import plain, write_video

from edgehar.errors import RecordingError
from edgehar.sources.camera.address import parse
from edgehar.sources.camera.capture import Frame
from edgehar.sources.camera.video_file import VideoFile

pytestmark = pytest.mark.usefixtures("cv2")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return a file of 30 pictures, 20 a second, each brighter than the one before."""
    return write_video(tmp_path / "clip.avi", [plain(8 * i) for i in range(30)], 20.0)


def frames_of(path: Path, max_fps: float = math.inf, *, paced: bool = False) -> list[Frame]:
    video = VideoFile(parse(str(path)), max_fps, threading.Event(), paced=paced)
    frames = []
    while frame := video.next():
        frames.append(frame)
    video.release()
    return frames


def brightness(frames: list[Frame]) -> list[float]:
    return [float(frame.picture.mean()) for frame in frames]


def test_as_fast_as_it_goes_every_frame_comes_at_its_own_time(clip: Path) -> None:
    frames = frames_of(clip)
    assert brightness(frames) == pytest.approx([8 * i for i in range(30)], abs=3)
    assert [frame.taken_at for frame in frames] == pytest.approx(np.arange(30) / 20)


def test_no_more_come_than_wanted(clip: Path) -> None:
    frames = frames_of(clip, 10.0)
    assert [frame.taken_at for frame in frames] == pytest.approx(np.arange(15) / 10)


def test_at_its_pace_frames_are_taken_when_they_are_due(clip: Path) -> None:
    began = time.monotonic()
    frames = frames_of(clip, paced=True)
    ended = time.monotonic()
    # A busy machine leaves some out; none comes before its time.
    assert 1 <= len(frames) <= 30
    shown = brightness(frames)
    assert shown == sorted(shown)
    media = [round(value / 8) / 20 for value in shown]
    starts = [frame.taken_at - t for frame, t in zip(frames, media, strict=True)]
    assert starts == pytest.approx([starts[0]] * len(starts), abs=0.026)
    assert began <= starts[0]
    assert frames[-1].taken_at <= ended


def test_a_look_that_takes_long_costs_frames_and_not_their_order(clip: Path) -> None:
    video = VideoFile(parse(str(clip)), math.inf, threading.Event(), paced=True)
    first = video.next()
    time.sleep(0.4)  # a look that takes eight frames
    second = video.next()
    video.release()
    assert first
    assert second
    assert second.taken_at - first.taken_at >= 0.3


def test_told_to_stop_it_waits_for_no_frame(tmp_path: Path) -> None:
    slow = write_video(tmp_path / "slow.avi", [plain(i) for i in range(3)], 0.01)
    stop = threading.Event()
    video = VideoFile(parse(str(slow)), math.inf, stop, paced=True)
    assert video.next()
    timer = threading.Timer(0.05, stop.set)
    timer.start()
    assert video.next() is None
    timer.join()
    video.release()


def test_a_real_clip_has_all_its_frames(data: Path) -> None:
    times = [frame.taken_at for frame in frames_of(data / "video" / "adl_18_multiple_jumps.mp4")]
    assert times == pytest.approx(np.arange(99) / 30, abs=1e-3)
    assert all(later > earlier for earlier, later in pairwise(times))


def test_what_is_no_video_is_told_as_such(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video" * 1000)
    (tmp_path / "begun.avi").write_bytes(clip.read_bytes()[:100])
    for name in ("empty.mp4", "text.mp4", "begun.avi"):
        with pytest.raises(RecordingError, match=rf"{name} is no video that can be read"):
            frames_of(tmp_path / name)


def test_a_file_cut_short_ends_where_it_ends(tmp_path: Path, clip: Path) -> None:
    content = clip.read_bytes()
    (tmp_path / "short.avi").write_bytes(content[: len(content) // 2])
    assert 0 < len(frames_of(tmp_path / "short.avi")) < 30
