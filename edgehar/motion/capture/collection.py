"""Collection of recorded motion as labelled clips: CMU's and other takes as BVH, and DeepMimic's archive.

`index.csv` names each BVH file's content, unit and up axis, and labels of frames. CMU's takes are those of
mocap.cs.cmu.edu (funded by NSF EIA-0196217). Takes that stand there twice are given once, and takes of one
person, or of two who move together, bear the same group.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.motion.capture.bvh import read_bvh
from edgehar.motion.capture.clip import Motion, Span
from edgehar.motion.capture.deepmimic import read_archive
from edgehar.motion.capture.gaps import slice_rows, split_at_jumps
from edgehar.motion.capture.text_files import read_text
from edgehar.motion.skeleton import Array

LABELS = ("walking", "running", "jumping", "punching", "waving", "clapping", "standing", "other")
"""Labels of recorded clips. Nobody in the present collection waves or claps."""

_METRES = {"cm": 0.01, "m": 1.0}
_ARCHIVE = "deepmimic_humanoid3d.npz"
_ROUNDING = 1e-6
"""s"""

_LABEL_OF: Mapping[str, str] = {
    **dict.fromkeys(("walk", "walking", "walking_extra", "walk on uneven terrain", "stealthy_walk", "zombie"), "walking"),
    **dict.fromkeys(("running", "run", "run/jog", "jog", "run_left", "run_forward", "Jog"), "running"),
    **dict.fromkeys(("jumping", "jump", "JumpJack"), "jumping"),
    **dict.fromkeys(("punch", "punch_left", "punch_forward", "punch/strike"), "punching"),
    **dict.fromkeys(("acted", "genuine"), "standing"),
}  # fmt: skip
"""Contents with a label of their own; mixtures such as "jump, balance" and everything else are `other`."""

# Takes of CMU's that DeepMimic's archive names by number only, by CMU's index; those of subjects 16 and 127 by
# their speed: the pelvis never rests and goes at 2.2 m/s or more, where people run (Hreljac, Med. Sci. Sports
# Exerc. 25, 1993: they change at about 2.1). The other takes of 16 and 127 mix running with more: left out.
_TAKES: Mapping[str, tuple[str, ...]] = {
    "walk": ("07_03", "07_05", "07_06", "07_07", "07_11", "08_07"),
    "run": (
        "09_02", "09_04", "09_06", "09_07", "16_35", "16_38", "16_39", "16_40", "16_48", "16_49", "16_52",
        "127_06", "127_07", "127_08", "127_09", "127_10", "127_15", "127_38",
    ),
    "jump": ("13_13", "13_19", "13_40", "13_41", "13_42"),
    "basketball": ("06_09",),
    "acrobatics": (
        "43_02", "43_03", "49_04", "49_05", "49_06", "49_07", "49_08", "85_01", "85_02", "85_05", "85_06", "85_07",
        "85_08", "88_06", "88_08", "88_09", "90_05", "90_16", "90_17",
    ),
    "get up": ("139_16", "139_17", "140_01", "140_02", "140_03"),
}  # fmt: skip
_CONTENT_OF = {take: content for content, takes in _TAKES.items() for take in takes}

# Seen by comparing all takes' knee and elbow angles over time: these stand in another file as well.
_DUPLICATES = frozenset(
    [
        "train_walking_1",
        "train_walking_3",
        "train_walking_5",
        "train_walking_13",
        "train_walking_19",
        "train_walking_27",
        "test_walking_1",
        "humanoid3d_walk",
        "humanoid3d_zombie_walk",
        "humanoid3d_stealthy_walk",
    ]
)
_DUPLICATE_PATTERN = re.compile(
    r"sie_humanoid3d_(run_right|run_forward\d[13579]$)|(02|10|11)_\d\d$|13_11|13_39|49_02"
)

# Whom one sees in the takes whose names do not say it, from the same comparison and CMU's index.
_GROUPS: tuple[tuple[str, str], ...] = (
    (r"test_walking_\d+|35_\d\d", "cmu-35"),
    (r"train_walking_([4-9]|1[0-2])$|07_\d\d", "cmu-07"),
    (r"train_walking_1[4-7]|08_\d\d", "cmu-08"),
    (r"train_walking_2[01]|12_\d\d", "cmu-12"),
    (r"train_walking_(2[89]|3[0-4])|16_\d\d", "cmu-16"),
    (r"train_walking_(3[7-9]|4[0-6])", "cmu-39"),
    (r"(test|train)_basketball_\d|06_\d\d", "cmu-06"),
    (r"(test|train)_running|09_\d\d", "cmu-09"),
    (r"(test|train)_soccer|1[01]_\d\d$", "cmu-10+11"),
    (r"test_jumping_1|49_\d\d", "cmu-49"),
    (r"train_jumping|test_washwindow|train_(basketball_signal|directing_traffic)|1[34]_\d\d", "cmu-13+14"),
    (r"train_walking_\d+", "cmu-various"),
    (r"sie_", "deepmimic-sie"),
    (r"humanoid3d_", "deepmimic"),
    (r"VC5_", "deepmimic-vc5"),
)  # fmt: skip


class Take(Struct, frozen=True, eq=False):
    """Take, or a part of one, with its source's words for it."""

    content: str
    """Content in the source's words."""
    label: str
    """One of LABELS."""
    group: str
    """A split must keep a group together: one person, or people who cannot be told apart."""
    motion: Motion


