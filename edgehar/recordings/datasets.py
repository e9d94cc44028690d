"""Recordings of real people as trials.

A set is one file of the form of `recordings.trials`, or several of the same trials with a sensor each. Any such file in
`imu/` is a set; its labels are translated by `recordings.labels`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.recordings.labels import common_label
from edgehar.recordings.scoring import Segment
from edgehar.recordings.trials import Signal, Spans, label_runs, opened, spans_of
from edgehar.types import IMU_CHANNELS, FloatArray, Samples, Times

_UTD_KEYS = ("inertial", "n_inertial", "subject", "activity", "trial", "placement")
_UTD_HZ = 50.0
_GROUPS = (IMU_CHANNELS[:3], IMU_CHANNELS[3:], IMU_CHANNELS)
"""Columns that a placement may have in a file: all axes of what it measures, in order."""


class Trial(Struct, frozen=True, eq=False):
    """One stretch that one person was recorded."""

    subject: int
    activity: str
    """In common labels; where each row has a label of its own, what the file says instead."""
    number: int
    tracks: dict[str, Samples]
    """By placement, m/s² and rad/s, times in s from the trial's begin."""
    truth: list[Segment]
    """Start, end in s, and common label: one for the trial, or one for each run of equal row labels."""

    @property
    def end_s(self) -> float:
        """Time of the last sample of all, s."""
        return max(float(track.t[-1]) for track in self.tracks.values())


def read_set(folder: Path, name: str) -> list[Trial]:
    """Read the trials of one set below `folder`/imu; RecordingError if it is missing or has another form.

    A set is `name`.npz, or all `name`_*.npz of the same trials; utd_mhad is `utd_mhad_paired.npz`.
    """
    paths = set_files(folder, name)
    if name == "utd_mhad":
        return _read_utd(paths[0])
    return read_npz_set(paths)


def set_files(folder: Path, name: str) -> list[Path]:
    """Find the files of one set; RecordingError if there are none."""
    whole = folder / "imu" / f"{name}.npz"
    paths = [whole] if whole.is_file() else sorted(whole.parent.glob(f"{name}_*.npz"))
    if not paths:
        raise RecordingError(f"{whole}: no such file, nor any {name}_*.npz beside it; check --data")
    return paths


def collection(name: str) -> str:
    """Return the collection of a set: those of one, such as wisdm_phone and wisdm_watch, number the same people alike."""
    return name.partition("_")[0]


def read_npz_set(paths: Sequence[Path]) -> list[Trial]:
    """Read trials of one or several files; those of one subject, activity and number are one trial.

    Channels of one placement that stand in two files are brought to the times of the first by
    straight lines. The truth is that of the first file. RecordingError says what does not fit.
    """
    trials: dict[tuple[int, str, int, int], Trial] = {}
    for path in paths:
        times_read: dict[tuple[int, str, int], int] = {}
        for trial in _read_file(path):
            name = (trial.subject, trial.activity, trial.number)
            times_read[name] = times_read.get(name, 0) + 1
            key = (*name, times_read[name])
            trials[key] = _merged(trials[key], trial) if key in trials else trial
    return list(trials.values())


def joined(trials: Iterable[Trial]) -> tuple[dict[str, Samples], list[Segment]]:
    """Join trials of one person end to end, each a tenth of a second behind the last sample of the one before."""
    parts: dict[str, list[Samples]] = {}
    truth: list[Segment] = []
    start = 0.0
    for trial in trials:
        for placement, track in trial.tracks.items():
            parts.setdefault(placement, []).append(replace(track, t=track.t + start))
        truth += [(start + begin, start + end, label) for begin, end, label in trial.truth]
        start += trial.end_s + 0.1
    return {placement: _concatenated(tracks) for placement, tracks in parts.items()}, truth


def side_by_side(track: Samples, addition: Samples) -> Samples:
    """Return a track with the channels of another that was worn there too, brought to its times by straight lines."""
    columns = [np.interp(track.t, addition.t, column) for column in addition.x.T]
    values: FloatArray = np.column_stack([track.x, *columns]).astype(np.float32)
    return replace(track, values=values, channels=track.channels + addition.channels, scale=None)


