"""Scores of a camera's model: annotated poses as keypoints, clips, films and their tables."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from conftest import ROOT

from edgehar.errors import RecordingError
from edgehar.evaluation import pictures, pictures_report, pose_sets
from edgehar.evaluation.films import FILMS, Film, judge
from edgehar.evaluation.pictures import PictureScores
from edgehar.evaluation.pose_sets import JHMDB, PENN, PoseClip
from edgehar.motion.capture.planar import JHMDB_JOINTS, PENN_JOINTS
from edgehar.pipeline import manifest
from edgehar.sources.camera.region import Region
from edgehar.types import KEYPOINTS, Activity, Event

NOSE, WRIST, EAR = (KEYPOINTS.index(name) for name in ("nose", "wrist_left", "ear_left"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    jhmdb = rng.random((70, len(JHMDB_JOINTS), 2)).astype(np.float32)
    np.savez(tmp_path / f"{JHMDB}.npz", pose=jhmdb, n=np.array([30, 40]), label=np.array(["clap", "golf"]))
    np.savez(
        tmp_path / f"{PENN}.npz",
        xy=rng.integers(0, 3000, (50, len(PENN_JOINTS), 2)).astype(np.int16),
        scale=np.float32(0.1),
        visible=(rng.random((50, len(PENN_JOINTS))) < 0.9).astype(np.uint8),
        n=np.array([50]),
        activity=np.array(["squat"]),
        height_width=np.array([[300, 400]], np.uint16),
    )
    return tmp_path


def test_joints_stand_where_keypoints_have_them_and_the_rest_is_not_seen(folder: Path) -> None:
    clips = pose_sets.read_clips(folder, JHMDB)
    assert [(clip.content, clip.label, len(clip.keypoints)) for clip in clips] == [
        ("clap", "clapping", 30),
        ("golf", "other", 40),
    ]
    pose = np.load(folder / f"{JHMDB}.npz")["pose"]
    for joint, keypoint in (("head", NOSE), ("wrist_left", WRIST)):
        assert (clips[0].keypoints[:, keypoint, :2] == pose[:30, JHMDB_JOINTS.index(joint)]).all()
        assert (clips[0].keypoints[:, keypoint, 2] == 1.0).all()
    assert not clips[0].keypoints[:, EAR].any()


def test_what_is_hidden_in_penn_action_is_not_seen_and_places_are_in_heights(folder: Path) -> None:
    [clip] = pose_sets.read_clips(folder, PENN)
    data = np.load(folder / f"{PENN}.npz")
    joint = PENN_JOINTS.index("wrist_left")
    assert (clip.keypoints[:, WRIST, 2] == data["visible"][:, joint]).all()
    assert clip.keypoints[:, WRIST, 0] == pytest.approx(data["xy"][:, joint, 0] * 0.1 / 300.0)
    assert clip.label == "squatting"


def test_a_set_of_another_form_is_refused(folder: Path) -> None:
    np.savez(folder / f"{JHMDB}.npz", pose=np.zeros((9, 3, 2)), n=np.array([9]), label=np.array(["clap"]))
    with pytest.raises(RecordingError, match="pose has shape"):
        pose_sets.read_clips(folder, JHMDB)


def clip_of(rows: int) -> PoseClip:
    keypoints = np.zeros((rows, 17, 3), np.float32)
    keypoints[:, :, 0] = np.arange(rows)[:, None] / 30.0
    return PoseClip("walk", "walking", keypoints, 30.0)


def test_a_clip_shorter_than_a_window_is_held_at_both_ends() -> None:
    [window] = pose_sets.windows(clip_of(31), 20.0, 50, 10)
    x = window.reshape(50, 17, 3)[:, 0, 0]
    assert (x[:14] == 0.0).all()
    assert x[-14:] == pytest.approx(1.0)
    assert np.diff(x[14:35]) == pytest.approx(0.05, abs=1e-5)


def test_a_long_clip_gives_a_window_for_each_hop() -> None:
    assert len(pose_sets.windows(clip_of(151), 20.0, 50, 10)) == 6


def test_the_rest_counts_as_other_only_where_all_clips_are_scored() -> None:
    clips = [clip_of(9), clip_of(9), PoseClip("golf", "other", np.zeros((9, 17, 3), np.float32), 30.0)]
    scores = pictures.scores_of(clips, np.array(["walking", "running", "other"]), np.array([1, 1, 2]))
    assert scores["labelled clips"].right == 0.5
    assert scores["labelled clips"].windows == 2
    assert scores["all clips"].right == pytest.approx(2 / 3, abs=1e-3)
    assert scores["all clips"].recall == {"golf": 1.0, "walk": 0.5}
    low, high = scores["all clips"].interval
    assert low <= scores["all clips"].right <= high


def activity(state: str, t: float) -> Activity:
    return Activity("a", state, None, "", 1.0, t, 0.0, 1.0)


@pytest.mark.parametrize(
    ("told", "right"),
    [
        (["sitting"] * 4 + ["walking"] * 9, True),
        (["sitting"] * 4 + ["lying"] * 5, False),
        (["walking"] * 9, False),
        (["other"] * 9 + ["sitting"], True),
    ],
)
def test_a_film_is_right_if_what_it_shows_is_told_and_nothing_else_longer(
    told: list[str], *, right: bool
) -> None:
    film = Film("a.mp4", Region(0.0, 0.0, 1.0, 1.0), frozenset({"sitting"}), frozenset({"walking"}))
    answers: list[Activity | Event] = [activity(state, 0.5 * i) for i, state in enumerate(told)]
    scored = judge(film, answers, 0.5)
    assert scored.right is right
    assert sum(scored.seconds.values()) == pytest.approx(0.5 * len(told))


def test_every_film_shows_labels_of_the_shipped_model() -> None:
    labels = {*manifest.read(ROOT / "models" / "pose_tcn.json").labels}
    assert len({film.file for film in FILMS}) == 12
    for film in FILMS:
        assert film.main <= labels
        assert film.also <= labels
        assert not film.main & film.also


def test_the_figures_beside_the_shipped_camera_model_are_its_own() -> None:
    folder = ROOT / "models"
    spec = manifest.read(folder / "pose_tcn.json")
    content = (folder / "scores" / "pose_tcn.json").read_bytes()
    scores = msgspec.json.decode(content, type=PictureScores)
    assert scores.sha256 == spec.sha256
    assert pictures_report.metrics(scores) == spec.metrics
    assert pictures_report.tables(scores) in (folder / "README.md").read_text()
    assert pictures_report.details(scores) in (folder / "DETAILS.md").read_text()
