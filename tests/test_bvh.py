"""BVH files, made here: a body in a T-pose with legs astride, as CMU's are."""

import gzip
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.spatial.transform import Rotation

from edgehar.errors import RecordingError
from edgehar.motion.capture.bvh import read_bvh
from edgehar.motion.capture.clip import Motion

ASTRIDE = np.deg2rad(20.0)
LEG = np.array([np.sin(ASTRIDE), -np.cos(ASTRIDE), 0.0])
MIRROR = np.array([-1.0, 1.0, 1.0])

Body = list[tuple[str, int, np.ndarray]]
"""Name, parent, offset in cm; x is left, y up, z forward."""
BODY: Body = [
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
        (f"{_side}Thumb", _first + 5, _sign * [2.0, -3.0, 0.0]),
    ]


def text(
    frames: Sequence[Mapping[str, Sequence[float]]], names: Mapping[str, str] | None = None, body: Body = BODY
) -> str:
    """Write a file whose joints turn by (z, x, y) degrees; `root` is the place of the hips."""

    def joint(index: int) -> str:
        name, parent, offset = body[index]
        place = "Xposition Yposition Zposition " if parent < 0 else ""
        children = [joint(i) for i, (_, p, _) in enumerate(body) if p == index]
        inner = "".join(children) or "End Site { OFFSET 0 5 0 }\n"
        return (
            f"{'ROOT' if parent < 0 else 'JOINT'} {(names or {}).get(name, name)} {{ OFFSET {offset[0]} {offset[1]} {offset[2]}\n"
            f"CHANNELS {6 if parent < 0 else 3} {place}Zrotation Xrotation Yrotation\n{inner}}}\n"
        )

    lines = []
    for frame in frames:
        numbers = [*frame.get("root", (0.0, 100.0, 0.0))]
        for index in order(body):
            numbers += frame.get(body[index][0], (0.0, 0.0, 0.0))
        lines.append(" ".join(f"{n:.6f}" for n in numbers))
    return (
        f"HIERARCHY\n{joint(0)}MOTION\nFrames: {len(frames)}\nFrame Time: 0.025\n" + "\n".join(lines) + "\n"
    )


def order(body: Body, index: int = 0) -> list[int]:
    """List the joints in the file's order."""
    return [index, *(j for i, (_, p, _) in enumerate(body) if p == index for j in order(body, i))]


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
        (lambda s: s.replace("CHANNELS 6", "CHANNELS 600", 1), r"Hips: expected 600 channels .{1,200}$"),
        (
            lambda s: s.replace("CHANNELS 3", "CHANNELS 3 Zrotation Xrotation Yrotation\nCHANNELS 3", 1),
            " has CHANNELS twice",
        ),
        (lambda s: s.replace("Frames: 1", "Frames: many"), "MOTION"),
        (lambda s: s.replace("Frame Time: 0.025", "Frame Time: nan"), "nan s apart"),
        (lambda s: s.replace("Frame Time: 0.025", "Frame Time: 0,025"), "MOTION"),
        (lambda s: s.replace("100.000000", "100,000000"), "frame 1, Hips Yposition: .*'100,000000'"),
        (lambda s: s.replace("100.000000", "nan"), "frame 1, Hips Yposition: expected a number, got nan"),
        (lambda s: s.replace("100.000000", "-1.#IND"), "frame 1, Hips Yposition: expected a number, got nan"),
        (
            lambda s: s.replace("100.000000", "1e300"),
            r"frame 1, Hips Yposition: expected a number, got 1e\+300",
        ),
        (lambda s: s.replace("100.000000", "1e8"), "lies 1e\\+06 m away in frame 1"),
        (lambda s: s.replace("OFFSET 9.0", "OFFSET nan", 1), "LeftUpLeg: expected lengths as its offset"),
        (lambda s: s.replace("OFFSET 30.0", "OFFSET 0.0"), "shoulder_left and elbow_left lie in one place"),
        (lambda s: s.replace("ROOT Hips {", "ROOT Hips"), "unexpected 'OFFSET'|HIERARCHY"),
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


def test_a_number_that_nobody_uses_may_be_none(tmp_path: Path) -> None:
    plain = read(tmp_path / "a.bvh", STANDING, STANDING)
    broken = {**STANDING, "LeftThumb": (float("nan"), 0.0, 0.0)}
    for word in ("nan", "-1.#IND", "-nan(ind)", "1e999"):
        content = (
            text([STANDING, broken])
            .replace("nan", word)
            .replace("OFFSET 2.0", f"OFFSET {word if word[0] != '-' else 'nan'}")
        )
        (tmp_path / "b.bvh").write_text(content)
        assert_equal(read_bvh(tmp_path / "b.bvh"), plain)


