"""What a running daemon keeps: when it is switched on and asked over a real broker, within its bounds, and never else."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from listening import until
from mosquitto import Listener, Mosquitto, free_port
from msgspec.structs import replace
from test_daemon_requests import ROOT, ask, config, is_last, listening, running

from edgehar.config.schema import Config, Gateway, Keep
from edgehar.daemon import keepers as keepers_module
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.keepers import NO_FOLDER, NOT_ON, Keepers
from edgehar.daemon.run import run
from edgehar.recordings import excerpt
from edgehar.recordings.ehr import Header, read
from edgehar.recordings.excerpt import Excerpt
from edgehar.recordings.names import RecordingName
from edgehar.types import Stream

KEEP = Keep(before_s=1.0, after_s=0.0, moments=["corrected"])


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def keeping(broker: Mosquitto, folder: Path, keep: Keep | None = KEEP) -> Config:
    return replace(config(broker, "anna"), gateway=Gateway(id="gw", state_dir=str(folder)), keep=keep)


def kept(folder: Path) -> list[Path]:
    return sorted((folder / "kept").glob("*.ehr"))


def has_gone(listener: Listener, before: int) -> bool:
    """Tell whether anna was told to be offline, by a status behind so many; she may be back already."""
    return "offline" in listener.on(f"{ROOT}/anna/status")[before:]


async def correct(listener: Listener, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await ask(listener, "correct", wearer="anna", **request)
    return answer


@pytest.mark.usefixtures("fast_clock")
async def test_a_correction_over_the_broker_keeps_the_seconds(broker: Mosquitto, tmp_path: Path) -> None:
    with listening(broker) as listener:
        async with running(daemon := Daemon(keeping(broker, tmp_path))):
            await listener.until(lambda: bool(listener.on(f"{ROOT}/anna/event")))
            assert await correct(listener, label="sawing", transaction=3) == {
                "status": "ok",
                "transaction": 3,
            }
            await until(lambda: bool(kept(tmp_path)))
            # It teaches later, and changes nothing that is told now.
            assert not any("sawing" in told for told in listener.on(f"{ROOT}/anna/activity"))
            refusals = [
                await correct(listener, label="sawing", **more)
                for more in ({"at": "2020-01-01T00:00:00Z"}, {"at": "2026-12-01T08:00:00"}, {"event": "x"})
            ]
            assert daemon.controls[0].feed.is_up
    assert [refusal["error"].partition(";")[0] for refusal in refusals] == [
        "nothing is remembered of anna at that time",
        "at: expected a time with its zone, such as 2026-05-04T08:15:03Z, got 2026-12-01T08:00:00",
        "no event x of anna is remembered",
    ]
    [path] = kept(tmp_path)
    assert [label for _, _, label in read(path).truth()] == ["sawing"]
    assert read(path).header.wearer == "anna"


@pytest.mark.usefixtures("fast_clock")
async def test_without_the_table_nothing_is_stored(broker: Mosquitto, tmp_path: Path) -> None:
    with listening(broker) as listener:
        async with running(Daemon(keeping(broker, tmp_path / "state", None))):
            await listener.until(lambda: bool(listener.on(f"{ROOT}/anna/event")))
            assert (await correct(listener, label="sawing"))["error"] == f"anna cannot be corrected: {NOT_ON}"
    assert not (tmp_path / "state").exists()


async def test_without_a_folder_it_is_said_what_is_missing(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(broker) as listener:
        async with running(Daemon(replace(config(broker, "anna"), keep=KEEP))):
            await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
            assert NO_FOLDER in (await correct(listener, label="sawing"))["error"]
    assert NO_FOLDER in caplog.text


@pytest.mark.usefixtures("fast_clock")
async def test_a_reload_switches_it_on_and_off(broker: Mosquitto, tmp_path: Path) -> None:
    now = keeping(broker, tmp_path, None)

    async def begun(listener: Listener) -> None:
        """Wait until a daemon has told something."""
        await listener.until(is_last(listener, f"{ROOT}/anna/status", "online"))
        events = len(listener.on(f"{ROOT}/anna/event"))
        await listener.until(lambda: len(listener.on(f"{ROOT}/anna/event")) > events)

    with listening(broker) as listener:
        task = asyncio.create_task(run(now, reread=lambda: now))
        try:
            for keep, status in ((None, "error"), (KEEP, "ok"), (None, "error")):
                if keep != now.keep:
                    now = replace(now, keep=keep)
                    before = len(listener.on(f"{ROOT}/anna/status"))
                    assert await ask(listener, "reload") == {"status": "ok"}
                    await listener.until(partial(has_gone, listener, before))
                await begun(listener)
                assert (await correct(listener, label="sawing"))["status"] == status
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert len(kept(tmp_path)) == 1


@pytest.mark.usefixtures("fast_clock")
async def test_what_is_not_over_is_written_at_the_end(broker: Mosquitto, tmp_path: Path) -> None:
    with listening(broker) as listener:
        async with running(Daemon(keeping(broker, tmp_path, replace(KEEP, after_s=60.0)))):
            await listener.until(lambda: bool(listener.on(f"{ROOT}/anna/event")))
            await correct(listener, label="sawing")
            assert kept(tmp_path) == []
    assert len(kept(tmp_path)) == 1


@pytest.mark.usefixtures("fast_clock")
async def test_a_disk_that_refuses_is_a_warning_and_the_wearer_goes_on(
    broker: Mosquitto,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_: object) -> None:
        raise OSError(28, os.strerror(28))

    with listening(broker) as listener:
        async with running(Daemon(keeping(broker, tmp_path, KEEP))):
            await listener.until(lambda: bool(listener.on(f"{ROOT}/anna/event")))
            with monkeypatch.context() as disk:
                disk.setattr(os, "fsync", refuse)
                await correct(listener, label="sawing")
                await until(lambda: "a moment is not kept" in caplog.text)
            assert kept(tmp_path) == []
            await correct(listener, label="planing")
            await until(lambda: len(kept(tmp_path)) == 1)
    assert "No space left on device" in caplog.text


async def test_what_is_too_old_goes_at_the_start_and_every_hour(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(keepers_module, "SWEEP_S", 0.01)
    now = 1_796_083_200.0
    for days in (20, 13.9, 1):
        unix_s = now - days * 86_400
        excerpt.write(
            tmp_path / "kept",
            RecordingName("anna", unix_s, "rejected"),
            Excerpt(Header("anna", (Stream("wrist"),), epoch=unix_s), [(0.0, 0, b"x")], []),
        )
    keepers = Keepers(keeping(broker, tmp_path, Keep(days=14)), clock=lambda: now)
    sweeping = asyncio.create_task(keepers.sweep())
    await until(lambda: len(kept(tmp_path)) == 2)
    now += 86_400 / 2
    await until(lambda: len(kept(tmp_path)) == 1)
    await until(lambda: caplog.text.count("removed, as [keep] says") == 2)
    sweeping.cancel()
