"""A camera as a source: its life, and what it delivers."""

import asyncio
import struct
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cameras import PARTS, Driver, Viewer, camera_at, endless, mute, part, write_video
from listening import QUICK, Listener, open_sockets, running, until
from mosquitto import PATIENCE_S

from edgehar.devices.keypoints import KeypointReader
from edgehar.errors import ConfigError, ModelError, RecordingError, SourceLostError
from edgehar.sources.camera import camera as module
from edgehar.sources.camera.camera import Camera
from edgehar.sources.camera.clip import Clip, keypoints_of
from edgehar.sources.camera.opencv import Picture
from edgehar.sources.camera.region import Region
from edgehar.sources.reconnect import keep_open

LEFT = Region(0.0, 0.0, 850 / 1280, 560 / 720)


@pytest.fixture
async def nothing_is_left() -> AsyncIterator[None]:
    """Check that neither a socket, nor a file, nor a thread outlives the test."""

    def left() -> tuple[set[str], int, int]:
        return open_sockets(), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    before = left()
    yield
    await until(lambda: left() == before)


@pytest.fixture(scope="module")
def jumps(data: Path) -> Path:
    """Return 3.3 s of a person who jumps."""
    return data / "video" / "adl_18_multiple_jumps.mp4"


def read(bodies: list[bytes]) -> tuple[list[Any], list[str | None]]:
    """Return packets and remarks of bodies."""
    reader, packets, remarks = KeypointReader("camera"), list[Any](), list[str | None]()
    for body in bodies:
        packets += reader.push(body)
        remarks.append(reader.remark)
    assert reader.malformed == 0
    return packets, remarks


async def test_a_clip_as_fast_as_it_goes_is_delivered_whole_at_its_own_times(
    jumps: Path, weights: Path
) -> None:
    camera, listener = Camera(str(jumps), weights, region=LEFT, paced=False), Listener()
    await camera.run(listener.deliver)
    packets, remarks = read(listener.bodies)
    assert np.diff(listener.times) == pytest.approx(1 / 15, abs=1e-3)
    assert len(packets) == len(listener.times) - 2  # nobody is sure at once
    assert set(remarks[2:]) == {None}
    assert camera.link.age_s is None
    assert camera.link.dropped == 0


async def test_a_clip_gives_the_same_every_time_and_as_for_evaluation(jumps: Path, weights: Path) -> None:
    lives = []
    for _ in range(2):
        listener = Listener()
        await Camera(str(jumps), weights, region=LEFT, paced=False).run(listener.deliver)
        lives.append((listener.times, listener.bodies))
    assert lives[0] == lives[1]
    clip = keypoints_of(jumps, weights, LEFT, 15.0)
    packets, _ = read(lives[0][1])
    assert clip.t.tolist() == lives[0][0]
    assert clip.people.tolist() == [0, 0] + [1] * len(packets)
    assert not clip.keypoints[:2].any()
    delivered = np.array([(packet.values * packet.scale).reshape(17, 3) for packet in packets])
    assert np.abs(delivered - clip.keypoints[2:]).max() <= 1 / 8192


def test_a_clip_may_be_looked_at_frame_by_frame(jumps: Path, weights: Path) -> None:
    clip: Clip = keypoints_of(jumps, weights, LEFT)
    assert clip.keypoints.shape == (99, 17, 3)
    assert clip.t == pytest.approx(np.arange(99) / 30, abs=1e-3)


async def test_played_at_its_pace_a_clip_is_like_a_camera(
    tmp_path: Path, squat: Picture, weights: Path
) -> None:
    clip = write_video(tmp_path / "clip.avi", [squat] * 15, fps=10.0)
    camera, listener = Camera(str(clip), weights), Listener()
    began = time.monotonic()
    await camera.run(listener.deliver)
    assert listener.times == sorted(listener.times)
    packets, _ = read(listener.bodies)
    # Each is told after it was due, by how long the look took.
    assert camera.link.age_s is not None
    assert 0.0 < camera.link.age_s < time.monotonic() - began
    taken = [packet.ticks_us * 1e-6 for packet in packets]
    wrapped = [t % (2**32 * 1e-6) for t in listener.times[-len(taken) :]]
    assert all(at <= told for at, told in zip(taken, wrapped, strict=True))


@pytest.mark.usefixtures("nothing_is_left")
async def test_a_stream_that_ends_is_opened_again(squat: Picture, weights: Path) -> None:
    def few(viewer: Viewer) -> None:
        viewer.send(PARTS)
        for i in range(5):
            # As a camera sends them: of what comes at once no picture need be the newest.
            viewer.gone.wait(0.05)
            viewer.send(part(np.roll(squat, i, 1)))

    states, listener = list[bool](), Listener()
    with camera_at(few) as url:
        camera = Camera(url, weights)
        task = asyncio.create_task(
            keep_open(camera, listener.deliver, name="camera", on_state=states.append, delays=QUICK)
        )
        await until(lambda: camera.link.lives >= 3)
        task.cancel()
        await asyncio.wait([task])
    assert states[:4] == [True, False, True, False]
    assert "secret" not in str(camera.link.lost)


@pytest.mark.usefixtures("nothing_is_left")
async def test_cancelling_closes_the_stream_and_the_thread(weights: Path) -> None:
    listener = Listener()
    with camera_at(endless) as url:
        before = open_sockets()
        async with running(Camera(url, weights), listener.deliver):
            await listener.until(3)
            assert open_sockets() > before
        await until(lambda: len(open_sockets() - before) <= 1)  # the server's end