def _read_file(path: Path) -> list[Trial]:
    with opened(path) as file:
        trials, period = file.trials(), 1.0 / file.rate_hz()
        if min(trials.n, default=0) < 2:
            raise ValueError("a trial has under two rows")
        subjects, numbers = _numbers("subject", trials.subject), _numbers("trial", trials.trial)
        signal = file.signal(trials.spans)
        t_ms, row_label = (file.rows(key, trials.spans) for key in ("t_ms", "row_label"))
        for placement, columns in signal.sensors.items():
            if tuple(columns) not in _GROUPS:
                expected = " or ".join(", ".join(group) for group in _GROUPS)
                raise ValueError(f"{placement!r} has columns {', '.join(columns)}; expected {expected}")
        if t_ms is not None:
            period = _period(t_ms, trials.spans, period)
        read = []
        for i, (first, end) in enumerate(trials.spans):
            rows = slice(first, end)
            times = _regular(end - first, period) if t_ms is None else sampling_times(t_ms[rows], period)
            tracks = {
                placement: Samples(placement, times, _values(signal, columns, rows), tuple(columns))
                for placement, columns in signal.sensors.items()
            }
            activity = common_label(str(trials.activity[i]))
            labels = np.full(end - first, activity) if row_label is None else row_label[rows]
            runs = label_runs(times, labels, period)
            truth = [(start, stop, common_label(label)) for start, stop, label in runs]
            read.append(Trial(subjects[i], activity, numbers[i], tracks, truth))
    return read


def _regular(rows: int, period: float) -> Times:
    times: Times = np.arange(rows, dtype=np.float64) * period
    return times


def _values(signal: Signal, columns: Mapping[str, int], rows: slice) -> FloatArray:
    return np.asarray(signal.of([*columns.values()], rows), np.float32)


def _period(t_ms: NDArray[Any], spans: Spans, nominal: float) -> float:
    """Return the period, s: where arrival times show that samples come faster than nominally, as those say."""
    t = t_ms.astype(np.float64) / 1000
    shown = [(t[end - 1] - t[first]) / (end - first - 1) for first, end in spans]
    period = min(nominal, float(np.median(shown)))
    if not period > 0.0:
        raise ValueError(f"arrival times that put a sample every {period:g} s")
    return period


def sampling_times(t_ms: NDArray[Any], period: float) -> Times:
    """Estimate when samples were taken that arrived so, s from the first: a link only delays.

    As in `clock`, the time is a count of periods plus the least delay; here of all that came later, so
    that a burst is spread over its time and only what never came leaves a gap.
    """
    count: Times = np.arange(len(t_ms), dtype=np.float64) * period
    delay: Times = (t_ms - t_ms[0]).astype(np.float64) / 1000 - count
    times: Times = count + np.minimum.accumulate(delay[::-1])[::-1]
    times -= times[0]
    return times


def _merged(trial: Trial, addition: Trial) -> Trial:
    tracks = dict(trial.tracks)
    for placement, track in addition.tracks.items():
        tracks[placement] = side_by_side(tracks[placement], track) if placement in tracks else track
    return replace(trial, tracks=tracks)


def _concatenated(tracks: Sequence[Samples]) -> Samples:
    if len({track.channels for track in tracks}) > 1:
        raise RecordingError(f"{tracks[0].placement}: trials with other channels cannot be joined")
    t, values = np.concatenate([s.t for s in tracks]), np.concatenate([s.x for s in tracks])
    return replace(tracks[0], t=t, values=values)


def _numbers(key: str, column: NDArray[Any]) -> list[int]:
    """Return whole numbers, (trials,), that may stand as text; ValueError if one is none."""
    for i, value in enumerate(column.tolist()):
        if isinstance(value, str) and not value.isdecimal():
            raise ValueError(f"array {key}: index {i}: {value!r}, expected a whole number")
    return [int(value) for value in column]


def _read_utd(path: Path) -> list[Trial]:
    """Read the paired UTD-MHAD, a form of its own; RecordingError if the file is not of it."""
    with opened(path, _UTD_KEYS) as file:
        inertial, *columns = (file.whole(key) for key in _UTD_KEYS)
        n, subject, activity, number, placement = columns
        subjects = _numbers("subject", subject)
        if len({len(column) for column in columns}) > 1 or inertial.shape != (n.sum(), len(IMU_CHANNELS)):
            raise ValueError(f"{', '.join(_UTD_KEYS)} differ in length, or inertial has not six columns")
        if min(n, default=0) < 1:
            raise ValueError("a trial with nothing in it")
    trials = []
    for i, (first, end) in enumerate(spans_of(n)):
        label = common_label(str(activity[i]))
        times: Times = np.arange(end - first, dtype=np.float64) / _UTD_HZ
        track = Samples(str(placement[i]), times, inertial[first:end].astype(np.float32), IMU_CHANNELS)
        truth = [(0.0, float(times[-1]) + 1 / _UTD_HZ, label)]
        trials.append(Trial(subjects[i], label, int(number[i]), {track.placement: track}, truth))
    return trials
