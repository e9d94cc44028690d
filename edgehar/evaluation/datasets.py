"""Recordings of real people in npz form, as trials.

The form: `x` int16 (rows, columns) times `scale` (columns,) is SI, `columns` such as `wrist_left.acc_x`,
`n` (trials,) rows of each trial, `subject`, `activity`, `trial` (trials,), `rate_hz`, and where there are
such, `t_ms` (rows,) arrival times and `row_label` (rows,). A set is one such file, or several of the
same trials with a sensor each.
"""

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.evaluation.dataset_windows import windows
from edgehar.recordings.scoring import Segment, common_label
from edgehar.types import IMU_CHANNELS, FloatArray, Samples, Times

__all__ = ["Trial", "has_form", "joined", "read_npz_set", "read_set", "set_files", "windows"]

_KEYS = ("x", "scale", "columns", "n", "subject", "activity", "trial", "rate_hz")
_UTD_KEYS = ("inertial", "n_inertial", "subject", "activity", "trial", "placement")
_UTD_HZ = 50.0
_GROUPS = (IMU_CHANNELS[:3], IMU_CHANNELS[3:], IMU_CHANNELS)
"""Columns that a placement may have in a file: all axes of what it measures, in order."""
_UNPACKED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)  # the last: a form of zip unknown here
_BROKEN = (OSError, KeyError, ValueError, IndexError, TypeError, *_UNPACKED)


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
    """The trials of one set below `folder`/imu; RecordingError if it is missing or has another form.

    A set is `name`.npz, or all `name`_*.npz of the same trials; utd_mhad is `utd_mhad_paired.npz`.
    """
    paths = set_files(folder, name)
    if name == "utd_mhad":
        return _read_utd(paths[0])
    return read_npz_set(paths)


def set_files(folder: Path, name: str) -> list[Path]:
    """The files of one set; RecordingError if there are none."""
    whole = folder / "imu" / f"{name}.npz"
    paths = [whole] if whole.is_file() else sorted(whole.parent.glob(f"{name}_*.npz"))
    if not paths:
        raise RecordingError(f"{whole}: no such file, nor any {name}_*.npz beside it; check --data")
    return paths


def has_form(path: Path) -> bool:
    """Whether a file has all arrays that a set needs."""
    try:
        # By handle, here and below: numpy leaves a file open that it cannot read.
        with path.open("rb") as handle, np.load(handle) as file:
            return set(_KEYS) <= set(file.files)
    except _BROKEN:
        return False


def read_npz_set(paths: Sequence[Path]) -> list[Trial]:
    """Trials of one or several files; those of one subject, activity and number are one trial.

    Channels of one placement that stand in two files are brought to the times of the first by
    straight lines. The truth is that of the first file. RecordingError says what does not fit.
    """
    found: dict[tuple[int, str, int, int], Trial] = {}
    for path in paths:
        seen: dict[tuple[int, str, int], int] = {}
        for trial in _read_file(path):
            plain = (trial.subject, trial.activity, trial.number)
            seen[plain] = seen.get(plain, 0) + 1
            key = (*plain, seen[plain])
            found[key] = _merged(found[key], trial) if key in found else trial
    return list(found.values())


def joined(trials: Iterable[Trial]) -> tuple[dict[str, Samples], list[Segment]]:
    """Trials of one person end to end, each a tenth of a second behind the last sample of the one before."""
    parts: dict[str, list[Samples]] = {}
    truth: list[Segment] = []
    start = 0.0
    for trial in trials:
        for placement, track in trial.tracks.items():
            parts.setdefault(placement, []).append(replace(track, t=track.t + start))
        truth += [(start + begin, start + end, label) for begin, end, label in trial.truth]
        start += trial.end_s + 0.1
    return {placement: _one(tracks) for placement, tracks in parts.items()}, truth


def _read_file(path: Path) -> Iterator[Trial]:
    try:
        with path.open("rb") as handle, np.load(handle) as file:
            missing = [key for key in _KEYS if key not in file.files]
            if missing:
                raise RecordingError(f"{path}: lacks {', '.join(missing)}; a set has {', '.join(_KEYS)}")
            whole = {key: file[key] for key in (*_KEYS, "t_ms", "row_label") if key in file.files}
        yield from _trials(whole)
    except _BROKEN as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise RecordingError(f"{path}: no set of trials: {why}") from error