@pytest.mark.usefixtures("nothing_is_left")
async def test_what_hangs_while_it_opens_is_left_and_not_opened_twice(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LEAVE_S", 0.05)
    reached = threading.Event()

    def hang(viewer: Viewer) -> None:
        reached.set()
        mute(viewer)

    with camera_at(hang) as url:
        camera = Camera(url, weights)
        async with running(camera, Listener().deliver):
            await until(reached.is_set)
        with pytest.raises(SourceLostError, match="still hangs"):
            await camera.run(Listener().deliver)
    # The stream's end lets the thread go on, which closes what it had.
    assert camera._release
    await until(camera._release.done)
    with pytest.raises(SourceLostError, match="cannot be reached"):
        await camera.run(Listener().deliver)


HANGS = """
import asyncio, sys
from pathlib import Path
from edgehar.sources.camera import camera, capture
capture.OPEN_S, camera._LEAVE_S = 1_000_000, 0.05
async def main():
    task = asyncio.create_task(camera.Camera(sys.argv[1], Path(sys.argv[2])).run(print))
    await asyncio.to_thread(sys.stdin.readline)
    task.cancel()
    await asyncio.wait([task])
asyncio.run(main())
"""


def test_a_process_ends_though_its_camera_hangs(weights: Path) -> None:
    reached = threading.Event()

    def hang(viewer: Viewer) -> None:
        reached.set()
        mute(viewer)

    with camera_at(hang) as url:
        command = [sys.executable, "-c", HANGS, url, str(weights)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
            try:
                assert reached.wait(PATIENCE_S)
                process.communicate("\n", PATIENCE_S)
            finally:
                process.kill()
    assert process.returncode == 0


async def test_a_driver_that_hangs_is_a_dead_camera(
    tmp_path: Path, cv2: Any, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "video0").symlink_to("/dev/full")
    hangs = threading.Event()
    driver = Driver([hangs])
    monkeypatch.setattr(cv2, "VideoCapture", driver)
    monkeypatch.setattr(module, "_LEAVE_S", 0.05)
    camera = Camera(str(tmp_path / "video0"), weights)
    camera.link.silence_s = 0.2
    with pytest.raises(SourceLostError, match=r"no picture came for 0 s: is the camera stuck\?"):
        await camera.run(Listener().deliver)
    assert not driver.released
    hangs.set()
    await until(lambda: driver.released)


async def test_a_camera_that_is_not_there_is_told_as_such(weights: Path) -> None:
    with pytest.raises(SourceLostError, match="/dev/video97 does not exist: is the camera plugged in"):
        await Camera("97", weights).run(Listener().deliver)


async def test_a_file_that_is_not_there_is_not_tried_again(tmp_path: Path, weights: Path) -> None:
    camera = Camera(str(tmp_path / "clip.mp4"), weights)
    with pytest.raises(RecordingError, match="cannot be read"):
        await keep_open(camera, Listener().deliver, name="camera", delays=QUICK)


@pytest.mark.usefixtures("nothing_is_left")
async def test_an_exception_of_deliver_leaves_run(weights: Path) -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise OSError("the disk is full")

    with camera_at(endless) as url, pytest.raises(OSError, match="the disk is full"):
        await Camera(url, weights).run(deliver)


async def test_a_loop_that_is_slow_gets_pictures_taken_after_it_was_ready(weights: Path) -> None:
    taken, ready = list[float](), list[float]()

    def slow(_t: float, _stream: int, body: bytes) -> None:
        taken.append(struct.unpack_from("<I", body)[0] * 1e-6)
        time.sleep(0.1)  # the loop's other work
        ready.append(time.monotonic() % (2**32 * 1e-6))

    with camera_at(endless) as url:
        async with running(Camera(url, weights), slow):
            await until(lambda: len(taken) > 4)
    assert all(at >= since for since, at in pairwise_of(ready, taken))


def pairwise_of(ready: list[float], taken: list[float]) -> Iterator[tuple[float, float]]:
    """Pair when the loop was ready with when the next picture was taken; not over the clock's wrap."""
    return ((r, t) for r, t in zip(ready, taken[1:], strict=False) if abs(r - t) < 1000)


async def test_there_is_a_picture_only_for_who_asks(
    tmp_path: Path, squat: Picture, weights: Path, cv2: Any
) -> None:
    clip = write_video(tmp_path / "clip.avi", [np.hstack([squat, squat])] * 5)
    pictures = list[bytes | None]()

    async def shown(*, show_picture: bool) -> list[bytes | None]:
        camera = Camera(
            str(clip), weights, paced=False, show_picture=show_picture, region=Region(0, 0, 0.75, 1)
        )
        assert camera.picture() is None
        pictures.clear()

        def deliver(*_: object) -> None:
            pictures.append(camera.picture())

        await camera.run(deliver)
        assert camera.picture() is None
        assert camera._newest is None
        return pictures

    assert set(await shown(show_picture=False)) == {None}
    for jpeg in await shown(show_picture=True):
        assert jpeg is not None
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (round(610 * 640 / 750), 640, 3)


def test_what_no_camera_can_be_is_refused(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(ConfigError, match="expected a number, a device"):
        Camera("", weights)
    for max_fps in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="max_fps: expected more than 0"):
            Camera("0", weights, max_fps=max_fps)
    (tmp_path / "weights.tflite").write_text("none")
    with pytest.raises(ModelError, match="this is not MoveNet"):
        Camera("0", tmp_path / "weights.tflite")
