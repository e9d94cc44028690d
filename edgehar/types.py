"""The nouns that travel from a sensor's bytes to an activity on MQTT.

Every time `t` is stream time: host monotonic seconds, as the source stamped the bytes on
arrival. In a replay these are the recorded stamps, so nothing below a source reads a clock.
Arrays are never written to after they were handed on.
"""

from collections.abc import Mapping
from math import inf
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

STANDARD_GRAVITY = 9.80665
"""m/s² in one g (CGPM 1901)."""

ACCELERATION = ("acc_x", "acc_y", "acc_z")
"""Specific force, m/s²: a sensor at rest reads +9.81 on the axis that points up."""

ANGULAR_RATE = ("gyr_x", "gyr_y", "gyr_z")
"""Angular rate, rad/s."""

IMU_CHANNELS = ACCELERATION + ANGULAR_RATE
"""The order of an IMU's channels everywhere: on the wire, on the grid and in a model."""

KEYPOINTS = (
    "nose",
    "eye_left",
    "eye_right",
    "ear_left",
    "ear_right",
    "shoulder_left",
    "shoulder_right",
    "elbow_left",
    "elbow_right",
    "wrist_left",
    "wrist_right",
    "hip_left",
    "hip_right",
    "knee_left",
    "knee_right",
    "ankle_left",
    "ankle_right",
)
"""A person's keypoints in a picture, in the order of COCO and of MoveNet; left is the person's."""

KEYPOINT_CHANNELS = tuple(f"{name}_{part}" for name in KEYPOINTS for part in ("x", "y", "score"))
"""x to the right and y down from the picture's upper left corner, in heights of the picture; the score is 0..1."""

NoAnswer = Literal["no_signal", "not_worn"]
"""The reason that there is no activity to name."""

NO_SIGNAL: NoAnswer = "no_signal"
NOT_WORN: NoAnswer = "not_worn"

NOT_YET = inf
"""A time that has not come, s: nothing is later than it, and no time has passed since."""

NO_STATES = ("unknown", "unavailable")
"""States by which Home Assistant says that it has none: who listens there would take labels of these names for no answer."""

OTHER = "other"
"""Something is done, and it is none of the model's labels with enough certainty."""

FALLING = "falling"
"""The label that is told only once it was seen what came after it."""

FloatArray = NDArray[np.float32]
Values = NDArray[np.int16 | np.float32]
"""Counts, or SI units where nothing says how large a count is."""
Times = NDArray[np.float64]


Item = tuple[float, int, bytes]
"""One body on its way: stream time of arrival, s; index of its stream; the body. An empty one only says that time went on."""

UNREADABLE = -1
"""In the place of a stream, with an empty body: what arrived until then was recorded and cannot be read."""


class Stream(Struct, frozen=True):
    """One sensor of a wearer, as its bodies come in."""

    placement: str
    """Place on the body, e.g. `wrist_left`."""
    profile: str = "edgehar"
    """Name of the format that its bodies have: a key of `devices.PROFILES`, or a phone app's."""


class Packet(Struct, frozen=True, eq=False):
    """Samples of one sensor as they came over the link, with what is needed to read them."""

    device: str
    """The sensor's own id, hexadecimal, where it tells one."""
    sequence: int | None
    """Number of this packet, 0..65535 and round again; None if the sensor has none."""
    ticks_us: int | None
    """Device clock at the first sample, µs, wraps at 2**32; None if the sensor has no clock."""
    period_us: int
    """Nominal time from one sample to the next, µs."""
    channels: tuple[str, ...]
    """Names of the columns of `values`."""
    values: Values
    """(samples, channels), counts."""
    scale: FloatArray
    """(channels,), SI units per count."""


class Samples(Struct, frozen=True, eq=False):
    """Samples of one sensor at their own, uneven times."""

    placement: str
    """Place on the body, e.g. `wrist_left` or `trouser_pocket`."""
    t: Times
    """(n,), stream time of each sample, s, strictly increasing."""
    values: Values
    """(n, channels), counts where there is a scale, else in the units of the channels."""
    channels: tuple[str, ...]
    """Names of the columns of `values`: some of IMU_CHANNELS, or KEYPOINT_CHANNELS."""
    scale: FloatArray | None = None
    """(channels,), units per count; None: `values` are in units."""

    @property
    def x(self) -> FloatArray:
        """(n, channels), in the units of the channels."""
        return np.asarray(self.values if self.scale is None else self.values * self.scale, np.float32)


class Block(Struct, frozen=True, eq=False):
    """Consecutive rows of a wearer's uniform grid; all sensors of the model side by side."""

    t_end: float
    """Stream time of the last row, s."""
    x: FloatArray
    """(rows, sensors * channels), in their units; zero where a sensor is not worn or has no such channel."""
    present: NDArray[np.bool_]
    """(rows, sensors): True where the samples around this row stood at most 0.25 s apart, or 2.5 periods
    of a slower sensor; a shorter loss is drawn straight and counts as present."""


