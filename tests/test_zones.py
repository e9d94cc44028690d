"""Zones in the daemon, before a real broker: counts are told, and of nobody anything else, anywhere."""

import asyncio
import contextlib
import io
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from listening import until
from mosquitto import Listener, Mosquitto, free_port
from msgspec.structs import replace
from rich.console import Console
from shell import run as edgehar

from edgehar.apps.doctor.doctor import Wish, doctor
from edgehar.apps.record import _chosen_wearer
from edgehar.apps.screen import Screen
from edgehar.apps.status import status
from edgehar.config.read import parse
from edgehar.config.schema import (
    Config,
    Dashboard,
    Gateway,
    HomeAssistant,
    Keep,
    Metrics,
    Model,
    Mqtt,
    Sparkplug,
)
from edgehar.config.worn import Serial, SimulatedWearer, Wearer
from edgehar.config.zone import Zone
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.requests import Pause, Reload
from edgehar.daemon.run import check, run
from edgehar.daemon.zones import CountedZone, drop_kept_events, pseudonymous
from edgehar.dashboard.page import Page
from edgehar.errors import ConfigError
from edgehar.pipeline.label_tree import LabelTree
from edgehar.publishers.event_file import EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.payloads import Message
from edgehar.types import Activity, NoAnswer

SECRET = "secretive"
"""What all ids of counted wearers begin with."""


PEOPLE, ABSENT = 6, 3
"""All begin with walking and some are not heard, so that the second table soon follows the first."""


class Everything(Listener):
    """Subscriber to all that a broker carries."""

    topics = ("#",)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


def counted(i: int, **faults: Any) -> Wearer:
    simulated = SimulatedWearer(placements=["wrist_left"], seed=i, longest_s=8.0, **faults)
    return Wearer(id=f"{SECRET}_{i}", simulator=simulated)


def absent(i: int) -> Wearer:
    """Make somebody whose sensor is not heard."""
    return Wearer(
        id=f"{SECRET}_{i}", serial=[Serial(port="/dev/serial/by-id/absent", placement="wrist_left")]
    )


def config(
    port: int | None = None,
    *more: Wearer,
    people: int = 6,
    unheard: int = 0,
    labels: list[str] | None = None,
    **tables: Any,
) -> Config:
    wearers = [counted(i, **({"battery": 9} if i == 1 else {})) for i in range(people)]
    wearers += map(absent, range(people, people + unheard))
    zone = Zone("line_1", [wearer.id for wearer in wearers], labels or [], every_s=1.0, least=3)
    return Config(
        wearer=[*wearers, *more],
        zone=[zone],
        gateway=Gateway(id="gw", **tables.pop("gateway", {})),
        mqtt=Mqtt(host="127.0.0.1", port=port) if port else None,
        **tables,
    )


