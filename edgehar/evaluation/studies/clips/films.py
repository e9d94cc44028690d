"""Short clips of the films of DATA/video: what is done in them from when to when, as seen in their pictures."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from edgehar.evaluation.films import FILMS
from edgehar.sources.camera.region import EVERYTHING, Region

CLIP_S, HOP_S, LEAST_S = 2.5, 1.25, 1.0
"""Longest clip and the distance of two beginnings; a shorter stretch is a clip if it lasts so long, s."""

Spans = Mapping[str, Sequence[tuple[str, float, float]]]
"""By file, what is done from when to when, s; what lies between is neither."""

SPANS: Spans = {
    "adl_01_walking_slowly.mp4": [("walking", 0.0, 5.4)],
    "adl_02_walking_quickly.mp4": [("walking", 0.6, 3.4)],
    "adl_03_jogging_slowly.mp4": [("running", 1.3, 4.6)],
    "adl_06_walking_stairs_quickly.mp4": [("walking", 3.0, 8.0)],
    "adl_07_sitting_high_chair.mp4": [("walking", 0.6, 3.2), ("sitting", 5.2, 11.5), ("walking", 13.0, 15.2)],
    "adl_08_low_chair_sitting_slowly.mp4": [("sitting", 4.5, 9.5)],
    "adl_13_bending_at_knees.mp4": [("squatting", 1.0, 3.5), ("standing", 3.9, 4.95)],
    "adl_18_multiple_jumps.mp4": [("jumping", 0.0, 3.3)],
    "adl_19_raising_hands.mp4": [
        ("standing", 0.0, 1.3), ("arms_raised", 1.9, 3.3), ("standing", 4.3, 5.4), ("arms_raised", 5.8, 7.5),
        ("standing", 8.7, 9.7), ("arms_raised", 10.1, 11.6), ("standing", 12.4, 13.43),
    ],
    "fall_05_vertical_fall_faint.mp4": [("standing", 0.0, 2.2), ("falling", 2.3, 3.7), ("lying", 3.8, 15.1)],
    "imm_01_imm_back.mp4": [("lying", 0.0, 4.16)],
    "sports2d_demo.mp4": [("walking", 1.7, 6.3)],
}  # fmt: skip


class FilmClip(Struct, frozen=True):
    """A stretch of a film in which somebody does one thing."""

    path: Path
    region: Region
    label: str
    recording: str
    begin: float
    end: float
    """From the film's begin, s."""


def film_clips(folder: Path, spans: Spans = SPANS) -> list[FilmClip]:
    """Cut what is known of the films in a folder into clips, those of a film one after the other."""
    regions = {film.file: film.region for film in FILMS}
    return [
        FilmClip(folder / name, regions.get(name, EVERYTHING), label, name.rpartition(".")[0], begin, end)
        for name, stretches in spans.items()
        for label, first, last in stretches
        for begin, end in _cut(first, last)
    ]


def _cut(first: float, last: float) -> Iterator[tuple[float, float]]:
    """Yield clips that overlap by half; of a stretch that is shorter than one, the whole."""
    if LEAST_S - 1e-6 <= last - first < CLIP_S:
        yield first, last
    begin = first
    while begin + CLIP_S <= last + 1e-6:
        yield begin, begin + CLIP_S
        begin += HOP_S


def by_recording(clips: Sequence[FilmClip]) -> tuple[list[FilmClip], dict[str, int]]:
    """Return the clips of labels that at least two recordings show, and how many there are of each other label."""
    shows = {
        label: {clip.recording for clip in clips if clip.label == label} for label in {c.label for c in clips}
    }
    kept = [clip for clip in clips if len(shows[clip.label]) > 1]
    alone = [clip.label for clip in clips if len(shows[clip.label]) == 1]
    return kept, {label: alone.count(label) for label in sorted(set(alone))}
