"""Who is followed, and how many there are, in pictures put together from a real one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgehar.sources.camera.address import parse
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.opencv import Picture
from edgehar.sources.camera.tracker import APPEARS, VANISHES_S, Seen, Tracker
from edgehar.sources.camera.video_file import VideoFile
from edgehar.types import KEYPOINTS

PERIOD_S = 1 / 15
HIPS = [KEYPOINTS.index("hip_left"), KEYPOINTS.index("hip_right")]


@pytest.fixture
def tracker(weights: Path) -> Tracker:
    return Tracker(MoveNet(weights))


class Scene:
    """Pictures that follow each other at 15 Hz."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker, self._t = tracker, 0.0

    def show(self, picture: Picture, seconds: float = 3 * PERIOD_S) -> Seen:
        """Show a picture for a while; return what is seen at the end."""
        for _ in range(round(seconds / PERIOD_S)):
            self._t += PERIOD_S
            seen = self._tracker.push(picture, self._t)
        return seen


def side_by_side(left: Picture | None, right: Picture | None) -> Picture:
    """Return a picture of a grey room, with somebody or nobody in either half."""
    room = np.full((610, 1200, 3), 128, np.uint8)
    for picture, at in ((left, 50), (right, 650)):
        if picture is not None:
            room[:, at : at + picture.shape[1]] = picture
    return room


def middle(seen: Seen) -> float:
    """Return where the hips are, as a share of the picture's width."""
    assert seen.keypoints is not None
    return float(seen.keypoints[HIPS, 0].mean()) * 610 / 1200


def test_somebody_is_there_after_a_few_pictures(tracker: Tracker, squat: Picture) -> None:
    scene = Scene(tracker)
    people = [scene.show(squat, PERIOD_S).people for _ in range(APPEARS + 1)]
    assert people == [0] * (APPEARS - 1) + [1, 1]


def test_an_empty_room_has_nobody(tracker: Tracker) -> None:
    seen = Scene(tracker).show(side_by_side(None, None), 2.0)
    assert (seen.people, seen.keypoints) == (0, None)


def test_who_left_is_gone_after_a_while_and_not_at_once(tracker: Tracker, squat: Picture) -> None:
    scene, empty = Scene(tracker), side_by_side(None, None)
    assert scene.show(side_by_side(squat, None)).people == 1
    assert scene.show(empty, VANISHES_S - 2 * PERIOD_S).people == 1
    assert scene.show(empty, 4 * PERIOD_S).people == 0


def test_two_people_are_two_and_one_of_them_is_followed(tracker: Tracker, squat: Picture) -> None:
    scene = Scene(tracker)
    seen = scene.show(side_by_side(squat, squat))
    before = middle(seen)
    # Not every look is sure of the second.
    later = [scene.show(side_by_side(squat, squat), 0.5) for _ in range(20)]
    assert sum(seen.people == 2 for seen in later) >= 5
    assert [middle(seen) for seen in later] == pytest.approx([before] * 20, abs=0.05)


def test_a_second_person_who_leaves_is_soon_not_counted(tracker: Tracker, squat: Picture) -> None:
    scene = Scene(tracker)
    both = [scene.show(side_by_side(squat, squat)) for _ in range(50)]
    assert max(seen.people for seen in both) == 2
    followed_left = middle(both[-1]) < 0.5
    alone = side_by_side(squat, None) if followed_left else side_by_side(None, squat)
    assert scene.show(alone, 1.2).people == 1


@pytest.mark.parametrize("at_right", [False, True])
def test_who_is_nearest_to_where_somebody_was_is_followed_when_two_are_there_again(
    tracker: Tracker,
    squat: Picture,
    at_right: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    scene = Scene(tracker)
    alone = side_by_side(None, squat) if at_right else side_by_side(squat, None)
    before = middle(scene.show(alone))
    scene.show(side_by_side(None, None), VANISHES_S / 2)
    assert middle(scene.show(side_by_side(squat, squat))) == pytest.approx(before, abs=0.05)


def test_a_picture_of_another_size_is_no_trouble(tracker: Tracker, squat: Picture) -> None:
    scene = Scene(tracker)
    scene.show(squat)
    assert scene.show(squat[::2, ::2]).people == 1
    assert scene.show(side_by_side(None, squat)).people == 1


@pytest.mark.parametrize(
    ("clip", "people"), [("adl_01_walking_slowly", {1}), ("fall_05_vertical_fall_faint", {1})]
)
def test_one_person_in_a_real_room_is_one_also_on_the_floor(
    tracker: Tracker, data: Path, clip: str, people: set[int]
) -> None:
    seen = [
        tracker.push(picture[:560, :850], t).people for t, picture in frames(data / "video" / f"{clip}.mp4")
    ]
    assert set(seen[15:]) == people


def test_a_real_room_that_somebody_left_is_empty(tracker: Tracker, data: Path) -> None:
    clip = data / "video" / "adl_06_walking_stairs_quickly.mp4"
    seen = [tracker.push(picture[:560, :850], t).people for t, picture in frames(clip)]
    assert seen[30] == 1
    assert set(seen[-20:]) == {0}


def frames(path: Path) -> Iterator[tuple[float, Picture]]:
    """Yield times and pictures of a clip, 15 a second."""
    video = VideoFile(parse(str(path)), 15.0, threading.Event(), paced=False)
    while frame := video.next():
        yield frame.taken_at, frame.picture
    video.release()
