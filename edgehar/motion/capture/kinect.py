"""Movement from depth cameras: the skeletons of Kinect v1 and v2, and of OpenNI.

They jitter by 8 to 15 mm and look no finer than 20 to 30 times a second. People face the camera; its
x axis points to their right, y up, z away from it.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.signal import butter, sosfiltfilt

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import JOINTS, Motion
from edgehar.motion.capture.gaps import split_at_gaps
from edgehar.motion.capture.matlab_files import read_matlab
from edgehar.motion.capture.orient import orient
from edgehar.motion.capture.text_files import read_text
from edgehar.motion.skeleton import SIDES, Array

V1_JOINTS = (
    "head", "neck", "spine", "pelvis",
    *(f"{joint}_{side}" for side in SIDES for joint in ("shoulder", "elbow", "wrist", "hand")),
    *(f"{joint}_{side}" for side in SIDES for joint in ("hip", "knee", "ankle", "toe")),
)  # fmt: skip
"""The 20 joints of Kinect v1 in the order of UTD-MHAD (Chen et al. 2015)."""

V2_JOINTS = (
    "pelvis", "spine", "throat", "head",
    *(f"{joint}_{side}" for side in SIDES for joint in ("shoulder", "elbow", "wrist", "hand")),
    *(f"{joint}_{side}" for side in SIDES for joint in ("hip", "knee", "ankle", "toe")),
    "neck",
)  # fmt: skip
"""The first 21 of the 25 joints of Kinect v2, as in NTU RGB+D (Shahroudy et al. 2016); fingers follow."""

OPENNI_JOINTS = (
    "head", "neck", "spine", "shoulder_left", "elbow_left", "shoulder_right", "elbow_right",
    "hip_left", "knee_left", "hip_right", "knee_right", "wrist_left", "wrist_right", "ankle_left", "ankle_right",
)  # fmt: skip
"""The 15 joints of CAD-60 (Sung et al. 2012); its hands and feet end the forearm and the shank."""

_V2_JOINT_COUNT = 25
_TRACKED = 11
"""Column of a joint's state, of the 12 that NTU RGB+D has of it; 0 is not tracked."""

UTD_RATE, NTU_RATE, CAD60_RATE = 18.7, 30.0, 30.0
"""Hz. The first is what UTD-MHAD's skeletons come to beside its inertial recordings; their paper says 30."""

SMOOTH_HZ = 3.5
"""Zero-phase low-pass for joints of a depth camera. Of 2 to 7 Hz it keeps the acceleration of wrists and knees
best (40 CMU clips at 18.7 and 30 Hz with 8 to 15 mm of white noise; the optimum lies at 3 to 4 Hz)."""

_MOST_FRAMES = 1_000_000
"""Frames; over nine hours. A number further from the first one is no frame's."""

_FARTHEST = 1000.0
"""m; a depth camera sees no further, nor does it see itself from there."""

_ORIENTED_JOINTS = 11
"""Joints of CAD-60 with an orientation in front of their position."""


def from_camera(
    positions: Mapping[str, Array], t: Array, source: str = "", *, smooth_hz: float | None = SMOOTH_HZ
) -> Motion:
    """Turn joints (rows, 3) in the camera's frame, m, at times `t`, without gaps, into a clip.

    The world's x points to the camera. What `clip.JOINTS` does not have is dropped. `smooth_hz` None
    leaves the jitter as it is.
    """
    joints = {name: _camera_to_world(x) for name, x in positions.items() if name in JOINTS}
    if smooth_hz is not None:
        joints = {name: _low_pass(x, t, smooth_hz) for name, x in joints.items()}
    if "hip_left" in joints and "hip_right" in joints:
        # A depth camera's own centre of the hips sits at the navel.
        joints["pelvis"] = 0.5 * (joints["hip_left"] + joints["hip_right"])
    return Motion(t, joints, orient(joints), source=source)


def _camera_to_world(x: Array) -> Array:
    return np.stack([-x[:, 2], -x[:, 0], x[:, 1]], axis=1).astype(np.float64)


def _low_pass(x: Array, t: Array, hertz: float) -> Array:
    rate = (len(t) - 1) / (t[-1] - t[0]) if len(t) > 1 else 0.0
    # Shorter than the filter's own padding, or slower than it can cut: as it is.
    if len(t) < 10 or rate <= 2.0 * hertz:
        return x
    return np.asarray(sosfiltfilt(butter(2, hertz, fs=rate, output="sos"), x, axis=0, padlen=9))


