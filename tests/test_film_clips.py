"""Clips of films: long stretches in halves that overlap, short ones whole, no label of a single recording."""

from itertools import pairwise
from pathlib import Path

import pytest

from edgehar.evaluation.films import FILMS
from edgehar.evaluation.studies.clips.films import SPANS, by_recording, film_clips


def spans_of(stretches: list[tuple[str, float, float]]) -> list[tuple[float, float]]:
    return [(clip.begin, clip.end) for clip in film_clips(Path("v"), {"a.mp4": stretches})]


def test_a_long_stretch_is_cut_into_clips_that_overlap_by_half() -> None:
    assert spans_of([("walking", 1.0, 6.1)]) == [(1.0, 3.5), (2.25, 4.75), (3.5, 6.0)]


@pytest.mark.parametrize(("last", "count"), [(0.9, 0), (1.0, 1), (2.4, 1), (2.5, 1), (3.7, 1), (3.75, 2)])
def test_a_short_stretch_is_a_clip_if_it_lasts_long_enough(last: float, count: int) -> None:
    spans = spans_of([("walking", 0.0, last)])
    assert len(spans) == count
    assert all(end <= last for _, end in spans)


def test_what_only_one_recording_shows_is_left_out_and_counted() -> None:
    spans = {
        "a.mp4": [("walking", 0.0, 2.5), ("running", 3.0, 6.75)],
        "b.avi": [("walking", 0.0, 2.5)],
    }
    kept, alone = by_recording(film_clips(Path("v"), spans))
    assert [(clip.recording, clip.path) for clip in kept] == [("a", Path("v/a.mp4")), ("b", Path("v/b.avi"))]
    assert alone == {"running": 2}


def test_each_stretch_is_in_a_known_film_and_shows_what_the_film_is_said_to_show() -> None:
    films = {film.file: film for film in FILMS}
    assert set(SPANS) == set(films)
    for name, stretches in SPANS.items():
        assert {label for label, _, _ in stretches} <= films[name].main | films[name].also | {
            "walking",
            "falling",
        }
        assert all(a[2] <= b[1] for a, b in pairwise(stretches))
