"""The statistics of windows beside the embedding."""

import numpy as np
import pytest
from conftest import ROOT

from edgehar.personal.logistic import features, fit, standard
from edgehar.personal.statistics import PER_SENSOR, either_way_up, in_axes, of_window, statistics, width
from edgehar.pipeline.manifest import read
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.types import FloatArray

RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def spec() -> ModelSpec:
    return read(ROOT / "models" / "imu_tcn.json")


def window(spec: ModelSpec) -> FloatArray:
    size = (spec.window, len(spec.sensors) * len(spec.channels))
    return RNG.normal(0.0, 5.0, size).astype(np.float32)


def test_they_are_of_the_worn_sensors_alone(spec: ModelSpec) -> None:
    slots, x = spec.slots(["wrist_left", "chest"]), window(spec)
    assert len(of_window(spec, slots, x)) == width(spec, slots) == 2 * PER_SENSOR
    other = x.copy()
    [unworn] = [i for i, sensor in enumerate(spec.sensors) if sensor.name == "waist"]
    other[:, unworn * 6 : unworn * 6 + 6] = 7.0
    assert np.array_equal(of_window(spec, slots, x), of_window(spec, slots, other))


def test_they_are_of_what_the_network_is_shown(spec: ModelSpec) -> None:
    slots, x = spec.slots(["wrist_left"]), window(spec)
    [worn] = [i for i, slot in enumerate(slots) if slot]
    x[3, worn * 6] = 1e6  # far beyond any clip
    clip, scale = (np.array(v, np.float32) for v in (spec.normalization.clip, spec.normalization.scale))
    shown = np.clip(x[:, worn * 6 : worn * 6 + 6], -clip, clip) / scale
    assert np.array_equal(in_axes(spec, slots, x), statistics(shown[None], spec.rate_hz)[0])
    assert np.array_equal(of_window(spec, slots, x), either_way_up(in_axes(spec, slots, x)[None])[0])


@pytest.mark.parametrize("signs", [(1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
def test_half_a_turn_of_the_sensor_changes_none(spec: ModelSpec, signs: tuple[int, int, int]) -> None:
    slots, x = spec.slots(["wrist_left"]), window(spec) + np.float32(3.0)
    turned = x.reshape(len(x), -1, 3) * np.array(signs, np.float32)
    told = of_window(spec, slots, turned.reshape(x.shape))
    assert told == pytest.approx(of_window(spec, slots, x), abs=1e-4)
    assert np.abs(in_axes(spec, slots, turned.reshape(x.shape)) - in_axes(spec, slots, x)).max() > 0.1


def test_a_quarter_turn_changes_some(spec: ModelSpec) -> None:
    slots, x = spec.slots(["wrist_left"]), window(spec)
    x[:, 0] += 9.81
    turned = x.reshape(len(x), -1, 3)[..., [1, 0, 2]].reshape(x.shape)
    assert np.abs(of_window(spec, slots, turned) - of_window(spec, slots, x)).max() > 0.1


def test_without_a_gyroscope_they_are_finite(spec: ModelSpec) -> None:
    slots, x = spec.slots(["wrist_left"]), window(spec)
    x[:, 3:6] = 0.0
    told = of_window(spec, slots, x)
    assert np.isfinite(told).all()
    assert not told[4 * 14 : 8 * 14].any()


def test_of_a_camera_there_are_none() -> None:
    spec = read(ROOT / "models" / "pose_tcn.json")
    slots = tuple(f"{i}" for i, _ in enumerate(spec.sensors))
    x = np.zeros((spec.window, len(spec.sensors) * len(spec.channels)), np.float32)
    assert (width(spec, slots), of_window(spec, slots, x).shape) == (0, (0,))


@pytest.mark.parametrize("count", [3, 300])
def test_however_many_there_are_they_weigh_as_much_as_the_embedding(count: int) -> None:
    x = np.column_stack([RNG.normal(0, 1, (500, 20)), RNG.normal(5, 100, (500, count))])
    rows = features(x, *standard(x, count), count)[:, :-1]
    lengths = [np.square(part).sum(axis=1).mean() for part in (rows[:, :20], rows[:, 20:])]
    assert lengths == pytest.approx([0.5, 0.5], abs=0.06)


def test_a_wild_statistic_counts_as_four_standard_deviations() -> None:
    x = RNG.normal(0, 1, (300, 12))
    center, scale = standard(x, 6)
    x[0, 7], x[0, 2] = 1e6, 50.0
    row = features(x, center, scale, 6)[0]
    assert row[7] == pytest.approx(4 / np.sqrt(12))
    assert row[2] == pytest.approx((50.0 - center[2]) / scale[2])


def test_what_a_statistic_alone_tells_is_learnt() -> None:
    x = RNG.normal(0, 1, (200, 12))
    truth = np.eye(2)[(x[:, 9] > 0).astype(int)]
    fitted = fit(x, np.zeros((200, 2)), truth, trust=0.0, statistics=6)
    assert (fitted.scores(x, np.zeros((200, 2))).argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.95
