"""What is seen of a clip: pictures and keypoints of its span, looked at once."""

from pathlib import Path

import numpy as np
import pytest
from cameras import plain, write_video

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.clips.footage import WHOLE, Footage, equally_spaced
from edgehar.sources.camera.opencv import Picture
from edgehar.sources.camera.region import EVERYTHING, Region


def test_a_clip_is_seen_from_its_begin_to_its_end(tmp_path: Path, weights: Path) -> None:
    film = write_video(tmp_path / "a.avi", (plain(4 * i) for i in range(60)))
    first, second = Footage(weights, tmp_path).look(film, EVERYTHING, [(0.0, 1.0), (1.0, 2.0)])
    early, late = first.load(), second.load()
    assert early is not None
    assert late is not None
    assert early["pictures"].shape == (20, 64, 96, 3)
    brightness = np.concatenate([early["pictures"], late["pictures"]]).mean(axis=(1, 2, 3))
    assert brightness[[0, 19, 20, 39]] == pytest.approx([0, 4 * 29, 4 * 30, 4 * 59], abs=3)
    assert (np.diff(brightness) > 0).all()
    assert early["keypoints"].shape == (15, 17, 3)
    assert float(early["rate_hz"]) == pytest.approx(15.0, abs=0.1)


def test_a_person_is_seen_in_the_part_of_the_picture_that_shows_them(
    tmp_path: Path, weights: Path, squat: Picture
) -> None:
    aside = np.concatenate([np.full_like(squat, 90), squat], axis=1)
    film = write_video(tmp_path / "a.avi", [aside] * 12)
    [kept] = Footage(weights, tmp_path).look(film, Region(0.5, 0.0, 0.5, 1.0), [WHOLE])
    looked = kept.load()
    assert looked is not None
    assert looked["keypoints"][[0, -1], 5:13, 2].min() > 0.2
    assert np.allclose(looked["pictures"][0].mean(), squat.mean(), atol=4.0)


def test_what_was_looked_at_is_not_looked_at_again(tmp_path: Path, weights: Path) -> None:
    film = write_video(tmp_path / "a.avi", [plain(9)] * 6)
    [kept] = Footage(weights, tmp_path).look(film, EVERYTHING, [WHOLE])
    written = kept.path.stat().st_mtime_ns
    [again] = Footage(weights, tmp_path).look(film, EVERYTHING, [WHOLE])
    assert (again.path, again.path.stat().st_mtime_ns) == (kept.path, written)
    [other] = Footage(weights, tmp_path).look(film, Region(0.0, 0.0, 0.5, 1.0), [WHOLE])
    assert other.path != kept.path


def test_what_is_no_clip_is_refused_by_name(tmp_path: Path, weights: Path) -> None:
    footage = Footage(weights, tmp_path)
    (tmp_path / "bad.avi").write_bytes(b"RIFF, and no more")
    with pytest.raises(RecordingError, match=r"bad\.avi"):
        footage.look(tmp_path / "bad.avi", EVERYTHING, [WHOLE])
    film = write_video(tmp_path / "short.avi", [plain(9)] * 6)
    with pytest.raises(RecordingError, match=r"short\.avi: expected a clip, got 0 frames from 3 to 5 s"):
        footage.look(film, EVERYTHING, [(0.0, 1.0), (3.0, 5.0)])
    film = write_video(tmp_path / "long.avi", [plain(9)] * 63, fps=1.0)
    with pytest.raises(RecordingError, match=r"long\.avi: expected a clip of at most 60 s"):
        footage.look(film, EVERYTHING, [WHOLE])


def test_frames_are_taken_from_the_first_to_the_last() -> None:
    assert equally_spaced(40, 5).tolist() == [0, 10, 20, 29, 39]
    assert equally_spaced(2, 4).tolist() == [0, 0, 1, 1]
