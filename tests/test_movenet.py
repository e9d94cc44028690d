"""The network on real pictures, and which files are taken for it."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings, strategies as st

from edgehar.errors import ModelError
from edgehar.sources.camera.crop import Crop, next_crop, whole
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.opencv import Picture
from edgehar.types import FloatArray


@pytest.fixture(scope="module")
def net(weights: Path) -> MoveNet:
    return MoveNet(weights)


@pytest.fixture(scope="module")
def reference(weights: Path) -> FloatArray:
    """Return the keypoints that the network's publishers give for the picture, shares of its width and height."""
    with weights.with_name(f"{weights.stem}_reference.csv").open() as file:
        rows = [(row["keypoint_x"], row["keypoint_y"]) for row in csv.DictReader(file)]
    return np.array(rows, np.float32)


def shares(keypoints: FloatArray, picture: Picture) -> FloatArray:
    """Return x and y, (17, 2), as shares of width and height."""
    height, width = picture.shape[:2]
    return keypoints[:, :2] * np.array([height / width, 1.0], np.float32)


def test_keypoints_are_those_of_the_reference(net: MoveNet, squat: Picture, reference: FloatArray) -> None:
    height, width = squat.shape[:2]
    keypoints = net.keypoints(squat, whole(width / height))
    error = np.abs(shares(keypoints, squat) - reference)
    assert error.mean() <= 0.015
    assert error.max() <= 0.05
    assert keypoints.dtype == np.float32


def test_the_tracking_crop_finds_them_at_the_same_places(
    net: MoveNet, squat: Picture, reference: FloatArray
) -> None:
    aspect = squat.shape[1] / squat.shape[0]
    crop = next_crop(net.keypoints(squat, whole(aspect)), aspect)
    assert crop.size < 0.9
    error = np.abs(shares(net.keypoints(squat, crop), squat) - reference)
    assert error.mean() <= 0.02


@pytest.mark.parametrize("beside", [(0, 0, 400, 300), (200, 100, 0, 0), (0, 300, 0, 300)])
def test_what_stands_beside_the_crop_and_its_shape_change_nothing(
    net: MoveNet, squat: Picture, cv2: Any, beside: tuple[int, int, int, int]
) -> None:
    height, width = squat.shape[:2]
    aspect = width / height
    alone = net.keypoints(squat, next_crop(net.keypoints(squat, whole(aspect)), aspect))
    top, bottom, left, right = beside
    large = cv2.copyMakeBorder(squat, top, bottom, left, right, cv2.BORDER_REPLICATE)
    tall = height + top + bottom
    # Keypoints are in heights of the picture, which is another one now.
    crop = next_crop(alone, aspect)
    moved = Crop(
        (crop.left * height + left) / tall, (crop.top * height + top) / tall, crop.size * height / tall
    )
    back = net.keypoints(large, moved)[:, :2] * tall - np.array([left, top])
    assert np.abs(back / height - alone[:, :2]).mean() < 0.02


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(1e-6, 3), st.integers(1, 50), st.integers(1, 50))
def test_any_crop_of_any_picture_gives_numbers_in_it(
    net: MoveNet, left: float, top: float, size: float, height: int, width: int
) -> None:
    keypoints = net.keypoints(np.zeros((height, width, 3), np.uint8), Crop(left, top, size))
    assert keypoints.shape == (17, 3)
    assert np.isfinite(keypoints).all()
    pixel = 1 / height
    assert (keypoints[:, :2] >= np.array([left, top]) - pixel).all()
    assert (keypoints[:, :2] <= np.array([left, top]) + max(size, pixel) + pixel).all()


def test_a_file_that_is_no_network_is_refused(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "text.tflite").write_text("no network" * 100)
    (tmp_path / "half.tflite").write_bytes(weights.read_bytes()[:1_000_000])
    shutil.copy(ROOT / "models" / "imu_tcn.tflite", tmp_path)
    for name in ("empty", "text", "half", "imu_tcn"):
        with pytest.raises(ModelError, match=rf"{name}\.tflite: this is not MoveNet SinglePose Lightning"):
            MoveNet(tmp_path / f"{name}.tflite")


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path, cv2: Any) -> None:
    assert cv2
    with pytest.raises(ModelError, match=r"none\.tflite: cannot be read: No such file"):
        MoveNet(tmp_path / "none.tflite")
