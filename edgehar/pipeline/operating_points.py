"""Operating points: how sure the decision has to be of each label, so that it begins wrongly so often and no oftener.

What a sensor can tell, and how often it is wrong, depends on where it is worn. So a model's manifest gives thresholds for
each point, each of its sensors worn alone and several worn at once, and each node of the label tree, and what they rest on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from edgehar.validation import shown

Point = Literal["quiet", "normal", "eager"]
POINTS: tuple[Point, ...] = get_args(Point)
FALSE_STARTS_PER_HOUR: Mapping[Point, float] = {"quiet": 0.1, "normal": 0.5, "eager": 2.0}
"""Starts of each label and kind of labels, per hour in which it is not done, that a point allows."""
SEVERAL = "several"
"""Stands for more than one worn sensor, where else the name of the one stands."""

Basis = Literal["label", "placement", "elsewhere", "default"]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[float, Meta(ge=0)]


class Rated(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A threshold, and the false starts that it leaves on the recordings that it was fitted to."""

    threshold: Share
    """Belief from which the node is told."""
    hours: Count
    """Time in which it was not done."""
    at_most_per_hour: Count | None
    """95 % upper bound of the rate of false starts in these hours, exact Poisson; None without any."""
    basis: Basis
    """Evidence that the threshold rests on. `label`: the recordings show what this label does at this placement; `placement`: they show
    it only of all such labels there together, and the rate is kept in their mean; `elsewhere`: not even of them, and the
    threshold is the median of the other placements;
    `default`: nowhere, and it is that of the settings."""


OperatingPoints = dict[Point, dict[str, dict[str, Rated]]]
"""By point, name of the worn sensor or SEVERAL, and node of the label tree; empty in older pairs."""


def worn_as(names: Sequence[str], slots: Sequence[str | None]) -> str:
    """Return under what the thresholds stand of what is worn: `names` of the sensors, placement in each or None."""
    worn = [name for name, placement in zip(names, slots, strict=True) if placement is not None]
    return worn[0] if len(worn) == 1 else SEVERAL


def misfits(
    points: OperatingPoints, names: Sequence[str], nodes: Sequence[str]
) -> Iterator[tuple[str, str, object]]:
    """Yield the field, what was expected and what came, of points that fit no model of these sensors and nodes."""
    if SEVERAL in names and points:
        yield "sensors", f"no sensor called {SEVERAL}, beside operating points", [*names]
    if points and set(points) != set(POINTS):
        yield "operating_points", f"all of {', '.join(POINTS)}", [*points]
    for point, by_worn in points.items():
        for worn, by_node in by_worn.items():
            at = f"operating_points.{point}.{worn}"
            if worn not in (*names, SEVERAL):
                yield at, f"{shown(SEVERAL)}, or the name of a sensor", worn
            if unknown := [node for node in by_node if node not in nodes]:
                yield at, "labels of the model, or nodes of its tree", unknown
