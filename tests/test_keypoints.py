"""Keypoints of a picture as a body, and what the reader makes of bodies."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from edgehar.devices.keypoints import KeypointReader, encode
from edgehar.pipeline.intake import Intake
from edgehar.types import KEYPOINT_CHANNELS, FloatArray, Stream

SOMEBODY = np.linspace(0.0, 1.7, 51, dtype=np.float32).reshape(17, 3)


def test_channels_stand_in_the_order_of_movenet() -> None:
    assert KEYPOINT_CHANNELS[:4] == ("nose_x", "nose_y", "nose_score", "eye_left_x")
    assert KEYPOINT_CHANNELS[-3:] == ("ankle_right_x", "ankle_right_y", "ankle_right_score")


@given(st.lists(st.floats(-3.9, 3.9), min_size=51, max_size=51), st.integers(1, 255))
def test_keypoints_come_back_to_the_count(values: list[float], people: int) -> None:
    keypoints: FloatArray = np.array(values, np.float32).reshape(17, 3)
    [packet] = KeypointReader("camera").push(encode(12.5, people, keypoints))
    assert packet.channels == KEYPOINT_CHANNELS
    assert packet.ticks_us == 12_500_000
    assert (packet.values * packet.scale).ravel() == pytest.approx(keypoints.ravel(), abs=1 / 8192)


@given(st.binary(max_size=120))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    reader = KeypointReader("camera")
    packets = reader.push(body)
    assert (len(packets), reader.malformed) in {(0, 0), (0, 1), (1, 0)}


def test_a_body_cut_short_is_malformed() -> None:
    reader, body = KeypointReader("camera"), encode(1.0, 1, SOMEBODY)
    for n in range(1, len(body)):
        assert reader.push(body[:n]) == []
    assert reader.malformed == len(body) - 1


def test_nobody_is_a_remark_and_no_packet() -> None:
    intake = Intake(Stream("camera", "keypoints"))
    assert intake.push(1.0, encode(1.0, 0, None)) == []
    assert intake.remark == "nobody is in the picture"
    assert len(intake.push(1.1, encode(1.1, 1, SOMEBODY))) == 1
    assert intake.remark is None
    intake.push(1.2, encode(1.2, 2, SOMEBODY))
    assert "2 people" in (intake.remark or "")
    assert intake.problem is None
    assert intake.health() | {"pictures": 3, "packets": 2, "malformed": 0} == intake.health()


def test_a_clock_that_wraps_goes_on() -> None:
    intake = Intake(Stream("camera", "keypoints"))
    at = 2**32 * 1e-6 - 0.05
    times = [
        samples.t.item(0)
        for taken_at in (at, at + 0.1, at + 0.2)
        for samples in intake.push(taken_at + 0.03, encode(taken_at, 1, SOMEBODY))
    ]
    assert np.diff(times) == pytest.approx(0.1, abs=0.01)
    assert intake.clocks[KEYPOINT_CHANNELS].restarts == 0


def test_keypoints_never_lack_acceleration() -> None:
    intake = Intake(Stream("camera", "keypoints"))
    for i in range(40):
        intake.push(i / 15, encode(i / 15, 1, SOMEBODY))
    assert intake.problem is None
