"""The whole daemon before a Sparkplug host: who is born and who dies, and how it ends."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listening import until
from mosquitto import Mosquitto, free_port
from msgspec.structs import replace
from scada_host import GROUP
from shell import ended, start
from test_daemon import expected_events
from test_daemon_requests import running, wearer
from test_sparkplug import kinds, knows, listening

from edgehar import __version__
from edgehar.config.schema import Config, Gateway, Mqtt, Sparkplug
from edgehar.config.worn import Replay, SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.run import check, run
from edgehar.errors import EdgeharError
from edgehar.publishers.sparkplug.node import HEARD, WATCHED
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def config(port: int, *wearers: Wearer, **more: Any) -> Config:
    return Config(
        gateway=Gateway(id="pi"),
        mqtt=Mqtt(host="127.0.0.1", port=port),
        sparkplug=Sparkplug(group=GROUP, **more),
        wearer=[*wearers],
    )


async def test_wearers_are_devices_as_long_as_they_are_in_the_configuration_and_heard(
    broker: Mosquitto,
) -> None:
    chest = Wearer(id="ben", simulator=SimulatedWearer(placements=["chest"]))
    read = [config(broker.port, wearer("anna"), chest), config(broker.port, wearer("ben"))]
    with listening(broker.port) as host:
        daemon = Daemon(config(broker.port, wearer("anna")), reread=lambda: read.pop(0))
        async with running(daemon):
            await host.until(knows(host, "Event/Type", "activity_started"))
            view = host.view
            assert view.values[""]["Properties/Version"] == __version__
            assert view.values[""]["Properties/Model"] == daemon.models.id
            assert view.values[""]["Properties/ModelSha256"] == daemon.models.sha256
            assert view.values["anna"]["Event/Label"] in daemon.feeds[0].pipeline.told
            await host.until(knows(host, "Sensor/trouser_pocket/Battery", 100))
            await host.until(knows(host, "Sensor/trouser_pocket/Problem", "ok"))
            assert view.values["anna"]["Decision/OperatingPoint"] == "normal"
            assert daemon.sparkplug is not None
            assert daemon.health()["sparkplug"] == {"is_born": True, "waiting": 0, "dropped": 0}
            assert "\nedgehar_sparkplug_born 1.0\n" in daemon.metrics()
            assert "no Sparkplug host" not in daemon.status()
            daemon.reload()
            await host.until(knows(host, "Sensor/chest/Battery", 100, device="ben"))
            daemon.controls[1].pause()
            await host.until(lambda: "ben" not in host.view.values)
            daemon.controls[1].resume()
            await host.until(lambda: "ben" in host.view.values)
            daemon.reload()  # anna is gone, and ben wears something else
            await host.until(lambda: host.view.values.keys() == {"", "ben"})
            await host.until(knows(host, "Sensor/trouser_pocket/Problem", "ok", device="ben"))
            await host.until(lambda: host.view.values[""][WATCHED] == host.view.values[""][HEARD] == 1)
            assert "Sensor/chest/Problem" not in host.view.values["ben"]
        await host.until(kinds(host, "DDEATH ben", "NDATA", "NDEATH"))


async def test_a_killed_gateway_dies_by_its_last_will(tmp_path: Path, broker: Mosquitto) -> None:
    path = tmp_path / "edgehar.toml"
    path.write_text(
        f'[gateway]\nid = "gw"\n[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
        f'[sparkplug]\ngroup = "{GROUP}"\nedge_node = "pi"\n'
        '[[wearer]]\nid = "anna"\n[wearer.simulator]\nplacements = ["wrist"]\n'
    )
    with listening(broker.port) as host:
        process = await start("run", "--config", str(path), before=os.setsid)
        await host.until(lambda: "DBIRTH anna" in host.view.kinds)
        process.kill()
        await host.until(lambda: bool(host.view.deaths))
        _, _, errors = await ended(process)
        assert "topics edgehar/gw/# and spBv1.0/plant1/+/pi" in errors
        again = await start("run", "--config", str(path), before=os.setsid)
        await host.until(lambda: len(host.view.births) == 2)
        again.send_signal(signal.SIGTERM)
        await host.until(kinds(host, "NDEATH"))
        code, _, _ = await ended(again)
    assert code == 0
    assert host.view.deaths == host.view.births


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "anna.ehr"
    script = [("walking", 20.0), ("standing", 20.0), ("running", 20.0), ("sitting", 20.0)]
    with Writer(path, Header("anna", (Stream("trouser_pocket"),), epoch=1_700_000_000.0)) as writer:
        for item in Simulator(placements=["trouser_pocket"], script=script, seed=3).packets():
            writer.push(*item)
    return path


async def test_all_of_a_replay_that_was_over_before_the_host_came_is_told_with_its_dates(
    broker: Mosquitto, recording: Path
) -> None:
    anna = Wearer(id="anna", replay=Replay(path=str(recording), speed=0))
    with listening(broker.port) as host:
        daemon = Daemon(config(broker.port, anna, primary_host="scada"))
        task = asyncio.create_task(daemon.run())
        await until(lambda: daemon.feeds[0]._over is not None)
        host.say(online=True, timestamp=1)
        await task
        await host.until(kinds(host, "DDEATH anna", "NDEATH"))
    expected = expected_events(recording)
    assert len(expected) >= 6
    history = host.view.history
    assert [value for *_, name, value in history if name == "Event/Type"] == [kind for _, kind in expected]
    assert [v for *_, name, v in history if name == "Event/Id"] == list(dict.fromkeys(i for i, _ in expected))
    assert all(1_700_000_000_000 <= t < 1_700_000_100_000 for _, t, name, _ in history if "Event" in name)


async def test_whom_no_host_hears_says_so_where_people_look() -> None:
    daemon = Daemon(config(free_port(), wearer("anna")))
    assert "; no Sparkplug host hears it" in daemon.status()
    assert check(config(free_port(), wearer("anna")))["sparkplug"] == "spBv1.0/plant1/+/pi"


async def test_a_replay_waits_for_its_primary_host_but_not_for_ever(
    broker: Mosquitto, recording: Path
) -> None:
    anna = Wearer(id="anna", replay=Replay(path=str(recording), speed=0))
    with pytest.raises(EdgeharError, match="but the Sparkplug host did not take all of its events"):
        await Daemon(config(broker.port, anna, primary_host="scada"), drain_s=0.2).run()


async def test_a_configuration_that_begins_all_anew_loses_nothing_and_counts_on(broker: Mosquitto) -> None:
    first = config(broker.port, wearer("anna"), primary_host="scada")
    later = replace(first, decision={"min_coverage": 0.5})
    with listening(broker.port) as host:
        task = asyncio.create_task(run(first, reread=lambda: later))
        host.say(online=True, timestamp=1)
        await host.until(lambda: "DBIRTH anna" in host.view.kinds)
        host.say(online=False, timestamp=1)
        await host.until(lambda: len(host.view.deaths) == 1)
        before = len(host.view.history)
        host.publish("edgehar/pi/request/reload", "{}")
        await host.until(lambda: bool(host.on("edgehar/pi/response/reload")))
        host.say(online=True, timestamp=2)
        await host.until(lambda: len(host.view.births) == 2)
        await host.until(kinds(host, "DDATA anna"))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    first_number, second_number = host.view.births
    # One more where it had already connected again, to wait.
    assert (second_number - first_number) % 256 in {1, 2}
    stopped = [v for *_, name, v in host.view.history[before:] if name == "Activity/Reason"]
    assert "edgehar was stopped." in stopped