def assert_equal(motion: Motion, expected: Motion) -> None:
    assert motion.t == pytest.approx(expected.t)
    for given_parts, parts in ((motion.joints, expected.joints), (motion.rotations, expected.rotations)):
        assert set(given_parts) == set(parts)
        for name, x in parts.items():
            assert given_parts[name] == pytest.approx(x, abs=1e-6), name


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_a_byte_order_mark_and_an_accent_in_a_name_are_read_over(tmp_path: Path, encoding: str) -> None:
    plain = read(tmp_path / "a.bvh", STANDING)
    (tmp_path / "b.bvh").write_bytes(text([STANDING], {"LeftThumb": "Däumling"}).encode(encoding))
    assert_equal(read_bvh(tmp_path / "b.bvh"), plain)


SIDES = (("Left", "L"), ("Right", "R"))
BIPED = {
    "UpLeg": "Thigh",
    "Leg": "Calf",
    "Foot": "Foot",
    "Arm": "UpperArm",
    "ForeArm": "Forearm",
    "Hand": "Hand",
}
GAME = {
    "UpLeg": "thigh",
    "Leg": "calf",
    "Foot": "foot",
    "Arm": "upperarm",
    "ForeArm": "lowerarm",
    "Hand": "hand",
}


@pytest.mark.parametrize(
    "names",
    [
        {name: f"mixamorig:{name}" for name, *_ in BODY},
        {name: f"Character1_{name}" for name, *_ in BODY},
        {name: f"Bip01 {name}" for name, *_ in BODY if "Thumb" not in name},
        {"Hips": "Bip01", "Chest": "Bip01 Spine3", "Neck": "Bip01 Neck"}
        | {f"{side}{a}": f"Bip01 {letter} {b}" for side, letter in SIDES for a, b in BIPED.items()},
        {"Hips": "pelvis", "Chest": "spine_03", "Neck": "neck_01"}
        | {f"{side}{a}": f"{b}_{letter.lower()}" for side, letter in SIDES for a, b in GAME.items()},
    ],
)
def test_names_of_several_programs_mean_the_same_body(tmp_path: Path, names: dict[str, str]) -> None:
    plain = read(tmp_path / "a.bvh", STANDING)
    (tmp_path / "b.bvh").write_text(text([STANDING], names))
    assert_equal(read_bvh(tmp_path / "b.bvh"), plain)


CMU: list[tuple[str, str, str, np.ndarray]] = [
    ("Root", "Hips", "", np.zeros(3)),
    ("lowerback", "LowerBack", "Root", np.zeros(3)),
    ("upperback", "Spine", "lowerback", np.array([0.0, 2.0, 0.0])),
    ("thorax", "Spine1", "upperback", np.array([0.0, 2.0, 0.0])),
    ("lowerneck", "Neck", "thorax", np.zeros(3)),
    ("upperneck", "Neck1", "lowerneck", np.array([0.0, 1.6, 0.0])),
    ("head", "Head", "upperneck", np.array([0.0, 1.6, 0.0])),
]
for _side, _s, _sign in (("Left", "l", np.ones(3)), ("Right", "r", MIRROR)):
    CMU += [
        (f"{_s}hipjoint", f"{_s.upper()}HipJoint", "Root", np.zeros(3)),
        (f"{_s}femur", f"{_side}UpLeg", f"{_s}hipjoint", _sign * [1.6, -1.7, 0.0]),
        (f"{_s}tibia", f"{_side}Leg", f"{_s}femur", _sign * [2.0, -7.0, 0.0]),
        (f"{_s}foot", f"{_side}Foot", f"{_s}tibia", _sign * [2.0, -7.0, 0.0]),
        (f"{_s}toes", f"{_side}ToeBase", f"{_s}foot", _sign * [0.0, -1.0, 2.0]),
        (f"{_s}clavicle", f"{_side}Shoulder", "thorax", np.zeros(3)),
        (f"{_s}humerus", f"{_side}Arm", f"{_s}clavicle", _sign * [3.4, 1.2, 0.0]),
        (f"{_s}radius", f"{_side}ForeArm", f"{_s}humerus", _sign * [5.0, 0.0, 0.0]),
        (f"{_s}wrist", f"{_side}Hand", f"{_s}radius", _sign * [3.4, 0.0, 0.0]),
        (f"{_s}hand", f"{_side}FingerBase", f"{_s}wrist", np.zeros(3)),
        (f"{_s}fingers", f"{_side}HandIndex1", f"{_s}hand", _sign * [0.7, 0.0, 0.0]),
    ]


