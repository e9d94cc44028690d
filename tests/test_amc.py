"""ASF and AMC files, made here in the form of CMU's."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.motion.capture.amc import read_amc
from edgehar.motion.capture.clip import Motion

UNIT = 0.0254 / 0.45
"""m in one unit of a file whose lengths are inches times 0.45."""
SINE, COSINE = np.sin(np.deg2rad(20.0)), np.cos(np.deg2rad(20.0))


def bone(name: str, direction: tuple[float, float, float], length: float, axis: str, dof: str) -> str:
    x, y, z = direction
    turned = f"dof {dof}\n" if dof else ""
    return f"begin\nid 1\nname {name}\ndirection {x} {y} {z}\nlength {length}\naxis {axis} XYZ\n{turned}end\n"


def skeleton() -> str:
    bones = [
        bone("lowerback", (0, 1, 0), 2.0, "0 0 0", "rx ry rz"),
        bone("upperback", (0, 1, 0), 2.0, "0 0 0", ""),
        bone("thorax", (0, 1, 0), 2.0, "0 0 0", ""),
        bone("lowerneck", (0, 1, 0), 1.0, "0 0 0", "rx ry rz"),
    ]
    tree = [
        "root lowerback lhipjoint rhipjoint",
        "lowerback upperback",
        "upperback thorax",
        "thorax lowerneck lclavicle rclavicle",
    ]
    for side, sign in (("l", 1), ("r", -1)):
        leg, arm = (sign * SINE, -COSINE, 0.0), (float(sign), 0.0, 0.0)
        bones += [
            bone(f"{side}hipjoint", (sign * 0.6, -0.8, 0), 2.0, "0 0 0", ""),
            bone(f"{side}femur", leg, 7.0, f"0 0 {sign * 20}", "rx ry rz"),
            bone(f"{side}tibia", leg, 7.5, f"0 0 {sign * 20}", "rx"),
            bone(f"{side}foot", (0.3 * leg[0], 0.3 * leg[1], 0.95), 2.0, "0 0 0", "rx rz"),
            bone(f"{side}clavicle", (sign * 0.8, 0.6, 0), 3.0, "0 0 0", ""),
            bone(f"{side}humerus", arm, 5.0, f"180 0 {sign * 90}", "rx ry rz"),
            bone(f"{side}radius", arm, 3.0, f"180 0 {sign * 90}", "rx"),
            bone(f"{side}wrist", arm, 1.5, f"0 0 {sign * 90}", "ry"),
            bone(f"{side}hand", arm, 1.0, "0 0 0", "rx rz"),
        ]
        tree += [
            f"{side}hipjoint {side}femur",
            f"{side}femur {side}tibia",
            f"{side}tibia {side}foot",
            f"{side}clavicle {side}humerus",
            f"{side}humerus {side}radius",
            f"{side}radius {side}wrist",
            f"{side}wrist {side}hand",
        ]
    return (
        ":version 1.10\n:name x\n:units\n  mass 1.0\n  length 0.45\n  angle deg\n# by hand\n:root\n"
        "  order TX TY TZ RX RY RZ\n  axis XYZ\n  position 0 0 0\n  orientation 0 0 0\n"
        f":bonedata\n{''.join(bones)}:hierarchy\nbegin\n{chr(10).join(tree)}\nend\n"
    )


STANDING = {
    "root": "0 17 0 0 0 0",
    "lowerback": "0 0 0",
    "lowerneck": "0 0 0",
    "lfemur": "0 0 -20",
    "rfemur": "0 0 20",
    "ltibia": "0",
    "rtibia": "0",
    "lhumerus": "0 0 90",
    "rhumerus": "0 0 -90",
    "lradius": "0",
    "rradius": "0",
}


def angles(*frames: dict[str, str]) -> str:
    body = "".join(
        f"{i}\n" + "".join(f"{name} {values}\n" for name, values in frame.items())
        for i, frame in enumerate(frames, 1)
    )
    return f"#!by hand\n:FULLY-SPECIFIED\n:DEGREES\n{body}"


def read(folder: Path, *frames: dict[str, str]) -> Motion:
    (folder / "x.asf").write_text(skeleton())
    (folder / "x.amc").write_text(angles(*frames))
    return read_amc(folder / "x.asf", folder / "x.amc")


def test_somebody_who_stands_upright_has_all_segments_upright(tmp_path: Path) -> None:
    motion = read(tmp_path, STANDING, STANDING, STANDING)
    assert motion.t == pytest.approx([0.0, 1 / 120, 2 / 120])
    for name, rotation in motion.rotations.items():
        assert rotation[0] == pytest.approx(np.eye(3), abs=1e-9), name


def test_lengths_are_metres_and_left_is_left(tmp_path: Path) -> None:
    joints = read(tmp_path, STANDING).joints
    assert joints["hip_left"][0] == pytest.approx(UNIT * np.array([0.0, 1.2, 17.0 - 1.6]))
    assert joints["ankle_right"][0] == pytest.approx(UNIT * np.array([0.0, -1.2, 17.0 - 1.6 - 14.5]))
    # The wrist bends where CMU's hand begins; its `wrist` is a third of the forearm.
    assert joints["elbow_left"][0] - joints["wrist_left"][0] == pytest.approx([0.0, 0.0, 4.5 * UNIT])


def test_a_bone_turns_about_its_own_axes(tmp_path: Path) -> None:
    motion = read(tmp_path, {**STANDING, "lfemur": "-90 0 0"})
    thigh = motion.joints["knee_left"][0] - motion.joints["hip_left"][0]
    assert thigh == pytest.approx([7.0 * UNIT, 0.0, 0.0], abs=1e-9)


def test_the_first_angle_turns_first(tmp_path: Path) -> None:
    motion = read(tmp_path, {**STANDING, "root": "0 17 0 90 90 0"})
    # What was up comes ahead by the first turn (about x, the left) and to the left by the second (about y, up).
    assert motion.rotations["pelvis"][0, :, 2] == pytest.approx([0.0, 1.0, 0.0], abs=1e-9)


def test_gzipped_reads_the_same(tmp_path: Path) -> None:
    plain = read(tmp_path, STANDING)
    (tmp_path / "x.asf.gz").write_bytes(gzip.compress(skeleton().encode()))
    (tmp_path / "x.amc.gz").write_bytes(gzip.compress(angles(STANDING).encode()))
    zipped = read_amc(tmp_path / "x.asf.gz", tmp_path / "x.amc.gz")
    assert zipped.joints["elbow_left"] == pytest.approx(plain.joints["elbow_left"])


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ({**STANDING, "tail": "0"}, "no such bone"),
        ({**STANDING, "ltibia": "0 0"}, "line 10.*'ltibia' has 2 numbers, the skeleton wants 1"),
        ({**STANDING, "ltibia": "bent"}, "bent"),
        ({**STANDING, "ltibia": "nan"}, "ltibia: expected numbers, got nan in frame 1"),
        ({"lfemur": "0 0 0"}, "root"),
    ],
)
def test_angles_of_another_skeleton_are_refused(tmp_path: Path, frame: dict[str, str], says: str) -> None:
    with pytest.raises(RecordingError, match=rf"(?s)x\.amc.*{says}"):
        read(tmp_path, frame)


def test_frames_that_lack_a_bone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"2 frames.*lowerback.*cut off"):
        read(tmp_path, STANDING, {"root": "0 17 0 0 0 0"})


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("order TX TY TZ", "order TY TZ", r"root: expected TX, TY and TZ in `order`, TX missing"),
        ("axis 0 0 0 XYZ", "axis 0 0 0 XY", r"lowerback: expected X, Y and Z, .*got 'XY'"),
        ("axis XYZ", "axis XYW", r"root: expected X, Y and Z, .*got 'XYW'"),
        ("dof rx rz", "dof rx rw", r"lfoot: expected TX, .*got RW"),
    ],
)
def test_axes_that_are_none_are_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "x.asf").write_text(skeleton().replace(old, new, 1))
    (tmp_path / "x.amc").write_text(angles(STANDING))
    with pytest.raises(RecordingError, match=rf"x\.asf: {says}"):
        read_amc(tmp_path / "x.asf", tmp_path / "x.amc")


def test_a_byte_order_mark_and_a_finger_that_is_no_number_are_read_over(tmp_path: Path) -> None:
    plain = read(tmp_path, STANDING)
    bone_of_finger = bone("rfingers", (-1.0, 0.0, 0.0), 0.7, "0 0 0", "rx").replace(
        "length 0.7", "length nan"
    )
    content = (
        skeleton()
        .replace(":hierarchy", f"{bone_of_finger}:hierarchy")
        .replace("rwrist rhand", "rwrist rhand\nrhand rfingers")
    )
    (tmp_path / "y.asf").write_text(content, "utf-8-sig")
    (tmp_path / "y.amc").write_text(angles({**STANDING, "rfingers": "nan"}), "utf-8-sig")
    motion = read_amc(tmp_path / "y.asf", tmp_path / "y.amc")
    for name, x in plain.joints.items():
        assert motion.joints[name] == pytest.approx(x)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("length 7.0", "length nan", "ltibia: expected lengths as its offset, got nan"),
        ("axis 0 0 20", "axis 0 0 inf", "lfemur: expected three angles as `axis`"),
        ("length 0.45", "length inf", "expected a length above 0 under :units"),
        ("length 0.45", "length nan", "expected a length above 0 under :units"),
        ("rwrist rhand", "rwrist rhand\nrwrist rhand", "a bone stands twice"),
    ],
)
def test_a_skeleton_whose_numbers_are_none_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "x.asf").write_text(skeleton().replace(old, new, 1))
    (tmp_path / "x.amc").write_text(angles(STANDING))
    with pytest.raises(RecordingError, match=says):
        read_amc(tmp_path / "x.asf", tmp_path / "x.amc")


@pytest.mark.parametrize("word", [":bonedata", ":hierarchy", "  order TX TY TZ RX RY RZ", "lhumerus lradius"])
def test_a_broken_skeleton_is_refused(tmp_path: Path, word: str) -> None:
    (tmp_path / "x.asf").write_text(skeleton().replace(word, "", 1))
    (tmp_path / "x.amc").write_text(angles(STANDING))
    with pytest.raises(RecordingError, match=r"x\.a"):
        read_amc(tmp_path / "x.asf", tmp_path / "x.amc")
