"""Skeletons as depth cameras and annotators of films publish them: of somebody who lifts a wrist."""

from pathlib import Path

import numpy as np
import scipy.io

from edgehar.motion.capture.planar import PENN_JOINTS
from edgehar.motion.skeleton import Array, segment_lengths

FRAMES = 40
"""Of a depth camera."""
PICTURES = 30
"""Of a film."""
USUAL = segment_lengths(1.0)

_BODY: dict[str, tuple[float, float, float]] = {
    "head": (0.0, 0.6, 2.8), "neck": (0.0, 0.4, 2.8), "throat": (0.0, 0.45, 2.8), "spine": (0.0, 0.1, 2.8), "pelvis": (0.0, 0.0, 2.8),
    "shoulder": (0.2, 0.38, 2.8), "elbow": (0.22, 0.1, 2.8), "wrist": (0.22, 0.1, 2.55), "hand": (0.22, 0.1, 2.45),
    "hip": (0.1, -0.08, 2.8), "knee": (0.1, -0.5, 2.72), "ankle": (0.1, -0.9, 2.82), "toe": (0.1, -0.95, 2.7),
}  # fmt: skip


def seen(names: tuple[str, ...], frames: int = FRAMES) -> Array:
    """Return (frames, joints, 3): a person before the camera, right side at +x, lifts the right wrist and bends knees."""
    x = np.zeros((frames, len(names), 3))
    for k, name in enumerate(names):
        joint, _, side = name.rpartition("_")
        x[:, k] = _BODY[joint or name]
        x[:, k, 0] *= -1.0 if side == "left" else 1.0
    x[:, names.index("wrist_right"), 1] += 0.1 * np.sin(np.arange(frames) / 5.0)
    return x


def ntu(path: Path, bodies: dict[int, tuple[Array, range]], frames: int = FRAMES) -> Path:
    """Write bodies by their ids: positions, and the frames in which they are seen."""
    lines = [str(frames)]
    for frame in range(frames):
        visible = {body: x for body, (x, when) in bodies.items() if frame in when}
        lines.append(str(len(visible)))
        for body, x in visible.items():
            lines += [f"{body} 0 1 1 1 1 0 0.05 -0.2 2", "25"]
            fingers = np.tile(x[frame, -1], (4, 1))
            lines += [
                " ".join(map(str, [*joint, *[0.0] * 8, 2])) for joint in np.concatenate([x[frame], fingers])
            ]
    path.write_text("\n".join(lines) + "\n", "ascii")
    return path


def cad60(path: Path, x: Array, *, seen_from: dict[int, int] | None = None) -> Path:
    """Write positions; `seen_from` is the first frame in which a joint has confidence."""
    lines = []
    for frame, joints in enumerate(x):
        words: list[object] = [frame + 1]
        for k, joint in enumerate(1000.0 * joints):
            words += [1, 0, 0, 0, 1, 0, 0, 0, 1, 1] if k < 11 else []
            words += [*joint, int(frame >= (seen_from or {}).get(k, 0))]
        lines.append(",".join(map(str, words)) + ",")
    path.write_text("\n".join([*lines, "END"]) + "\n", "ascii")
    return path


def drawn(names: tuple[str, ...], pixels: float = 200.0) -> Array:
    """Return (frames, joints, 2), y down: somebody of a stature of `pixels` seen from the front, who lifts one wrist."""
    hip, shoulder = 0.53, 0.53 + USUAL.trunk
    body = {
        "head": (0.0, 0.93), "neck": (0.0, shoulder), "belly": (0.0, 0.65),
        "shoulder": (0.1, shoulder), "elbow": (0.1, shoulder - USUAL.upper_arm),
        "wrist": (0.1, shoulder - USUAL.upper_arm - USUAL.forearm),
        "hip": (0.05, hip), "knee": (0.05, hip - USUAL.thigh), "ankle": (0.05, hip - USUAL.thigh - USUAL.shank),
    }  # fmt: skip
    x = np.zeros((PICTURES, len(names), 2))
    for k, name in enumerate(names):
        joint, _, side = name.rpartition("_")
        across, up = body[joint or name]
        x[:, k] = 300.0 + pixels * np.array([-across if side == "right" else across, -up])
    elbow, wrist = (x[:, names.index(f"{joint}_left")] for joint in ("elbow", "wrist"))
    angle = np.linspace(0.0, 2.0, PICTURES)
    wrist[:] = elbow + pixels * USUAL.forearm * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    return x


def penn(path: Path, **change: object) -> Path:
    x = drawn(PENN_JOINTS)
    arrays: dict[str, object] = {
        "x": x[:, :, 0], "y": x[:, :, 1], "visibility": np.ones(x.shape[:2]), "action": "jumping_jacks",
        "bbox": np.tile([100.0, 50.0, 400.0, 350.0], (PICTURES, 1)), "dimensions": np.array([[360.0, 480.0, PICTURES]]),
        "train": 1, "pose": "front", "nframes": PICTURES,
    }  # fmt: skip
    scipy.io.savemat(path, {name: value for name, value in (arrays | change).items() if value is not None})
    return path