async def test_nothing_but_counts_is_published_shown_logged_or_kept(
    broker: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    configured = config(
        broker.port,
        gateway={"state_dir": str(tmp_path / "state")},
        homeassistant=HomeAssistant(),
        sparkplug=Sparkplug(group="plant"),
        metrics=Metrics(listen=f"127.0.0.1:{free_port()}"),
        dashboard=Dashboard(),
        keep=Keep(),
        model=Model(labels=["still", "on_foot", "falling"]),
        people=PEOPLE,
        unheard=ABSENT,
        labels=["on_foot", "still"],
    )
    seen: dict[str, Any] = {}
    lines, listener = io.StringIO(), Everything(broker.port)

    @asynccontextmanager
    async def beside(daemon: Daemon, config: Config) -> AsyncIterator[None]:
        page = Page(daemon, config)
        daemon.publishers.append(page)
        seen["daemon"], seen["page"] = daemon, page
        yield

    running = asyncio.create_task(run(configured, lines, beside=beside))
    counts = "edgehar/gw/zone/line_1/counts"
    await listener.until(
        lambda: any(json.loads(told)["t"] != first(listener, counts) for told in listener.on(counts))
    )
    daemon = seen["daemon"]
    state = json.dumps(await seen["page"].state())
    keepers = [control.keeper for control in daemon._roster.controls]
    figures, health, told = daemon.metrics(), json.dumps(daemon.health()), daemon.status()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await listener.until(lambda: listener.on("edgehar/gw/status")[-1:] == ["offline"])
    listener.close()
    topics = {topic for topic, *_ in listener.heard}
    assert topics == {
        *(f"edgehar/gw/{suffix}" for suffix in ("status", "info", "health")),
        counts,
        "edgehar/gw/zone/line_1/sensors",
        "homeassistant/device/edgehar-gw/config",
        "homeassistant/device/edgehar-gw/line_1/config",
        *(f"spBv1.0/plant/{kind}/gw" for kind in ("NBIRTH", "NDATA", "NDEATH")),
        *(f"spBv1.0/plant/{kind}/gw/line_1" for kind in ("DBIRTH", "DDATA")),
    }
    log = "\n".join(record.getMessage() for record in caplog.records)
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    published = b"\n".join(topic.encode() + payload for topic, payload in listener.raw)
    for text in (
        published,
        kept,
        *(each.encode() for each in (log, state, figures, health, told, lines.getvalue())),
    ):
        assert SECRET.encode() not in text
        assert b"activity_started" not in text
    assert not re.search(r"\b(walking|running|sitting|standing|lying|falling)\b", log)
    assert "NOBODY'S FALL IS TOLD" in log
    assert keepers == [None] * (PEOPLE + ABSENT)
    assert lines.getvalue() == ""
    assert json.loads(state)["wearers"] == []
    assert json.loads(health)["wearers"] == {}
    assert "edgehar_stream_up" not in figures
    assert "edgehar_windows_total" not in figures
    assert "edgehar_inference_duration_seconds_count 0.0" in figures
    # Of a number nothing is published but a fault.
    assert {topic for topic, payload in listener.raw if b"/wrist_left" in payload} == {
        "edgehar/gw/zone/line_1/sensors"
    }
    assert json.loads(listener.on("edgehar/gw/zone/line_1/sensors")[-1]) == {
        "2/wrist_left": "battery at most 15 %"
    }
    for payload in listener.on(counts):
        content = json.loads(payload)
        assert list(content) == [
            "on_foot", "still", "other", "not_judged", "withheld", "wearers", "least", "t",
        ]  # fmt: skip
        alone = [
            content[name] for name in ("on_foot", "still", "other", "not_judged") if content[name] is not None
        ]
        assert sum(alone) + content["withheld"] == content["wearers"] == PEOPLE + ABSENT
        assert min([*alone, content["withheld"] or 3]) >= content["least"] == 3


def first(listener: Listener, topic: str) -> str:
    """Return when the first counts were counted."""
    told: str = json.loads(listener.on(topic)[0])["t"]
    return told


async def test_what_was_told_of_them_before_is_removed(broker: Mosquitto, tmp_path: Path) -> None:
    before = Everything(broker.port)
    name = f"{SECRET}_0"
    suffixes = ("activity", "activity/attributes", "status", "status/attributes", "paused", "operating_point")
    before.publish("edgehar/gw/info", json.dumps({"wearers": {name: ["wrist_left"]}}), retain=True)
    for suffix in suffixes:
        before.publish(f"edgehar/gw/{name}/{suffix}", "walking", retain=True)
    await before.until(lambda: len(before.heard) == 1 + len(suffixes))
    file = KeptEvents(EventFile(tmp_path / "state"))
    file.keep(Message(f"edgehar/gw/{name}/event", b"{}", retain=False))
    file.close()
    configured = config(broker.port, gateway={"state_dir": str(tmp_path / "state")})
    running = asyncio.create_task(run(configured))
    await before.until(lambda: all(before.on(f"edgehar/gw/{name}/{each}")[-1:] == [""] for each in suffixes))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert before.on(f"edgehar/gw/{name}/event") == []
    assert not len(KeptEvents(EventFile(tmp_path / "state")))
    before.close()
    after = Everything(broker.port)
    after.publish("end", "")
    await after.until(lambda: after.on("end") == [""])
    assert not [topic for topic, *_ in after.heard if SECRET in topic]
    after.close()


def test_events_of_others_are_kept() -> None:
    kept, other = KeptEvents(), Message("edgehar/gw/ben/event", b"{}", retain=False)
    kept.keep(other)
    drop_kept_events(kept, config(1))
    assert list(kept) == [other]


async def test_who_is_in_no_zone_is_told_as_ever_and_requests_reach_nobody_in_one(broker: Mosquitto) -> None:
    ben = Wearer(id="ben", simulator=SimulatedWearer(placements=["chest"]))
    daemon = Daemon(config(broker.port, ben))
    listener = Everything(broker.port)
    running = asyncio.create_task(daemon.run())
    await listener.until(lambda: bool(listener.on("edgehar/gw/ben/activity")))
    assert [control.id for control in daemon.controls] == ["ben"]
    daemon.obey(Pause())
    with pytest.raises(ConfigError, match=r"nobody here is called .*; here are ben$"):
        daemon.obey(Pause(wearer=f"{SECRET}_0"))
    paused = [control.id for control in daemon._roster.controls if control.is_paused]
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    listener.close()
    assert paused == ["ben"]


async def test_when_health_is_first_told_tells_of_nobody_in_a_zone(broker: Mosquitto) -> None:
    ben = Wearer(id="ben", simulator=SimulatedWearer(placements=["chest"]))
    listener = Everything(broker.port)
    running = asyncio.create_task(Daemon(config(broker.port, ben, unheard=1)).run())
    await listener.until(lambda: bool(listener.on("edgehar/gw/health")))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    listener.close()


def test_of_zones_alone_nothing_can_be_asked_but_a_reload() -> None:
    daemon = Daemon(config())
    with pytest.raises(ConfigError, match="counted in zones, of which nothing can be asked"):
        daemon.obey(Pause())
    with pytest.raises(ConfigError, match="no file to read again"):
        daemon.obey(Reload())


async def test_a_reload_that_changes_a_sensor_lets_the_zone_count_on(broker: Mosquitto) -> None:
    begun = config(broker.port)
    other = [counted(40), *begun.wearer[1:]]
    changed = replace(begun, wearer=[replace(other[0], id=begun.wearer[0].id), *other[1:]])
    daemon = Daemon(begun, reread=lambda: changed)
    running = asyncio.create_task(daemon.run())
    await until(lambda: daemon.zones.each["line_1"].table is not None)
    zone = daemon.zones.each["line_1"]
    daemon.reload()
    assert daemon.zones.each["line_1"] is zone
    assert not running.done()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def test_who_is_counted_is_a_number_from_the_reading_on() -> None:
    named = pseudonymous(config(None, Wearer(id="ben", simulator=SimulatedWearer(placements=["chest"]))))
    assert [wearer.id for wearer in named.wearer] == [*(f"line_1/{i}" for i in range(1, 7)), "ben"]
    assert pseudonymous(named) == named


TREE = LabelTree(
    ("walking", "running", "sitting", "lying", "falling", "other"),
    {"still": ("sitting", "lying"), "on_foot": ("walking", "running")},
)


def activity(wearer: str, label: str | None, no_answer: NoAnswer | None = None) -> Activity:
    return Activity(wearer, label, no_answer, "", 0.9, 1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param([], {"still": 3, "on_foot": 3, "other": 3, "not_judged": 3}, id="kinds"),
        pytest.param(
            ["walking", "still"],
            {"walking": None, "still": None, "other": None, "not_judged": None},
            id="few",
        ),
        pytest.param(["on_foot"], {"on_foot": 3, "other": 6, "not_judged": 3}, id="one"),
    ],
)
def test_each_counts_once_and_a_fall_as_something_else(labels: list[str], expected: dict[str, int]) -> None:
    names = [f"z/{i}" for i in range(12)]
    zone = CountedZone(Zone("z", names, labels, every_s=1.0, least=3), TREE, TREE.nodes, 0.0)
    states = ["walking", "running", "on_foot", "sitting", "lying", "still", "falling", "falling", "other"]
    for name, label in zip(names, [*states, None, None, None], strict=True):
        zone.push(activity(name, label, None if label else "no_signal"))
    table = zone.tick(1.0, [])
    assert table
    assert table.counts == expected


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (["sitting", "still"], '"sitting" is a kind of "still"'),
        (["falling"], '"falling" is not counted'),
        (["hammering"], 'the model tells no "hammering"'),
    ],
)
def test_labels_of_a_zone_that_do_not_fit_are_refused(labels: list[str], complaint: str) -> None:
    configured = config()
    zone = replace(configured.zone[0], labels=labels)
    with pytest.raises(ConfigError, match=complaint) as raised:
        Daemon(replace(configured, zone=[zone]))
    assert raised.value.key == "zone[0].labels"


