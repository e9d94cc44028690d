"""Fits of the transfer study: what is carried over, what stays frozen, and the same figures from a network used before."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras")

from edgehar.training.studies.published_tcn import CONVS
from edgehar.training.studies.simulated_source import base_recipe, one_sensor
from edgehar.training.studies.transfer import (
    PARTS,
    PUBLISHED,
    SMALL,
    Course,
    Fitter,
    Shape,
    Weights,
)

ROWS = 20
X = np.random.default_rng(1).standard_normal((40, ROWS, 4)).astype(np.float32)
LABEL = np.arange(40) % 2
COURSE = Course(2, 8, 1e-3)
TARGET, SOURCE = Shape(PUBLISHED, ROWS, 1, 4, 2), Shape(PUBLISHED, ROWS, 1, 8, 3)


def _fit(fitter: Fitter, seed: int, start: Weights | None = None) -> Weights:
    fitter.fit(X.__getitem__, np.arange(40), LABEL, seed, lambda *_: None, "fitting", start)
    return fitter.weights()


def _at_start(shape: Shape, seed: int = 1, **more: Any) -> Weights:
    fitter = Fitter(shape, COURSE)
    fitter.begin(seed, **more)
    return fitter.weights()


def test_a_network_used_before_fits_as_a_new_one() -> None:
    used = Fitter(TARGET, COURSE)
    other = _fit(used, 3)
    again, new = _fit(used, 5), _fit(Fitter(TARGET, COURSE), 5)
    for path, array in again.items():
        assert np.array_equal(array, new[path]), path
    assert not np.array_equal(other["conv1/kernel"], new["conv1/kernel"])


@pytest.mark.parametrize("layers", [1, 3])
def test_the_first_convolutions_start_from_the_source_and_nothing_else(layers: int) -> None:
    start, random = _at_start(SOURCE, 9), _at_start(TARGET)
    for path, array in _at_start(TARGET, start=start, layers=layers).items():
        expected = start if path.partition("/")[0] in CONVS[:layers] else random
        assert np.array_equal(array, expected[path]), path


def test_each_part_of_a_body_starts_from_the_same_convolutions() -> None:
    start = _at_start(SOURCE, 9)
    got = _at_start(Shape(PARTS, ROWS, 1, 4, 2, ((0, 1), (2, 3))), start=start)
    for part in range(2):
        for conv in CONVS:
            assert np.array_equal(got[f"part{part}_{conv}/kernel"], start[f"{conv}/kernel"])


def test_frozen_convolutions_stay_and_all_others_move() -> None:
    start = _at_start(SOURCE, 9)
    before = _at_start(TARGET, start=start)
    after = _fit(Fitter(TARGET, COURSE, frozen=2), 1, start)
    moved = {path.partition("/")[0] for path in after if np.abs(after[path] - before[path]).max() > 1e-5}
    assert moved == {"conv3", "conv4", "hidden1", "hidden2", "logits"}


def test_our_small_network_takes_what_fits_from_joints() -> None:
    network = base_recipe().network
    start = _at_start(Shape(SMALL, ROWS, 2, 2, 3, small=network), 9)
    shape = Shape(SMALL, 32, 1, 12, 2, small=network)
    random, got = _at_start(shape), _at_start(shape, start=start)
    kernels = {path.partition("/")[0]: path for path in got if path.endswith("/kernel")}
    is_taken = {name: not np.array_equal(got[path], random[path]) for name, path in kernels.items()}
    assert {name for name, taken in is_taken.items() if taken} == {
        "conv_stem1", "conv_0", "conv_1", "conv_2", "hidden",
    }  # fmt: skip
    for name, path in kernels.items():
        assert np.array_equal(got[path], (start if is_taken[name] else random)[path])


@pytest.mark.parametrize("site", ["wrist", "thigh"])
def test_a_simulated_sensor_is_alone_and_has_labels_that_it_can_tell(site: str) -> None:
    recipe = one_sensor(site, 100)
    (sensor,) = recipe.sensors
    assert sensor.alone == 1.0
    assert site in sensor.sites[0]
    assert ("lying" in recipe.labels) == (site == "wrist")
    assert set(recipe.synthesis.activities) <= set(recipe.labels)
