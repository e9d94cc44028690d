"""What stands in for a camera's model and a person before the camera."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from edgehar.devices.keypoints import encode
from edgehar.pipeline.manifest import ModelSpec, Normalization, Sensor, find, read
from edgehar.pipeline.modality import CAMERA
from edgehar.pipeline.recognizer import Recognizer
from edgehar.types import KEYPOINTS, FloatArray, Item

SPEC = replace(
    read(find("imu_tcn")),
    name="seer",
    labels=("walking", "standing", "sitting", "lying", "waving", "squatting", "falling", "other"),
    sensors=(Sensor("camera", ("camera",)),),
    channels=CAMERA.channels,
    units=dict(CAMERA.units),
    frames=("torso",),
    normalization=Normalization((1.0,) * CAMERA.scaled, (4.0,) * CAMERA.scaled),
    rate_hz=20.0,
    window=50,
    hop=10,
    tree={"still": ("sitting", "standing", "lying")},
    alike={},
    operating_points={},
)


class Network:
    """Stands where LiteRT's interpreter does: any other picture gives another answer."""

    def __init__(self, spec: ModelSpec) -> None:
        random = np.random.default_rng(0)
        self._weights = random.normal(0, 0.02, (spec.window * spec.width, len(spec.labels)))
        self._x = np.zeros((1, spec.window, spec.width), np.float32)

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0, "shape": np.array(self._x.shape), "dtype": np.float32}]

    def get_output_details(self) -> list[dict[str, Any]]:
        return [{"index": 1, "shape": np.array((1, self._weights.shape[1])), "dtype": np.float32}]

    def set_tensor(self, _: int, x: FloatArray) -> None:
        self._x = x.copy()

    def invoke(self) -> None:
        pass

    def get_tensor(self, _: int) -> FloatArray:
        return np.asarray(self._x.reshape(1, -1) @ self._weights, np.float32)


def seer() -> Recognizer:
    """Return a camera's model that was never taught."""
    return Recognizer(SPEC, Network(SPEC))


def keypoints(t: float) -> FloatArray:
    """Return somebody who waves with all joints at once, (17, 3)."""
    swing = 0.02 * np.sin(t * np.arange(1, len(KEYPOINTS) + 1))
    x = 0.5 + swing + np.linspace(-0.1, 0.1, len(KEYPOINTS))
    y = np.linspace(0.1, 0.9, len(KEYPOINTS)) + swing[::-1]
    return np.stack([x, y, np.full(len(KEYPOINTS), 0.8)], axis=1).astype(np.float32)


def pictures(times: Sequence[float], stream: int = 0, late_s: float = 0.05) -> list[Item]:
    """Return the bodies of pictures taken at these times, s, of one person each."""
    return [(t + late_s, stream, encode(t, 1, keypoints(t))) for t in times]