def text(zone: str, people: int = 6) -> str:
    wearers = "".join(
        f'[[wearer]]\nid = "w{i}"\n[wearer.simulator]\nplacements = ["wrist"]\n' for i in range(people)
    )
    return f"{wearers}[[zone]]\n{zone}\n"


ALL = "[" + ", ".join(f'"w{i}"' for i in range(6)) + "]"


@pytest.mark.parametrize(
    ("zone", "complaint"),
    [
        (f'id = "z"\nwearers = {ALL}', "has 6 wearers and least = 5: of fewer than 10 nothing could"),
        (f'id = "z"\nwearers = {ALL}\nleast = 2', r"zone\[0\].least: expected a whole number from 3 to 1000"),
        (f'id = "w1"\nwearers = {ALL}\nleast = 3', "a wearer is called `w1` too"),
        (f'id = "z"\nwearers = {ALL[:-1]}, "w9"]\nleast = 3', "no wearer is called `w9`; "),
        (f'id = "z"\nwearers = {ALL[:-1]}, "w0"]\nleast = 3', "the wearer `w0` is counted twice"),
        (f'id = "z"\nwearers = {ALL}\nleast = 3\n[[zone]]\nid = "y"\nwearers = {ALL}\nleast = 3', "counted twice"),
        (f'id = "z"\nwearers = {ALL}\nleast = 3\n[[zone]]\nid = "z"\nwearers = ["w9"]', "two zones are called `z`"),
    ],
)  # fmt: skip
def test_a_zone_that_cannot_be_is_refused_with_its_line(zone: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"edgehar\.toml:\d+: .*{complaint}"):
        parse(text(zone))


