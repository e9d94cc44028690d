"""What stands in for cameras: streams over HTTP that a test writes, files that it makes, a driver that it scripts."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import lacking

from edgehar.errors import OperatorError
from edgehar.sources.camera.opencv import Picture, load_opencv

PARTS = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"


@pytest.fixture(scope="session")
def cv2() -> Any:
    """Return OpenCV, loaded as a camera does."""
    try:
        return load_opencv()
    except OperatorError as error:
        lacking(str(error))


@pytest.fixture(scope="session")
def weights(data: Path, cv2: Any) -> Path:
    assert cv2
    return data / "movenet" / "movenet_single_pose_lightning_ptq.tflite"


@pytest.fixture(scope="session")
def squat(data: Path, cv2: Any) -> Picture:
    """Return a picture of one person who squats, (610, 500, 3)."""
    picture: Picture = cv2.imread(str(data / "movenet" / "squat.bmp"))
    return picture


def plain(brightness: int, height: int = 120, width: int = 160) -> Picture:
    return np.full((height, width, 3), brightness, np.uint8)


def part(picture: Picture) -> bytes:
    """Return a picture as a part of an MJPEG stream."""
    jpeg = load_opencv().imencode(".jpg", picture)[1].tobytes()
    return b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg), jpeg)


def write_video(path: Path, pictures: Iterable[Picture], fps: float = 30.0) -> Path:
    """Write a file of Motion JPEG."""
    cv2, writer = load_opencv(), None
    for picture in pictures:
        size = picture.shape[1::-1]
        writer = writer or cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), fps, size)
        writer.write(picture)
    assert writer is not None
    writer.release()
    return path


class Viewer:
    """Who looks at a stream, as its server sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.gone = threading.Event()
        """Set once the test is over."""

    def serve(self, answer: "Answer") -> None:
        with self._connection, contextlib.suppress(OSError):
            self._connection.recv(4096)
            answer(self)

    def send(self, content: bytes) -> None:
        self._connection.sendall(content)

    def leave(self) -> None:
        self.gone.set()
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


Answer = Callable[[Viewer], None]


@contextlib.contextmanager
def camera_at(answer: Answer) -> Iterator[str]:
    """Serve one answer to every connection, from threads; give the URL, with a password in it."""
    threads = list[threading.Thread]()
    viewers = list[Viewer]()

    def start(target: Callable[..., None], *arguments: object) -> None:
        threads.append(threading.Thread(target=target, args=arguments))
        threads[-1].start()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                viewer = Viewer(server.accept()[0])
                viewers.append(viewer)
                start(viewer.serve, answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        start(accept)
        try:
            yield f"http://anna:secret@127.0.0.1:{server.getsockname()[1]}/video"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            for viewer in viewers:
                viewer.leave()
            for thread in threads[1:]:
                thread.join()


def endless(viewer: Viewer, picture: Callable[[int], Picture] = plain) -> None:
    """Send pictures, each another than the one before, until nobody takes them."""
    viewer.send(PARTS)
    i = 0
    while not viewer.gone.wait(0.01):
        viewer.send(part(picture(i % 200)))
        i += 1


def mute(viewer: Viewer) -> None:
    """Take the question and say nothing."""
    viewer.gone.wait()


class Driver:
    """A device as OpenCV shows it: each grab takes the next of a script, a picture, an event to wait for, or its end."""

    def __init__(self, script: Iterable[Any]) -> None:
        self._script = iter(script)
        self._picture: Picture | None = None
        self.released = False

    def __call__(self, *_: object) -> "Driver":
        return self

    def isOpened(self) -> bool:  # noqa: N802 - as OpenCV calls it
        return True

    def set(self, *_: object) -> bool:
        return True

    def grab(self) -> bool:
        step = next(self._script, None)
        if isinstance(step, threading.Event):
            step.wait()
            return False
        self._picture = step
        return step is not None

    def retrieve(self) -> tuple[bool, Picture | None]:
        return self._picture is not None, self._picture

    def release(self) -> None:
        self.released = True