def read_utd(path: Path) -> Motion:
    """Read a skeleton file of UTD-MHAD: `d_skel` (20, 3, frames), m. RecordingError for another form."""
    x = read_matlab(path, "d_skel")["d_skel"]
    if x.ndim != 3 or x.shape[:2] != (len(V1_JOINTS), 3) or x.shape[2] < 2 or x.dtype.kind not in "fiu":
        raise RecordingError(
            f"{path}: d_skel has shape {x.shape} and type {x.dtype}; ({len(V1_JOINTS)}, 3, frames) of numbers expected"
        )
    points = {name: p for name, p in _by_joint(V1_JOINTS, np.moveaxis(x, 2, 0)).items() if name in JOINTS}
    for name, point in points.items():
        if len(wrong := np.argwhere(~(np.abs(point) < _FARTHEST))):
            raise RecordingError(
                f"{path}: d_skel: {name} of frame {wrong[0][0] + 1}: expected a place in m, got "
                f"{point[wrong[0][0]].tolist()}; cut that frame out, or fill it in"
            )
    return from_camera(points, np.arange(x.shape[2]) / UTD_RATE, path.name)


class _LineReader:
    """Lines of a text file, read as numbers; RecordingError with file and line where they are not."""

    def __init__(self, path: Path) -> None:
        self._lines = read_text(path).splitlines()
        self._path, self._next = path, 0

    def error(self, what: str) -> RecordingError:
        """Return an error about the line read last."""
        return RecordingError(f"{self._path}, line {self._next}: {what}")

    def at_end(self) -> bool:
        """Return whether only blank lines are left."""
        while self._next < len(self._lines) and not self._lines[self._next].strip():
            self._next += 1
        return self._next == len(self._lines)

    def next_line(self, what: str) -> str:
        """Return the next line."""
        self._next += 1
        if self._next > len(self._lines):
            raise self.error(f"the file ends where {what} is expected")
        return self._lines[self._next - 1].strip()

    def next_numbers(
        self, what: str, width: int, used: Collection[int], text: str | None = None
    ) -> list[float]:
        """Return so many numbers of the next line, or of this text of it; commas separate as spaces do.

        Those in the columns `used` are finite, others may be NaN.
        """
        line = self.next_line(what) if text is None else text
        try:
            values = [float(word) for word in line.replace(",", " ").split()]
        except ValueError:
            values = []
        if len(values) != width:
            raise self.error(
                f"{what} expected ({width} numbers), not "
                + (f"{len(values)} numbers" if values else repr(line[:40]))
            )
        for column in used:
            if not np.isfinite(values[column]):
                raise self.error(f"{what} expected: number {column + 1} of {width} is {values[column]}")
        return values

    def next_count(self, what: str) -> int:
        """Return the next line as one whole number of at least zero."""
        value = self.next_numbers(what, 1, used=(0,))[0]
        if value < 0 or value != int(value):
            raise self.error(f"{what} expected (a whole number), not {value:g}")
        return int(value)


def read_ntu(path: Path) -> list[Motion]:
    """Read a .skeleton file of NTU RGB+D: the body that moves most, cut where it was out of sight.

    All frames are read, should the file have more than it says. RecordingError with file and line if it has another
    form.
    """
    lines = _LineReader(path)
    promised, frames = lines.next_count("the number of frames"), 0
    bodies: dict[str, dict[int, list[list[float]]]] = {}
    while frames < promised or not lines.at_end():
        for _ in range(lines.next_count("the number of bodies")):
            body, joints = _read_body(lines)
            bodies.setdefault(body, {})[frames] = joints
        frames += 1
    if not bodies:
        raise RecordingError(f"{path}: nobody in any of its {frames} frames")
    tracks = (_tracked_positions(rows, frames) for rows in bodies.values())
    return _split_into_clips(V2_JOINTS, max(tracks, key=_distance_travelled), NTU_RATE, path.name)


