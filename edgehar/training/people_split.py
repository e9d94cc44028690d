"""People who are fitted to, and people who are held out: the same person on one side in all recordings.

A person of a set is one by collection and number, one of files by name.
"""

import hashlib
from collections.abc import Iterable, Set as AbstractSet

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.recordings.datasets import collection
from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.people_windows import PeopleWindows
from edgehar.training.provenance import Person

_ROUNDING_S = 1e-6
"""Rounding error of sums of hops, s."""

Mask = NDArray[np.bool_]


class Split(Struct, frozen=True, eq=False):
    """Rows of windows that are fitted to, and others that are held out; what is in neither is not used."""

    fitted: Mask
    """(n,)."""
    held_out: Mask
    """(n,)."""


def split(
    recipe: FinetuneRecipe,
    windows: PeopleWindows,
    window_s: float,
    base_people: AbstractSet[Person] = frozenset(),
) -> Split:
    """Choose by people: who is held out of one source is fitted to in none, but in those that hold out nobody.

    Of a source of one person who is in no other, the last part of each label's time is held out. Nobody is held out
    whom the base was fitted to, `base_people`; of a source that is held out whole they are not used.
    ConfigError if nobody is left to fit to, or no window of a label that is held out.
    """
    shares = [recipe.held_out if some.held_out is None else some.held_out for some in recipe.recordings]
    rows = [windows.source == index for index in range(len(shares))]
    people = [
        [(collection(some.set), name) for name in np.unique(windows.subject[these]).tolist()]
        for some, these in zip(recipe.recordings, rows, strict=True)
    ]
    apart, among = _apart(people, shares, recipe.seed, base_people)
    fitted, held_out, not_chosen = np.zeros((3, len(windows.source)), np.bool_)
    by_person = np.zeros(len(windows.source), np.bool_)
    for these, persons, share in zip(rows, people, shares, strict=True):
        if len(persons) == 1 and share and persons[0] not in among | base_people:
            later, earlier = _by_time(windows, these, share, window_s)
            held_out |= later
            fitted |= earlier
            continue
        by_person |= these
        away = (apart | base_people if share == 1.0 else apart) & {*persons} if share else set[Person]()
        left = [person for person in persons if person not in away]
        chosen = _in_order(left, f"portion {recipe.seed}")[: _count(left, recipe.portion)]
        held_out |= these & _of(windows, away - base_people)
        fitted |= these & _of(windows, chosen)
        not_chosen |= these & _of(windows, {*left} - {*chosen})
    if not fitted.any():
        raise ConfigError("nobody is left to fit to, all windows are held out; choose a smaller `held_out`")
    scored = np.isin(windows.source, [i for i, share in enumerate(shares) if share < 1.0])
    _check_labels(windows, fitted | not_chosen, scored, by_person)
    return Split(fitted, held_out)


def _apart(
    people: list[list[Person]], shares: list[float], seed: int, base_people: AbstractSet[Person]
) -> tuple[set[Person], set[Person]]:
    """Return the people who are held out of any source, and all of the sources from which people are held out.

    Of two and more people at least one is left, unless the share is 1. Others are held out for `base_people`.
    """
    apart: set[Person] = set()
    among: set[Person] = set()
    for persons, share in zip(people, shares, strict=True):
        if len(persons) > 1 and share:
            most = len(persons) - (share < 1.0)
            strangers = [person for person in persons if person not in base_people]
            apart.update(_in_order(strangers, f"held out {seed}")[: min(_count(persons, share), most)])
            among.update(persons)
    return apart, among


def _in_order(people: list[Person], salt: str) -> list[Person]:
    """Return the people by an order that each has for itself: it is the same in every set."""
    return sorted(people, key=lambda person: hashlib.sha256(f"{salt} {person[1]}".encode()).digest())


def _count(people: list[Person], share: float) -> int:
    """Return how many a share of the people are, at least one."""
    return max(1, round(share * len(people)))


def _of(windows: PeopleWindows, people: Iterable[Person]) -> Mask:
    """Return which windows are of people of a source; the rows of other sources mean nothing."""
    return np.isin(windows.subject, sorted(name for _, name in people))


def _by_time(windows: PeopleWindows, rows: Mask, share: float, window_s: float) -> tuple[Mask, Mask]:
    """Return the last part of each label's windows, and all windows that share no sample with any of these.

    Of a label that is too short for both nothing is held out.
    """
    later = np.zeros(len(rows), np.bool_)
    for label in np.unique(windows.label[rows]):
        these = rows & (windows.label == label)
        last = these & (windows.t > np.quantile(windows.t[these], 1.0 - share))
        if share == 1.0:
            later |= these
        elif last.any() and windows.t[these].min() <= windows.t[last].min() - window_s + _ROUNDING_S:
            later |= last
    ends = np.sort(windows.t[later])
    if not len(ends):
        return later, rows
    after = np.searchsorted(ends, windows.t)
    gaps = [np.abs(windows.t - ends[np.clip(after + i, 0, len(ends) - 1)]) for i in (-1, 0)]
    return later, rows & (np.minimum(*gaps) >= window_s - _ROUNDING_S)


def _check_labels(windows: PeopleWindows, could_be_fitted: Mask, scored: Mask, by_person: Mask) -> None:
    """Refuse a label of scored sources of which nothing that it may be is ever fitted."""
    fitted_to = windows.allowed[could_be_fitted].any(axis=0)
    for label in np.unique(windows.label[scored]).tolist():
        rows = scored & (windows.label == label)
        if (windows.allowed[rows] & fitted_to).any():
            continue
        if by_person[rows].all():
            why = "all are of people held out; if these files are one person, say `person`, else choose another `seed`"
        else:
            why = "all are of the time held out or overlap it; record more of it, or choose a smaller `held_out`"
        raise ConfigError(f"no window of {label} is fitted to, {why}")
