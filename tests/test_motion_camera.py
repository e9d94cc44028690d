"""People before simulated cameras: where points are in the picture, and what a pose network makes of them."""

import numpy as np
import pytest

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.camera import ROOM, Camera, draw_camera, looking
from edgehar.motion.detection import LEFT, RIGHT, Eye, detect
from edgehar.motion.landmarks import draw_offsets, landmarks
from edgehar.motion.skeleton import Array, Figure, segment_lengths
from edgehar.motion.travel import travel
from edgehar.types import KEYPOINTS

BODY = segment_lengths(1.7)
CLEAR = Eye(noise=0.01, drift_s=0.3, blur=0.0, mistakes=0.0, certainty=0.8, steps=255)
ANKLES = [KEYPOINTS.index("ankle_left"), KEYPOINTS.index("ankle_right")]
WRIST = KEYPOINTS.index("wrist_left")


def camera(place: tuple[float, float, float], azimuth: float, aspect: float = 16 / 9) -> Camera:
    zero = np.zeros(1)
    return looking(np.array(place), zero + azimuth, zero, zero, 1.0, aspect)


def points(activity: str = "standing", seconds: float = 3.0, rate: float = 20.0) -> tuple[Array, Array]:
    """Return times and points of somebody at the origin who looks along x."""
    rng = np.random.default_rng(4)
    t = np.arange(int(seconds * rate)) / rate
    figure = Figure(BODY, CATALOGUE[activity](BODY, rng)(t), len(t))
    return t, landmarks(figure, BODY, draw_offsets(rng))


def test_a_point_straight_ahead_is_in_the_middle_and_one_beside_it_by_its_angle() -> None:
    looks_along_x = camera((0.0, 0.0, 1.0), 0.0, aspect=2.0)
    place, depth = looks_along_x.project(np.array([[[4.0, 0.0, 1.0], [4.0, -1.0, 1.5]]]))
    assert place[0] == pytest.approx(np.array([[1.0, 0.5], [1.25, 0.375]]))
    assert depth[0] == pytest.approx(4.0)


def test_who_faces_the_camera_has_their_left_hand_at_the_right_of_the_picture() -> None:
    _, body = points()
    for place, azimuth, right in (((3.0, 0.0, 1.0), np.pi, True), ((-3.0, 0.0, 1.0), 0.0, False)):
        seen, _ = camera(place, azimuth).project(body)
        assert (seen[:, LEFT[2:], 0] > seen[:, RIGHT[2:], 0]).all() == right, seen[0]


def test_a_camera_turned_clockwise_shows_the_room_turned_the_other_way() -> None:
    zero = np.zeros(1)
    turned = looking(np.zeros(3), zero, zero, zero + 0.1, 1.0, 2.0)
    place, _ = turned.project(np.array([[[4.0, 0.0, 2.0]]]))
    assert place[0, 0, 0] < 1.0


def test_who_is_twice_as_far_is_half_as_large() -> None:
    _, body = points()
    near, far = (camera((distance, 0.0, 1.0), np.pi).project(body)[0] for distance in (30.0, 60.0))
    assert np.ptp(near[:, :, 1]) == pytest.approx(2.0 * np.ptp(far[:, :, 1]), rel=0.02)


def test_what_is_out_of_the_picture_or_behind_a_table_has_a_low_score() -> None:
    t, body = points()
    close = camera((1.0, 0.0, 1.3), np.pi)
    behind = np.zeros(body.shape[:2], np.bool_)
    rng = np.random.default_rng(2)
    assert detect(body, t, close, behind, CLEAR, rng)[:, ANKLES, 2].mean() < 0.3
    whole = camera((4.0, 0.0, 1.0), np.pi)
    assert detect(body, t, whole, behind, CLEAR, rng)[:, ANKLES, 2].mean() > 0.5
    behind[:, ANKLES] = True
    assert detect(body, t, whole, behind, CLEAR, rng)[:, ANKLES, 2].mean() < 0.3


def test_an_arm_behind_the_back_is_seen_less_surely_than_one_before_it() -> None:
    t, body = points()
    wrist = body.copy()
    front, back = (camera((3.0, 0.0, 1.2), np.pi), camera((-3.0, 0.0, 1.2), 0.0))
    wrist[:, WRIST] = np.add(body[:, 5:13].mean(axis=1), (0.25, 0.0, 0.0))
    behind = np.zeros(body.shape[:2], np.bool_)
    scores = [
        detect(wrist, t, view, behind, CLEAR, np.random.default_rng(1))[:, WRIST, 2].mean()
        for view in (front, back)
    ]
    assert scores[1] < scores[0]


def test_a_clear_view_is_a_few_percent_of_a_torso_off() -> None:
    t, body = points()
    view = camera((3.0, 0.0, 1.0), np.pi)
    place, _ = view.project(body)
    seen = detect(body, t, view, np.zeros(body.shape[:2], np.bool_), CLEAR, np.random.default_rng(1))
    torso = np.linalg.norm(place[:, 5] - place[:, 11], axis=1).mean()
    error = np.linalg.norm(seen[:, :, :2] - place, axis=2) / torso
    assert 0.002 < np.median(error) < 0.05
    assert ((seen[:, :, 2] >= 0.0) & (seen[:, :, 2] <= 1.0)).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_drawn_camera_has_the_person_in_its_picture(seed: int) -> None:
    _, body = points("walking")
    rng = np.random.default_rng(seed)
    view = draw_camera(body, 20, 0.05, ROOM, 0.3, rng)
    place, depth = view.project(body)
    assert view.shows(place, depth)[20].mean() > 0.3


def test_who_walks_leaves_the_place_and_who_jumps_leaves_the_ground() -> None:
    t = np.arange(360) / 60.0
    ways = {}
    for activity in ("walking", "running", "jumping", "standing"):
        pose = CATALOGUE[activity](BODY, np.random.default_rng(3))(t)
        ways[activity] = np.ptp(travel(pose, t), axis=0)
        assert np.ptp(travel(pose, t, in_place=True)[:, :2]) < 0.6
    assert 0.4 < np.hypot(*ways["walking"][:2]) / t[-1] < 2.2
    assert 1.5 < np.hypot(*ways["running"][:2]) / t[-1] < 5.0
    assert 0.03 < ways["jumping"][2] < 0.8
    assert ways["standing"].max() < 0.01


def test_stairs_lead_up_and_down() -> None:
    t = np.arange(360) / 60.0
    for activity, sign in (("stairs_up", 1.0), ("stairs_down", -1.0)):
        way = travel(CATALOGUE[activity](BODY, np.random.default_rng(3))(t), t)
        assert 0.1 < sign * (way[-1, 2] - way[0, 2]) / t[-1] < 0.5


def test_who_falls_comes_to_rest() -> None:
    t = np.arange(600) / 60.0
    for seed in range(8):
        pose = CATALOGUE["falling"](BODY, np.random.default_rng(seed))(t)
        assert np.ptp(travel(pose, t)[210:330], axis=0).max() < 0.05
