"""Films of people through the whole run time: MoveNet, keypoints, windows, network and decision.

Which part of each picture shows the person, and what they do in it, stands in `FILMS`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Event as Flag

from msgspec import Struct

from edgehar.devices import keypoints
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.recognizer import Recognizer
from edgehar.sources.camera.address import parse
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.region import Region
from edgehar.sources.camera.tracker import Tracker
from edgehar.sources.camera.video_file import VideoFile
from edgehar.types import NO_SIGNAL, OTHER, Activity, Event, Stream

_WEIGHTS = "movenet/movenet_single_pose_lightning_ptq.tflite"
_LEFT = Region(0.0, 0.0, 850 / 1280, 640 / 720)
"""The larger of two views side by side, where it is the left one; below it stands the time."""
_RIGHT = Region(430 / 1280, 0.0, 850 / 1280, 640 / 720)


class Film(Struct, frozen=True):
    """A film of one person."""

    file: str
    """Below DATA/video."""
    region: Region
    main: frozenset[str]
    """Labels of what it shows, any of which says so."""
    also: frozenset[str] = frozenset({"standing", "walking"})
    """Labels of what is done in it besides."""


def _film(
    file: str, *main: str, region: Region = _LEFT, also: Iterable[str] = ("standing", "walking")
) -> Film:
    return Film(f"{file}.mp4", region, frozenset(main), frozenset(also))


FILMS = (
    _film("adl_01_walking_slowly", "walking", also=()),
    _film("adl_02_walking_quickly", "walking", also=()),
    _film("adl_03_jogging_slowly", "running", also=()),
    _film(
        "adl_06_walking_stairs_quickly",
        "walking",
        region=Region(512 / 1280, 0.0, 768 / 1280, 580 / 720),
        also=(),
    ),
    _film("adl_07_sitting_high_chair", "sitting"),
    _film("adl_08_low_chair_sitting_slowly", "sitting"),
    _film("adl_13_bending_at_knees", "squatting", "bending"),
    _film("adl_18_multiple_jumps", "jumping"),
    _film("adl_19_raising_hands", "arms_raised", region=_RIGHT),
    _film("fall_05_vertical_fall_faint", "falling", also=("standing", "walking", "lying")),
    _film("imm_01_imm_back", "lying", also=()),
    _film("sports2d_demo", "walking", region=Region(0.0, 0.5, 1.0, 0.5), also=("standing",)),
)
"""Two views side by side in all but the last, in whose lower half somebody walks while somebody else jumps above."""


class Told(Struct, frozen=True):
    """One activity of the timeline."""

    label: str
    began_s: float
    """From the film's begin, s."""
    told_s: float
    """Time at which it was told, from the film's begin, s."""


class FilmScore(Struct, frozen=True):
    """Answers to a film."""

    main: tuple[str, ...]
    right: bool
    """One of `main` was told, and nothing else for longer that is not done in the film besides."""
    seconds: dict[str, float]
    """Told, by state."""
    events: tuple[Told, ...]


def score_film(loaded: Recognizer, film: Film, folder: Path) -> FilmScore:
    """Send a film below `folder` through the run time; RecordingError if it is none."""
    pipeline = Pipeline("film", [Stream("camera", keypoints.PROFILE)], loaded, loaded.spec.decision)
    answers: list[Activity | Event] = []
    for t, body in bodies(folder / _WEIGHTS, folder / "video" / film.file, film.region):
        answers += pipeline.push(t, 0, body)
    answers += pipeline.finish()
    return judge(film, answers, loaded.spec.hop / loaded.spec.rate_hz)


def bodies(weights: Path, video: Path, region: Region) -> Iterator[tuple[float, bytes]]:
    """Yield what a camera's source hands on of each picture of a file, and when, s."""
    source = VideoFile(parse(str(video)), 30.0, Flag(), paced=False)
    tracker = Tracker(MoveNet(weights))
    try:
        while (frame := source.next()) is not None:
            seen = tracker.push(region.cut(frame.picture), frame.taken_at)
            yield frame.taken_at, keypoints.encode(frame.taken_at, seen.people, seen.keypoints)
    finally:
        source.release()


def judge(film: Film, answers: Iterable[Activity | Event], hop_s: float) -> FilmScore:
    """Judge what was told of a film."""
    seconds: dict[str, float] = defaultdict(float)
    events = []
    for each in answers:
        if isinstance(each, Activity):
            seconds[each.state] += 0.0 if each.is_last else hop_s
        elif each.kind == "activity_started":
            events.append(Told(each.label, round(each.started_at, 2), round(each.detected_at, 2)))
    mainly = sum(seconds[label] for label in film.main)
    nothing = {OTHER, NO_SIGNAL}
    wrong = max(
        (s for state, s in seconds.items() if state not in film.main | film.also | nothing), default=0.0
    )
    rounded = {state: round(s, 2) for state, s in seconds.items() if s}
    return FilmScore(tuple(sorted(film.main)), mainly > wrong, rounded, tuple(events))
