"""Double taps on a wearer's sensor while the daemon runs: they mark a moment where `tap` is on."""

import json
from pathlib import Path

import pytest
from listening import until
from mosquitto import free_port
from tapped import sensor_that_is_tapped
from test_daemon_requests import running

from edgehar.apps.page import page_beside
from edgehar.config.read import load
from edgehar.daemon.daemon import Daemon
from edgehar.errors import ConfigError
from edgehar.recordings.ehr import read

TOML = """
[gateway]
state_dir = "state"
{page}
[[wearer]]
id = "anna"
tap = {tap}
"""

SENSOR = """
[[wearer.serial]]
placement = "wrist"
port = "{url}"
"""


def configuration(folder: Path, sensors: str, *, tap: str = "true", page: str | None = None) -> Path:
    path = folder / "edgehar.toml"
    page = f'[dashboard]\nlisten = "127.0.0.1:{free_port()}"' if page is None else page
    path.write_text(TOML.format(page=page, tap=tap) + sensors)
    return path


async def test_two_taps_mark_a_moment_beside_a_recording_and_in_it(tmp_path: Path) -> None:
    async with sensor_that_is_tapped(0.8, 2.4) as url:
        config = load(configuration(tmp_path, SENSOR.format(url=url)))
        daemon = Daemon(config)
        async with page_beside(daemon, config), running(daemon):
            moments = tmp_path / "state" / "recordings" / "anna.moments.jsonl"
            await until(moments.exists)
            [page] = daemon.publishers
            recorder = page.recorder("anna")  # type: ignore[attr-defined]
            recorder.start("walking")
            assert recorder.running is not None
            written = recorder.running.path
            await until(lambda: any(mark.kind == "moment" for _, mark in read(written).marks()))
            recorder.stop()
    assert [json.loads(line)["note"] for line in moments.read_text().splitlines()] == ["tap"]
    assert [(mark.kind, mark.note) for _, mark in read(written).marks()] == [
        ("begin", "button"),
        ("moment", "tap"),
        ("end", "button"),
    ]


async def test_nobody_listens_for_taps_unless_told_to(tmp_path: Path) -> None:
    async with sensor_that_is_tapped(0.8) as url:
        config = load(configuration(tmp_path, SENSOR.format(url=url), tap="false"))
        [control] = Daemon(config).controls
        assert control.feed.pipeline.watchers == []


@pytest.mark.parametrize(
    ("sensors", "page", "says"),
    [
        (SENSOR.format(url="/dev/ttyACM0"), "", r"add a table \[dashboard\]"),
        ('[[wearer.camera]]\ndevice = "0"', "[dashboard]", "wears nothing that could be tapped"),
        ('[wearer.replay]\npath = "a.ehr"', "[dashboard]", "wears nothing that could be tapped"),
    ],
)
def test_what_could_never_be_marked_is_refused(tmp_path: Path, sensors: str, page: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(configuration(tmp_path, sensors, page=page))


async def test_a_tap_that_cannot_be_marked_is_said_and_costs_the_sensor_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("no folder")
    async with sensor_that_is_tapped(0.8) as url:
        config = load(configuration(tmp_path, SENSOR.format(url=url)))
        daemon = Daemon(config)
        async with page_beside(daemon, config), running(daemon):
            await until(lambda: "anna: a double tap is not marked" in caplog.text)
            [intake] = daemon.feeds[0].pipeline.intakes
            before = intake.reader.packets
            await until(lambda: intake.reader.packets > before)