def test_cmus_takes_are_the_same_under_both_of_their_sets_of_names(tmp_path: Path) -> None:
    index = {name: i for i, (name, *_) in enumerate(CMU)}
    body = [(name, index.get(parent, -1), offset) for name, _, parent, offset in CMU]
    pose = {
        "lhumerus": (-80.0, 0.0, 0.0),
        "lwrist": (0.0, 70.0, 0.0),
        "lhand": (30.0, 0.0, 0.0),
        "root": (0.0, 16.0, 0.0),
    }
    for file, names in (("a.bvh", None), ("b.bvh", {name: other for name, other, *_ in CMU})):
        (tmp_path / file).write_text(text([pose, pose], names, body))
    ours, theirs = (read_bvh(tmp_path / file, metres=0.0254 / 0.45) for file in ("a.bvh", "b.bvh"))
    assert_equal(theirs, ours)
    assert "pronation_left" not in ours.joints
    # The bone before the neck and the last third of the forearm, which the file has lost, are there.
    assert ours.joints["neck"][0, 2] == pytest.approx((16.0 + 2.0 + 2.0 + 2.0) * 0.0254 / 0.45)
    forearm = ours.joints["wrist_left"][0] - ours.joints["elbow_left"][0]
    assert np.linalg.norm(forearm) == pytest.approx((3.4 + 1.7) * 0.0254 / 0.45)


def test_the_roots_place_is_absolute_whatever_its_offset(tmp_path: Path) -> None:
    plain = read(tmp_path / "a.bvh", STANDING)
    (tmp_path / "b.bvh").write_text(text([STANDING]).replace("OFFSET 0.0 0.0 0.0", "OFFSET 0 100 0", 1))
    assert_equal(read_bvh(tmp_path / "b.bvh"), plain)


@pytest.mark.parametrize("share_of_offset", [1.0, 0.0])
def test_place_channels_of_other_joints_are_places_or_ways_from_their_offset(
    tmp_path: Path, share_of_offset: float
) -> None:
    plain = read(tmp_path / "a.bvh", STANDING)
    way = np.array([0.3, -5.0, 0.2])
    numbers = [0.0, 100.0, 0.0]
    for i in order(BODY):
        name, parent, offset = BODY[i]
        if parent >= 0:
            place = share_of_offset * offset + (way if name == "LeftLeg" else 0.0)
            numbers += [*np.broadcast_to(place, 3)]
        numbers += STANDING.get(name, (0.0, 0.0, 0.0))
    head = text([]).partition("MOTION")[0]
    head = head.replace("CHANNELS 3", "CHANNELS 6 Xposition Yposition Zposition")
    line = " ".join(f"{number:.9f}" for number in numbers)
    (tmp_path / "b.bvh").write_text(f"{head}MOTION\nFrames: 1\nFrame Time: 0.025\n{line}\n")
    joints = read_bvh(tmp_path / "b.bvh").joints
    thigh = joints["knee_left"] - joints["hip_left"]
    assert np.linalg.norm(thigh) == pytest.approx(0.01 * np.linalg.norm(42.0 * LEG + way))
    assert joints["knee_right"] == pytest.approx(plain.joints["knee_right"])


def test_rows_that_the_file_does_not_announce_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(text([STANDING] * 5).replace("Frames: 5", "Frames: 4"))
    assert len(read_bvh(path).t) == 5
    path.write_text(text([STANDING] * 5).replace("Frames: 5", "Frames: 6"))
    with pytest.raises(RecordingError, match=r"expected 6 frames of 54 numbers.*Is the file cut off"):
        read_bvh(path)


