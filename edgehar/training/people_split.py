"""People who are fitted to, and people who are held out: the same person on one side in all recordings."""

import hashlib
from math import ceil

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.people_windows import PeopleWindows

_ROUNDING_S = 1e-6
"""Of sums of hops, s."""

Mask = NDArray[np.bool_]


class Split(Struct, frozen=True, eq=False):
    """Rows of windows that are fitted to, and others that are held out; what is in neither is not used."""

    fitted: Mask
    """(n,)."""
    held_out: Mask
    """(n,)."""


def split(recipe: FinetuneRecipe, windows: PeopleWindows, window_s: float) -> Split:
    """Choose by people: who is held out of one source is fitted to in none, but in those that hold out nobody.

    Of a source of one person who is in no other, the last part of each label's time is held out. ConfigError if
    nobody is left to fit to, or no window of a label that is held out.
    """
    shares = [recipe.held_out if some.held_out is None else some.held_out for some in recipe.recordings]
    rows = [windows.source == index for index in range(len(shares))]
    people = [np.unique(windows.subject[these]).tolist() for these in rows]
    apart, by_name = _apart(people, shares, recipe.seed)
    fitted, held_out, not_chosen = np.zeros((3, len(windows.source)), np.bool_)
    for these, names, share in zip(rows, people, shares, strict=True):
        if len(names) == 1 and share and names[0] not in by_name:
            later, earlier = _by_time(windows, these, share, window_s)
            held_out |= later
            fitted |= earlier
            continue
        away = apart & set(names) if share else set()
        left = [name for name in names if name not in away]
        chosen = _first(left, recipe.portion, f"portion {recipe.seed}", least=1)
        held_out |= these & np.isin(windows.subject, sorted(away))
        fitted |= these & np.isin(windows.subject, chosen)
        not_chosen |= these & np.isin(windows.subject, sorted({*left} - {*chosen}))
    if not fitted.any():
        raise ConfigError("nobody is left to fit to, all windows are held out; choose a smaller `held_out`")
    scored = held_out & np.isin(windows.source, [i for i, share in enumerate(shares) if share < 1.0])
    _check_labels(windows, fitted | not_chosen, scored, by_name)
    return Split(fitted, held_out)


def _apart(people: list[list[str]], shares: list[float], seed: int) -> tuple[set[str], set[str]]:
    """Return the people who are held out of any source, and all of the sources from which people are held out.

    Of two and more people at least one is left, unless the share is 1.
    """
    apart: set[str] = set()
    by_name: set[str] = set()
    for names, share in zip(people, shares, strict=True):
        if len(names) > 1 and share:
            first = _first(names, share, f"held out {seed}", least=min(1, ceil(share)))
            apart.update(first if share == 1.0 else first[: len(names) - 1])
            by_name.update(names)
    return apart, by_name


def _first(people: list[str], share: float, salt: str, least: int) -> list[str]:
    """Return a share of the people by an order that each name has for itself: it is the same in every set."""
    order = sorted(people, key=lambda person: hashlib.sha256(f"{salt} {person}".encode()).digest())
    return order[: max(least, round(share * len(people)))]


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


def _check_labels(windows: PeopleWindows, could_be_fitted: Mask, held_out: Mask, by_name: set[str]) -> None:
    """Refuse a label of which nothing that it may be is ever fitted, and all the same scored."""
    fitted_to = windows.allowed[could_be_fitted].any(axis=0)
    for label in np.unique(windows.label[held_out]).tolist():
        rows = held_out & (windows.label == label)
        if (windows.allowed[rows] & fitted_to).any():
            continue
        if set(windows.subject[rows].tolist()) <= by_name:
            why = "all are of people held out; if these files are one person, say `person`, else choose another `seed`"
        else:
            why = "all are of the time held out or overlap it; record more of it, or choose a smaller `held_out`"
        raise ConfigError(f"no window of {label} is fitted to, {why}")