def _read_body(lines: _LineReader) -> tuple[str, list[list[float]]]:
    """Read a body's id and, of each joint in V2_JOINTS, its 12 numbers."""
    state = lines.next_line("a body's id and state")
    lines.next_numbers("a body's id and state", 10, used=(), text=state)
    joint_count = lines.next_count("the number of joints")
    if joint_count != _V2_JOINT_COUNT:
        raise lines.error(f"{_V2_JOINT_COUNT} joints expected, not {joint_count}")
    joints = [lines.next_numbers("a joint", 12, used=(_TRACKED,)) for _ in V2_JOINTS]
    for _ in range(joint_count - len(V2_JOINTS)):
        lines.next_numbers("a joint", 12, used=())
    # Ids are larger than a float holds apart.
    return state.split()[0], joints


def _tracked_positions(rows: Mapping[int, list[list[float]]], frames: int) -> Array:
    """Return (frames, 21, 3), m, NaN where body or joint was not seen."""
    x = np.full((frames, len(V2_JOINTS), 12), np.nan)
    x[list(rows)] = list(rows.values())
    return _seen_positions(x[:, :, :3], x[:, :, _TRACKED])


def _seen_positions(x: Array, confidence: Array) -> Array:
    """Return x (frames, joints, 3), m, NaN where its joint has no confidence, or no place."""
    is_seen = (confidence > 0.0) & (np.abs(x) < _FARTHEST).all(axis=2)
    return np.where(is_seen[:, :, None], x, np.nan)


def _distance_travelled(x: Array) -> float:
    """Return how far all joints go together, m; a wrongly seen chair stands still."""
    return float(np.nansum(np.linalg.norm(np.diff(x, axis=0), axis=2)))


def _split_into_clips(joints: Sequence[str], x: Array, rate: float, source: str) -> list[Motion]:
    """Cut clips out of (rows, joints, 3), NaN where a joint was not seen."""
    clips = split_at_gaps(_by_joint(joints, x), np.arange(len(x)) / rate)
    return [from_camera(points, t, source) for t, points in clips]


def _by_joint(joints: Sequence[str], x: Array) -> dict[str, Array]:
    return dict(zip(joints, np.moveaxis(x, 1, 0), strict=True))


def read_cad60(path: Path) -> list[Motion]:
    """Read a skeleton text file of CAD-60, positions in mm, cut where a joint had no confidence.

    A line has a frame's number, 11 joints with orientation (9 numbers and confidence) and position
    (3 and confidence), and 4 with position alone; the last line is END. RecordingError with file and
    line if it has another form.
    """
    lines = _LineReader(path)
    width = 1 + 14 * _ORIENTED_JOINTS + 4 * (len(OPENNI_JOINTS) - _ORIENTED_JOINTS)
    rows: dict[int, list[float]] = {}
    first, last = 0, 0
    while not (text := lines.next_line("a frame or END")).startswith("END"):
        values = lines.next_numbers("a frame", width, used=(0,), text=text)
        first, following = (first, last + 1) if rows else (int(values[0]), int(values[0]))
        if not following <= values[0] < first + _MOST_FRAMES or values[0] != int(values[0]):
            raise lines.error(f"frame {values[0]:g} does not follow frame {last}")
        last = int(values[0])
        rows[last] = values[1:]
    if len(rows) < 2:
        raise lines.error("fewer than two frames")
    x = np.full((last - first + 1, len(OPENNI_JOINTS), 3), np.nan)
    x[np.array(list(rows)) - first] = _positions(np.array(list(rows.values())))
    return _split_into_clips(OPENNI_JOINTS, _unmirror(x), CAD60_RATE, path.name)


def _positions(frames: Array) -> Array:
    """Return (frames, 15, 3), m, NaN where the tracker had no confidence, of the lines' numbers."""
    turned = frames[:, : 14 * _ORIENTED_JOINTS].reshape(len(frames), _ORIENTED_JOINTS, 14)[:, :, 10:]
    plain = frames[:, 14 * _ORIENTED_JOINTS :].reshape(len(frames), -1, 4)
    located = np.concatenate([turned, plain], axis=1)
    return _seen_positions(located[:, :, :3] / 1000.0, located[:, :, 3])


def _unmirror(x: Array) -> Array:
    """Point x to the person's right: OpenNI's axis may point either way, and people face the camera.

    A mirrored body would bend its knees backward.
    """
    left, right = (OPENNI_JOINTS.index(f"shoulder_{side}") for side in SIDES)
    across = x[:, left, 0] - x[:, right, 0]
    is_mirrored = np.count_nonzero(across > 0.0) > np.count_nonzero(across < 0.0)
    return x * np.array([-1.0, 1.0, 1.0]) if is_mirrored else x
