"""A wearer before a camera in the daemon: announced as any other, begun, changed and gone with the configuration."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cameras import write_video
from listening import until
from mosquitto import Listener, Mosquitto, free_port
from msgspec.structs import replace
from test_daemon_requests import DEVICE, listening, running

from edgehar.config.schema import Config, Gateway, HomeAssistant, Metrics, Mqtt
from edgehar.config.worn import Camera, Serial, SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.sources.camera.opencv import Picture


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


@pytest.fixture
def seen(tmp_path: Path, squat: Picture, weights: Path) -> Wearer:
    """Return somebody in a file of a minute."""
    clip = write_video(tmp_path / "clip.avi", [squat] * 120, fps=2.0)
    return Wearer(id="anna", camera=[Camera(device=str(clip), weights=str(weights))])


WORN = Wearer(id="ben", simulator=SimulatedWearer(placements=["wrist"]))


def config(broker: Mosquitto, *wearers: Wearer) -> Config:
    return Config(
        gateway=Gateway(id="gw"),
        mqtt=Mqtt(host="127.0.0.1", port=broker.port),
        homeassistant=HomeAssistant(),
        metrics=Metrics(listen=f"127.0.0.1:{free_port()}"),
        wearer=[*wearers],
    )


def components(listener: Listener, wearer: str) -> dict[str, Any]:
    parts: dict[str, Any] = json.loads(listener.on(DEVICE.format(wearer))[-1])["components"]
    return parts


async def test_who_is_before_a_camera_is_announced_with_what_its_model_tells(
    broker: Mosquitto, seen: Wearer
) -> None:
    with listening(broker) as listener:
        daemon = Daemon(config(broker, seen, WORN))
        async with running(daemon):
            await until(lambda: daemon.feeds[0].is_up)
            await listener.until(lambda: all(listener.on(DEVICE.format(name)) for name in ("anna", "ben")))
            figures = daemon.metrics()
        anna, ben = components(listener, "anna"), components(listener, "ben")
    assert {"arms_raised", "still", "no_signal"} <= set(anna["activity"]["options"])
    assert "arms_raised" not in ben["activity"]["options"]
    # The shipped model of a camera has no operating points, and a camera no battery.
    assert "operating_point" not in anna
    assert "operating_point" in ben
    assert not [name for name in anna if name.startswith("battery_")]
    assert 'edgehar_data_age_seconds{stream="anna/camera"}' in figures
    assert 'edgehar_data_age_seconds{stream="ben/wrist"}' not in figures


async def test_a_camera_comes_changes_and_goes_with_the_configuration(
    broker: Mosquitto, seen: Wearer
) -> None:
    sensor = Serial(placement="wrist", port="/dev/ttyACM97")
    slower = [replace(seen.camera[0], max_fps=1.0)]
    now = config(broker, WORN)
    daemon = Daemon(now, reread=lambda: now)
    async with running(daemon):
        await until(lambda: daemon.feeds[0].is_up)
        ben = daemon.feeds[0]
        for wearers in (
            [WORN, seen],
            [WORN, replace(seen, camera=slower)],
            [WORN, replace(seen, camera=slower, serial=[sensor])],
        ):
            now = replace(now, wearer=wearers)
            daemon.reload()
            await until(lambda: daemon.feeds[1].is_up)
        fused = daemon.feeds[1]
        assert fused.placements == ["wrist", "camera"]
        assert fused.points == ben.points
        now = replace(now, wearer=[WORN])
        daemon.reload()
        await until(lambda: not fused.is_up)
        assert daemon.feeds == [ben]
        assert ben.is_up