def _trials(whole: dict[str, NDArray[Any]]) -> Iterator[Trial]:
    """ValueError where lengths or names do not fit."""
    x, scale, columns = whole["x"], whole["scale"], [str(name) for name in whole["columns"]]
    if not (len(columns) == len(scale) == x.shape[1] and whole["n"].sum() == len(x) and whole["n"].min() > 1):
        raise ValueError("x, scale, columns and n do not fit one another, or a trial has under two rows")
    own: dict[str, list[int]] = {}
    for k, name in enumerate(columns):
        own.setdefault(name.rpartition(".")[0], []).append(k)
    channels = {place: tuple(columns[k].rpartition(".")[2] for k in ks) for place, ks in own.items()}
    for placement, names in channels.items():
        if names not in _GROUPS:
            expected = " or ".join(", ".join(group) for group in _GROUPS)
            raise ValueError(f"{placement!r} has columns {', '.join(names)}; expected {expected}")
    period = _period(whole)
    for i, (first, end) in enumerate(_spans(whole["n"])):
        rows = slice(first, end)
        times: Times = np.arange(end - first, dtype=np.float64) * period
        if "t_ms" in whole:
            times = _settled(whole["t_ms"][rows], period)
        tracks = {
            place: Samples(place, times, (x[rows][:, ks] * scale[ks]).astype(np.float32), channels[place])
            for place, ks in own.items()
        }
        activity = common_label(str(whole["activity"][i]))
        labels = whole["row_label"][rows] if "row_label" in whole else np.full(end - first, activity)
        yield Trial(
            int(whole["subject"][i]), activity, int(whole["trial"][i]), tracks, _runs(times, labels, period)
        )


def _period(whole: dict[str, NDArray[Any]]) -> float:
    """Nominal, s; where arrival times show that samples come faster, as those say."""
    rate_hz = float(whole["rate_hz"])
    if not 0.1 <= rate_hz <= 1e5:
        raise ValueError(f"rate_hz {rate_hz}; 0.1..100000 expected")
    period = 1.0 / rate_hz
    if "t_ms" in whole:
        t = whole["t_ms"].astype(np.float64) / 1000
        shown = [(t[end - 1] - t[first]) / (end - first - 1) for first, end in _spans(whole["n"])]
        period = min(period, float(np.median(shown)))
    if not period > 0.0:
        raise ValueError(f"arrival times that put a sample every {period:g} s")
    return period


def _settled(t_ms: NDArray[Any], period: float) -> Times:
    """When samples were taken that arrived so, s from the first: a link only delays.

    As in `clock`, the time is a count of periods plus the least delay; here of all that came later, so
    that a burst is spread over its time and only what never came leaves a gap.
    """
    count: Times = np.arange(len(t_ms), dtype=np.float64) * period
    delay: Times = (t_ms - t_ms[0]).astype(np.float64) / 1000 - count
    times: Times = count + np.minimum.accumulate(delay[::-1])[::-1]
    times -= times[0]
    return times


def _runs(times: Times, labels: NDArray[Any], period: float) -> list[Segment]:
    first = np.flatnonzero(np.append(True, labels[1:] != labels[:-1]))
    starts = times[first].tolist()
    ends = [*starts[1:], float(times[-1]) + period]
    return [
        (start, end, common_label(str(label)))
        for start, end, label in zip(starts, ends, labels[first], strict=True)
    ]


def _spans(n: NDArray[Any]) -> list[tuple[int, int]]:
    ends = np.cumsum(n, dtype=np.int64).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _merged(one: Trial, other: Trial) -> Trial:
    tracks = dict(one.tracks)
    for placement, track in other.tracks.items():
        tracks[placement] = _beside(tracks[placement], track) if placement in tracks else track
    return replace(one, tracks=tracks)


def _beside(one: Samples, other: Samples) -> Samples:
    there = [np.interp(one.t, other.t, column) for column in other.x.T]
    values: FloatArray = np.column_stack([one.x, *there]).astype(np.float32)
    return replace(one, values=values, channels=one.channels + other.channels)


def _one(tracks: Sequence[Samples]) -> Samples:
    if len({track.channels for track in tracks}) > 1:
        raise RecordingError(f"{tracks[0].placement}: trials with other channels cannot be joined")
    t, values = np.concatenate([s.t for s in tracks]), np.concatenate([s.x for s in tracks])
    return replace(tracks[0], t=t, values=values)


def _read_utd(path: Path) -> list[Trial]:
    """RecordingError if the file has not the arrays of the paired UTD-MHAD."""
    try:
        with path.open("rb") as handle, np.load(handle) as file:
            whole = {key: file[key] for key in _UTD_KEYS}
        trials = []
        for i, (first, end) in enumerate(_spans(whole["n_inertial"])):
            placement, activity = str(whole["placement"][i]), common_label(str(whole["activity"][i]))
            times: Times = np.arange(end - first, dtype=np.float64) / _UTD_HZ
            track = Samples(placement, times, whole["inertial"][first:end].astype(np.float32), IMU_CHANNELS)
            truth = [(0.0, float(times[-1]) + 1 / _UTD_HZ, activity)]
            number = int(whole["trial"][i])
            trials.append(Trial(int(whole["subject"][i]), activity, number, {placement: track}, truth))
    except _BROKEN as error:
        raise RecordingError(f"{path}: no paired UTD-MHAD: {error}") from error
    return trials
