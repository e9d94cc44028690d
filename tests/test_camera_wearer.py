"""A wearer whom a camera sees, alone and beside sensors: from bodies to answers, and through the daemon."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from seen import bodies

from edgehar.config.schema import Config, Gateway
from edgehar.config.worn import Camera, Replay, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.publishers.payloads import attributes
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Activity, Event, Item, Stream

SENSORS, CAMERA = load(find("imu_tcn")), load(find("pose_tcn"))
WRIST, SEEN = Stream("wrist_left"), Stream("camera", "keypoints")

Answers = list[Activity | Event]


def camera_pipeline() -> Pipeline:
    return Pipeline("anna", [SEEN], CAMERA, CAMERA.spec.decision)


def fused_pipeline() -> Pipeline:
    return Pipeline("anna", [WRIST, SEEN], [SENSORS, CAMERA], SENSORS.spec.decision)


def felt(script: Sequence[tuple[str, float]]) -> list[Item]:
    return list(Simulator(placements=["wrist_left"], script=[*script], seed=2).packets())


def together(*parts: list[Item]) -> list[Item]:
    return sorted((item for part in parts for item in part), key=lambda item: item[0])


def played(fed: Pipeline, items: Sequence[Item], tick_s: float = 0.25) -> Answers:
    """Return the answers; time is told between the packets, and for a while behind the last."""
    answers: Answers = []
    t = items[0][0]
    for now, stream, body in [*items, (items[-1][0] + 8.0, 0, b"")]:
        while t + tick_s < now:
            t += tick_s
            answers += fed.advance(t)
        answers += fed.push(now, stream, body)
        t = now
    return answers


def activities(answers: Answers, begin: float = -np.inf, end: float = np.inf) -> list[Activity]:
    return [item for item in answers if isinstance(item, Activity) and begin < item.t < end]


def test_a_camera_alone_tells_what_is_done() -> None:
    answers = played(camera_pipeline(), bodies([("walking", 30.0), ("sitting", 30.0)]))
    assert {a.state for a in activities(answers, 15.0, 30.0)} <= {"walking", "on_foot"}
    assert {a.state for a in activities(answers, 50.0, 60.0)} <= {"sitting", "still"}
    starts = [item for item in answers if isinstance(item, Event) and item.kind == "activity_started"]
    assert {event.model for event in starts} == {CAMERA.spec.id}


def test_nobody_in_the_picture_is_no_signal_with_that_reason() -> None:
    answers = played(camera_pipeline(), bodies([("walking", 20.0), ("nobody", 20.0), ("walking", 20.0)]))
    gone = activities(answers, 30.0, 38.0)
    assert {a.state for a in gone} == {"no_signal"}
    assert {a.reason for a in gone} == {"Nobody is in the picture."}
    assert activities(answers, 50.0, 60.0)[-1].state in {"walking", "on_foot"}


def test_a_second_person_stands_in_the_attributes() -> None:
    fed = camera_pipeline()
    two = [(t, stream, body[:4] + b"\x02" + body[5:]) for t, stream, body in bodies([("walking", 10.0)])]
    last = activities(played(fed, two), 8.0, 10.0)[-1]
    [remark] = attributes(last, lambda t: t)["remarks"]
    assert remark.startswith("2 people are in the picture")
    alone = activities(played(camera_pipeline(), bodies([("walking", 10.0)])), 8.0, 10.0)[-1]
    assert "remarks" not in attributes(alone, lambda t: t)


def test_with_both_one_goes_on_alone_when_the_other_is_lost() -> None:
    walk = [("walking", 45.0)]
    until = [item for item in felt(walk) if item[0] < 25.0]
    answers = played(fused_pipeline(), together(until, bodies(walk, stream=1)))
    seen = activities(answers, 36.0, 45.0)
    assert {a.state for a in seen} <= {"walking", "on_foot"}
    assert {a.excluded_sensors for a in seen} == {("wrist_left",)}
    answers = played(fused_pipeline(), together(felt(walk), bodies([("walking", 25.0)], stream=1)))
    felt_alone = activities(answers, 36.0, 45.0)
    assert {a.state for a in felt_alone} <= {"walking", "on_foot"}
    assert {a.excluded_sensors for a in felt_alone} == {("camera",)}


def test_with_both_nothing_is_excluded_and_time_never_goes_back() -> None:
    script = [("walking", 20.0), ("sitting", 20.0)]
    answers = played(fused_pipeline(), together(felt(script), bodies(script, stream=1)))
    times = [a.t for a in activities(answers)]
    assert times == sorted(set(times))
    assert {a.excluded_sensors for a in activities(answers, 5.0, 39.0)} == {()}
    assert {event.model for event in answers if isinstance(event, Event)} == {
        f"{SENSORS.spec.id}+{CAMERA.spec.id}"
    }


@pytest.mark.parametrize(
    "worn", [None, "trouser_pocket"], ids=["a camera", "and a sensor that tells no falls"]
)
def test_a_fall_that_only_a_camera_sees_is_told_like_any_label(worn: str | None) -> None:
    script = [("walking", 20.0), ("falling", 15.0)]
    fed, items = camera_pipeline(), bodies(script)
    if worn:
        models = [SENSORS, CAMERA]
        fed = Pipeline("anna", [Stream(worn), SEEN], models, SENSORS.spec.decision)
        walk = Simulator(placements=[worn], script=[("walking", 20.0), ("sitting", 15.0)], seed=2)
        items = together([*walk.packets()], bodies(script, stream=1))
    told = {event.label for event in played(fed, items) if isinstance(event, Event)}
    assert "falling" in told


def recording(path: Path, streams: Sequence[Stream], items: Sequence[Item]) -> Path:
    with Writer(path, Header("anna", tuple(streams), epoch=1.7e9)) as writer:
        for item in items:
            writer.push(*item)
    return path


@pytest.mark.parametrize("streams", [(SEEN,), (WRIST, SEEN)], ids=["camera", "both"])
async def test_a_recording_is_judged_by_the_models_of_what_was_recorded(
    tmp_path: Path, streams: tuple[Stream, ...]
) -> None:
    walk = [("walking", 20.0)]
    items = bodies(walk) if len(streams) == 1 else together(felt(walk), bodies(walk, stream=1))
    path = recording(tmp_path / "walk.ehr", streams, items)
    wearer = Wearer(id="anna", replay=Replay(path=str(path), speed=0))
    daemon = Daemon(Config(gateway=Gateway(id="gw"), wearer=[wearer]))
    assert daemon.models.id == "+".join([SENSORS.spec.id] * (len(streams) > 1) + [CAMERA.spec.id])
    told: Answers = []

    class Listener:
        def push(self, item: Activity | Event) -> None:
            told.append(item)

    daemon.publishers.append(Listener())
    await daemon.run()
    assert {a.state for a in activities(told)} & {"walking", "on_foot"}


async def test_a_video_goes_all_the_way(data: Path) -> None:
    clip = data / "video" / "adl_18_multiple_jumps.mp4"
    weights = data / "movenet" / "movenet_single_pose_lightning_ptq.tflite"
    camera = Camera(device=str(clip), weights=str(weights), region=(0.0, 0.0, 0.66, 0.78))
    daemon = Daemon(Config(gateway=Gateway(id="gw"), wearer=[Wearer(id="anna", camera=[camera])]))
    told: Answers = []

    class Listener:
        def push(self, item: Activity | Event) -> None:
            told.append(item)

    daemon.publishers.append(Listener())
    await daemon.run()
    sensor = daemon.health()["wearers"]["anna"]["sensors"]["camera"]
    assert sensor["packets"] > 0
    assert sensor["age_s"] > 0.0
    assert json.dumps(daemon.health())
    assert any(activity.coverage > 0.5 for activity in activities(told))
