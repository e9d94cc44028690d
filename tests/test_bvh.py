"""BVH files, made here: a body in a T-pose with legs astride, as CMU's are."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.motion.capture.bvh import read_bvh
from edgehar.motion.capture.clip import Motion

ASTRIDE = np.deg2rad(20.0)
LEG = np.array([np.sin(ASTRIDE), -np.cos(ASTRIDE), 0.0])
MIRROR = np.array([-1.0, 1.0, 1.0])

# Name, parent, offset in cm; x is left, y up, z forward.
BODY: list[tuple[str, int, np.ndarray]] = [
    ("Hips", -1, np.zeros(3)),
    ("Chest", 0, np.array([0.0, 25.0, 0.0])),
    ("Neck", 1, np.array([0.0, 25.0, 0.0])),
]
for _side, _sign in (("Left", np.ones(3)), ("Right", MIRROR)):
    _first = len(BODY)
    BODY += [
        (f"{_side}UpLeg", 0, _sign * [9.0, -5.0, 0.0]),
        (f"{_side}Leg", _first, _sign * LEG * 42.0),
        (f"{_side}Foot", _first + 1, _sign * LEG * 40.0),
        (f"{_side}Arm", 1, _sign * [17.0, 23.0, 0.0]),
        (f"{_side}ForeArm", _first + 3, _sign * [30.0, 0.0, 0.0]),
        (f"{_side}Hand", _first + 4, _sign * [25.0, 0.0, 0.0]),
    ]


def text(frames: Sequence[Mapping[str, Sequence[float]]], names: Mapping[str, str] | None = None) -> str:
    """Write a file whose joints turn by (z, x, y) degrees; `root` is the place of the hips."""

    def joint(index: int) -> str:
        name, parent, offset = BODY[index]
        place = "Xposition Yposition Zposition " if parent < 0 else ""
        children = [joint(i) for i, (_, p, _) in enumerate(BODY) if p == index]
        inner = "".join(children) or "End Site { OFFSET 0 5 0 }\n"
        return (
            f"{'ROOT' if parent < 0 else 'JOINT'} {(names or {}).get(name, name)} {{ OFFSET {offset[0]} {offset[1]} {offset[2]}\n"
            f"CHANNELS {6 if parent < 0 else 3} {place}Zrotation Xrotation Yrotation\n{inner}}}\n"
        )

    order: list[str] = []

    def visit(index: int) -> None:
        order.append(BODY[index][0])
        for i, (_, p, _) in enumerate(BODY):
            if p == index:
                visit(i)

    visit(0)
    lines = []
    for frame in frames:
        numbers = [*frame.get("root", (0.0, 100.0, 0.0))]
        for name in order:
            numbers += frame.get(name, (0.0, 0.0, 0.0))
        lines.append(" ".join(f"{n:.6f}" for n in numbers))
    return (
        f"HIERARCHY\n{joint(0)}MOTION\nFrames: {len(frames)}\nFrame Time: 0.025\n" + "\n".join(lines) + "\n"
    )


# Legs together and arms down, out of the rest pose.
STANDING = {
    "LeftUpLeg": (-20.0, 0.0, 0.0), "RightUpLeg": (20.0, 0.0, 0.0),
    "LeftArm": (-90.0, 0.0, 0.0), "RightArm": (90.0, 0.0, 0.0),
}  # fmt: skip


def read(path: Path, *frames: Mapping[str, Sequence[float]]) -> Motion:
    path.write_text(text(frames))
    return read_bvh(path)


def test_somebody_who_stands_upright_has_all_segments_upright(tmp_path: Path) -> None:
    motion = read(tmp_path / "a.bvh", STANDING, STANDING)
    assert len(motion.rotations) == 14
    for name, rotation in motion.rotations.items():
        assert rotation == pytest.approx(np.tile(np.eye(3), (2, 1, 1)), abs=1e-9), name
    assert motion.t == pytest.approx([0.0, 0.025])


def test_lengths_are_metres_and_left_is_left(tmp_path: Path) -> None:
    joints = read(tmp_path / "a.bvh", STANDING).joints
    assert joints["pelvis"][0] == pytest.approx([0.0, 0.0, 0.95])
    assert joints["hip_left"][0] == pytest.approx([0.0, 0.09, 0.95])
    assert joints["ankle_right"][0] == pytest.approx([0.0, -0.09, 0.13])
    assert joints["wrist_left"][0] == pytest.approx([0.0, 0.17, 0.93])


def test_a_raised_knee_and_a_bent_elbow_point_forward(tmp_path: Path) -> None:
    # About x by -90 after z by -20: the left thigh points ahead, level.
    pose = {**STANDING, "LeftUpLeg": (0.0, -90.0, 0.0), "RightForeArm": (0.0, 0.0, 90.0)}
    motion = read(tmp_path / "a.bvh", pose)
    assert motion.joints["knee_left"][0, 0] == pytest.approx(0.42 * np.cos(ASTRIDE))
    assert motion.rotations["thigh_left"][0, 2, 2] == pytest.approx(0.0, abs=1e-9)
    assert motion.rotations["forearm_right"][0, :, 2] == pytest.approx([-1.0, 0.0, 0.0], abs=1e-9)


def test_turning_around_keeps_segments_upright(tmp_path: Path) -> None:
    motion = read(tmp_path / "a.bvh", {**STANDING, "Hips": (0.0, 0.0, 90.0)})
    for rotation in motion.rotations.values():
        assert rotation[0] == pytest.approx(np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]), abs=1e-9)


def test_gzipped_reads_the_same(tmp_path: Path) -> None:
    plain = read(tmp_path / "a.bvh", STANDING)
    (tmp_path / "a.bvh.gz").write_bytes(gzip.compress(text([STANDING]).encode()))
    zipped = read_bvh(tmp_path / "a.bvh.gz")
    assert zipped.joints["knee_left"] == pytest.approx(plain.joints["knee_left"])


def test_a_body_without_a_knee_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(text([STANDING], {"LeftLeg": "Tentacle"}))
    with pytest.raises(RecordingError, match=r"a\.bvh: no joint for knee_left; looked for .*Tentacle"):
        read_bvh(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.replace("HIERARCHY", "solid cube"), "HIERARCHY"),
        (lambda s: s[: s.rindex(" ")], "cut off"),
        (lambda s: s.replace("OFFSET 9.0", "OFFSET nine", 1), "nine"),
        (lambda s: s.replace("}", "", 1), "bracket"),
        (lambda s: s.replace("Zrotation", "Wrotation", 1), "Hips: expected 6 channels .*got wrotation"),
        (lambda s: s.replace("Xposition", "Wposition", 1), "Hips: expected 6 channels .*got wposition"),
        (lambda s: s.replace("CHANNELS 6", "CHANNELS 7", 1), "Hips: expected 7 channels .*got joint"),
        (lambda s: s.replace("CHANNELS 6", "CHANNELS -2", 1), "Hips: expected -2 channels .*got none"),
        (lambda s: s.replace("Frames: 1", "Frames: many"), "MOTION"),
        (lambda s: s.replace("100.000000", "nan"), "numbers"),
        (lambda s: s.replace("OFFSET -9.0", "OFFSET 9.0"), "one place"),
    ],
)
def test_a_broken_file_gives_one_error_that_names_it(tmp_path: Path, change: object, says: str) -> None:
    path = tmp_path / "b.bvh"
    assert callable(change)
    path.write_text(change(text([STANDING])))
    with pytest.raises(RecordingError, match=rf"b\.bvh.*{says}"):
        read_bvh(path)


def test_a_missing_or_unzippable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="none"):
        read_bvh(tmp_path / "none.bvh")
    whole = gzip.compress(text([STANDING]).encode())
    for content in (b"no gzip", whole[:-20], whole[:10] + b"\xff" * 40):
        (tmp_path / "c.bvh.gz").write_bytes(content)
        with pytest.raises(RecordingError, match=r"c\.bvh\.gz"):
            read_bvh(tmp_path / "c.bvh.gz")


def test_the_case_of_a_channels_name_does_not_matter(tmp_path: Path) -> None:
    plain = read(tmp_path / "a.bvh", STANDING)
    (tmp_path / "b.bvh").write_text(text([STANDING]).replace("rotation", "ROTATION"))
    assert read_bvh(tmp_path / "b.bvh").joints["knee_left"] == pytest.approx(plain.joints["knee_left"])
