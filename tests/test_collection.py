"""The folder of recorded motion: every clip of it, and a small one made here."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.motion.capture.clip import Motion
from edgehar.motion.capture.collection import LABELS, Take, labelled_clips, read_collection
from edgehar.motion.capture.track import Track, measure_lengths
from edgehar.motion.skeleton import SIDES, Array, SegmentLengths

CLIP = """HIERARCHY
ROOT hip { OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
JOINT chest { OFFSET 0 30 0 CHANNELS 0
JOINT neck { OFFSET 0 20 0 CHANNELS 0 End Site { OFFSET 0 9 0 } }
JOINT lShldr { OFFSET 18 18 0 CHANNELS 0 JOINT lForeArm { OFFSET 28 0 0 CHANNELS 0 End Site { OFFSET 25 0 0 } } }
JOINT rShldr { OFFSET -18 18 0 CHANNELS 0 JOINT rForeArm { OFFSET -28 0 0 CHANNELS 0 End Site { OFFSET -25 0 0 } } } }
JOINT lThigh { OFFSET 9 0 0 CHANNELS 0 JOINT lShin { OFFSET 0 -40 0 CHANNELS 0 JOINT lFoot { OFFSET 0 -40 0 CHANNELS 0 End Site { OFFSET 0 0 9 } } } }
JOINT rThigh { OFFSET -9 0 0 CHANNELS 0 JOINT rShin { OFFSET 0 -40 0 CHANNELS 0 JOINT rFoot { OFFSET 0 -40 0 CHANNELS 0 End Site { OFFSET 0 0 9 } } } }
}
MOTION
Frames: 200
Frame Time: 0.02
"""
HEAD = "file,content,seconds,fps,unit,up_axis,frame_labels\n"


class Seen(Take, frozen=True, eq=False):
    """Take with the figures that the tests check, worked out while it is read; all takes together are large."""

    lengths: SegmentLengths
    left_hip: Array
    ankle: Array
    thighs: Array
    cosines: Array


def seen(clip: Take) -> Seen:
    motion = clip.motion
    pelvis, joints, turns = motion.rotations["pelvis"], motion.joints, motion.rotations
    ankles = 0.5 * (joints["ankle_left"] + joints["ankle_right"])
    return Seen(
        content=clip.content,
        label=clip.label,
        group=clip.group,
        motion=Motion(motion.t, {}, {}, motion.spans, source=motion.source),
        lengths=measure_lengths(motion),
        left_hip=np.asarray(np.einsum("nji,nj->ni", pelvis, joints["hip_left"] - joints["hip_right"])),
        ankle=ankles - joints["pelvis"],
        thighs=np.stack([turns[f"thigh_{side}"][:, :, 2] for side in SIDES]),
        cosines=np.array([min(float(np.linalg.det(r[::50]).min()) for r in turns.values())]),
    )


@pytest.fixture(scope="module")
def takes(data: Path) -> list[Seen]:
    return [seen(clip) for clip in read_collection(data / "mocap")]


def test_every_clip_of_the_collection_is_read(takes: list[Seen]) -> None:
    assert len(takes) > 270
    assert {take.label for take in takes} <= set(LABELS)
    for take in takes:
        assert take.cosines.min() == pytest.approx(1.0, abs=1e-6)


def test_bodies_are_as_large_as_people(takes: list[Seen]) -> None:
    for take in takes:
        lengths = take.lengths
        assert 0.31 < lengths.thigh < 0.46, take.motion.source
        assert 0.27 < lengths.shank < 0.47, take.motion.source
        assert 0.38 < lengths.trunk < 0.62, take.motion.source
        assert 0.2 < lengths.upper_arm < 0.34, take.motion.source
        assert 0.17 < lengths.forearm < 0.33, take.motion.source
        assert 0.06 < lengths.hip_half < 0.12, take.motion.source


def test_left_is_left_and_feet_are_below_hips(takes: list[Seen]) -> None:
    for take in takes:
        assert np.median(take.left_hip[:, 1]) > 0.12, take.motion.source
        if take.label in {"walking", "running", "standing"}:
            assert np.median(take.ankle[:, 2]) < -0.5, take.motion.source


def test_walkers_and_standing_peoples_thighs_are_upright_on_average(takes: list[Seen]) -> None:
    walks = [
        take for take in takes if take.content in {"walk", "walking", "walking_extra", "acted", "genuine"}
    ]
    assert len(walks) > 80
    for take in walks:
        mean = take.thighs[:, 4:].mean(axis=(0, 1))
        # CMU's joint centres leave the knee ahead of the hip by 12 degrees or so.
        assert np.degrees(np.arctan2(np.hypot(mean[0], mean[1]), mean[2])) < 17.0, take.motion.source


def test_no_take_stands_there_twice(takes: list[Seen]) -> None:
    names = Counter(Path(take.motion.source).name for take in takes)
    assert max(names.values()) == 1
    sources = " ".join(take.motion.source for take in takes)
    # The same takes under other names.
    assert ("02_01" in sources, "train_walking_1." in sources) == (True, False)
    assert ("run_left03" in sources, "run_right10" in sources) == (True, False)


def test_a_couple_and_a_persons_takes_in_several_folders_bear_one_group(takes: list[Seen]) -> None:
    group = {take.motion.source: take.group for take in takes}
    assert group["cmu_dance_martial/01.bvh.gz"] == group["cmu_dance_martial/16.bvh.gz"]
    assert group["cmu_amc_exercise/35_01.bvh.gz"] == group["cmu_mocap_8act/test_walking_8.bvh.gz"]
    assert group["cmu_amc_exercise/02_01.bvh.gz"] != group["cmu_amc_exercise/03_01.bvh.gz"]


def test_recorded_walkers_feel_about_one_g(data: Path) -> None:
    walked = 0
    for label, _, motion in labelled_clips(data / "mocap"):
        if label == "walking" and motion.source.startswith("cmu_amc"):
            frame = Track(motion).frame("thorax")
            force = np.diff(frame.origin, 2, axis=0)[:, 2] * 200.0**2
            assert abs(force[20:-20].mean()) < 1.5, motion.source
            assert np.abs(force[20:-20]).max() < 40.0, motion.source
            walked += 1
        elif walked:
            break
    assert walked


def folder(path: Path, *rows: str, frames: int = 200) -> Path:
    lines = "".join(f"0 {80 + (i >= 5)} {0.5 * i} 0 0 0\n" for i in range(frames))
    (path / "a.bvh").write_text(CLIP + lines)
    (path / "index.csv").write_text(HEAD + "\n".join(rows) + "\n", "utf-8")
    return path


def test_labelled_frames_become_clips_of_their_own(tmp_path: Path) -> None:
    here = folder(tmp_path, "a.bvh,exercise session,4,50,cm,y,JumpJack@0-100;Squat@100-160;Twist@160-190")
    clips = [(label, motion.source, len(motion.t), motion.t[0]) for label, _, motion in labelled_clips(here)]
    assert clips == [("jumping", "a.bvh#JumpJack", 100, 0.0), ("other", "a.bvh#Squat", 60, 0.0)]


def test_unit_and_axis_come_from_the_index(tmp_path: Path) -> None:
    (clip,) = read_collection(folder(tmp_path, "a.bvh,walk,4,50,cm,y,"))
    assert clip.label == "walking"
    assert clip.motion.joints["pelvis"][0] == pytest.approx([0.0, 0.0, 0.8])
    assert clip.motion.joints["pelvis"][-1, 0] > 0.5


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_index_may_begin_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    here = folder(tmp_path, 'a.bvh,"walk, über Stock",4,50,cm,y,')
    index = here / "index.csv"
    index.write_bytes(index.read_text("utf-8").replace("\n", "\r\n").encode(encoding))
    assert [clip.content for clip in read_collection(here)] == ["walk, über Stock"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a.bvh,walk,4,50,ell,y,", "unit must be cm or m"),
        ("a.bvh,walk,4,50,cm,x,", "up_axis y or z"),
        ("a.bvh,walk,4,50,cm,y,Jog-1-2", "name@from-to"),
        ("a.bvh,walk,4,50,cm,y", r"index\.csv: a\.bvh: .*frame_labels missing"),
        ("a.bvh", r"index\.csv: a\.bvh: .*content, frame_labels, unit, up_axis missing"),
        ("a.bvh,walk,4,50,cm,y,Jog@150-201", r"frames within the clip's 200, got 'Jog@150-201'"),
        ("a.bvh,walk,4,50,cm,y,Jog@500-700", r"index\.csv: a\.bvh: frame_labels: .*got 'Jog@500-700'"),
        ("a.bvh,walk,4,50,cm,y,Jog@60-50", r"got 'Jog@60-50'"),
        (
            "a.bvh,walk, slow,4,50,cm,y,",
            r"index\.csv: a\.bvh: expected a cell for each column, got more; .*quotes",
        ),
        ('a.bvh,"walk,4,50,cm,y,', r"index\.csv: expected a table with commas"),
        (f"a.bvh,{'w' * 200_000},4,50,cm,y,", r"index\.csv: expected a table with commas"),
        ("b.bvh,walk,4,50,cm,y,", "b.bvh"),
    ],
)
def test_a_wrong_index_is_refused(tmp_path: Path, row: str, says: str) -> None:
    with pytest.raises(RecordingError, match=says):
        list(read_collection(folder(tmp_path, row)))


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"index\.csv"):
        list(read_collection(tmp_path))
    (tmp_path / "index.csv").write_text("name,kind\na.bvh,walk\n")
    with pytest.raises(RecordingError, match="expected columns"):
        list(read_collection(tmp_path))
