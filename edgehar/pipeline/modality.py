"""Modalities, the kinds of input of a model: the channels of each of its sensors, and how the network sees them."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from edgehar.devices.keypoints import PROFILE as KEYPOINTS_PROFILE
from edgehar.pipeline.mounting import level
from edgehar.pipeline.torso import FEATURES, from_torso
from edgehar.types import IMU_CHANNELS, KEYPOINT_CHANNELS, KEYPOINTS, FloatArray

Show = Callable[[FloatArray, float], FloatArray]
"""Takes one sensor's window, (rows, channels), and its rows per second; returns (rows, columns)."""


class Modality(Struct, frozen=True):
    """A kind of input."""

    shipped: str
    """Name of the shipped model that looks at it."""
    channels: tuple[str, ...]
    """Those of each sensor, in their order."""
    units: Mapping[str, str]
    """Units of the channels, as a manifest names them."""
    frames: Mapping[str, Show]
    """Ways to show a sensor to the network, by name."""
    columns: int
    """Columns of each frame."""
    scaled: int
    """Neighbouring columns that have a scale and a clip each; those after them have the same again."""


def _as_it_is(x: FloatArray, _: float) -> FloatArray:
    return x


IMU = Modality(
    shipped="imu_tcn",
    channels=IMU_CHANNELS,
    units={"acc": "m/s^2", "gyr": "rad/s"},
    frames={"device": _as_it_is, "level": lambda x, _: level(x)},
    columns=len(IMU_CHANNELS),
    scaled=len(IMU_CHANNELS),
)

CAMERA = Modality(
    shipped="pose_tcn",
    channels=KEYPOINT_CHANNELS,
    units={"position": "picture heights", "score": "1"},
    frames={"torso": from_torso},
    columns=len(KEYPOINTS) * len(FEATURES),
    scaled=len(FEATURES),
)

MODALITIES = (IMU, CAMERA)


def modality_of_profile(profile: str) -> Modality:
    """Return what a stream of this profile brings."""
    return CAMERA if profile == KEYPOINTS_PROFILE else IMU


def modality_of(channels: tuple[str, ...]) -> Modality | None:
    """Return the modality of a sensor with these channels; None if there is none such."""
    return next((modality for modality in MODALITIES if set(channels) <= set(modality.channels)), None)