def read_collection(folder: Path) -> Iterator[Take]:
    """Read every take of known content once, as recorded: with its rest pose, jumps and spans.

    Raises:
        RecordingError: if the folder lacks its index or a file of it, or one cannot be read.
    """
    for row in _index(folder / "index.csv"):
        path = folder / row["file"]
        name = path.name.partition(".")[0]
        if name not in _DUPLICATES:
            motion = read_bvh(path, _METRES[row["unit"]], "z" if row["up_axis"] == "z" else "y")
            motion = replace(motion, source=row["file"], spans=_spans(row, motion.t, folder))
            yield Take(row["content"], _LABEL_OF.get(row["content"], "other"), _group(row["file"]), motion)
    if (folder / _ARCHIVE).exists():
        yield from _archive(folder / _ARCHIVE)


def _archive(path: Path) -> Iterator[Take]:
    seen: set[str] = set()
    for motion in read_archive(path):
        name = Path(motion.source).stem
        content = _content(name)
        if content and name not in seen | _DUPLICATES and not _DUPLICATE_PATTERN.search(name):
            seen.add(name)
            yield Take(content, _LABEL_OF.get(content, "other"), _group(name), motion)


def _content(name: str) -> str | None:
    """Return the content of a clip in DeepMimic's archive; None if nothing says it."""
    if re.fullmatch(r"\d+_\d+", name):
        return _CONTENT_OF.get(name)
    return re.sub(r"^(sie_)?humanoid3d_(long_)?|\d+$|_\d+$", "", name)


def _index(path: Path) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True))
    except csv.Error as error:
        raise RecordingError(f"{path}: expected a table with commas between the cells: {error}") from error
    wanted = {"file", "content", "unit", "up_axis", "frame_labels"}
    if not rows or wanted - set(rows[0]):
        raise RecordingError(
            f"{path}: expected columns {', '.join(sorted(wanted))}, got {list(rows[0]) if rows else []}"
        )
    for row in rows:
        if None in row:
            raise RecordingError(
                f"{path}: {row['file']}: expected a cell for each column, got more; put a cell with commas in quotes"
            )
        short = sorted(name for name in wanted if row[name] is None)
        if short:
            raise RecordingError(
                f"{path}: {row['file']}: expected a cell for each column, {', '.join(short)} missing; "
                "add it to the row, empty if there is nothing to say"
            )
        if row["unit"] not in _METRES or row["up_axis"] not in {"y", "z"}:
            raise RecordingError(
                f"{path}: {row['file']}: unit must be cm or m and up_axis y or z, got {row['unit']!r}, {row['up_axis']!r}"
            )
    return rows


def _spans(row: Mapping[str, str], t: Array, folder: Path) -> tuple[Span, ...]:
    """Read spans from `name@first-last;...`, in frames of the clip with times `t`."""
    spans = []
    where = f"{folder / 'index.csv'}: {row['file']}: frame_labels"
    for piece in filter(None, row["frame_labels"].split(";")):
        match = re.fullmatch(r"(.+)@([0-9]{1,9})-([0-9]{1,9})", piece.strip())
        if match is None:
            raise RecordingError(f"{where}: expected name@from-to, got {piece!r}")
        first, last = int(match[2]), int(match[3])
        if not first < last <= len(t):
            raise RecordingError(f"{where}: expected frames within the clip's {len(t)}, got {piece!r}")
        frame = float(np.median(np.diff(t))) if len(t) > 1 else 0.0
        spans.append(Span(match[1], first * frame, last * frame))
    return tuple(spans)


def _group(name: str) -> str:
    """Return the group of the person or people one sees, as far as known."""
    folder, _, last = name.rpartition("/")
    last = last.partition(".")[0]
    if folder == "cmu_dance_martial":
        # Couples: 16 to 30 are the partners of 1 to 15.
        return "cmu-dance"
    if folder == "react_idle":
        # The skeletons of 2 and 3 are the same.
        return f"react-{'002' if last == '003' else last}"
    for pattern, group in _GROUPS:
        if re.match(pattern, last):
            return group
    return f"cmu-{last.partition('_')[0]}"


def labelled_clips(folder: Path, shortest: float = 1.0) -> Iterator[tuple[str, str, Motion]]:
    """Give (label, group, clip) of `clips`."""
    for take in clips(folder, shortest):
        yield take.label, take.group, take.motion


def clips(folder: Path, shortest: float = 1.0) -> Iterator[Take]:
    """Give parts of takes without jumps, of one content and at least `shortest` s; ready for `Track`.

    A take with labelled spans gives one part for each of them, of that content.
    """
    for take in read_collection(folder):
        for motion in split_at_jumps(take.motion, shortest):
            if not motion.spans:
                yield replace(take, motion=motion)
            for span in motion.spans:
                first, last = np.searchsorted(motion.t, (span.start - _ROUNDING, span.end - _ROUNDING))
                if span.end - span.start >= shortest:
                    piece = replace(
                        slice_rows(motion, int(first), int(last)),
                        spans=(),
                        source=f"{motion.source}#{span.label}",
                    )
                    yield Take(span.label, _LABEL_OF.get(span.label, "other"), take.group, piece)
