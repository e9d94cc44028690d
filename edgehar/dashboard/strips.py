"""Measurements of each sensor in the last seconds: three lines of acceleration, or the newest keypoints of a camera."""

import logging
from base64 import b64encode
from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edgehar.pipeline.loop import Pipeline
from edgehar.types import ACCELERATION, KEYPOINT_CHANNELS, FloatArray, Samples, Times
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

SPAN_S = 10.5
"""Length of a strip, s; the half second is what the page moves on by until the next one comes."""

COLUMNS_HZ = 40.0
"""Points of a strip, Hz: about as many as a telephone has pixels for."""

BEHIND_S = 0.3
"""A live strip ends so long ago, s: what is newer still sits in a packet that its sensor fills."""

_GAP_S = 0.2
"""A point that is further than this from every sample is none, s."""

_OLD_S = 2.0
"""Keypoints that are older than this say nothing about now, s."""

_UNIT = 0.01
"""m/s² of one count."""

_NONE = -32768
"""Stands where nothing was measured."""

_MOST_CHUNKS = 4096
"""Bounds what a sensor that sends single samples, each as a packet, can fill."""


class Strip:
    """The last seconds of one sensor; takes its samples while somebody looks."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[Times, FloatArray]] = deque(maxlen=_MOST_CHUNKS)
        self._joints: list[list[float]] | None = None

    def push(self, samples: Samples) -> None:
        """Take samples of any channels; those of neither an accelerometer nor a camera are passed over."""
        if samples.channels == KEYPOINT_CHANNELS:
            self._joints = np.round(samples.x[-1].reshape(-1, 3), 3).tolist()
            self._chunks.append((samples.t, np.empty((len(samples.t), 0), np.float32)))
        elif {*ACCELERATION} <= {*samples.channels}:
            columns = [samples.channels.index(name) for name in ACCELERATION]
            self._chunks.append((samples.t, samples.x[:, columns]))
        while self._chunks and self._chunks[0][0][-1] < samples.t[-1] - SPAN_S - 1.0:
            self._chunks.popleft()

    @property
    def newest(self) -> float | None:
        """Stream time of the newest sample, s."""
        return self._chunks[-1][0].item(-1) if self._chunks else None

    def joints(self, end: float) -> list[list[float]] | None:
        """Return the keypoints of a stream time: x and y in heights of the picture, and score 0..1, of each joint.

        Empty where none came for a while; None of a sensor that brings none.
        """
        is_old = self.newest is None or self.newest < end - _OLD_S
        return [] if self._joints and is_old else self._joints

    def rate_hz(self, now: float) -> float | None:
        """Return samples per second up to a stream time, 0 once none come; None while too few came to tell."""
        recent = [t for t, _ in self._chunks if t[-1] > now - 5.0]
        count = sum(map(len, recent))
        if not recent:
            return 0.0 if self._chunks else None
        lasted = recent[-1].item(-1) - recent[0].item(0)
        return round((count - 1) / lasted, 1) if lasted > 1.0 else None

    def encoded(self, end: float) -> str:
        """Return the lines up to a stream time: base64 of (3, points) little-endian int16, 0.01 m/s² each, -32768 for none."""
        at = end - SPAN_S + np.arange(1, round(SPAN_S * COLUMNS_HZ) + 1) / COLUMNS_HZ
        return b64encode(_counts(self._chunks, at).astype("<i2").tobytes()).decode()


class Strips:
    """The strips of one wearer's sensors, filled until they are closed."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Have the pipeline hand over its samples from now on."""
        self.pipeline = pipeline
        self.of = [Strip() for _ in pipeline.intakes]
        """By stream."""
        self._warn = WarnOnce(_LOGGER)
        pipeline.watchers.append(self._take)

    def close(self) -> None:
        """Have nothing handed over any more."""
        self.pipeline.watchers.remove(self._take)

    @property
    def newest(self) -> float:
        """Stream time of the newest sample of all, s; 0 before the first."""
        return max((strip.newest or 0.0 for strip in self.of), default=0.0)

    def _take(self, stream: int, samples: Samples) -> None:
        """Show samples; a fault costs them their place on the page, and the sensor nothing."""
        try:
            self.of[stream].push(samples)
        except Exception as error:  # noqa: BLE001 - whatever it is, the sensors go on
            self._warn.log_fault("strips", error, "the samples are not shown")


def _counts(chunks: Iterable[tuple[Times, FloatArray]], at: Times) -> NDArray[np.int16]:
    """Return (3, len(at)) counts of the samples nearest to some times."""
    measured = [chunk for chunk in chunks if chunk[1].shape[1]]
    if not measured:
        return np.full((3, len(at)), _NONE, np.int16)
    t, x = (np.concatenate(parts) for parts in zip(*measured, strict=True))
    after = np.clip(np.searchsorted(t, at), 1, len(t) - 1) if len(t) > 1 else np.zeros(len(at), int)
    nearest = after - (np.abs(at - t[after - 1]) < np.abs(at - t[after]))
    counts = np.clip(np.rint(x[nearest].T / _UNIT), -32767, 32767)
    counts[:, np.abs(at - t[nearest]) > _GAP_S] = _NONE
    counted: NDArray[np.int16] = counts.astype(np.int16)
    return counted
