"""HMDB51 (Kuehne et al. 2011) as published: folders of clips by class, and three official splits.

`DATA/hmdb51/CLASS/*.avi`, and in `DATA/hmdb51/testTrainMulti_7030_splits` a file `CLASS_test_splitK.txt` for each class
and split, with a line for each clip: its name, and 1 if it is learned from, 2 if it is tested, 0 if neither.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from edgehar.errors import RecordingError
from edgehar.validation import shown

CLASSES = (
    "cartwheel", "clap", "climb", "climb_stairs", "dive", "fall_floor", "flic_flac", "handstand", "jump", "pullup",
    "pushup", "run", "sit", "situp", "somersault", "stand", "turn", "walk", "wave",
)  # fmt: skip
"""The 19 general body movements among its 51 classes."""
FOLDER = "hmdb51"
SPLITS = (1, 2, 3)
_LISTS = "testTrainMulti_7030_splits"
_PARTS = {"0": None, "1": False, "2": True}


class ListedClip(Struct, frozen=True):
    """A clip that a split names for learning or testing."""

    path: Path
    label: str
    tested: bool


def read_split(folder: Path, split: int, classes: Sequence[str] = CLASSES) -> list[ListedClip]:
    """Read who learns from what by an official split, whether the clips are there or not.

    RecordingError if a list is missing or has another form.
    """
    clips = [clip for label in classes for clip in _listed(folder, label, split)]
    if not any(clip.path.is_file() for clip in clips):
        raise RecordingError(
            f"{folder}: expected {classes[0]}/*.avi and the like, got none of {len(clips)} listed clips"
        )
    return clips


def _listed(folder: Path, label: str, split: int) -> Iterator[ListedClip]:
    file = folder / _LISTS / f"{label}_test_split{split}.txt"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise RecordingError(
            f"{file}: {why}; expected the official lists of HMDB51 in {folder / _LISTS}"
        ) from error
    for number, line in enumerate(lines, 1):
        name, _, part = line.strip().rpartition(" ")
        if not line.strip():
            continue
        if part not in _PARTS or not name or "/" in name or "\0" in name:
            raise RecordingError(f"{file}:{number}: expected NAME.avi and 0, 1 or 2, got {shown(line)}")
        if (tested := _PARTS[part]) is not None:
            yield ListedClip(folder / label / name.strip(), label, tested)
