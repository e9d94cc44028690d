"""Packets of sensors and of a camera in, one answer out: the same however time is told."""

import random
from collections.abc import Sequence

import numpy as np
from seen import bodies

from edgehar.devices.keypoints import PROFILE, encode
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Activity, Event, Item, Stream

SENSOR, CAMERA = Stream("trouser_pocket"), Stream("camera", PROFILE)
SCRIPT = [("walking", 30.0), ("sitting", 30.0)]


def pipeline(*streams: Stream) -> Pipeline:
    names = ["imu_tcn", "pose_tcn"] if SENSOR in streams else ["pose_tcn"]
    models = [load(find(name)) for name in names]
    return Pipeline("w", streams, models, models[0].spec.decision)


def felt() -> list[Item]:
    return list(Simulator(placements=[SENSOR.placement], script=SCRIPT, seed=2).packets())


def seen(first: float, last: float, stream: int = 1) -> list[Item]:
    return bodies([("walking", last - first)], first, stream)


def without(items: Sequence[Item], stream: int, start: float, end: float) -> list[Item]:
    return [item for item in items if item[1] != stream or not start <= item[0] < end]


def answers(fed: Pipeline, items: Sequence[Item], moments: Sequence[float] = ()) -> list[Activity | Event]:
    """Return what is answered where time is told at these moments too."""
    told = [(t, 0, b"") for t in moments]
    everything = sorted([*items, *told], key=lambda item: item[0])
    return [answer for item in everything for answer in fed.push(*item)] + fed.finish()


def test_telling_the_time_more_often_changes_no_bit_of_what_several_models_say_together() -> None:
    items = sorted(felt() + seen(1.0, 59.0))
    # Each alone is silent for a while, then both are.
    for stream, start, end in ((0, 10.0, 18.0), (1, 22.0, 27.0), (0, 33.0, 45.0), (1, 34.0, 43.0)):
        items = without(items, stream, start, end)
    once = answers(pipeline(SENSOR, CAMERA), items)
    dice = random.Random(1)
    for _ in range(3):
        moments = [dice.uniform(1.0, 60.0) for _ in range(300)]
        assert answers(pipeline(SENSOR, CAMERA), items, moments) == once
    times = [answer.t for answer in once if isinstance(answer, Activity)]
    assert times == sorted(times)
    excluded = {answer.excluded_sensors for answer in once if isinstance(answer, Activity)}
    assert {(), ("trouser_pocket",), ("camera",)} <= excluded


def test_telling_the_time_more_often_changes_no_remark() -> None:
    nobody = [(t + 0.05, 0, encode(t, 0, None)) for t in np.arange(20.0, 40.0, 3.0)]
    items = seen(1.0, 19.0, 0) + nobody + seen(41.0, 50.0, 0)
    once = answers(pipeline(CAMERA), items)
    moments = np.arange(1.0, 50.0, 0.25).tolist()
    assert answers(pipeline(CAMERA), items, moments) == once
    reasons = {answer.reason for answer in once if isinstance(answer, Activity) and answer.no_answer}
    assert "Nobody is in the picture." in reasons
