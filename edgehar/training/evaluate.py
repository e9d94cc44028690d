"""Scores of a model pair on recordings of real people, by the code that runs on the device.

Windows lie wholly inside one trial and follow each other at half their length; the answer is the
plain arg-max over all labels of the model; macro-F1 pools all windows of a row. Needs no TensorFlow.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct, to_builtins
from numpy.typing import NDArray

from edgehar.errors import RecordingError
from edgehar.manifest import ModelSpec
from edgehar.motion.imu import any_turns
from edgehar.recognizer import Recognizer
from edgehar.resample import Grid
from edgehar.scoring import common_label
from edgehar.types import FloatArray, Samples, Window
from edgehar.windows import Windows

_PACKET_S = 0.2


class Row(Struct, frozen=True):
    """One line of the table: which recordings, and what of them."""

    data: str
    people: tuple[int, ...]
    placements: tuple[str, ...]
    turned: bool = False
    """Every trial in another random orientation."""

    @property
    def name(self) -> str:
        """Such as `motionsense 1-6 trouser_pocket`."""
        turned = ", any orientation" if self.turned else ""
        return f"{self.data} {self.people[0]}-{self.people[-1]} {' + '.join(self.placements)}{turned}"


class Score(Struct, frozen=True):
    """Of one row."""

    macro_f1: float
    weighted_f1: float
    windows: int
    f1: dict[str, float]
    confusion: dict[str, dict[str, int]]
    """Windows by true and by recognized label."""


def table() -> list[Row]:
    """All rows: design decisions were taken on the first people of a set, the others only scored."""
    rows = []
    for people in (tuple(range(1, 7)), tuple(range(7, 13))):
        rows += [Row("motionsense", people, ("trouser_pocket",), turned) for turned in (False, True)]
    together = ("chest", "wrist_left", "knee_right")
    alone = (("chest",), ("wrist_left",), ("wrist_right",), ("knee_left",), ("knee_right",))
    for people in ((1, 2), (3, 4)):
        rows += [Row("dsads", people, placements) for placements in (together, *alone)]
    return rows


class Trials(Struct, frozen=True, eq=False):
    """An npz set in memory."""

    x: NDArray[np.int16]
    scale: FloatArray
    columns: tuple[str, ...]
    ends: NDArray[np.int64]
    subject: NDArray[np.int64]
    activity: tuple[str, ...]
    rate_hz: float

    def samples(self, trial: int, placement: str) -> Samples:
        """What one sensor measured in one trial, from time 0."""
        own = [i for i, name in enumerate(self.columns) if name.rpartition(".")[0] == placement]
        if not own:
            raise RecordingError(f"no sensor at {placement}")
        channels = tuple(self.columns[i].rpartition(".")[2] for i in own)
        rows = slice(int(self.ends[trial - 1]) if trial else 0, int(self.ends[trial]))
        x = (self.x[rows][:, own] * self.scale[own]).astype(np.float32)
        return Samples(placement, np.arange(len(x)) / self.rate_hz, x, channels)


def open_trials(path: Path) -> Trials:
    """Read a set of `x`, `scale`, `columns`, `n`, `subject`, `activity`, `rate_hz`; RecordingError if it is none."""
    try:
        with np.load(path) as file:
            return Trials(
                x=file["x"],
                scale=file["scale"],
                columns=tuple(str(name) for name in file["columns"]),
                ends=np.cumsum(file["n"], dtype=np.int64),
                subject=file["subject"].astype(np.int64),
                activity=tuple(common_label(str(name)) for name in file["activity"]),
                rate_hz=float(file["rate_hz"]),
            )
    except (OSError, KeyError, ValueError) as error:
        raise RecordingError(f"{path}: no set of trials: {error}") from error


def cut(spec: ModelSpec, tracks: Sequence[Samples]) -> Iterator[Window]:
    """Windows of one trial, each half a window after the last, by the run-time grid."""
    slots = spec.slots([track.placement for track in tracks])
    grid = Grid(slots, spec.rate_hz, spec.window // 2)
    windows = Windows(spec.window, [i for i, placement in enumerate(slots) if placement is not None])
    end = max(float(track.t[-1]) for track in tracks)
    first = [0] * len(tracks)
    for now in np.arange(_PACKET_S, end + _PACKET_S, _PACKET_S).tolist():
        for i, track in enumerate(tracks):
            rows = slice(first[i], int(np.searchsorted(track.t, now)))
            first[i] = rows.stop
            packet = Samples(track.placement, track.t[rows], track.x[rows], track.channels)
            for block in grid.push(now, packet):
                yield from (window for window in windows.push(block) if min(window.coverage) == 1.0)


def answers(recognizer: Recognizer, trials: Trials, row: Row) -> Iterator[tuple[str, str]]:
    """True and recognized label of each window of the row."""
    spec, rng = recognizer.spec, np.random.default_rng(0)
    for trial, activity in enumerate(trials.activity):
        turn = any_turns(rng, 1)[0].astype(np.float32)
        if activity not in spec.labels or trials.subject[trial] not in row.people:
            continue
        tracks = [trials.samples(trial, placement) for placement in row.placements]
        if row.turned:
            tracks = [
                Samples(s.placement, s.t, (s.x.reshape(-1, 2, 3) @ turn).reshape(-1, 6), s.channels)
                for s in tracks
            ]
        for window in cut(spec, tracks):
            for prediction in recognizer.push(window):
                if prediction.probabilities is not None:
                    yield activity, spec.labels[int(np.argmax(prediction.probabilities))]


def score(pairs: Sequence[tuple[str, str]]) -> Score:
    """F1 over the labels that truly occur; any other answer is an error.

    Raises:
        RecordingError: if there is no window at all.
    """
    if not pairs:
        raise RecordingError("no windows to score")
    confusion: dict[str, dict[str, int]] = {}
    for true, said in pairs:
        of = confusion.setdefault(true, {})
        of[said] = of.get(said, 0) + 1
    there = {label: sum(of.values()) for label, of in confusion.items()}
    answered = {label: sum(of.get(label, 0) for of in confusion.values()) for label in confusion}
    f1 = {label: 2.0 * of.get(label, 0) / (there[label] + answered[label]) for label, of in confusion.items()}
    return Score(
        macro_f1=round(sum(f1.values()) / len(f1), 4),
        weighted_f1=round(sum(f1[label] * there[label] for label in f1) / len(pairs), 4),
        windows=len(pairs),
        f1={label: round(value, 3) for label, value in f1.items()},
        confusion=confusion,
    )


def evaluate(recognizer: Recognizer, folder: Path) -> dict[str, Score]:
    """The whole table; `folder` holds `imu/motionsense.npz` and `imu/dsads.npz`."""
    rows = table()
    sets = {
        name: open_trials(folder / "imu" / f"{name}.npz") for name in dict.fromkeys(row.data for row in rows)
    }
    return {row.name: score(list(answers(recognizer, sets[row.data], row))) for row in rows}


def metrics(scores: dict[str, Score]) -> dict[str, Any]:
    """As they stand in a manifest: without the confusion."""
    return {name: {k: v for k, v in to_builtins(s).items() if k != "confusion"} for name, s in scores.items()}


def markdown(scores: dict[str, Score]) -> str:
    """As they stand in `models/README.md`."""
    labels = list(dict.fromkeys(label for s in scores.values() for label in s.f1))
    lines = [
        f"| recordings | windows | macro-F1 | weighted F1 | {' | '.join(labels)} |",
        "| --- |" + " ---: |" * (3 + len(labels)),
    ]
    for name, s in scores.items():
        per = " | ".join(f"{s.f1[label]:.2f}" if label in s.f1 else "" for label in labels)
        lines.append(f"| {name} | {s.windows} | **{s.macro_f1:.3f}** | {s.weighted_f1:.3f} | {per} |")
    return "\n".join(lines)
