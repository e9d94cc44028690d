"""Statistics of windows of motion: what an embedding made for postures and gaits leaves out.

A head is taught by those that stay the same when the sensor is worn turned over by half a turn about one of its axes.
"""

import numpy as np
from numpy.typing import NDArray

from edgehar.pipeline.model_spec import ModelSpec
from edgehar.types import IMU_CHANNELS, FloatArray

PER_SENSOR = 119
_AT_ONCE = 500
"""Windows."""
_BANDS_HZ = (0.3, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Edges of the energy bands: octaves around the step frequency, round numbers."""
_PAIRS = ((0, 1), (0, 2), (1, 2), (4, 5), (4, 6), (5, 6), (3, 7))
"""Signals whose correlation is a feature: axes of the same sensor, and the two norms."""
_AXES = [0, 1, 2, 4, 5, 6]
"""Signals that change their sign with an axis of the device, of all eight; the norms do not."""
_OF_SIGNAL = 14
_TINY = 1e-6


def width(spec: ModelSpec, slots: tuple[str | None, ...]) -> int:
    """Return how many statistics there are of what is worn: none of keypoints."""
    return PER_SENSOR * sum(slot is not None for slot in slots) if spec.channels == IMU_CHANNELS else 0


def of_window(spec: ModelSpec, slots: tuple[str | None, ...], x: FloatArray) -> FloatArray:
    """Return (width,) of a window (rows, sensors * channels) as it is cut, whichever way up the sensors are worn."""
    return np.asarray(either_way_up(in_axes(spec, slots, x)[None])[0])


def in_axes(spec: ModelSpec, slots: tuple[str | None, ...], x: FloatArray) -> FloatArray:
    """Return (width,) of a window in the device's own axes, scaled as the network's input is."""
    if not width(spec, slots):
        return np.zeros(0, np.float32)
    channels = len(IMU_CHANNELS)
    worn = [i for i, slot in enumerate(slots) if slot is not None]
    rows = x.reshape(len(x), -1, channels)[:, worn]
    clip, scale = (np.array(v, np.float32) for v in (spec.normalization.clip, spec.normalization.scale))
    shown = np.clip(rows, -clip, clip) / scale
    return np.asarray(statistics(shown.reshape(1, len(x), -1), spec.rate_hz)[0])


def either_way_up(told: FloatArray) -> FloatArray:
    """Return statistics (n, sensors * 119) that are the same whichever sign the axes have: as many, of sizes and ranges."""
    sensors = told.reshape(len(told), -1, PER_SENSOR).copy()
    signals, related = sensors[..., : 8 * _OF_SIGNAL], sensors[..., 8 * _OF_SIGNAL :]
    by_signal = signals.reshape(*sensors.shape[:2], 8, _OF_SIGNAL)
    axes = by_signal[:, :, _AXES]
    mean, least, low, middle, high, greatest = np.moveaxis(axes[..., [0, 2, 3, 4, 5, 6]], -1, 0)
    sizes = mean, greatest - least, high - low, middle, high + low, greatest + least
    axes[..., [0, 2, 3, 4, 5, 6]] = np.abs(np.stack(sizes, axis=-1))
    by_signal[:, :, _AXES] = axes
    # The norms, whose correlation comes last, have no sign to lose.
    related[..., :-1] = np.abs(related[..., :-1])
    return np.asarray(
        np.concatenate([by_signal.reshape(signals.shape), related], axis=-1).reshape(told.shape)
    )


def statistics(x: FloatArray, rate_hz: float) -> FloatArray:
    """Return (n, sensors * 119) statistics of network inputs (n, window, sensors * 6); zeros for what is not worn.

    Of each sensor's six axes and two norms: mean, standard deviation, least, quartiles, greatest, the
    frequency of most energy and the logarithm of the energy in six bands; and seven correlations.
    """
    parts = [_statistics(x[i : i + _AT_ONCE], rate_hz) for i in range(0, len(x), _AT_ONCE)]
    return np.concatenate(parts)


def _statistics(x: FloatArray, rate_hz: float) -> FloatArray:
    n, window, _ = x.shape
    axes = x.reshape(n, window, -1, 2, 3)
    norms = np.linalg.norm(axes, axis=-1, keepdims=True)
    # (n, sensors, 8, window): three axes and norm of acceleration, then of angular rate.
    signals = np.concatenate([axes, norms], axis=-1).reshape(n, window, -1, 8).transpose(0, 2, 3, 1)
    mean = signals.mean(axis=-1, keepdims=True)
    moved = signals - mean
    spread = moved.std(axis=-1, keepdims=True)
    ordered = np.quantile(signals, (0.0, 0.25, 0.5, 0.75, 1.0), axis=-1).transpose(1, 2, 3, 0)
    by_signal = [mean, spread, ordered, *_spectrum(moved, rate_hz)]
    correlations = [(moved[:, :, i] * moved[:, :, k]).mean(axis=-1) for i, k in _PAIRS]
    spreads = [(spread[:, :, i] * spread[:, :, k])[..., 0] for i, k in _PAIRS]
    related = np.stack(correlations, axis=-1) / (np.stack(spreads, axis=-1) + _TINY)
    each = np.concatenate(by_signal, axis=-1).reshape(n, axes.shape[2], -1)
    return np.concatenate([each, related], axis=-1).reshape(n, -1).astype(np.float32)


def _spectrum(moved: NDArray[np.floating], rate_hz: float) -> list[FloatArray]:
    """Return the frequency of most energy, Hz, 0 where nothing moves, and log energy in each band."""
    energy = np.abs(np.fft.rfft(moved, axis=-1)) ** 2 / moved.shape[-1]
    hz = np.fft.rfftfreq(moved.shape[-1], 1.0 / rate_hz)
    top = hz[energy.argmax(axis=-1)] * (energy.max(axis=-1) > _TINY)
    edges = np.searchsorted(hz, _BANDS_HZ).tolist()
    bands = [energy[..., a:b].sum(axis=-1) for a, b in zip(edges, [*edges[1:], len(hz)], strict=True)]
    return [top[..., None], np.log10(1.0 + np.stack(bands, axis=-1) / _TINY)]
