"""All checks of one sensor, in the order in which one fault explains the next."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from edgehar.errors import ModelError
from edgehar.pipeline.diagnosis.axes import check_axes, turn_factor
from edgehar.pipeline.diagnosis.chip import check_bias, check_gravity, check_range, unit_of_force
from edgehar.pipeline.diagnosis.findings import Finding, fail
from edgehar.pipeline.diagnosis.gait import check_gait, walking
from edgehar.pipeline.diagnosis.link import check_link
from edgehar.pipeline.diagnosis.measurement import Array, Measurement, Signals
from edgehar.pipeline.diagnosis.worn import check_worn
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.types import STANDARD_GRAVITY, Item, Stream


def measure(streams: Iterable[Stream], items: Iterable[Item]) -> list[Measurement]:
    """Return what came of each stream, in their order; `items` are those of a live sensor or of a recording."""
    measurements = [Measurement(stream) for stream in streams]
    for t, stream, body in items:
        if body and 0 <= stream < len(measurements):
            measurements[stream].push(t, body)
    return measurements


def diagnose(m: Measurement, spec: ModelSpec | None = None, like: Array | None = None) -> Iterator[Finding]:
    """Yield all that is to be said of a sensor.

    Args:
        m: what came of it.
        spec: the model that is to take it.
        like: direction in its axes that pointed up when it was worn as it should be, (3,).
    """
    yield from check_link(m)
    if spec is not None:
        yield from _check_taken(m.stream.placement, spec)
    yield from check_range(m)
    signals = m.signals()
    if signals is None:
        return
    yield check_gravity(signals)
    signals = in_g(signals)
    yield from check_axes(signals)
    signals = in_rad(signals)
    if (bias := check_bias(signals)) is not None:
        yield bias
    yield check_worn(signals)
    yield from check_gait(m.stream.placement, walking(signals, m.stream.placement), like)


def in_g(signals: Signals) -> Signals:
    """Return the signals with a force that is one g at rest, so that a wrong unit is told once and not by every check."""
    felt = unit_of_force(signals)
    return signals if felt is None else replace(signals, force=signals.force * (STANDARD_GRAVITY / felt))


def in_rad(signals: Signals) -> Signals:
    """Return the signals with an angular rate in rad/s, for the same reason."""
    factor = turn_factor(signals)
    return signals if signals.turn is None or factor == 1.0 else replace(signals, turn=signals.turn * factor)


def figures(m: Measurement) -> dict[str, Any]:
    """Return the counters of what came, for programs."""
    return {"seconds": round(m.seconds, 1), "declared_hz": m.declared_hz, **m.intake.health()}


def _check_taken(placement: str, spec: ModelSpec) -> Iterator[Finding]:
    try:
        spec.slots([placement])
    except ModelError as error:
        yield fail(
            "placement", str(error), "correct its `placement` in the configuration, or choose another model"
        )
