"""People who are fitted to, and people who are held out: the same person on one side in all recordings."""

import hashlib
from math import ceil

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.people_windows import PeopleWindows

Mask = NDArray[np.bool_]


class Split(Struct, frozen=True, eq=False):
    """Rows of windows that are fitted to, and others that are held out; what is in neither is not used."""

    fitted: Mask
    """(n,)."""
    held_out: Mask
    """(n,)."""


def split(recipe: FinetuneRecipe, windows: PeopleWindows, window_s: float) -> Split:
    """Choose by people; of one person alone, or of few minutes, the last part of each label's time is held out."""
    fitted, held_out = np.zeros((2, len(windows.source)), np.bool_)
    for index, some in enumerate(recipe.recordings):
        share = recipe.held_out if some.held_out is None else some.held_out
        rows = windows.source == index
        people = np.unique(windows.subject[rows]).tolist()
        if len(people) > 1:
            apart = _first(people, share, f"held out {recipe.seed}", least=min(1, ceil(share)))
            held_out |= rows & np.isin(windows.subject, apart)
            left = [person for person in people if person not in apart]
            chosen = _first(left, recipe.portion, f"portion {recipe.seed}", least=1)
            fitted |= rows & np.isin(windows.subject, chosen)
        else:
            later, earlier = _by_time(windows, rows, share, window_s)
            held_out |= later
            fitted |= earlier
    return Split(fitted, held_out)


def _first(people: list[str], share: float, salt: str, least: int) -> list[str]:
    """Return a share of the people by an order that each name has for itself: it is the same in every set."""
    order = sorted(people, key=lambda person: hashlib.sha256(f"{salt} {person}".encode()).digest())
    return order[: max(least, round(share * len(people)))]


def _by_time(windows: PeopleWindows, rows: Mask, share: float, window_s: float) -> tuple[Mask, Mask]:
    """Return the last part of each label's windows, and the first, which shares no sample with it."""
    later, earlier = np.zeros((2, len(rows)), np.bool_)
    for label in np.unique(windows.label[rows]):
        these = rows & (windows.label == label)
        edge = np.quantile(windows.t[these], 1.0 - share)
        later |= these & (windows.t > edge)
        earlier |= these & (windows.t <= (edge if not share else edge - window_s))
    return later, earlier
