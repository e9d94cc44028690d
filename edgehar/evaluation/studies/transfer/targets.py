"""Targets of the study "transfer from video poses" as its networks see them: real people here, and published archives."""

from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import ConfigError, RecordingError
from edgehar.evaluation.studies.published.sets import PUBLISHED as ARCHIVES
from edgehar.evaluation.studies.published.targets import PublishedTarget, read_published
from edgehar.evaluation.studies.targets import TARGETS, Chosen, Target, read_target, target_of
from edgehar.evaluation.studies.transfer.plan import FIVE_UNITS
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.datasets import read_set, set_files
from edgehar.training.studies import simulated_source
from edgehar.training.studies.transfer import PARTS, SMALL, Shape, Take

_UNITS = ("chest", "wrist_right", "wrist_left", "knee_right", "knee_left")
"""Placements of dsads."""

Rows = NDArray[np.bool_]


class Ready(Struct, frozen=True, eq=False):
    """Windows of a target as one network sees them."""

    labels: tuple[str, ...]
    label: NDArray[np.int64]
    """(n,), index into the labels."""
    person: NDArray[np.str_]
    take: Take
    learned: Callable[[int, float], Rows]
    """Windows learned from, by fold and portion."""
    tested: Callable[[int], Rows]
    """Windows tested, by fold."""
    shape: Shape
    site: str
    """A key of `simulated_source.SITES`."""


@cache
def spec() -> ModelSpec:
    """Return the manifest whose windows and scales all targets have."""
    return manifest.read(manifest.find(simulated_source.BASE))


def check_name(name: str) -> None:
    """Refuse a target that there is not."""
    if name not in (*TARGETS, *ARCHIVES, FIVE_UNITS):
        raise ConfigError(f"no target is called {name!r}; there are {', '.join((*TARGETS, *ARCHIVES))}")


def is_at_hand(data: Path, name: str) -> bool:
    """Tell whether files of a target lie below a folder."""
    if name in ARCHIVES:
        return (data / ARCHIVES[name].folder).is_dir()
    try:
        return bool(set_files(data, "dsads" if name == FIVE_UNITS else TARGETS[name].set))
    except RecordingError:
        return False


def ready(data: Path, name: str, network: str, windows: int) -> Ready:
    """Read a target for a network, about so many windows of it; an archive comes whole, as published.

    RecordingError if its files are missing or have another form.
    """
    if name in ARCHIVES:
        return _of_archive(archive(data, name), network)
    if name == FIVE_UNITS:
        trials = read_set(data, "dsads")
        units = [target_of(f"dsads {place}", trials, Chosen("dsads", place)) for place in _UNITS]
        return _of_people(units, network, windows)
    return _of_people([read_target(data, name)], network, windows)


@lru_cache(1)
def archive(data: Path, name: str) -> PublishedTarget:
    """Read an archive that is at hand, once for all networks; the next takes its place, as each is hundreds of megabytes.

    RecordingError as of `read_published`.
    """
    published = read_published(data, name)
    assert published is not None, "asked for only where `is_at_hand`"
    return published


def _of_people(sensors: list[Target], network: str, windows: int) -> Ready:
    """Put windows of sensors that were worn at once side by side; RecordingError if one has windows that another lacks."""
    first = sensors[0]
    if any(_windows_of(sensor) != _windows_of(first) for sensor in sensors):
        raise RecordingError(
            f"{first.name}: expected windows of all units at once; {[len(s.x) for s in sensors]} of them"
        )
    rows = _evenly(first, windows)
    x = np.stack([sensor.x[rows] for sensor in sensors], axis=1)
    target = replace(
        first, x=x[:, 0], label=first.label[rows], person=first.person[rows], place=first.place[rows]
    )
    count = len(sensors)
    if network == SMALL:
        shown = simulated_source.for_small(spec(), x)
        small = simulated_source.base_recipe().network
        shape = Shape(SMALL, shown.shape[1], count, shown.shape[2] // count, len(target.labels), small=small)
    else:
        shown = simulated_source.for_published(spec(), x)
        parts = simulated_source.parts_of(count) if network == PARTS else ()
        shape = Shape(network, shown.shape[1], 1, shown.shape[2], len(target.labels), parts)
    site = "thigh" if "thigh" in target.name else "wrist"
    take = shown.__getitem__
    return Ready(target.labels, target.label, target.person, take, target.learned, target.tested, shape, site)


def _windows_of(target: Target) -> list[tuple[str, str]]:
    return [(person, target.labels[label]) for person, label in zip(target.person, target.label, strict=True)]


def _evenly(target: Target, windows: int) -> NDArray[np.int64]:
    """Return every so manieth window of each person and label."""
    every = max(1, len(target.x) // windows)
    kept = [
        np.flatnonzero((target.person == person) & (target.label == label))[::every]
        for person in target.people()
        for label in range(len(target.labels))
    ]
    return np.sort(np.concatenate(kept))


def _of_archive(target: PublishedTarget, network: str) -> Ready:
    columns = ARCHIVES[target.name].cut.columns
    places = list(dict.fromkeys(column.partition(".")[0] for column in columns))
    parts = tuple(
        tuple(i for i, column in enumerate(columns) if column.partition(".")[0] == place) for place in places
    )
    shape = Shape(
        network, target.window, 1, len(columns), len(target.labels),
        parts if network == PARTS else (),
        simulated_source.base_recipe().network if network == SMALL else None,
    )  # fmt: skip
    return Ready(
        target.labels,
        target.label,
        target.person,
        target.take,
        lambda _fold, portion: target.learned(portion),
        lambda _fold: target.part == "test",
        shape,
        "wrist",
    )
