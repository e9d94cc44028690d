"""One stream from bodies to samples: every profile, its clocks, its counters, its gravity."""

import logging
import struct

import numpy as np
import pytest
from phones import FACE_UP, recording
from sensors import AT_REST, bits_of, polar_answer, polar_frame

from edgehar.devices import PROFILES
from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.errors import ConfigError
from edgehar.pipeline.intake import Intake
from edgehar.types import ACCELERATION, ANGULAR_RATE, Packet, Samples, Stream
from edgehar.wire.protocol import Description, encode_data, encode_description


def body(profile: str, characteristic: int, payload: bytes) -> bytes:
    return PROFILES[profile].body_prefix(characteristic) + payload


@pytest.mark.parametrize("profile", PROFILES)
def test_bodies_of_every_profile_become_samples_in_si_units(profile: str) -> None:
    intake = Intake(Stream("wrist", profile))
    samples = [
        made
        for i in range(3)
        for source, payload in AT_REST[profile]
        for made in intake.push(1.0 + i, body(profile, source, payload))
    ]
    assert samples
    assert {made.placement for made in samples} == {"wrist"}
    force = np.concatenate([made.x for made in samples if made.channels[:3] == ACCELERATION])[:, :3]
    assert np.linalg.norm(force, axis=1) == pytest.approx(9.81, rel=0.03)


def test_a_profile_that_nobody_reads_is_refused_in_a_line() -> None:
    for name, hint in (
        ("xyz", "there are edgehar, witmotion"),
        ("sensor_loger", "did you mean `sensor_logger`?"),
    ):
        with pytest.raises(ConfigError) as refused:
            Intake(Stream("wrist", name))
        assert str(refused.value).startswith(f'no sensor profile is called "{name}"; {hint}')


def test_a_body_that_a_reader_fails_on_is_dropped_and_traced_once(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(EdgeharReader):
        def push(self, body: bytes) -> list[Packet]:
            if body == b"trap":
                raise IndexError(body)
            return super().push(body)

    intake = Intake(Stream("wrist"), "anna")
    intake.reader = Failing()
    described = encode_description(Description("c0ffee000001", 10_000, 16, 2000))
    bodies = [described, b"trap", b"trap", encode_data(0, 0, np.zeros((2, 6), np.int16))]
    samples = [made for body in bodies for made in intake.push(1.0, body)]
    assert [len(made.t) for made in samples] == [2]
    assert intake.health()["faults"] == 2
    # What other tests left behind may still speak.
    (record,) = [record for record in caplog.records if record.name == "edgehar.pipeline.intake"]
    assert record.getMessage().startswith(
        "anna/wrist: a fault of edgehar's own, please report it: IndexError"
    )
    assert caplog.text.count("raise IndexError(body)") == 1


def test_channels_that_come_apart_have_clocks_of_their_own() -> None:
    intake = Intake(Stream("wrist", "metamotion"))
    acc, gyr = (
        struct.pack("<BB9h", module, packed, *[0, 0, 2048] * 3) for module, packed in ((3, 0x1C), (0x13, 7))
    )
    made: list[Samples] = []
    for i in range(2000):
        # Both halves arrive at once, three samples each, for two minutes.
        for payload in (acc, gyr):
            made += intake.push(i * 0.06, payload)
    assert set(intake.clocks) == {ACCELERATION, ANGULAR_RATE}
    assert intake.health()["clock_restarts"] == 0
    ends = {channels: [m.t[-1] for m in made if m.channels == channels] for channels in intake.clocks}
    assert ends[ACCELERATION] == pytest.approx(ends[ANGULAR_RATE], abs=1e-6)


def test_the_first_byte_tells_the_characteristic_where_there_are_several() -> None:
    intake = Intake(Stream("wrist", "polar_verity"))
    frame = polar_frame(5, 0x80, 10**18, struct.pack("<3hBB", 0, 0, 4098, 3, 2) + bits_of([0] * 6, 3))
    assert intake.push(1.0, b"\1" + frame) == []
    assert intake.push(1.1, b"\0" + polar_answer(5, 1.0)) == []
    assert intake.push(1.2, b"\1" + frame)[0].channels == ANGULAR_RATE


def test_the_longest_stretch_that_came_at_once_is_kept() -> None:
    intake = Intake(Stream("pocket", "sensor_logger"))
    bodies = recording(20, {"totalacceleration": FACE_UP}, per_push=200)
    longest = []
    for i, message in enumerate(bodies):
        intake.push(2.0 * i, message)
        longest.append(intake.bundle_s)
    assert longest[-1] == pytest.approx(1.99, abs=0.05)
    assert longest == sorted(longest)


def test_a_sensor_is_expected_to_bundle_what_its_profile_says() -> None:
    assert Intake(Stream("wrist", "polar_verity")).bundle_s == PROFILES["polar_verity"].bundle_s
    assert Intake(Stream("wrist", "movesense")).bundle_s <= 1.0
    assert Intake(Stream("pocket", "sensor_logger")).bundle_s == 0.0


def test_a_wrong_range_is_told_once_and_stays_in_health(caplog: pytest.LogCaptureFixture) -> None:
    intake = Intake(Stream("wrist"))
    counts = np.array([[0, 0, 2048, 0, 0, 0]] * 10, np.int16)
    description = encode_description(Description("c0ffee123456", 20_000, 8, 2000))
    with caplog.at_level(logging.WARNING):
        for start in (0.0, 100.0):
            for i in range(20):
                t = start + i * 0.2
                intake.push(t, description)
                intake.push(t, encode_data(i, round(t * 1e6), counts))
    assert [record.getMessage() for record in caplog.records] == [f"wrist: {intake.gravity.misfit}"]
    assert "feels 4.90 m/s² where gravity is 9.81" in intake.health()["misfit"]
    assert intake.problem == intake.gravity.misfit


def test_a_sensor_without_acceleration_and_one_of_another_kind_are_named() -> None:
    turns, other, undescribed = (
        Intake(Stream("wrist")),
        Intake(Stream("wrist", "bluest")),
        Intake(Stream("wrist")),
    )
    counts = np.zeros((5, 6), np.int16)
    turns.push(0.0, encode_description(Description("c0ffee123456", 20_000, 8, 2000, channels=ANGULAR_RATE)))
    for i in range(30):
        data = encode_data(i, i * 100_000, counts)
        turns.push(0.1 * i, data)
        other.push(0.1 * i, b"what no such sensor sends")
        undescribed.push(0.1 * i, data)
    assert turns.problem == "sends no acceleration"
    assert other.problem == "nothing came that its profile can read"
    assert undescribed.problem == "it sends data and never describes them"


def test_a_range_that_was_mended_is_no_misfit_any_more() -> None:
    intake = Intake(Stream("wrist"))
    counts = np.array([[0, 0, 2048, 0, 0, 0]] * 10, np.int16)
    for start, acc_range_g in ((0.0, 8), (100.0, 16)):
        intake.push(start, encode_description(Description("c0ffee123456", 20_000, acc_range_g, 2000)))
        for i in range(20):
            t = start + i * 0.2
            intake.push(t, encode_data(i, round(t * 1e6), counts))
        assert (intake.health()["misfit"] is None) == (acc_range_g == 16)


def test_health_of_the_own_firmware_tells_more() -> None:
    edgehar, other = Intake(Stream("wrist")).health(), Intake(Stream("wrist", "bluest")).health()
    assert edgehar.keys() - other.keys() == {"undescribed", "duplicates", "restarts"}
    assert (other["packets"], other["battery"], other["skew_ppm"]) == (0, None, None)