def moving(rows: int = 40) -> list[dict[str, tuple[float, ...]]]:
    """Let somebody walk on the spot, elbows and knees bending, and turn a little."""
    poses: list[dict[str, tuple[float, ...]]] = []
    for phase in np.linspace(0.0, 4.0 * np.pi, rows):
        swing, bend = 25.0 * np.sin(phase), 20.0 * (1.0 + np.cos(phase))
        poses.append(
            {
                "Hips": (0.0, 3.0, 20.0 * np.sin(0.5 * phase)),
                "LeftUpLeg": (-20.0, -swing, 0.0), "RightUpLeg": (20.0, swing, 0.0),
                "LeftLeg": (0.0, bend, 0.0), "RightLeg": (0.0, 45.0 - bend, 0.0),
                "LeftArm": (-90.0, swing, 0.0), "RightArm": (90.0, -swing, 0.0),
                "LeftForeArm": (0.0, 0.0, -10.0 - bend), "RightForeArm": (0.0, 0.0, 10.0 + bend),
            }
        )  # fmt: skip
    return poses


def laid_out(turned: Mapping[str, Rotation], frames: Sequence[Mapping[str, Sequence[float]]]) -> str:
    """Write the same movement of a body whose joints' own axes are `turned` in the rest pose we have."""
    axes = [turned.get(name, Rotation.identity()) for name, *_ in BODY]
    around = [axes[parent] if parent >= 0 else Rotation.identity() for _, parent, _ in BODY]
    body = [
        (name, parent, np.round(around[i].inv().apply(offset), 6))
        for i, (name, parent, offset) in enumerate(BODY)
    ]
    return text(
        [
            {
                name: tuple(
                    (around[i].inv() * Rotation.from_euler("ZXY", frame.get(name, (0.0, 0.0, 0.0)), degrees=True) * axes[i])
                    .as_euler("ZXY", degrees=True)
                )
                for i, (name, *_) in enumerate(BODY)
            }
            for frame in frames
        ],
        body=body,
    )  # fmt: skip


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angles in degrees between rotations (rows, 3, 3)."""
    return np.asarray(np.degrees(Rotation.from_matrix(np.swapaxes(a, 1, 2) @ b).magnitude()))


LIMBS = ("thigh", "shank", "upper_arm", "forearm")
TRUNK_ALONG_X = dict.fromkeys(["Chest", "Neck"], Rotation.from_euler("Z", -90.0, degrees=True).inv())
BONES_ALONG_X = {
    "Hips": Rotation.from_matrix(np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])),
    **{
        f"{side}{part}": Rotation.from_matrix(np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]]))
        for side, _ in SIDES
        for part in ("UpLeg", "Leg", "Foot")
    },
}
ARMS_AHEAD = {
    f"{side}{part}": Rotation.from_euler("Y", sign * 90.0, degrees=True)
    for side, sign in (("Left", 1.0), ("Right", -1.0))
    for part in ("Arm", "ForeArm", "Hand")
}


@pytest.mark.parametrize("axes", [TRUNK_ALONG_X, BONES_ALONG_X, ARMS_AHEAD, BONES_ALONG_X | ARMS_AHEAD])
def test_a_rest_pose_that_does_not_stand_gives_the_same_movement(
    tmp_path: Path, axes: dict[str, Rotation]
) -> None:
    expected = read(tmp_path / "a.bvh", *moving())
    (tmp_path / "b.bvh").write_text(laid_out(axes, moving()))
    motion = read_bvh(tmp_path / "b.bvh")
    for name, x in expected.joints.items():
        assert motion.joints[name] == pytest.approx(x, abs=1e-6), name
    for name, rotation in expected.rotations.items():
        # Feet have no toes here: on average they stand straight on their shanks.
        limit = 25.0 if name.startswith("foot") else 10.0
        assert angle_between(motion.rotations[name], rotation).max() < limit, name


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_whatever_the_rest_pose_is_limbs_lie_along_their_bones(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    axes = {name: Rotation.random(random_state=rng) for name, *_ in BODY if rng.random() < 0.5}
    path = tmp_path_factory.getbasetemp() / "laid_out.bvh"
    path.write_text(text(moving(12)))
    expected = read_bvh(path)
    path.write_text(laid_out(axes, moving(12)))
    motion = read_bvh(path)
    assert set(motion.rotations) == set(expected.rotations)
    for name, x in expected.joints.items():
        assert motion.joints[name] == pytest.approx(x, abs=1e-6), name
    for name, rotation in motion.rotations.items():
        assert rotation @ np.swapaxes(rotation, 1, 2) == pytest.approx(
            np.tile(np.eye(3), (12, 1, 1)), abs=1e-6
        )
        if name.startswith(LIMBS):
            assert rotation[:, :, 2] == pytest.approx(expected.rotations[name][:, :, 2], abs=1e-5), name
