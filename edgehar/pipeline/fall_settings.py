"""Weights of the evidence that tells a fall, by where the sensor is.

                       waist, hip, chest   wrist
    -----------------  ------------------  ----------------------------------------------------------------------
    network            half                a third: hands do much that looks like falling
    free fall, impact  some: who lies      the impact alone, and much of it: hands that break a fall are hit by
                       down has neither    3 to 6 g, and swing freely all day
    turned             much                much
    rest after it      nothing             some: a hand that goes on moving was only busy
    unrest before it   against it          against it: who runs or hammers is hit again and again
    repeated hits      nothing             against it, before and after: who claps

A trunk that was upright and is not a second later has fallen whether or not it lies still: who gets up again has fallen
too. A hand turns and is hit all day, so it needs more. The weights are those of a logistic regression on people,
rounded, but for free fall and impact at the trunk and for repeated hits, where the sets lack what is no fall: people who
lie down on a bed, who clap and rest. At the trunk `needed` is as high as it costs no falls. `python -m benchmarks.falls`
fits the others to another network.
"""

from typing import Annotated

from msgspec import Meta, Struct

_MOST = 100


def _key(unit: str, least: float, most: float, sentence: str) -> Meta:
    return Meta(ge=least, le=most, description=sentence, extra_json_schema={"unit": unit})


def _weight(sentence: str) -> Meta:
    return _key("1", -_MOST, _MOST, sentence)


class FallWeights(Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the evidence that a hit was a fall, at one kind of placement, in log-odds."""

    needed: Annotated[
        float, _weight("Sum of all evidence from which a fall is told; higher: fewer false ones.")
    ]
    network: Annotated[float, _weight("Weight of the log-odds that the network gives a fall.")]
    fell: Annotated[float, _weight("For each halving of the specific force below 0.6 g before the impact.")]
    impact: Annotated[float, _weight("For each doubling of the impact over 3 g, up to 6 g.")]
    turned: Annotated[float, _weight("For each right angle over 60 degrees, up to 90 degrees.")]
    rest: Annotated[float, _weight("For each halving of the swing below 2 m/s^2 after it.")]
    unrest: Annotated[float, _weight("Against it, for each doubling of the swing before it over 4 m/s^2.")]
    repeats: Annotated[
        float, _weight("Against it, for each hop within a window around it that is hit half as hard.")
    ]


class FallSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits at which a fall is told, and the weights of each kind of placement."""

    suspicion: Annotated[
        float, _key("1", 0, 1, "Probability below which nothing is a fall; higher: fewer false ones.")
    ] = 0.2
    within_s: Annotated[
        float, _key("s", 0, 60, "Time after a hit to tell a fall in; 0: a fall is told like any label.")
    ] = 3.0
    waist: FallWeights = FallWeights(
        needed=2.0, network=0.55, fell=1.0, impact=2.0, turned=5.5, rest=0.0, unrest=0.85, repeats=0.0
    )
    """Also hip, pelvis and lower back, and wherever no other kind is meant."""
    chest: FallWeights = FallWeights(
        needed=0.7, network=0.55, fell=1.0, impact=2.0, turned=5.5, rest=0.0, unrest=0.85, repeats=0.0
    )
    wrist: FallWeights = FallWeights(
        needed=1.8, network=0.3, fell=0.0, impact=2.6, turned=4.3, rest=0.55, unrest=1.3, repeats=0.5
    )

    def at(self, placement: str | None) -> FallWeights:
        """Return the weights for a placement, such as `wrist_left`."""
        kind = (placement or "").partition("_")[0]
        return {"chest": self.chest, "wrist": self.wrist}.get(kind, self.waist)
