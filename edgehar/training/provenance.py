"""The people whom a manifest names: who a model was fitted to, and who was held out.

`provenance` has them by set, as numbers, or by pattern of files, as names.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from edgehar.errors import ModelError
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.datasets import collection
from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.people_windows import PeopleWindows

TUNED_ON = "tuned_on"
HELD_OUT = "held_out"
POINTS_FITTED_ON = "operating_points_fitted_on"
"""Keys of a manifest's provenance: people who were fitted to, others of the same recordings, and to whom thresholds were."""

Name = str | int
"""Number of a person of a set, or name of one of files."""
Named = Mapping[str, Sequence[Name]]
"""People by the name of their recordings."""
Lists = dict[str, list[Name]]
Person = tuple[str, str]
"""Collection of sets, none for files, and number or name."""


def named(spec: ModelSpec, key: str) -> Named:
    """Return the people whom a manifest's provenance names under a key; ModelError if it says it in another form."""
    given: Any = spec.provenance.get(key, {})
    try:
        return msgspec.convert(given, dict[str, list[int | str]])
    except msgspec.ValidationError as error:
        raise ModelError(
            f"{spec.id}: provenance.{key}: expected lists of people by set, got another form "
            f"({error}); export the pair again"
        ) from None


def people_of(recipe: FinetuneRecipe, windows: PeopleWindows) -> Lists:
    """Name the people of the windows of each of a recipe's recordings; those of sets by their numbers."""
    people = []
    for index, some in enumerate(recipe.recordings):
        names = np.unique(windows.subject[windows.source == index]).tolist()
        people.append({some.name: [int(name) if some.set else name for name in names]})
    return union(*people)


def person(recordings: str, name: Name) -> Person:
    """Return who is called so in some recordings: the same in every set of a collection, or in all files."""
    return (collection(recordings), f"{name}") if isinstance(name, int) else ("", name)


def persons(people: Named) -> frozenset[Person]:
    """Return all who are named, each once."""
    return frozenset(person(recordings, name) for recordings, names in people.items() for name in names)


def going_on(base: ModelSpec, fitted: Named, held_out: Named) -> tuple[Lists, Lists]:
    """Return whom a fit that goes on from a base has seen, with those of the base, and who was held out all along."""
    seen = union(named(base, TUNED_ON), fitted)
    among = persons(seen)
    still = {
        recordings: [name for name in names if person(recordings, name) not in among]
        for recordings, names in named(base, HELD_OUT).items()
    }
    return seen, union({recordings: names for recordings, names in still.items() if names}, held_out)


def union(*people: Named) -> Lists:
    """Return all whom any of these names, in order: numbers, then names."""
    together: dict[str, set[Name]] = {}
    for some in people:
        for recordings, names in some.items():
            together.setdefault(recordings, set()).update(names)
    return {
        recordings: sorted(names, key=lambda name: (isinstance(name, str), name))
        for recordings, names in together.items()
    }
