"""A wearer's sources in the daemon: silence is a loss, and an open link must bring something."""

import asyncio
import math
from pathlib import Path

import pytest

from edgehar.config.schema import Replay, SimulatedWearer, Wearer
from edgehar.daemon.wearer import Feed
from edgehar.errors import SourceLostError
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings.ehr import Header, Writer
from edgehar.sources import Deliver
from edgehar.sources.silence_timeout import Watched
from edgehar.types import Activity, Event, Stream


class Silent:
    """A link that opens, brings one packet and then nothing."""

    damaged = 3
    battery = 77
    silence_s = 0.01

    async def run(self, deliver: Deliver) -> None:
        deliver(1.0, 0, b"x")
        await asyncio.Event().wait()


async def test_a_source_that_falls_silent_is_lost() -> None:
    heard: list[bytes] = []
    with pytest.raises(SourceLostError, match="nothing came for 0 s"):
        await Watched(Silent()).run(lambda _t, _stream, body: heard.append(body))
    assert heard == [b"x"]
    assert (Watched(Silent()).damaged, Watched(Silent()).battery) == (3, 77)


class Impatient:
    """A source with a time-out of its own."""

    damaged = 0
    battery = None
    silence_s = 60.0

    async def run(self, deliver: Deliver) -> None:  # noqa: ARG002 - what a source takes
        raise TimeoutError("mine")


async def test_a_time_out_of_the_source_itself_stays_what_it_is() -> None:
    with pytest.raises(TimeoutError, match="mine"):
        await Watched(Impatient()).run(lambda *_: None)


def new_feed() -> Feed:
    recognizer = load(find("imu_tcn"))
    wearer = Wearer(id="w", simulator=SimulatedWearer(placements=["wrist", "chest"]))
    return Feed(wearer, recognizer, recognizer.spec.decision)


async def test_an_error_of_the_program_is_not_swallowed() -> None:
    def fail(_: Activity | Event) -> None:
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await new_feed().run(fail, lambda: None)
    assert caught.group_contains(ZeroDivisionError)


def test_progress_is_data_or_a_known_absence() -> None:
    made = new_feed()
    assert made.makes_progress(math.inf)
    made._up[0] = True
    assert not made.makes_progress(made._heard[0] + 2 * made.sources[0].silence_s + 1)
    assert made.makes_progress(made._heard[0] + 1)


def test_a_pause_in_a_replay_is_no_stall(tmp_path: Path) -> None:
    path = tmp_path / "w.ehr"
    Writer(path, Header("w", (Stream("wrist"),), epoch=0.0)).close()
    recognizer = load(find("imu_tcn"))
    made = Feed(Wearer(id="w", replay=Replay(path=str(path))), recognizer, recognizer.spec.decision)
    made._up[0] = True
    assert made.makes_progress(made._heard[0] + 3600)


def test_health_counts_by_placement() -> None:
    found = new_feed().health()
    assert set(found["sensors"]) == {"wrist", "chest"}
    assert found["sensors"]["wrist"]["packets"] == 0
    assert found["late_samples"] == 0
