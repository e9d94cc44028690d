"""Parts of each published set that the studies take: files by part, windows, labels and portions.

Figures are those of the studies, and of the sets' own splits, unless a remark says that they are ours.
"""

from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Literal

from msgspec import Struct

from edgehar.evaluation.studies.published.windows import Cut
from edgehar.recordings.published import lara, mmfit, openpack, opportunity, pamap2
from edgehar.recordings.published.form import NULL, UNSAID, PublishedRecording
from edgehar.types import IMU_CHANNELS

Part = Literal["train", "validation", "test"]
_Reader = Callable[[Path, str], PublishedRecording]


class Archive(Struct, frozen=True):
    """A set as published, and what a study makes of it."""

    folder: str
    """Top folder of the archive, below the folder of all data."""
    read: _Reader
    """Reader of the top folder's file of this name."""
    parts: Mapping[Part, tuple[str, ...]]
    """Files, by patterns; all that fit the same pattern are of one person, or are one recording."""
    cut: Cut
    portions: Mapping[float, int] = {}
    """By the study's portions, how many of the first training patterns are learned from; another portion, and all of them
    where there is none, are shares of the training recordings, rounded up."""
    spread: bool = False
    """True where columns are scaled by mean and twice the deviation, not by least and greatest."""


def _pamap2() -> Archive:
    parts: dict[Part, tuple[str, ...]] = {
        "train": (
            "Protocol/subject101.dat",
            "Optional/subject101.dat",
            "Protocol/subject102.dat",
            "Protocol/subject103.dat",
            "Protocol/subject104.dat",
            "Protocol/subject107.dat",
            "Protocol/subject108.dat",
            "Optional/subject108.dat",
            "Protocol/subject109.dat",
            "Optional/subject109.dat",
        ),
        "validation": ("Protocol/subject105.dat", "Optional/subject105.dat"),
        "test": ("Protocol/subject106.dat", "Optional/subject106.dat"),
    }
    # Activities of the protocol; those of the optional files are none of the twelve.
    optional = {
        "watching_tv",
        "computer_work",
        "car_driving",
        "folding_laundry",
        "house_cleaning",
        "playing_soccer",
    }
    cut = Cut(
        tuple(word for word in pamap2.WORDS.values() if word != UNSAID and word not in optional),
        tuple(name for name in pamap2.COLUMNS if "orientation" not in name),
        window=100,
        step=22,
        label_at="end",
        stride=3,
    )
    # The numbers of files are the study's, which ones beyond the first is not published: ours are in the order of its list.
    return Archive(pamap2.FOLDER, pamap2.read, parts, cut, {0.1: 1, 0.3: 3, 0.5: 5, 0.75: 7})


def _opportunity(track: str, words: Mapping[int, str], step: int) -> Archive:
    parts: dict[Part, tuple[str, ...]] = {
        "train": (
            *(f"dataset/S1-{run}.dat" for run in ("Drill", "ADL1", "ADL2", "ADL3", "ADL4", "ADL5")),
            *(f"dataset/S{person}-{run}.dat" for person in (2, 3) for run in ("Drill", "ADL1", "ADL2")),
        ),
        "validation": ("dataset/S2-ADL3.dat", "dataset/S3-ADL3.dat"),
        "test": tuple(f"dataset/S{person}-ADL{run}.dat" for person in (2, 3) for run in (4, 5)),
    }
    # Something of 113 columns is lost most of the time: the study draws all of it.
    cut = Cut(
        tuple(words.values()),
        opportunity.COLUMNS,
        window=24,
        step=step,
        label_at="end",
        track=track,
        longest_gap_s=inf,
    )
    return Archive(opportunity.FOLDER, opportunity.read, parts, cut)


def _lara(folder: str, read: _Reader, columns: tuple[str, ...], step: int) -> Archive:
    def of(*people: int) -> tuple[str, ...]:
        return tuple(f"S{i:02}/L0[123]_S{i:02}_R[0-3][0-9].csv" for i in people)

    labels = tuple(word for word in lara.WORDS.values() if word != UNSAID)
    cut = Cut(labels, columns, window=100, step=step, label_at="mode")
    parts: dict[Part, tuple[str, ...]] = {
        "train": of(7, 8, 9, 10),
        "validation": of(11, 12),
        "test": of(13, 14),
    }
    # People; a tenth is less than one of them, and here the first recordings of the first one.
    return Archive(folder, read, parts, cut, {0.3: 1, 0.5: 2, 0.75: 3}, spread=True)


def _openpack() -> Archive:
    learned = (
        "U0101",
        "U0102",
        "U0103",
        "U0105",
        "U0106",
        "U0107",
        "U0109",
        "U0111",
        "U0202",
        "U0205",
        "U0210",
    )
    parts: dict[Part, tuple[str, ...]] = {
        "train": tuple(f"{user}/atr/atr01/S0[1245]00.csv" for user in learned),
        "validation": tuple(f"{user}/atr/atr01/S0300.csv" for user in learned),
        "test": tuple(
            f"{user}/atr/atr01/S0[1-5]00.csv"
            for user in ("U0104", "U0108", "U0110", "U0203", "U0204", "U0207")
        ),
    }
    cut = Cut(
        tuple(word for word in openpack.WORDS.values() if word != NULL),
        tuple(f"wrist_right.{channel}" for channel in IMU_CHANNELS),
        window=128,
        step=64,
        label_at="end",
        rate_hz=50.0,
    )
    return Archive(openpack.FOLDER, openpack.read, parts, cut)


def _mmfit() -> Archive:
    def of(*workouts: int) -> tuple[str, ...]:
        return tuple(f"w{i:02}/w{i:02}_sw_l_acc.npy" for i in workouts)

    parts: dict[Part, tuple[str, ...]] = {
        "train": of(1, 2, 3, 4, 6, 7, 8, 16, 17, 18),
        "validation": of(14, 15, 19),
        "test": of(0, 5, 12, 13, 20),
    }
    columns = tuple(f"wrist_left.{channel}" for channel in IMU_CHANNELS)
    cut = Cut(mmfit.WORDS, columns, window=250, step=10, label_at="middle", rate_hz=50.0)
    return Archive(mmfit.FOLDER, mmfit.read, parts, cut)


PUBLISHED: Mapping[str, Archive] = {
    "pamap2": _pamap2(),
    "opportunity locomotion": _opportunity("locomotion", opportunity.LOCOMOTION, 12),
    "opportunity gesture": _opportunity("gesture", opportunity.GESTURES, 2),
    "lara mbientlab": _lara(lara.MBIENTLAB_FOLDER, lara.read_mbientlab, lara.MBIENTLAB_COLUMNS, 12),
    "lara motionminers": _lara(
        lara.MOTIONMINERS_FOLDER, lara.read_motionminers, lara.MOTIONMINERS_COLUMNS, 5
    ),
    "openpack": _openpack(),
    "mm-fit": _mmfit(),
}
"""OpenPack: parted as its challenge of 2022 does, the sessions for its submission tested, whose people nobody learned from; at
50 Hz in windows of 2.56 s, which are ours. MM-Fit: its split with unseen people."""
