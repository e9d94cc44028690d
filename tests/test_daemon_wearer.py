"""A wearer's sources in the daemon: an open link must bring something."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from listening import until
from mosquitto import free_port
from msgspec.structs import replace

from edgehar.config.schema import Config, Gateway, Model
from edgehar.config.worn import Phone, Replay, Serial, SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.wearer import SETTLED_S, WearerFeed
from edgehar.errors import ConfigError
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources import Deliver, LinkState
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Activity, Event, Item, Stream


def new_feed(wearer: Wearer | None = None) -> WearerFeed:
    recognizer = load(find("imu_tcn"))
    simulated = Wearer(id="w", simulator=SimulatedWearer(placements=["wrist", "chest"]))
    return WearerFeed(wearer or simulated, recognizer, recognizer.spec.decision)


def replayed(path: Path, items: Sequence[Item], speed: float = 1.0) -> WearerFeed:
    with Writer(path, Header("w", (Stream("wrist"),), epoch=0.0)) as writer:
        for item in items:
            writer.push(*item)
    return new_feed(Wearer(id="w", replay=Replay(path=str(path), speed=speed)))


@asynccontextmanager
async def running(feed: WearerFeed) -> AsyncIterator[None]:
    """Run it while it is heard."""
    task = asyncio.create_task(feed.run(lambda _: None, lambda: None))
    try:
        await until(lambda: feed.is_up)
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def test_a_wearers_labels_go_before_those_for_all() -> None:
    body = SimulatedWearer(placements=["wrist"])
    anna, ben = Wearer(id="anna", labels=["sitting"], simulator=body), Wearer(id="ben", simulator=body)
    walk = list(Simulator(placements=["wrist"], script=[("walking", 20.0)]).packets())
    daemon = Daemon(Config(wearer=[anna, ben], model=Model(labels=["on_foot"])))
    told = [
        {a.state for item in walk for a in feed.pipeline.push(*item) if isinstance(a, Activity)}
        for feed in daemon.feeds
    ]
    assert told == [{"no_signal", "other"}, {"no_signal", "on_foot"}]


@pytest.mark.parametrize(
    ("model", "wearer", "key"),
    [(["stil"], [], "model.labels"), ([], ["still", "siting"], "wearer[0].labels")],
)
def test_labels_that_the_model_does_not_tell_are_refused(
    model: list[str], wearer: list[str], key: str
) -> None:
    body = SimulatedWearer(placements=["wrist"])
    config = Config(wearer=[Wearer(id="w", labels=wearer, simulator=body)], model=Model(labels=model))
    with pytest.raises(ConfigError, match=r"did you mean `(still|sitting)`") as raised:
        Daemon(config)
    assert raised.value.key == key


async def test_an_error_of_the_program_is_not_swallowed(tmp_path: Path) -> None:
    def fail(_: Activity | Event) -> None:
        raise ZeroDivisionError

    walk = Simulator(placements=["wrist"], script=[("walking", 10.0)])
    with pytest.raises(ExceptionGroup) as caught:
        await replayed(tmp_path / "w.ehr", list(walk.packets()), speed=0).run(fail, lambda: None)
    assert caught.group_contains(ZeroDivisionError)


def wearers_that_cannot_be_heard() -> list[Wearer]:
    listen = f"127.0.0.1:{free_port()}"
    return [
        Wearer(id="a", serial=[Serial(placement="wrist", port="loop://?logging=loud")]),
        Wearer(id="b", serial=[Serial(placement="wrist", port="loop://", baud=0)]),
        Wearer(id="c", phone=[Phone(placement="waist", url=f"ws://127.0.0.1:{free_port()}")]),
        *(Wearer(id=name, phone=[Phone(placement="waist", listen=listen)]) for name in "de"),
    ]


async def test_no_source_takes_another_wearer_along(caplog: pytest.LogCaptureFixture) -> None:
    well = Wearer(id="well", simulator=SimulatedWearer(placements=["wrist"]))
    daemon = Daemon(Config(gateway=Gateway(id="gw"), wearer=[*wearers_that_cannot_be_heard(), well]))
    task = asyncio.create_task(daemon.run())
    await until(lambda: daemon.feeds[-1].is_up and caplog.text.count("trying again") == 4)
    before = daemon.feeds[-1].sources[0].link.heard_at
    await until(lambda: daemon.feeds[-1].sources[0].link.heard_at > before)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    lines = [line for line in caplog.messages if line.endswith("trying again until it is back")]
    assert sorted(line[:2] for line in lines) == ["a:", "b:", "c:", "e:"]
    assert "Traceback" not in caplog.text


async def test_progress_is_data_or_a_known_absence() -> None:
    feed = new_feed()
    source = feed.sources[0]
    later = time.monotonic() + 3600
    assert feed.makes_progress(later)
    async with running(feed):
        heard_at = source.link.heard_at
        assert feed.makes_progress(heard_at + 1)
        assert not feed.makes_progress(later)
    assert feed.makes_progress(later)


@pytest.mark.usefixtures("leaping_clock")
async def test_what_runs_ends_when_the_daemon_is_stopped_and_not_later() -> None:
    walker = Wearer(id="w", simulator=SimulatedWearer(placements=["trouser_pocket"], seed=5, longest_s=15))
    feed, answers = new_feed(walker), list[Activity | Event]()
    task = asyncio.create_task(feed.run(answers.append, lambda: None))
    await until(lambda: any(isinstance(answer, Event) for answer in answers))
    stopped_at = time.monotonic()
    task.cancel()
    await asyncio.wait([task])
    *_, ended, last = answers
    assert isinstance(ended, Event)
    assert isinstance(last, Activity)
    assert (ended.kind, last.state) == ("activity_ended", "no_signal")
    assert ended.detected_at == last.t
    assert stopped_at <= last.t <= time.monotonic()
    assert ended.ended_at == last.since <= stopped_at
    assert last.reason == "edgehar was stopped."


async def test_a_pause_in_a_replay_is_no_stall(tmp_path: Path) -> None:
    feed = replayed(tmp_path / "w.ehr", [(0.0, 0, b"x"), (7200.0, 0, b"x")])
    async with running(feed):
        assert feed.makes_progress(time.monotonic() + 3600)


def test_health_counts_by_placement() -> None:
    feed = new_feed(Wearer(id="w", serial=[Serial(placement="wrist", port="/dev/ttyNOWHERE")]))
    link = feed.sources[0].link
    link.damaged, link.dropped, link.battery = 3, 4, 77
    health = feed.health()
    assert set(health["sensors"]) == {"wrist"}
    wrist = health["sensors"]["wrist"]
    assert (wrist["packets"], wrist["damaged"], wrist["dropped"], wrist["battery"]) == (0, 3, 4, 77)
    assert health["late_samples"] == 0


def test_one_source_of_many_sensors_counts_nothing_beside_them() -> None:
    health = new_feed().health()
    assert {placement: sensor["damaged"] for placement, sensor in health["sensors"].items()} == {
        "wrist": 0,
        "chest": 0,
    }


@pytest.mark.usefixtures("leaping_clock")
async def test_every_sensor_says_what_is_wrong_with_it() -> None:
    well = SimulatedWearer(placements=["wrist", "chest"])
    for simulator, problem in ((well, None), (replace(well, loss=0.7), "too few of its samples come")):
        feed = new_feed(Wearer(id="w", simulator=simulator))
        assert feed.problems(time.monotonic()) == {"wrist": "no packet yet", "chest": "no packet yet"}
        async with running(feed):
            later = time.monotonic() + 2 * SETTLED_S
            expected = dict.fromkeys(feed.placements, problem) if problem else {}
            await until(lambda: time.monotonic() > later and feed.problems(time.monotonic()) == expected)  # noqa: B023


async def test_a_sensor_that_is_away_says_why() -> None:
    feed = new_feed(Wearer(id="w", serial=[Serial(placement="wrist", port="/dev/ttyNOWHERE")]))
    task = asyncio.create_task(feed.run(lambda _: None, lambda: None))
    await until(lambda: "/dev/ttyNOWHERE does not exist" in feed.problems(time.monotonic())["wrist"])
    task.cancel()
    await asyncio.wait([task])
    assert feed.problems(time.monotonic()) == {"wrist": "edgehar was stopped."}


class Finite:
    """A source that brings one packet and comes to its own end, as a video file does."""

    def __init__(self) -> None:
        self.link = LinkState(silence_s=1.0)

    async def run(self, deliver: Deliver) -> None:
        self.link.heard_at = time.monotonic()
        deliver(self.link.heard_at, 0, b"?")


async def test_a_source_that_came_to_its_end_beside_others_says_so() -> None:
    worn = [Serial(placement=place, port="/dev/ttyNOWHERE") for place in ("wrist", "chest")]
    feed = new_feed(Wearer(id="w", serial=worn))
    feed.sources[1] = Finite()
    task = asyncio.create_task(feed.run(lambda _: None, lambda: None))
    await until(lambda: feed.problems(time.monotonic())["chest"] == "The recording has ended.")
    task.cancel()
    await asyncio.wait([task])
