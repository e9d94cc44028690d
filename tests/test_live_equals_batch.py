"""Live runs, on a clock that is fast for all: the recording of the run gives the run's own answers."""

import asyncio
import os
import time
import tty
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import text_pairs
from bluez import Bluetoothd
from labelled import record
from peripherals import sensor

from edgehar.config.worn import Ble, Serial, Wearer
from edgehar.daemon.wearer import WearerFeed
from edgehar.daemon.wiring import SharedLinks
from edgehar.personal.fit import teach
from edgehar.personal.heads import Heads, load_head
from edgehar.personal.takes import read_take
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.recordings.ehr import Header, read
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.npz import read_npz
from edgehar.sources.bluetooth.radio import Radio
from edgehar.training import prototype
from edgehar.types import Activity, Event, Item, Stream
from edgehar.wire.framing import frame

pytestmark = pytest.mark.usefixtures("fast_clock")

SECONDS = 14.0


@asynccontextmanager
async def ports(items: Sequence[Item], count: int) -> AsyncIterator[list[str]]:
    """Yield pseudo-terminals, one for each stream, on which the packets come as the sensors sent them."""
    pairs = [os.openpty() for _ in range(count)]
    for _, end in pairs:
        tty.setraw(end)

    async def send() -> None:
        began = time.monotonic()
        for t, stream, body in items:
            await asyncio.sleep(began + t - time.monotonic())
            os.write(pairs[stream][0], frame(body))

    sending = asyncio.create_task(send())
    try:
        yield [os.ttyname(end) for _, end in pairs]
    finally:
        sending.cancel()
        for pair in pairs:
            for fd in pair:
                os.close(fd)


async def live(
    wearer: str, track: Sequence[Item], placements: Sequence[str], out: Path, recognizer: Recognizer
) -> list[Activity | Event]:
    """Return what a daemon's feed answers while it is recorded to `out`."""
    answers: list[Activity | Event] = []
    async with ports(track, len(placements)) as names:
        sensors = [Serial(placement=p, port=name) for p, name in zip(placements, names, strict=True)]
        feed = WearerFeed(Wearer(id=wearer, serial=sensors), recognizer, recognizer.spec.decision)
        header = Header(wearer, tuple(Stream(p) for p in placements), epoch=feed.epoch)
        with Writer(out, header) as writer:
            running = asyncio.create_task(feed.run(answers.append, lambda: None, writer.push))
            await asyncio.sleep(SECONDS)
            running.cancel()
            [ended] = await asyncio.gather(running, return_exceptions=True)
            assert isinstance(ended, asyncio.CancelledError)
    return answers


def batch(path: Path, recognizer: Recognizer) -> list[Activity | Event]:
    recording = read(path)
    pipeline = Pipeline(
        recording.header.wearer,
        recording.header.streams,
        recognizer,
        recognizer.spec.decision,
        epoch=recording.header.epoch,
    )
    return [answer for t, stream, body in recording for answer in pipeline.push(t, stream, body)]


async def test_live_runs_and_the_batches_of_their_recordings_agree_to_the_bit(
    data: Path, tmp_path: Path
) -> None:
    # A phone in a pocket, and three units of one body at once, both at their own pace.
    people = {
        "motionsense": (["trouser_pocket"], ["jogging"]),
        "dsads": (["chest", "wrist_left", "knee_right"], ["walking_treadmill"]),
    }
    runs, models = [], dict[str, Callable[[], Recognizer]]()
    for name, (placements, activities) in people.items():
        npz = data / "imu" / f"{name}.npz"
        track = list(read_npz(npz, subject="1", placements=placements, activities=activities))
        models[name] = lambda: load(find("imu_tcn"))
        runs.append(live(name, track, placements, tmp_path / f"{name}.ehr", models[name]()))
    # Beside them somebody with a head.
    box = record(tmp_path / "box.ehr", [("arm_work", 10.0), ("sitting", 5.0)], {"arm_work": "tape_box"})
    head = Heads(tmp_path, "anna").add(teach(load(find("imu_tcn")), [read_take(box)]), None)
    models["anna"] = lambda: load_head(load(find("imu_tcn")), head, ["wrist_right"])
    # And somebody who does what was typed.
    gym = record(tmp_path / "gym.ehr", [("squatting", 10.0), ("sitting", 5.0)])
    spoken = text_pairs.make(tmp_path).with_suffix(".json")
    prototype.write(spoken, prototype.add(spoken, text_pairs.SQUATS, "squats"), None)
    models["bea"] = lambda: load(spoken)
    for name, path in {"anna": box, "bea": gym}.items():
        packets = [(t, stream, body) for t, stream, body in read(path) if body]
        runs.append(live(name, packets, ["wrist_right"], tmp_path / f"{name}.ehr", models[name]()))
    answers = dict(zip(models, await asyncio.gather(*runs), strict=True))
    assert any(answer.label == "tape_box" for answer in answers["anna"])
    assert any(answer.label == "squats" for answer in answers["bea"])
    for name, answered in answers.items():
        again = batch(tmp_path / f"{name}.ehr", models[name]())
        # What follows is the live run's own end, which ends what runs.
        assert answered[: len(again)] == again
        judged = [a for a in again if isinstance(a, Activity) and a.coverage == 1.0]
        assert len(judged) > 12
        assert any(answer.label is not None for answer in judged)


async def test_live_and_the_recording_of_it_agree_to_the_bit(bluez: Bluetoothd, tmp_path: Path) -> None:
    # With sensors whose channels come apart, from several characteristics, with clocks and without.
    peripherals = {"wrist_left": sensor("polar_verity", 1), "trouser_pocket": sensor("metamotion", 2)}
    bluez.add(*peripherals.values())
    ble = [
        Ble(placement=p, profile=each.profile.name, address=each.address) for p, each in peripherals.items()
    ]
    recognizer = load(find("imu_tcn"))
    radio = Radio()
    feed = WearerFeed(Wearer(id="anna", ble=ble), recognizer, recognizer.spec.decision, SharedLinks(radio))
    path, answers = tmp_path / "rest.ehr", list[Activity | Event]()
    streams = tuple(Stream(s.placement, s.profile) for s in ble)
    with Writer(path, Header("anna", streams, epoch=feed.epoch)) as writer:
        running = asyncio.create_task(feed.run(answers.append, lambda: None, writer.push))
        async with asyncio.timeout(60):
            while len(answers) < 12:  # noqa: ASYNC110 - the feed fills it
                await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.wait([running])
    again = batch(path, load(find("imu_tcn")))
    assert any(answer.coverage == 1.0 for answer in again)
    assert again == answers[: len(again)]
    # What follows is the live run's own end, which ends what runs.
    assert len(again) >= 12
    assert all(sensor["misfit"] is None for sensor in feed.health()["sensors"].values())
