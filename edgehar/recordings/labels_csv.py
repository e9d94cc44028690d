"""Labels of a recording, in a file beside it that replaces the recording's own marks: `walk.labels.csv`.

Its lines are `start,end,label`, in seconds from the recording's first sample; the first may name the columns. People write
it, or a program other than edgehar; to take a label back is to write it without.
"""

from pathlib import Path

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import read_rows
from edgehar.recordings.labels import common_label
from edgehar.recordings.scoring import Segment

SUFFIX = ".labels.csv"

FORM = "lines of start,end,label, s from the recording's first sample"


def beside(recording: Path) -> Path:
    """Return the path of a recording's labels."""
    return recording.with_suffix(SUFFIX)


def read_labels(recording: Path) -> list[Segment]:
    """Return what was done, in common labels and s from the first sample; RecordingError by line if it cannot be read."""
    file = beside(recording)
    truth: list[Segment] = []
    for line, row in read_rows(file):
        if not any(row) or (not truth and row[0].lower() == "start"):
            continue
        try:
            start, end, label = float(row[0]), float(row[1]), row[2]
        except (ValueError, IndexError):
            start, end, label = 0.0, 0.0, ""
        if not (start < end and label and len(row) == 3):
            raise RecordingError(
                f"{file}: line {line}: expected {FORM}, the end behind the start, got {','.join(row)!r}"
            )
        truth.append((start, end, common_label(label)))
    return truth
