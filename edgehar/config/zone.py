"""The keys of a `[[zone]]`: wearers of whom counts are told and nothing else; as in `schema`."""

from typing import Annotated

from msgspec import Meta, Struct

from edgehar.config.names import Filled, Name

LEAST = 3
"""No smaller group may be told: of two, each knows the other."""

RESERVED = ("not_judged", "withheld", "wearers", "least", "t")
"""Keys beside the labels of a zone's counts."""


class Zone(Struct, frozen=True, forbid_unknown_fields=True):
    """A place, or a shift, whose wearers are counted; of none of them anything is told, not even a fall."""

    id: Annotated[Name, Meta(description="Its name in topics.")]
    wearers: Annotated[
        list[Name],
        Meta(
            min_length=1, description="Ids of its wearers, at least twice `least`; each in one zone at most."
        ),
    ]
    labels: Annotated[
        list[Filled],
        Meta(
            description="Labels or kinds that are counted, the most important first: the last are withheld first. Every coarsest "
            "kind unless set."
        ),
    ] = []
    every_s: Annotated[
        float, Meta(ge=1, le=86_400, description="Counts are told once in so long, by the clock alone, s.")
    ] = 60.0
    least: Annotated[
        int,
        Meta(ge=LEAST, le=1000, description="No group of fewer wearers can be made out in what is told."),
    ] = 5
