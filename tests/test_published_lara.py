"""LARa as it is published: two sets of sensors, labels in files beside."""

from pathlib import Path

import archives
import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.published.targets import PublishedTarget, read_published
from edgehar.recordings.published.lara import (
    MBIENTLAB_COLUMNS,
    MBIENTLAB_FOLDER,
    MOTIONMINERS_COLUMNS,
    MOTIONMINERS_FOLDER,
    read_mbientlab,
    read_motionminers,
)

FILE = "S07/L01_S07_R01.csv"
LABELS = "S07/L01_S07_R01_labels.csv"
RUNS = [(6, 0.5), (1, 1.0), (5, 0.5), (7, 0.2)]
WORDS = ["synchronization"] * 50 + ["walking"] * 100 + ["handling_downwards"] * 50 + [""] * 20


@pytest.mark.parametrize(
    ("read", "columns"), [(read_mbientlab, MBIENTLAB_COLUMNS), (read_motionminers, MOTIONMINERS_COLUMNS)]
)
def test_a_file_is_read_with_its_labels(tmp_path: Path, read: type, columns: tuple[str, ...]) -> None:
    x = archives.lara(tmp_path / FILE, RUNS, len(columns))
    recording = read(tmp_path, FILE)
    assert (recording.file, recording.person, recording.columns) == (FILE, "S07", columns)
    assert recording.x == pytest.approx(x, rel=1e-5)
    assert recording.labels["activity"].of_rows().tolist() == WORDS
    assert recording.t[-1] == pytest.approx(2.19)


def _replace(path: Path, number: int, line: str) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    archives.write(path, lines)


@pytest.mark.parametrize(
    ("file", "line", "message"),
    [
        (FILE, "2019-06-25 10:00:00,1,2", r"R01\.csv: line 5: expected 31 columns, got 3"),
        (
            FILE,
            ",".join(["2019-06-25", "", *["0"] * 29]),
            r"R01\.csv: line 5, column 2: expected a number or NaN, got ''",
        ),
        (LABELS, "1,0,0", r"R01_labels\.csv: line 5: expected 20 columns, got 3"),
        (
            LABELS,
            ",".join(["8", *["0"] * 19]),
            r"R01_labels\.csv: line 5: expected the code of a label, .*, got 8",
        ),
    ],
)
def test_a_misfit_is_named_by_file_and_line(tmp_path: Path, file: str, line: str, message: str) -> None:
    archives.lara(tmp_path / FILE, RUNS, 30)
    _replace(tmp_path / file, 5, line)
    with pytest.raises(RecordingError, match=message):
        read_mbientlab(tmp_path, FILE)


def test_labels_of_another_length_are_refused(tmp_path: Path) -> None:
    """A second at the end may be missing, not more."""
    archives.lara(tmp_path / FILE, RUNS, 30)
    lines = (tmp_path / LABELS).read_text().splitlines()
    archives.write(tmp_path / LABELS, lines[:-100])
    assert len(read_mbientlab(tmp_path, FILE).x) == 120
    archives.write(tmp_path / LABELS, lines[:-101])
    with pytest.raises(
        RecordingError, match=r"R01_labels\.csv: expected a line for each of the 220 of .*, got 119"
    ):
        read_mbientlab(tmp_path, FILE)


def test_missing_labels_are_named(tmp_path: Path) -> None:
    archives.lara(tmp_path / FILE, RUNS, 30)
    (tmp_path / LABELS).unlink()
    with pytest.raises(RecordingError, match=r"R01_labels\.csv: no such file"):
        read_mbientlab(tmp_path, FILE)


def test_the_other_sensors_files_are_refused(tmp_path: Path) -> None:
    archives.lara(tmp_path / FILE, RUNS, 30)
    with pytest.raises(RecordingError, match=r"line 2: expected 29 columns, got 31"):
        read_motionminers(tmp_path, FILE)


def _archive(data: Path, folder: str, columns: int) -> PublishedTarget:
    for person in range(7, 15):
        for run, scenario in ((1, 1), (3, 2)):
            path = data / folder / f"S{person:02}" / f"L{scenario:02}_S{person:02}_R{run:02}.csv"
            archives.lara(path, [(1, 1.3), (7, 0.3), (0, 1.3)], columns, person + run)
    names = {30: "lara mbientlab", 27: "lara motionminers"}
    target = read_published(data, names[columns])
    assert target is not None
    return target


def test_people_are_parted_as_published_and_portions_are_people(tmp_path: Path) -> None:
    target = _archive(tmp_path, MBIENTLAB_FOLDER, 30)
    people = {
        part: sorted(set(target.person[target.part == part].tolist())) for part in set(target.part.tolist())
    }
    assert people == {
        "train": ["S07", "S08", "S09", "S10"],
        "validation": ["S11", "S12"],
        "test": ["S13", "S14"],
    }
    portions = {p: len(set(target.person[target.learned(p)].tolist())) for p in (0.3, 0.5, 0.75, 1.0)}
    assert portions == {0.3: 1, 0.5: 2, 0.75: 3, 1.0: 4}
    # Below one person, recordings: a tenth of eight.
    assert set(target.recording[target.learned(0.1)].tolist()) == {0}


@pytest.mark.parametrize(
    ("folder", "columns", "per_run"), [(MBIENTLAB_FOLDER, 30, 3), (MOTIONMINERS_FOLDER, 27, 7)]
)
def test_no_window_spans_what_has_no_class(tmp_path: Path, folder: str, columns: int, per_run: int) -> None:
    """130 rows hold 3 windows of 100 each 12, and 7 each 5; 260 in a row would hold more."""
    target = _archive(tmp_path, folder, columns)
    assert target.x.shape == (16 * 2 * per_run, 100, columns)
    assert [target.labels[i] for i in sorted(set(target.label.tolist()))] == ["standing", "walking"]
    assert len(target.labels) == 7
    # Twice the deviation to each side of the mean.
    rows = target.rows[: 4 * 2 * 260]
    assert rows.mean(axis=0) == pytest.approx(np.full(columns, 0.5), abs=1e-3)
    assert rows.std(axis=0) == pytest.approx(np.full(columns, 0.25), abs=1e-3)


def test_a_window_has_the_label_of_most_of_its_rows(tmp_path: Path) -> None:
    for person in range(7, 15):
        path = tmp_path / MBIENTLAB_FOLDER / f"S{person:02}" / f"L01_S{person:02}_R01.csv"
        archives.lara(path, [(2, 0.55), (0, 0.45), (2, 0.12)], 30)
    target = read_published(tmp_path, "lara mbientlab")
    assert target is not None
    assert [target.labels[i] for i in target.label[target.recording == 0]] == ["cart", "cart"]
