"""What the page is composed of: strips, history and who looks on."""

import asyncio
import base64
import threading

import numpy as np
import pytest
from listening import until
from mosquitto import PATIENCE_S

from edgehar.dashboard import history as history_module, pictures as pictures_module
from edgehar.dashboard.history import MOST_EVENTS, TIMELINE_S, History
from edgehar.dashboard.pictures import Pictures
from edgehar.dashboard.strips import COLUMNS_HZ, SPAN_S, Strip
from edgehar.dashboard.viewers import Viewer, Viewers
from edgehar.types import IMU_CHANNELS, KEYPOINT_CHANNELS, Activity, Event, FloatArray, Samples

NONE = -32768


def samples(began: float, seconds: float, rate_hz: float = 50.0, value: float = 1.0) -> Samples:
    t = began + np.arange(round(seconds * rate_hz)) / rate_hz
    return Samples("wrist", t, np.full((len(t), 6), value, np.float32), IMU_CHANNELS)


def lines(strip: Strip, end: float) -> FloatArray:
    counts = np.frombuffer(base64.b64decode(strip.encoded(end)), "<i2").reshape(3, -1)
    assert counts.shape == (3, round(SPAN_S * COLUMNS_HZ))
    return np.where(counts == NONE, np.nan, counts * 0.01).astype(np.float32)


def test_a_strip_shows_what_came_and_where_nothing_did() -> None:
    strip = Strip()
    assert np.isnan(lines(strip, 0.0)).all()
    for began in (90.0, 91.0, 92.0, 95.0, 96.0):
        strip.push(samples(began, 1.0, value=9.81))
    shown = lines(strip, 97.0)
    assert np.nanmax(np.abs(shown - 9.81)) < 0.006
    missing = np.isnan(shown[0])
    at = 97.0 - SPAN_S + np.arange(1, len(missing) + 1) / COLUMNS_HZ
    assert missing[(at > 93.3) & (at < 94.7)].all()
    assert not missing[(at > 90.0) & (at < 93.0)].any()


@pytest.mark.parametrize("value", [1e6, -1e6])
def test_what_is_beyond_a_count_is_drawn_at_its_edge(value: float) -> None:
    strip = Strip()
    strip.push(samples(0.0, 1.0, value=value))
    assert abs(lines(strip, 1.0)[0, -1]) == pytest.approx(327.67)


def test_a_strip_keeps_no_more_than_it_shows() -> None:
    strip = Strip()
    for began in range(100):
        strip.push(samples(float(began), 1.0))
    assert len(strip._chunks) <= SPAN_S + 3


def test_the_rate_is_of_the_last_seconds_and_zero_once_nothing_comes() -> None:
    strip = Strip()
    assert strip.rate_hz(0.0) is None
    strip.push(samples(0.0, 0.5))
    assert strip.rate_hz(0.5) is None
    for began in range(1, 9):
        strip.push(samples(float(began), 1.0, 100.0))
    assert strip.rate_hz(9.0) == pytest.approx(100.0, abs=0.5)
    assert strip.rate_hz(60.0) == 0.0


def test_samples_without_acceleration_draw_nothing_and_keypoints_are_joints() -> None:
    strip = Strip()
    strip.push(Samples("wrist", np.array([0.0]), np.ones((1, 3), np.float32), ("gyr_x", "gyr_y", "gyr_z")))
    assert strip.newest is None
    values = np.zeros((2, len(KEYPOINT_CHANNELS)), np.float32)
    values[1, :6] = (0.5, 0.25, 0.9, 0.6, 0.2, 0.1)
    strip.push(Samples("camera", np.array([1.0, 1.1]), values, KEYPOINT_CHANNELS))
    joints = strip.joints(1.2)
    assert joints is not None
    assert len(joints) == 17
    assert np.array(joints[:2]) == pytest.approx(np.array([[0.5, 0.25, 0.9], [0.6, 0.2, 0.1]]))
    assert strip.joints(9.0) == []
    assert np.isnan(lines(strip, 1.1)).all()


def activity(label: str, since: float) -> Activity:
    return Activity("anna", label, None, "", 0.9, since + 2.0, since, 1.0)


def test_the_timeline_has_each_state_once_and_what_is_corrected_no_more() -> None:
    history = History(lambda t: t + 1000.0)
    assert history.push(activity("walking", 0.0))
    assert not history.push(activity("walking", 0.0))
    assert history.push(activity("standing", 10.0))
    assert history.push(activity("sitting", 9.5))  # it was that all the while
    assert history.timeline("anna", 20.0) == [(1000.0, "walking"), (1009.5, "sitting")]
    assert history.timeline("ben", 20.0) == []


def test_a_clock_that_is_set_moves_the_timeline() -> None:
    ahead = 0.0
    history = History(lambda t: t + ahead)
    history.push(activity("walking", 0.0))
    history.push(activity("standing", 10.0))
    ahead = 86_400.0
    assert history.timeline("anna", 20.0) == [(86_400.0, "walking"), (86_410.0, "standing")]


def test_the_timeline_begins_with_the_state_that_held_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "MOST_STATES", 5)
    history = History(lambda t: t)
    for i in range(20):
        history.push(activity("walking" if i % 2 else "sitting", 100.0 * i))
    now = 1950.0
    assert len(history.timeline("anna", now)) == 5
    kept = history.timeline("anna", now + TIMELINE_S)
    assert kept == [(1900.0, "walking")]


def test_the_log_of_events_is_bounded() -> None:
    history = History(lambda t: t)
    event = Event("a-0", "activity_started", "anna", "walking", "other", 0.9, 1.0, 2.0, None, 1.0, "m@1")
    for i in range(2 * MOST_EVENTS):
        history.push(event)
        history.note("anna", f"note {i}", 0.0)
    assert len(history.events) == MOST_EVENTS


class SlowCamera:
    """A camera whose pictures are made when somebody says so."""

    def __init__(self) -> None:
        self.go, self.made = threading.Event(), 0

    def picture(self) -> bytes:
        self.made += 1
        assert self.go.wait(PATIENCE_S)
        return b"picture %d" % self.made


async def test_a_picture_that_is_being_made_is_for_all_who_ask_and_then_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures_module, "FRESH_S", 0.0)
    camera, pictures = SlowCamera(), Pictures()
    first = asyncio.create_task(pictures.newest(camera))
    await until(lambda: camera.made == 1)
    second = asyncio.create_task(pictures.newest(camera))
    await asyncio.sleep(0)
    camera.go.set()
    assert [await first, await second] == [b"picture 1"] * 2
    await until(lambda: camera not in pictures._newest)
    assert await pictures.newest(camera) == b"picture 2"


async def test_a_viewer_gets_the_newest_of_each_kind_and_waits_for_more() -> None:
    viewer = Viewer()
    for number in range(100):
        viewer.offer("state", f"state {number}")
        viewer.offer("strips", f"strips {number}")
    assert [await viewer.next(), await viewer.next()] == ["state 99", "strips 99"]
    waiting = asyncio.create_task(viewer.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    viewer.offer("state", "state 100")
    assert await waiting == "state 100"


def test_who_comes_first_and_who_leaves_last_is_noticed() -> None:
    told = list[str]()
    viewers, a, b = Viewers(lambda: told.append("first"), lambda: told.append("none")), Viewer(), Viewer()
    viewers.join(a)
    viewers.join(b)
    viewers.leave(a)
    assert told == ["first"]
    viewers.leave(b)
    assert told == ["first", "none"]
