"""New labels of a model that its network was not trained with: taught by one wearer, or typed. They are tops of the tree."""

from collections.abc import Collection, Iterable, Mapping

from msgspec.structs import replace

from edgehar.pipeline.model_spec import ModelSpec, Sensor
from edgehar.pipeline.operating_points import OperatingPoints, Point, Rated

_THRESHOLDS: Mapping[Point, float] = {"quiet": 0.9999, "normal": 0.995, "eager": 0.9}
"""Belief from which a new label is told: no recordings of others can say it. Chosen on people of wisdm_watch whom the
shipped model was tuned on, the most recall at about half the false starts of the plain 0.8 (`docs/personalize_scores.md`)."""


def with_labels(spec: ModelSpec, labels: tuple[str, ...], sensors: Collection[int]) -> ModelSpec:
    """Return a manifest with more labels, which these sensors (indices) can tell."""
    extended = tuple(
        _with(sensor, labels) if i in sensors else _with(sensor, (), spec.labels)
        for i, sensor in enumerate(spec.sensors)
    )
    points: OperatingPoints = {
        point: {name: rated | _rated(point, labels) for name, rated in by_worn.items()}
        for point, by_worn in spec.operating_points.items()
    }
    return replace(spec, labels=(*spec.labels, *labels), sensors=extended, operating_points=points)


def without_label(spec: ModelSpec, label: str) -> ModelSpec:
    """Return a manifest without one of its new labels."""
    sensors = tuple(
        replace(sensor, labels=tuple(name for name in sensor.labels if name != label))
        for sensor in spec.sensors
    )
    points: OperatingPoints = {
        point: {
            name: {node: of for node, of in rated.items() if node != label} for name, rated in by_worn.items()
        }
        for point, by_worn in spec.operating_points.items()
    }
    labels = tuple(name for name in spec.labels if name != label)
    return replace(spec, labels=labels, sensors=sensors, operating_points=points)


def _rated(point: Point, labels: Iterable[str]) -> dict[str, Rated]:
    return {label: Rated(_THRESHOLDS[point], 0.0, None, "default") for label in labels}


def _with(sensor: Sensor, new: tuple[str, ...], labels: tuple[str, ...] = ()) -> Sensor:
    """Return a sensor that tells new labels too; of none that are named it tells all, which stays so."""
    return replace(sensor, labels=(*sensor.labels, *new) if sensor.labels else labels)
