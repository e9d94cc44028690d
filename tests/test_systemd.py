"""Notes that a service manager hears."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgehar.daemon import systemd
from edgehar.warn_once import WarnOnce


@pytest.fixture(autouse=True)
def nothing_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systemd, "_warn", WarnOnce(systemd._LOGGER))


@contextmanager
def manager(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name.replace("@", "\0", 1))
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield listening


def test_says_nothing_where_there_is_no_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify("READY=1")


@pytest.mark.parametrize("abstract", [False, True])
def test_sends_one_datagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:  # noqa: FBT001
    name = f"@edgehar-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with manager(name, monkeypatch) as listening:
        assert systemd.notify("READY=1", "STATUS=all well")
        assert listening.recv(100) == b"READY=1\nSTATUS=all well"


def test_a_line_break_in_a_text_begins_no_assignment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with manager(str(tmp_path / "notify"), monkeypatch) as listening:
        assert systemd.notify("STATUS=the sensor says: good\nMAINPID=1\udcff")
        assert listening.recv(100) == rb"STATUS=the sensor says: good\u000aMAINPID=1\udcff"


@pytest.mark.parametrize("name", ["nowhere/notify", "left_behind", "x" * 200])
def test_a_manager_that_is_gone_is_named_once_and_does_no_harm(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with manager(str(tmp_path / "left_behind"), monkeypatch):
        pass
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / name))
    assert not any(systemd.notify("READY=1") for _ in range(3))
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert name in warning.getMessage()


def test_a_manager_that_does_not_read_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with manager(str(tmp_path / "notify"), monkeypatch) as listening:
        taken = [systemd.notify("WATCHDOG=1") for _ in range(2000)]
        assert taken[0]
        assert not taken[-1]
        assert listening.recv(100) == b"WATCHDOG=1"
        assert systemd.notify("WATCHDOG=1")
