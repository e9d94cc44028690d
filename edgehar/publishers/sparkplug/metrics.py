"""The metrics of a wearer's device, and their values, as a Sparkplug host is told them.

    Activity/Label          String      as on MQTT: a label or kind of labels, `other`, `no_signal`, `not_worn`
    Activity/Likeliest      String      of a kind the likelier label
    Activity/Confidence     Double      0 to 1
    Activity/Coverage       Double      0 to 1
    Activity/Since          DateTime
    Activity/Reason         String      one sentence
    Event/Id                String      the same at the start and the end of one activity
    Event/Type              String      `activity_started` or `activity_ended`
    Event/Label             String
    Event/Previous          String      the state before
    Event/Confidence        Double      0 to 1
    Event/StartedAt         DateTime
    Event/EndedAt           DateTime    nothing at a start
    Fall/Active             Boolean     true from when a fall is told until it ends; only where falls are told
    Fall/StartedAt          DateTime    of the last fall
    Fall/Recovered          Boolean     they got up again, known at its end
    Decision/OperatingPoint String
    Sensor/<p>/Problem      String      `ok`, or in words what is wrong, for each placement
    Sensor/<p>/Battery      Int64       percent, once the sensor has told it

And of a zone, whose wearers are counted, a device with these alone:

    Count/<label>           Int64       wearers who do so; nothing where it is withheld
    Count/Withheld          Int64       in all that are withheld together
    Count/At                DateTime
    Zone/Wearers            Int64       all of the zone
    Zone/Least              Int64       no smaller group can be made out
    Sensors/Faulty          Int64       sensors with a fault

What is not known has no value (`is_null`).
"""

from collections.abc import Mapping

from msgspec import Struct

from edgehar.publishers.sparkplug.payload import DataType, Value
from edgehar.types import FALLING, Activity, Event

LABEL = "Activity/Label"

_ALWAYS = {
    LABEL: DataType.STRING,
    "Activity/Likeliest": DataType.STRING,
    "Activity/Confidence": DataType.DOUBLE,
    "Activity/Coverage": DataType.DOUBLE,
    "Activity/Since": DataType.DATETIME,
    "Activity/Reason": DataType.STRING,
    "Event/Id": DataType.STRING,
    "Event/Type": DataType.STRING,
    "Event/Label": DataType.STRING,
    "Event/Previous": DataType.STRING,
    "Event/Confidence": DataType.DOUBLE,
    "Event/StartedAt": DataType.DATETIME,
    "Event/EndedAt": DataType.DATETIME,
    "Decision/OperatingPoint": DataType.STRING,
}

_OF_FALLS = {
    "Fall/Active": DataType.BOOLEAN,
    "Fall/StartedAt": DataType.DATETIME,
    "Fall/Recovered": DataType.BOOLEAN,
}

Values = dict[str, Value | None]


class Worn(Struct, frozen=True):
    """A wearer as a device: what is told of them, and how it goes with their sensors."""

    id: str
    problems: Mapping[str, str]
    """By placement, `ok` or what is wrong."""
    batteries: Mapping[str, int | None]
    """By placement, percent."""
    operating_point: str
    tells_falls: bool
    is_heard: bool
    """At least one sensor is connected."""


class ZoneDevice(Struct, frozen=True):
    """A zone as a device: counts by label, and what stands beside them."""

    id: str
    counts: Mapping[str, int | None]
    withheld: int
    wearers: int
    least: int
    faulty: int
    """Sensors with a fault."""
    counted_ms: int
    """Unix time, ms."""


def types_of_zone(zone: ZoneDevice) -> dict[str, DataType]:
    """Return all metrics that a zone will ever have, with their types."""
    return {name: DataType.DATETIME if name == "Count/At" else DataType.INT64 for name in of_zone(zone)}


def of_zone(zone: ZoneDevice) -> Values:
    """Return the counts of a zone."""
    return {
        **{f"Count/{name}": count for name, count in zone.counts.items()},
        "Count/Withheld": zone.withheld,
        "Count/At": zone.counted_ms,
        "Zone/Wearers": zone.wearers,
        "Zone/Least": zone.least,
        "Sensors/Faulty": zone.faulty,
    }


def types_of(worn: Worn) -> dict[str, DataType]:
    """Return all metrics that a wearer will ever have, with their types."""
    sensors = {
        f"Sensor/{placement}/{name}": kind
        for placement in worn.problems
        for name, kind in (("Problem", DataType.STRING), ("Battery", DataType.INT64))
    }
    return {**_ALWAYS, **(_OF_FALLS if worn.tells_falls else {}), **sensors}


def of_sensors(worn: Worn) -> Values:
    """Return how it goes with the sensors, and how sure an answer has to be; no battery that is not known by now."""
    return {
        "Decision/OperatingPoint": worn.operating_point,
        **{f"Sensor/{placement}/Problem": problem for placement, problem in worn.problems.items()},
        **{
            f"Sensor/{placement}/Battery": max(0, charge)
            for placement, charge in worn.batteries.items()
            if charge is not None
        },
    }


def of_activity(activity: Activity, since_ms: int) -> Values:
    """Return a state; ratios to three decimals."""
    return {
        LABEL: activity.state,
        "Activity/Likeliest": activity.likeliest[0] if activity.likeliest else None,
        "Activity/Confidence": round(float(activity.confidence), 3),
        "Activity/Coverage": round(float(activity.coverage), 3),
        "Activity/Since": since_ms,
        "Activity/Reason": activity.reason,
    }


def of_event(event: Event, started_ms: int, ended_ms: int | None) -> Values:
    """Return an event; of a fall also that it is one."""
    values: Values = {
        "Event/Id": event.id,
        "Event/Type": event.kind,
        "Event/Label": event.label,
        "Event/Previous": event.previous,
        "Event/Confidence": round(float(event.confidence), 3),
        "Event/StartedAt": started_ms,
        "Event/EndedAt": ended_ms,
    }
    if event.label == FALLING:
        values |= {
            "Fall/Active": ended_ms is None,
            "Fall/StartedAt": started_ms,
            "Fall/Recovered": event.recovered if event.recovered is None else bool(event.recovered),
        }
    return values