@pytest.mark.parametrize("key", ['head = "w2.1.head.json"', "tap = true"])
def test_what_is_of_one_alone_is_refused_of_who_is_counted(key: str) -> None:
    zone = text(f'id = "z"\nwearers = {ALL}\nleast = 3').replace('id = "w2"', f'id = "w2"\n{key}')
    name = key.partition(" ")[0]
    with pytest.raises(ConfigError, match=rf"wearer `w2` is counted in a zone, .* take out their `{name}`"):
        parse(f"[dashboard]\n{zone}")


def test_a_wearer_cannot_have_the_topic_of_zones() -> None:
    with pytest.raises(ConfigError, match="zones have the topic `zone`"):
        parse('[[wearer]]\nid = "zone"\n[wearer.simulator]\nplacements = ["wrist"]\n')


def test_config_check_says_how_many_are_counted(tmp_path: Path) -> None:
    (tmp_path / "edgehar.toml").write_text(text(f'id = "z"\nwearers = {ALL}\nleast = 3'))
    code, out, _ = edgehar("config", "check", "--config", str(tmp_path / "edgehar.toml"), "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["wearers"], told["zones"]) == ({}, {"z": 6})
    assert check(config())["zones"] == {"line_1": 6}


def test_nobody_who_is_counted_is_recorded() -> None:
    with pytest.raises(
        ConfigError, match="counted in the zone `line_1`, and nobody's movement there is recorded"
    ):
        _chosen_wearer(config(), f"{SECRET}_0")


async def test_status_and_doctor_miss_nobody_of_a_zone_and_the_screen_shows_counts(broker: Mosquitto) -> None:
    daemon = Daemon(config(broker.port, homeassistant=HomeAssistant()))
    running = asyncio.create_task(daemon.run())
    await until(lambda: daemon.zones.each["line_1"].table is not None)
    announced = config(broker.port, homeassistant=HomeAssistant())
    told, checked = await status(announced), await doctor(announced, Wish(seconds=0))
    console = Console(file=(written := io.StringIO()), force_terminal=True, width=100, height=30)
    console.print(Screen(console, daemon, title="t", footer=tuple)._draw())
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert told["wearers"] == []
    assert told["wrong"] == []
    [zone] = told["zones"]
    assert (zone["zone"], zone["wearers"], type(zone["wearers"])) == ("line_1", 6, int)
    assert [each["says"] for each in checked["findings"] if each["check"] == "discovery"] == [
        "1 of 1 wearers and zones stand on the broker as devices"
    ]
    shown = written.getvalue()
    assert "zone line_1: " in shown
    assert "withheld" in shown
    assert SECRET not in shown