class HopAcceleration(Struct, frozen=True):
    """One sensor's acceleration over the newest hop, m/s²."""

    peak: float
    """Largest length of the specific force."""
    peak_to_peak: float
    """Largest of the three axes."""
    mean: tuple[float, float, float]
    """Mean specific force along the three axes."""
    least: float = STANDARD_GRAVITY
    """Smallest length of the specific force: little in free fall."""


TimedHops = tuple[tuple[float, Mapping[int, HopAcceleration]], ...]
"""Hops by the stream time of their end, s; of each the sensors with nothing missing in it."""


class Window(Struct, frozen=True, eq=False):
    """The newest stretch of the grid, as long as the model wants it."""

    t_end: float
    """Stream time of the last row, s."""
    x: FloatArray
    """(length, sensors * channels), in their units."""
    coverage: tuple[float, ...]
    """Share of rows that lie in no gap, 0..1, for each worn sensor."""
    peak_to_peak: float
    """Largest peak-to-peak of any acceleration channel in use over the newest hop, m/s²; inf if there is none."""
    excluded_sensors: Mapping[int, float] = {}
    """Worn sensors of too little coverage to be used, and that coverage; all others are in use."""
    is_fresh: bool = True
    """True if any sample came for the newest hop."""
    worn: tuple[int, ...] = ()
    """Worn sensors, indices into the model's; `coverage` is theirs."""
    hop_accelerations: Mapping[int, HopAcceleration] = {}
    """By sensor, of all worn ones with an accelerometer and no gap in the newest hop, in use or not."""
    earlier_hops: TimedHops = ()
    """Those before the newest that no window ended with, oldest first: of the first window alone."""


class Prediction(Struct, frozen=True, eq=False):
    """The model's answer to one window."""

    t: float
    """End of the window, stream time, s."""
    probabilities: FloatArray | None
    """(labels,), sums to 1; None if the window was too incomplete to be judged."""
    embedding: FloatArray | None
    """Second output of the model, for personalization; None if it has none."""
    coverage: float
    """0..1, of the worst sensor in use; where none is, of the best."""
    peak_to_peak: float
    """The window's, m/s²."""
    excluded_sensors: Mapping[int, float] = {}
    """The window's: not shown to the model."""
    is_fresh: bool = True
    """The window's."""
    hop_accelerations: Mapping[int, HopAcceleration] = {}
    """The window's, of the sensors that can tell a fall."""
    earlier_hops: TimedHops = ()
    """The window's, of the sensors that can tell a fall."""
    remarks: tuple[str, ...] = ()
    """Remarks on what the sensors send, no faults, in words."""


class Activity(Struct, frozen=True):
    """The state of a wearer at one moment; one for every window."""

    wearer: str
    label: str | None
    """A label of the model, a kind of labels, `other`, or None: no answer."""
    no_answer: NoAnswer | None
    """Reason why there is none; None exactly if there is a label."""
    reason: str
    """One sentence for people: what this answer rests on."""
    confidence: float
    """Belief in the label or kind, 0..1; 0 where there is no answer."""
    t: float
    """End of the window it was decided on, stream time, s."""
    since: float
    """Stream time from which this state holds, s, corrected for the window's delay."""
    coverage: float
    """0..1, of the worst sensor in use; where none is, of the best."""
    excluded_sensors: tuple[str, ...] = ()
    """Placements left out of this answer, because too few of their samples came."""
    is_last: bool = False
    """Nothing will be judged after it."""
    likeliest: tuple[str, float] | None = None
    """The likelier label of a kind, and the belief in it, 0..1."""
    remarks: tuple[str, ...] = ()
    """Remarks on what the sensors send, no faults, in words."""

    @property
    def state(self) -> str:
        """The one word that is published: a label, `other`, `no_signal` or `not_worn`."""
        return self.label if self.label is not None else self.no_answer or "no_signal"


class Event(Struct, frozen=True):
    """An activity began or ended. Both carry the same id."""

    id: str
    kind: Literal["activity_started", "activity_ended"]
    wearer: str
    label: str
    """A label of the model, or a kind of labels."""
    previous: str
    """The state before."""
    confidence: float
    """Belief at detection (started) or its mean (ended), 0..1; a fall starts from the largest probability
    that the model gave while it was suspected."""
    started_at: float
    """Stream time of the onset, s, corrected for the window's delay."""
    detected_at: float
    """Stream time of the window on which it was decided, s."""
    ended_at: float | None
    """Stream time, s; None for a start."""
    coverage: float
    """Coverage of the window on which it was decided, as in `Activity`."""
    model: str
    """Name and version of the model."""
    likeliest: tuple[str, float] | None = None
    """The likelier label of a kind when it started, and the belief in it, 0..1."""
    recovered: bool | None = None
    """True if a fall ended with the wearer up again, False if not seen; None at its start and of all else."""
