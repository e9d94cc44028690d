"""What was done during a recording, in a file beside it: `walk.ehr` has `walk.labels.csv`.

Its lines are `start,end,label`, in seconds from the recording's first sample; the first may name the columns.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from edgehar.errors import RecordingError
from edgehar.recordings.csv_files import read_rows
from edgehar.recordings.labels import common_label
from edgehar.recordings.scoring import Segment

SUFFIX = ".labels.csv"

_FORM = "lines of start,end,label, s from the recording's first sample"


def beside(recording: Path) -> Path:
    """Return the path of a recording's labels."""
    return recording.with_suffix(SUFFIX)


def read_labels(recording: Path) -> list[Segment]:
    """Return what was done, in common labels and s from the first sample; RecordingError by line if it cannot be read."""
    file = beside(recording)
    if not file.is_file():
        raise RecordingError(
            f"{file}: no such file; {recording.name} is labelled by it, {_FORM}, or by `label`"
        )
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
                f"{file}: line {line}: expected {_FORM}, the end behind the start, got {','.join(row)!r}"
            )
        truth.append((start, end, common_label(label)))
    return truth


def write_labels(recording: Path, truth: Iterable[Segment]) -> None:
    """Write what was done into a file that its owner alone reads; RecordingError if it cannot be."""
    file = beside(recording)
    try:
        handle = os.open(file, os.O_WRONLY | os.O_TRUNC | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as lines:
            lines.write("start,end,label\n")
            lines.writelines(f"{start:.3f},{end:.3f},{label}\n" for start, end, label in truth)
    except OSError as error:
        raise RecordingError(f"{file}: {error.strerror}") from error
