"""The contract of a model: what it was trained for, beside what is worn; each misfit in a line.

A misfit is refused where the answers would mean nothing, and else a warning: it works, but worse than the scores say.

A sensor may be slower than any that the model was trained with, down to half of that: of selfBACK's people whom no
fit has seen `imu_tcn`, trained from 20 Hz on, keeps at 10 Hz 0.752 of macro-F1 0.788 at the thigh and 0.635 of 0.701 at
the wrist, and at 5 Hz 0.421 and 0.438 (`python -m benchmarks.rates DATA`). A faster one loses nothing: the grid thins it.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from edgehar import __version__
from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.modality import Modality
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.operating_points import Point
from edgehar.types import OTHER
from edgehar.validation import did_you_mean, shown

SLOWEST = 0.5
"""Share of the lowest rate that the model was trained with: a sensor that is slower is refused."""


class Mismatch(Struct, frozen=True):
    """One thing in which a model and a configuration do not fit."""

    key: str
    """Key of the configuration, such as `wearer[0].ble[1]`."""
    field: str
    """Field of the contract: placement, rate_hz, gyroscope, labels, modality, operating_point, edgehar."""
    model: str
    """Id of the model."""
    trained_with: str
    """In words, what the model was made for."""
    configured: str
    """In words, what the configuration has."""
    mend: str
    is_refused: bool = True
    """False: it works, and is unwise."""

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.key}: {self.field}: {self.model} {self.trained_with}; this is {self.configured}; {self.mend}"


class ConfiguredSensor(Struct, frozen=True):
    """A sensor as a configuration describes it."""

    key: str
    """Place where it stands, such as `wearer[0].ble[1]`."""
    placement: str
    modality: Modality
    name: str = "a sensor"
    """Description for people."""
    rate_hz: float | None = None
    """None: it says so itself once it is heard."""
    has_gyroscope: bool | None = None
    """None: as `rate_hz`."""


def of_sensors(spec: ModelSpec, sensors: Sequence[ConfiguredSensor]) -> Iterator[Mismatch]:
    """Yield what does not fit of one wearer's sensors, all of the model's modality."""
    taken: list[str] = []
    for sensor in sensors:
        try:
            spec.slots([*taken, sensor.placement])
        except ModelError:
            yield _of_placement(spec, sensor, taken)
        else:
            taken.append(sensor.placement)
        yield from _of_rate(spec, sensor)
        yield from _of_gyroscope(spec, sensor)


def _of_placement(spec: ModelSpec, sensor: ConfiguredSensor, taken: Sequence[str]) -> Mismatch:
    places = list(dict.fromkeys(place for each in spec.sensors for place in each.placements))
    fitting = sum(sensor.placement in each.placements for each in spec.sensors)
    if fitting:
        trained = f"was trained with {fitting} of such a place and has {', '.join(taken)} in it"
        mend = "leave one out"
    else:
        trained = f"was trained with sensors at {', '.join(places)}"
        mend = did_you_mean(sensor.placement, places, "wear it at one of these, or train a model", most=2)
    return Mismatch(sensor.key, "placement", spec.id, trained, f"{shown(sensor.placement)}", mend)


def _of_rate(spec: ModelSpec, sensor: ConfiguredSensor) -> Iterator[Mismatch]:
    rate = sensor.rate_hz
    lowest = spec.trained_on.rates_hz[0] if spec.trained_on else spec.rate_hz
    if rate is None or rate >= lowest:
        return
    is_refused = spec.trained_on is not None and rate < SLOWEST * lowest
    if spec.trained_on:
        trained = f"was trained with sensors of {lowest:g} to {spec.trained_on.rates_hz[1]:g} Hz"
    else:
        trained = f"looks at {spec.rate_hz:g} Hz, and its manifest does not say how slow sensors may be"
    mend = "expect worse answers; a sensor within these rates is better"
    if is_refused:
        mend = f"below {SLOWEST * lowest:g} Hz nothing can be told: take a faster sensor, or set this one to a higher rate"
    yield Mismatch(sensor.key, "rate_hz", spec.id, trained, f"{sensor.name} of {rate:g} Hz", mend, is_refused)


def too_slow(spec: ModelSpec, rate_hz: float) -> str | None:
    """Say that a sensor of this rate is slower than a model can take; None of one that is not."""
    if spec.trained_on is None or rate_hz >= (slowest := SLOWEST * spec.trained_on.rates_hz[0]):
        return None
    return f"takes {rate_hz:.3g} samples per second, and {spec.id} needs at least {slowest:g}"


def _of_gyroscope(spec: ModelSpec, sensor: ConfiguredSensor) -> Iterator[Mismatch]:
    if sensor.has_gyroscope is not False or (spec.trained_on and spec.trained_on.no_gyroscope):
        return
    trained = "was trained with gyroscopes throughout"
    if spec.trained_on is None:
        trained = "does not say in its manifest whether it was trained without gyroscopes"
    mend = "take a sensor that has one, or train with `no_gyroscope` above 0"
    configured = f"{sensor.name}, which has none"
    is_refused = spec.trained_on is not None
    yield Mismatch(sensor.key, "gyroscope", spec.id, trained, configured, mend, is_refused)


def of_modality(spec: ModelSpec, key: str, expected: Modality) -> Iterator[Mismatch]:
    """Yield that a model looks at something else than its key of [model] is for: channels, their units and frames."""
    if spec.modality is not expected:
        units = ", ".join(f"{name} in {unit}" for name, unit in spec.units.items())
        needed = ", ".join(f"{name} in {unit}" for name, unit in expected.units.items())
        trained = f"was trained with {spec.channels[0]} and the like ({units})"
        mend = f"name a model that looks at these, such as {expected.shipped}"
        yield Mismatch(key, "channels", spec.id, trained, f"for {expected.channels[0]} ({needed})", mend)


def of_labels(model: str, tree: LabelTree, key: str, told: Sequence[str]) -> Iterator[Mismatch]:
    """Yield the labels and kinds that are to be told and that no model here can."""
    nodes = [node for node in tree.nodes if node != OTHER]
    for name in told:
        if name not in nodes:
            mend = did_you_mean(name, nodes, "leave it out, or teach it")
            yield Mismatch(key, "labels", model, f"tells {', '.join(nodes)}", shown(name), mend)


def of_point(spec: ModelSpec, key: str, point: Point) -> Iterator[Mismatch]:
    """Yield that a model has no operating points, if one is chosen."""
    try:
        spec.check_point(point)
    except ConfigError:
        mend = "set `threshold` in [decision] instead, or fit some with `edgehar-train operate`"
        yield Mismatch(key, "operating_point", spec.id, "has no operating points", shown(point), mend)


def of_version(spec: ModelSpec, key: str) -> Iterator[Mismatch]:
    """Yield, as a warning, that a pair was made by a later edgehar than this."""
    made_by = spec.provenance.get("edgehar")
    if isinstance(made_by, str) and _number(made_by) > _number(__version__):
        mend = "install that edgehar, if answers are not as they should be"
        yield Mismatch(key, "edgehar", spec.id, f"was made by {made_by}", __version__, mend, is_refused=False)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
