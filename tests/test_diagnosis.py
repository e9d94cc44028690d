"""Each fault of a sensor is found and named, and a sound one is left in peace: over packets, without any waiting."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edgehar.motion.imu import SITES
from edgehar.motion.wearer import _SITE_OF
from edgehar.pipeline import manifest
from edgehar.pipeline.diagnosis.axes import PERMUTATIONS, explain, fit_axes
from edgehar.pipeline.diagnosis.diagnose import diagnose, measure
from edgehar.pipeline.diagnosis.findings import Finding
from edgehar.pipeline.diagnosis.gait import LEGS, TORSO, walking
from edgehar.pipeline.diagnosis.measurement import Array, Measurement
from edgehar.recordings.npz import read_npz
from edgehar.sources.simulated.faults import Faults, inject
from edgehar.sources.simulated.misfits import Misfits
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import IMU_CHANNELS, Item, Stream

SCRIPT = [("sitting", 15.0), ("standing", 6.0), ("walking", 16.0), ("sitting", 15.0), ("standing", 8.0)]
BY_HAND_S = 14.0


@cache
def sound(placement: str, seed: int) -> tuple[Item, ...]:
    """Return the packets of a sensor that is turned by hand, and then worn."""
    faults = Faults(misfits=Misfits(put_on_s=BY_HAND_S), seed=seed)
    return tuple(Simulator(placements=[placement], script=SCRIPT, seed=seed, faults=faults).packets())


def measured(placement: str, seed: int, faults: Faults | None = None) -> Measurement:
    items = sound(placement, seed)
    [m] = measure([Stream(placement)], inject(faults, items) if faults else items)
    return m


def up_of(m: Measurement) -> Array:
    signals = m.signals()
    gait = walking(signals, m.stream.placement) if signals else None
    assert gait is not None
    return gait.up


def alarms(m: Measurement, like: Array | None = None) -> list[Finding]:
    return [finding for finding in diagnose(m, like=like) if finding.level != "ok"]


# Of others the drawn chip has a range that a shin or a foot exceeds, which is no false alarm.
@pytest.mark.parametrize(
    ("placement", "seed"),
    [
        ("wrist_left", 1),
        ("wrist_right", 2),
        ("trouser_pocket", 3),
        ("waist", 4),
        ("chest", 5),
        ("knee_left", 6),
        ("upper_arm_left", 7),
        ("ankle_right", 8),
    ],
)
def test_a_sound_sensor_is_left_in_peace(placement: str, seed: int) -> None:
    m = measured(placement, seed)
    assert alarms(m, like=up_of(m)) == []
    assert alarms(m) == []
    told = {finding.check: finding.says for finding in diagnose(m)}
    assert told["axes"].startswith("accelerometer and gyroscope fit (0.9")


@pytest.mark.parametrize(
    ("faults", "check", "says"),
    [
        (Misfits(swap=("acc_x", "acc_y")), "axes", "acc_x and acc_y were swapped"),
        (Misfits(swap=("gyr_y", "gyr_z")), "axes", "gyr_y and gyr_z were swapped"),
        (Misfits(mirror=["gyr_z"]), "axes", "gyr_z were mirrored"),
        (Misfits(mirror=["acc_x", "gyr_x"]), "axes", "a left-handed sensor"),
        (Misfits(acc_factor=9.81), "units", "multiplies by 9.81"),
        (Misfits(acc_factor=1 / 9.81), "units", "sends g where m/s² is expected"),
        (Misfits(gyr_factor=57.3), "units", "sends degree/s where rad/s are expected"),
        (Misfits(gyr_factor=1 / 57.3), "units", "sends rad/s where degree/s are expected"),
        (Misfits(gyr_bias=0.1), "bias", "at rest"),
        (Misfits(stuck=["acc_y"]), "stuck", "acc_y stays at"),
        (Misfits(stuck=["gyr_x"]), "stuck", "gyr_x stays at"),
        (Misfits(acc_range_g=1.6), "saturation", "acc_"),
        (Misfits(taken_off_s=35.0), "worn", "as on a table"),
        (Misfits(upside_down=True), "orientation", "upside down"),
        (Faults(loss=0.05), "loss", "% of packets lost"),
        (Faults(drift_ppm=200), "drift", "+200 ppm"),
        (Faults(jitter_s=0.4), "jitter", "ms later than the quickest"),
        (Faults(battery=10), "battery", "10 %"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_found_and_named(faults: Faults | Misfits, check: str, says: str) -> None:
    like = up_of(measured("trouser_pocket", 3))
    injected = faults if isinstance(faults, Faults) else Faults(misfits=faults)
    of_check = [f for f in alarms(measured("trouser_pocket", 3, injected), like) if f.check == check]
    assert of_check
    assert says in " ".join(f.says for f in of_check)
    assert all(f.fix for f in of_check)


def test_a_wrong_unit_is_told_once() -> None:
    checks = [f.check for f in alarms(measured("waist", 4, Faults(misfits=Misfits(acc_factor=9.81))))]
    # What is 9.81 times too large is cut off as well.
    assert set(checks) <= {"units", "saturation"}
    assert checks.count("units") == 1


def test_without_any_turning_the_axes_cannot_be_told() -> None:
    items = [(t, i, body) for t, i, body in sound("waist", 4) if t > BY_HAND_S + 1 or t == 0]
    [m] = measure([Stream("waist")], inject(Faults(misfits=Misfits(swap=("acc_x", "acc_y"))), items))
    [axes] = [f for f in diagnose(m) if f.check == "axes"]
    assert (axes.level, "turn it slowly" in axes.says) == ("ok", True)


def test_a_sensor_worn_elsewhere_moves_otherwise() -> None:
    for worn, named in (("chest", "ankle_left"), ("knee_left", "chest")):
        [m] = measure([Stream(named)], sound(worn, 5 if worn == "chest" else 6))
        placement = [f for f in alarms(m) if f.check == "placement"]
        assert len(placement) == 1, worn
        assert "is it worn where the configuration says?" in (placement[0].fix or "")


def test_a_place_that_the_model_does_not_know_is_named() -> None:
    spec = manifest.read(manifest.find("imu_tcn"))
    [m] = measure([Stream("nose")], sound("chest", 5))
    assert next(f.level for f in diagnose(m, spec) if f.check == "placement") == "fail"


def test_a_sensor_that_sends_nothing_is_one_failure() -> None:
    [m] = measure([Stream("wrist")], [])
    assert next((f.check, f.level) for f in diagnose(m)) == ("packets", "fail")


@pytest.mark.parametrize("index", range(1, 48))
def test_every_order_of_the_axes_is_told_from_every_other(index: int) -> None:
    [m] = measure([Stream("wrist")], sound("wrist_left", 1))
    signals = m.signals()
    assert signals is not None
    assert signals.turn is not None
    rows = slice(0, round(BY_HAND_S * signals.rate_hz))
    # The gyroscope reads M'ω if -Mω × f is to be df/dt.
    fit = fit_axes(signals.force[rows], signals.turn[rows] @ PERMUTATIONS[index], signals.rate_hz)
    assert fit.best == index
    assert explain(PERMUTATIONS[index])


def test_places_are_those_of_the_simulated_body() -> None:
    segments = {name: SITES[_SITE_OF.get(name, name)].segment for name in (*LEGS, *TORSO)}
    assert {segments[name].partition("_")[0] for name in LEGS} == {"thigh", "shank", "foot"}
    assert {segments[name] for name in TORSO} == {"pelvis", "thorax", "head"}


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgehar.pipeline.diagnosis.measurement.LONGEST", 1000)
    m = measured("waist", 4)
    [kind] = m.kinds()
    assert len(m.raw(kind)[0]) == 1000
    assert m.seconds > 59


def test_a_recorded_person_whose_axes_are_swapped(data: Path) -> None:
    track = read_npz(data / "imu" / "wisdm_watch.npz", subject="1600", activities=["eating_soup"])
    items = [*track]
    [m] = measure(track.header.streams, items)
    assert [f for f in alarms(m) if f.level == "fail"] == []
    [m] = measure(track.header.streams, inject(Faults(misfits=Misfits(swap=("acc_x", "acc_y"))), items))
    assert "acc_x and acc_y were swapped" in next(f.says for f in alarms(m) if f.check == "axes")


def test_a_gap_is_no_signal() -> None:
    items = [(t, i, body) for t, i, body in sound("waist", 4) if not 20 < t < 25]
    [m] = measure([Stream("waist")], items)
    signals = m.signals()
    assert signals is not None
    missing = (~signals.is_sound).sum() / signals.rate_hz
    assert missing == pytest.approx(5.0, abs=0.5)
    assert len(IMU_CHANNELS) == 6
    assert np.isfinite(signals.force).all()
    assert "pause" in {f.check for f in alarms(m)}
