"""Takes: recordings of one wearer that say themselves what was done."""

from pathlib import Path

from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.pipeline.tracks import read_tracks
from edgehar.recordings import ehr, labels_csv
from edgehar.recordings.scoring import Segment
from edgehar.types import Samples


class Take(Struct, frozen=True, eq=False):
    """One labelled recording."""

    tracks: dict[str, Samples]
    """By placement, m/s² and rad/s, times in s from the first sample."""
    truth: list[Segment]
    """Start, end in s from the first sample, and common label."""
    name: str
    """For messages, such as the file's name."""


def read_take(path: Path) -> Take:
    """Read a labelled `.ehr`; RecordingError if it holds no samples or says nowhere what was done."""
    recording = ehr.Recording(path)
    tracks, begin = read_tracks(recording)
    truth = [(start - begin, end - begin, label) for start, end, label in recording.truth(begin)]
    if not truth:
        raise RecordingError(
            f"{path}: says nowhere what was done; record it with `--label-with-me`, or write "
            f"{labels_csv.beside(path).name} beside it, {labels_csv.FORM}"
        )
    return Take(tracks, truth, path.name)
