"""The people whom a manifest names: who a model was fitted to, and who was held out.

`provenance` has them by set, as numbers, or by pattern of files, as names.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from edgehar.errors import ModelError
from edgehar.pipeline.manifest import ModelSpec
from edgehar.recordings.datasets import collection

TUNED_ON = "tuned_on"
HELD_OUT = "held_out"
"""Keys of a manifest's provenance: people who were fitted to, and others of the same recordings."""

Name = str | int
"""Number of a person of a set, or name of one of files."""
Named = Mapping[str, Sequence[Name]]
"""People by the name of their recordings."""
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


def person(recordings: str, name: Name) -> Person:
    """Return who is called so in some recordings: the same in every set of a collection, or in all files."""
    return (collection(recordings), f"{name}") if isinstance(name, int) else ("", name)


def persons(people: Named) -> frozenset[Person]:
    """Return all who are named, each once."""
    return frozenset(person(recordings, name) for recordings, names in people.items() for name in names)


def without(people: Named, others: Iterable[Person]) -> dict[str, list[Name]]:
    """Return those who are not among others; of recordings of which nobody is left, nothing."""
    among = frozenset(others)
    left = {
        recordings: [name for name in names if person(recordings, name) not in among]
        for recordings, names in people.items()
    }
    return {recordings: names for recordings, names in left.items() if names}


def union(*people: Named) -> dict[str, list[Name]]:
    """Return all whom any of these names, in order: numbers, then names."""
    together: dict[str, set[Name]] = {}
    for some in people:
        for recordings, names in some.items():
            together.setdefault(recordings, set()).update(names)
    return {
        recordings: sorted(names, key=lambda name: (isinstance(name, str), name))
        for recordings, names in together.items()
    }
