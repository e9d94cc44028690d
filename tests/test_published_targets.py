"""Published sets as targets of the studies: windows, labels, parts and portions."""

import shutil
from pathlib import Path

import archives
import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.published.targets import PUBLISHED, PublishedTarget, read_published

WALK_AND_SIT = [(0, 1.0), (4, 7.0), (0, 1.0), (2, 6.0)]


@pytest.fixture(scope="module")
def pamap2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PublishedTarget]:
    data = tmp_path_factory.mktemp("data")
    archives.pamap2_archive(data, WALK_AND_SIT)
    target = read_published(data, "pamap2")
    assert target is not None
    return data, target


@pytest.fixture
def copied(pamap2: tuple[Path, PublishedTarget], tmp_path: Path) -> Path:
    """Return a folder of data of one's own, with PAMAP2 in it."""
    return Path(shutil.copytree(pamap2[0], tmp_path / "data"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_archive_that_is_not_at_hand_is_none(tmp_path: Path, name: str) -> None:
    assert read_published(tmp_path, name) is None


def test_pamap2_is_cut_as_the_study_does(pamap2: tuple[Path, PublishedTarget]) -> None:
    _, target = pamap2
    # Every third row: 234 of walking, of 100 rows each 22, 200 of sitting.
    assert len(target.begin) == 9 * (7 + 5)
    assert target.x.shape == (108, 100, 40)
    assert target.x.dtype == np.float32
    assert target.x.min() >= 0.0
    assert target.x.max() <= 1.0
    names, counts = np.unique(np.array(target.labels)[target.label], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"walking": 63, "sitting": 45}
    assert target.lost == 0


def test_pamap2_has_the_published_parts(pamap2: tuple[Path, PublishedTarget]) -> None:
    _, target = pamap2
    people = {
        part: sorted(set(target.person[target.part == part].tolist())) for part in set(target.part.tolist())
    }
    assert people == {
        "train": [f"subject10{i}" for i in (1, 2, 3, 4, 7, 8, 9)],
        "validation": ["subject105"],
        "test": ["subject106"],
    }


@pytest.mark.parametrize(
    ("portion", "people"), [(0.1, [1]), (0.3, [1, 2]), (0.5, [1, 2, 3, 4]), (0.75, [1, 2, 3, 4, 7, 8])]
)
def test_portions_of_pamap2_are_the_first_files(
    pamap2: tuple[Path, PublishedTarget], portion: float, people: list[int]
) -> None:
    _, target = pamap2
    learned = target.learned(portion)
    assert sorted(set(target.person[learned].tolist())) == [f"subject10{i}" for i in people]
    assert set(target.part[learned].tolist()) == {"train"}
    assert (target.learned(1.0) == (target.part == "train")).all()
    # Any other portion is of the ten training files, rounded up.
    assert (target.learned(0.05) == target.learned(0.1)).all()


def test_scales_come_from_training_people_alone(pamap2: tuple[Path, PublishedTarget], copied: Path) -> None:
    """What lies beyond is cut off; nothing of the tested person moves the others' windows."""
    _, before = pamap2
    tested = copied / "PAMAP2_Dataset" / "Protocol" / "subject106.dat"
    lines = [line.split() for line in tested.read_text().splitlines()]
    archives.write(tested, [" ".join(cells[:3] + ["999"] * 51) for cells in lines])
    after = read_published(copied, "pamap2")
    assert after is not None
    train = before.part == "train"
    assert (after.take(train) == before.take(train)).all()
    assert (after.take(after.part == "test")[:, :, 1:] == 1.0).all()
    assert before.take(train).max() == 1.0
    assert before.take(train).min() == 0.0


def test_short_losses_are_drawn_straight_and_long_ones_cost_windows(
    pamap2: tuple[Path, PublishedTarget], copied: Path
) -> None:
    path = copied / "PAMAP2_Dataset" / "Protocol" / "subject101.dat"
    lines = path.read_text().splitlines()

    def lose(first: int, end: int) -> None:
        for i in range(first, end):
            cells = lines[i].split()
            cells[4] = "NaN"
            lines[i] = " ".join(cells)
        archives.write(path, lines)

    lose(300, 390)
    drawn = read_published(copied, "pamap2")
    assert drawn is not None
    assert drawn.lost == 0
    column = drawn.x[0, :, 1 + 1]
    # Rows 300 to 389 of the file are 67 to 96 of the stretch that begins at row 102.
    assert np.abs(np.diff(column[67:96], 2)).max() < 1e-5
    lose(390, 420)
    lost = read_published(copied, "pamap2")
    assert lost is not None
    assert lost.lost > 0
    assert len(lost.begin) == len(pamap2[1].begin) - lost.lost
    assert np.isfinite(lost.x).all()


def test_no_window_spans_two_recordings_or_an_unlabelled_moment(tmp_path: Path) -> None:
    """3.2 s are 107 of the rows taken: one window in each, and none of the two together."""
    archives.pamap2_archive(tmp_path, [(4, 3.2), (0, 0.1), (2, 3.2)])
    target = read_published(tmp_path, "pamap2")
    assert target is not None
    assert len(target.begin) == 9 * 2
    assert np.bincount(target.recording, minlength=14).tolist() == [2, 0, 2, 2, 2, 2, 2, 0, 2, 0, 2, 0, 2, 0]


def test_an_archive_without_one_of_its_files_is_refused(copied: Path) -> None:
    (copied / "PAMAP2_Dataset" / "Optional" / "subject108.dat").unlink()
    with pytest.raises(RecordingError, match=r"PAMAP2_Dataset: no file Optional/subject108\.dat; unpack"):
        read_published(copied, "pamap2")


def test_an_archive_with_nothing_to_learn_is_refused(tmp_path: Path) -> None:
    archives.pamap2_archive(tmp_path, [(4, 1.0)])
    with pytest.raises(RecordingError, match="not one window of pamap2 to train with"):
        read_published(tmp_path, "pamap2")
