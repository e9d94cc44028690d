"""Recordings that repeat each other."""

from pathlib import Path

import pytest
from labelled import record

from edgehar.personal.repeats import Repeats
from edgehar.recordings.ehr import Recording
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.replay import Track, open_recording

SCRIPT = [("walking", 8.0), ("sitting", 8.0)]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Track:
    return open_recording(record(tmp_path_factory.mktemp("repeats") / "day.ehr", SCRIPT))


def cut_out(day: Track, begin: float, end: float, path: Path) -> Track:
    """Write a part of a recording, which stream time begins anew in."""
    with Writer(path, Recording(Path(day.name)).header) as writer:
        for t, stream, body in day.packets:
            if begin <= t < end:
                writer.push(t - begin, stream, body)
    path.with_name(f"{path.stem}.labels.csv").write_text(f"start,end,label\n0,{end - begin},walking\n")
    return open_recording(path)


def test_others_are_left_as_they_are(tmp_path: Path) -> None:
    repeats = Repeats()
    for seed in (3, 4, 5):
        track = open_recording(record(tmp_path / f"{seed}.ehr", SCRIPT, seed=seed))
        assert repeats.fresh(track) == (track, "")


def test_nothing_is_left_of_a_copy(day: Track, tmp_path: Path) -> None:
    copy = cut_out(day, 0.0, 100.0, tmp_path / "copy.ehr")
    repeats = Repeats()
    assert repeats.fresh(day) == (day, "")
    fresh, says = repeats.fresh(copy)
    assert fresh.truth == ()
    assert says.endswith(f"copy.ehr: 16 s of it stand in {day.name} too, and count once")


def test_a_part_counts_once_whichever_comes_first(day: Track, tmp_path: Path) -> None:
    part = cut_out(day, 4.0, 12.0, tmp_path / "part.ehr")
    repeats = Repeats()
    repeats.fresh(day)
    assert repeats.fresh(part)[0].truth == ()
    repeats = Repeats()
    assert repeats.fresh(part) == (part, "")
    walking, sitting = repeats.fresh(day)[0].truth
    assert (walking[2], sitting[2]) == ("walking", "sitting")
    assert walking[:2] == pytest.approx((0.0, 4.0), abs=0.5)
    assert sitting[:2] == pytest.approx((12.0, 16.0), abs=0.5)


def test_less_than_a_second_is_chance(day: Track, tmp_path: Path) -> None:
    part = cut_out(day, 4.0, 4.9, tmp_path / "part.ehr")
    repeats = Repeats()
    repeats.fresh(part)
    assert repeats.fresh(day) == (day, "")
