"""What a camera may be named by, and what is said of one that cannot be opened."""

import contextlib
import errno
import os
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from edgehar.errors import ConfigError, RecordingError, SourceLostError
from edgehar.sources.camera import address
from edgehar.sources.camera.address import Address, cameras, host_and_port, parse, refuse_misfit


def test_a_number_is_a_device() -> None:
    assert parse("2") == Address("device", "/dev/video2", "/dev/video2")


@pytest.mark.parametrize(
    ("url", "name", "host", "port"),
    [
        ("rtsp://cam/1?profile=2", "rtsp://cam/1?profile=2", "cam", 554),
        ("http://anna:se:cr@et@10.0.0.7:8080/video", "http://10.0.0.7:8080/video", "10.0.0.7", 8080),
        ("rtsps://anna@[fe80::1]/", "rtsps://[fe80::1]/", "fe80::1", 322),
    ],
)
def test_a_stream_is_shown_without_user_and_password(url: str, name: str, host: str, port: int) -> None:
    assert parse(url) == Address("stream", url, name)
    assert host_and_port(url) == (host, port)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://anna:secret@host/v",
        "rtsp://",
        "http://u:secret@:80/",
        "http://u:secret@h:port/",
        "rtsp://u:secret@h:99999/",
    ],
)
def test_what_is_no_stream_is_refused_and_no_password_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="expected to begin with rtsp://") as refused:
        parse(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "a\0b", "\ud800"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a number, a device, a URL or a file"):
        parse(text)


@given(st.text(max_size=30))
@example("x" * 5000)
@example("~0/x")
@example("\ud800")
def test_any_text_is_an_address_or_a_configuration_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert parse(text).kind in {"device", "file", "stream"}


def test_a_device_under_another_name_is_one(tmp_path: Path) -> None:
    (tmp_path / "front_door").symlink_to("/dev/full")
    assert parse(str(tmp_path / "front_door")).kind == "device"
    assert parse(str(tmp_path / "clip.mp4")).kind == "file"


def test_a_device_that_is_not_there_names_those_that_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(address, "cameras", lambda: cameras(tmp_path))
    with pytest.raises(
        SourceLostError, match=r"/dev/video97 does not exist: is the camera plugged in\? \(no camera is there"
    ):
        refuse_misfit(parse("97"))
    for name in ("video10", "video2", "videology"):
        (tmp_path / name).touch()
    with pytest.raises(SourceLostError, match=rf"\(there is {tmp_path}/video10, {tmp_path}/video2\)"):
        refuse_misfit(parse("97"))
    (tmp_path / "v4l" / "by-id").mkdir(parents=True)
    (tmp_path / "v4l" / "by-id" / "usb-Maker-index0").touch()
    assert cameras(tmp_path) == [f"{tmp_path}/v4l/by-id/usb-Maker-index0"]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EACCES, r"add this user to the group video \(sudo usermod -aG video NAME\)"),
        (errno.EBUSY, "in use by another program: close that first"),
        (errno.EIO, "cannot be opened: Input/output error"),
    ],
)
def test_what_keeps_a_device_closed_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(address, "user_of", lambda _: None)
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(SourceLostError, match=advice):
        refuse_misfit(parse("/dev/full"))


def test_a_folder_is_neither_a_camera_nor_a_video(tmp_path: Path) -> None:
    with pytest.raises(SourceLostError, match="/dev is no camera, but a folder"):
        refuse_misfit(parse("/dev"))
    with pytest.raises(RecordingError, match="is no video, but a folder"):
        refuse_misfit(parse(str(tmp_path)))


def test_nobody_waits_for_who_writes_into_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(RecordingError, match=r"pipe\.mp4 is no video, but a pipe"):
        refuse_misfit(parse(str(tmp_path / "pipe.mp4")))


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"clip\.mp4 cannot be read: No such file"):
        refuse_misfit(parse(str(tmp_path / "clip.mp4")))
