"""`python -m benchmarks.fusion DATA`: what a sensor and a camera tell together, beside each alone.

Each movement of UTD-MHAD's four people that are here was recorded by one worn sensor (the right wrist, or thigh) and by
a depth camera; its skeleton, seen from where that camera stood, is what a camera would see, but found by no network. The
answer to a movement is that to the window around its middle; shorter ones are held at both ends. Right is the label;
`other` is right for what none of the two models has a label for. Nobody here was fitted to.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.motion.capture.kinect import V1_JOINTS
from edgehar.pipeline.branch import Branch
from edgehar.pipeline.fusion import Fusion
from edgehar.pipeline.intake import Intake
from edgehar.pipeline.joint_labels import JointLabels
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings.labels import common_label
from edgehar.types import KEYPOINTS, OTHER, FloatArray, Prediction, Stream, Window

FOCAL = 1.25
"""Focal length, in heights of the picture, of a depth camera's 43 degrees."""
MARGIN = 0.5
"""Half the picture's height: where the camera points."""
LABELS = {
    "wave": "waving",
    "clap": "clapping",
    "boxing": "punching",
    "jogging": "running",
    "squat": "squatting",
}
"""Labels that both models have for words of the set; `common_label` knows those of the others."""
DRAWS = 2000


class Movement(Struct, frozen=True, eq=False):
    """One recording of one movement."""

    label: str
    subject: int
    placement: str
    felt: FloatArray
    """(n, 6), m/s² and rad/s at 50 Hz."""
    seen: FloatArray
    """(m, 51), keypoints over the same time."""


def movements(path: Path, labels: Sequence[str]) -> Iterator[Movement]:
    """Yield the movements of the set in the words of the models."""
    with np.load(path) as pairs:
        felt = np.split(pairs["inertial"], np.cumsum(pairs["n_inertial"])[:-1])
        skeletons = np.split(pairs["skeleton"], np.cumsum(pairs["n_skeleton"])[:-1])
        names, subjects = pairs["activity"].astype(str), pairs["subject"]
        placements = pairs["placement"].astype(str)
    for i, (x, skeleton) in enumerate(zip(felt, skeletons, strict=True)):
        label = LABELS.get(names[i]) or common_label(names[i])
        name = label if label in labels else OTHER
        yield Movement(name, int(subjects[i]), placements[i], x, as_seen(skeleton))


def as_seen(skeleton: FloatArray) -> FloatArray:
    """Return joints in front of a depth camera, (n, 20, 3) m, as keypoints in its picture, (n, 51)."""
    keypoints = np.zeros((len(skeleton), len(KEYPOINTS), 3), np.float32)
    for i, name in enumerate(KEYPOINTS):
        joint = "head" if name == "nose" else name
        if joint in V1_JOINTS:
            x, y, depth = skeleton[:, V1_JOINTS.index(joint)].T
            keypoints[:, i] = np.stack([x, -y, np.ones_like(x)], axis=1) * (FOCAL / depth)[:, None]
            keypoints[:, i, :2] += MARGIN
            keypoints[:, i, 2] = 1.0
    return keypoints.reshape(len(skeleton), -1)


def middle(x: FloatArray, seconds: float, rate_hz: float, rows: int) -> FloatArray:
    """Return the middle `rows` at this rate of a movement that took so long, held at both ends if it is shorter."""
    at = (np.arange(rows) - 0.5 * (rows - 1)) / rate_hz / seconds + 0.5
    times = np.linspace(0.0, 1.0, len(x))
    return np.stack([np.interp(at, times, column) for column in x.T], axis=1).astype(np.float32)


def judged(branch: Branch, x: FloatArray) -> Prediction:
    """Return what a branch's model says of one window (rows, channels) of its one worn sensor."""
    spec, [sensor] = branch.spec, branch.worn
    whole = np.zeros((spec.window, len(spec.sensors), len(spec.channels)), np.float32)
    whole[:, sensor] = x
    window = Window(10.0, whole.reshape(spec.window, -1), (1.0,), 1.0, worn=branch.worn)
    [prediction] = branch._recognizer.push(window)  # noqa: SLF001 - one window, without a grid
    return prediction


def main(data: str) -> None:
    """Print the share of right answers of each, with a 95 % interval over movements, and its mean over labels."""
    models = [load(find("imu_tcn")), load(find("pose_tcn"))]
    labels = JointLabels([model.spec for model in models])
    names = labels.tree.labels
    right: dict[str, list[bool]] = {"sensor": [], "camera": [], "both": []}
    truth: list[str] = []
    for movement in movements(Path(data) / "imu" / "utd_mhad_paired.npz", names):
        intakes = [Intake(Stream(movement.placement)), Intake(Stream("camera", "keypoints"))]
        branches = [
            Branch(model, [intake], model.spec.decision)
            for model, intake in zip(models, intakes, strict=True)
        ]
        seconds = len(movement.felt) / 50.0
        alone = [
            judged(branch, middle(x, seconds, branch.spec.rate_hz, branch.spec.window))
            for branch, x in zip(branches, (movement.felt, movement.seen), strict=True)
        ]
        both = Fusion(branches, labels)
        # The sensor leads, so that the camera's answer waits for its window.
        both.push(0, replace(alone[0], t=9.0))
        both.push(1, alone[1])
        [together] = both.push(0, alone[0])
        truth.append(movement.label)
        for who, answer, words in (
            ("sensor", alone[0], models[0].spec.labels),
            ("camera", alone[1], models[1].spec.labels),
            ("both", together, names),
        ):
            assert answer.probabilities is not None
            right[who].append(words[int(np.argmax(answer.probabilities))] == movement.label)
    of_label = {label: np.array([each == label for each in truth]) for label in sorted({*truth})}
    named = {label: rows for label, rows in of_label.items() if label != OTHER}
    report("all labels, mean", [*named.values()], right)
    report("and other, mean", [*of_label.values()], right)
    for label, rows in of_label.items():
        report(label, [rows], right)


def report(title: str, of_labels: Sequence[NDArray[np.bool_]], right: dict[str, list[bool]]) -> None:
    """Print one row: the share of right answers, in the mean over these labels."""
    rng = np.random.default_rng(1)
    cells = []
    for who, answers in right.items():
        chosen = [np.array(answers)[rows] for rows in of_labels]
        drawn = np.mean([rng.choice(each, (DRAWS, len(each))).mean(axis=1) for each in chosen], axis=0)
        low, high = np.quantile(drawn, [0.025, 0.975])
        cells.append(f"{who} {np.mean([each.mean() for each in chosen]):.2f} ({low:.2f}-{high:.2f})")
    print(f"{title:16} {sum(rows.sum() for rows in of_labels):4}  {'  '.join(cells)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
