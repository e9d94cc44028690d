"""Frames of streams over HTTP, and of a device whose driver is scripted."""

import os
import socket
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cameras import PARTS, Answer, Driver, Viewer, camera_at, endless, mute, part, plain
from listening import open_sockets

from edgehar.errors import SourceLostError
from edgehar.sources.camera import capture, live
from edgehar.sources.camera.address import parse
from edgehar.sources.camera.live import Live
from edgehar.sources.camera.opencv import Picture

pytestmark = pytest.mark.usefixtures("cv2")


def frames_of(address: str, count: int, max_fps: float = 1000.0) -> list[tuple[float, Picture]]:
    """Return times and pictures of the first frames; blocks."""
    video = Live(parse(address), max_fps, threading.Event())
    try:
        frames = [video.next() for _ in range(count)]
    finally:
        video.release()
    return [(frame.taken_at, frame.picture) for frame in frames if frame]


def lost(answer: Answer) -> str:
    """Return what is said of a stream that gives no thousand frames."""
    with camera_at(answer) as url, pytest.raises(SourceLostError) as error:
        frames_of(url, 1000)
    assert "secret" not in str(error.value)
    return str(error.value)


def answers(*pieces: bytes) -> Answer:
    return lambda viewer: viewer.send(b"".join(pieces))


def test_a_stream_gives_its_pictures_in_order() -> None:
    before = open_sockets()
    with camera_at(endless) as url:
        frames = frames_of(url, 5)
    assert all(picture.shape == (120, 160, 3) for _, picture in frames)
    brightness = [float(picture.mean()) for _, picture in frames]
    assert brightness == sorted(brightness)
    assert all(later > earlier for (earlier, _), (later, _) in pairwise(frames))
    assert open_sockets() == before


def test_pictures_that_waited_are_dropped_for_the_newest() -> None:
    backlog = 30

    def answer(viewer: Viewer) -> None:
        # At once: else the reader may really wait in the middle of them.
        viewer.send(PARTS + b"".join(part(plain(i)) for i in range(backlog)))
        i = backlog
        while not viewer.gone.wait(0.05):
            viewer.send(part(plain(min(i, 255))))
            i += 1

    with camera_at(answer) as url:
        [(_, picture)] = frames_of(url, 1)
    assert picture.mean() >= backlog - 2


@pytest.mark.parametrize(
    "answer",
    [
        answers(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        answers(b"HTTP/1.0 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
        answers(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>a page</html>"),
        answers(
            b"HTTP/1.0 200 OK\r\nContent-Type: video/mp4\r\n\r\n", np.random.default_rng(0).bytes(100_000)
        ),
        answers(b"\xff\xfe" * 1000),
    ],
    ids=["not there", "password", "page", "garbage", "no HTTP"],
)
def test_what_answers_with_no_video_is_told_as_such(answer: Answer) -> None:
    assert "answers, but sends no pictures that can be read: are the path, the user" in lost(answer)


def test_a_stream_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "OPEN_S", 1)
    assert "sends no pictures that can be read" in lost(mute)


def test_a_stream_that_ends_is_lost() -> None:
    few = [part(plain(i)) for i in range(10)]
    assert "was lost: it ended" in lost(answers(PARTS, *few))


def test_a_stream_that_stalls_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "READ_S", 1)

    def answer(viewer: Viewer) -> None:
        viewer.send(PARTS + b"".join(part(plain(i)) for i in range(10)))
        mute(viewer)

    assert "sent nothing that can be read" in lost(answer)


def test_garbage_between_pictures_ends_or_is_left_out() -> None:
    noise = np.random.default_rng(0).bytes(3000)
    broken = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: 3000\r\n\r\n" + noise + b"\r\n"
    pieces = [part(plain(i)) + broken for i in range(20)]
    assert "was lost" in lost(answers(PARTS, *pieces))


def test_a_picture_that_stays_the_same_to_the_last_bit_is_a_dead_camera(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "FROZEN_S", 0.2)

    def frozen(viewer: Viewer) -> None:
        endless(viewer, lambda _: plain(90))

    assert "shows the same picture to the last bit" in lost(frozen)


def test_a_stream_that_nobody_serves_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        SourceLostError, match=r"127\.0\.0\.1:\d+/x cannot be reached: Connection refused; is the camera on"
    ):
        Live(parse(f"rtsp://anna:secret@127.0.0.1:{port}/x"), 15.0, threading.Event())


def test_a_device_that_is_no_camera_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "video0").symlink_to("/dev/full")
    with pytest.raises(SourceLostError, match=r"video0 gives no pictures: many cameras are two devices"):
        Live(parse(str(tmp_path / "video0")), 15.0, threading.Event())
    with (
        Path("/dev/full").open("rb"),
        pytest.raises(SourceLostError, match=rf"in use by .*\(process {os.getpid()}\)"),
    ):
        Live(parse(str(tmp_path / "video0")), 15.0, threading.Event())


@pytest.fixture
def device(
    tmp_path: Path, cv2: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Live, Path, Driver]]:
    """Return what opens a device whose driver follows a script."""

    def opened(*script: object) -> tuple[Live, Path, Driver]:
        path, driver = tmp_path / "video0", Driver(script)
        path.symlink_to("/dev/full")
        monkeypatch.setattr(cv2, "VideoCapture", driver)
        monkeypatch.setattr(live, "_CATCH_UP_S", 0.0)  # a scripted driver makes nobody wait
        return Live(parse(str(path)), 1000.0, threading.Event()), path, driver

    return opened


def test_a_device_that_is_pulled_out_is_told_as_such(
    device: Callable[..., tuple[Live, Path, Driver]],
) -> None:
    video, path, driver = device(plain(1))
    assert video.next() is not None
    path.unlink()
    with pytest.raises(SourceLostError, match=r"video0 was lost: it was unplugged"):
        video.next()
    video.release()
    assert driver.released


def test_a_device_that_gives_nothing_more_is_lost(device: Callable[..., tuple[Live, Path, Driver]]) -> None:
    video, _, _ = device()
    with pytest.raises(SourceLostError, match="gives no more pictures: was it unplugged"):
        video.next()


def test_told_to_stop_it_gives_no_frame(cv2: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "video0").symlink_to("/dev/full")
    monkeypatch.setattr(cv2, "VideoCapture", Driver([plain(1)] * 9))
    stop = threading.Event()
    video = Live(parse(str(tmp_path / "video0")), 15.0, stop)
    stop.set()
    assert video.next() is None
