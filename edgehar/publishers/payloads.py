"""What publishers say: activities and events as topics and JSON.

    <base> = <prefix>/<gateway>                 payload                             retained
    <base>/<wearer>/activity                    the state, one bare word            yes
    <base>/<wearer>/activity/attributes         JSON: what the state rests on       yes
    <base>/<wearer>/event                       JSON: an activity began or ended    no

State and attributes have a topic each, because a listener that takes both from one topic sees
every change twice. Events are not retained: one that is told again later did not happen again.
Times are ISO 8601 in UTC, durations carry their unit in the name.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from edgehar.types import Activity, Event

EVENT_SCHEMA = "edgehar.event/1"
"""Changes when a key of an event changes its meaning or goes away."""

Wall = Callable[[float], float]
"""Stream time, s -> Unix time, s."""

_encode = msgspec.json.Encoder().encode


class Message(Struct, frozen=True):
    """One MQTT message, sent with QoS 1."""

    topic: str
    payload: bytes
    retain: bool


def this_host(t: float) -> float:
    """Unix time, s, of a stream time that this host's monotonic clock stamped since it started."""
    return time.time() - time.monotonic() + t


def iso(unix_s: float) -> str:
    """UTC to the millisecond, e.g. `2026-05-04T08:15:03.120Z`."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def attributes(activity: Activity, wall: Wall) -> dict[str, Any]:
    """What a state rests on; ratios to three decimals."""
    return {
        "confidence": round(activity.confidence, 3),
        "coverage": round(activity.coverage, 3),
        "missing": activity.excluded_sensors,
        "since": iso(wall(activity.since)),
        "time": iso(wall(activity.t)),
        "reason": activity.reason,
    }


def event(item: Event, wall: Wall) -> dict[str, Any]:
    """An event as a flat object: `ended_at` and `duration_s` only when it ended.

    `latency_ms.decision` is the time from the true boundary, as estimated, to the window that told it.
    """
    boundary = item.started_at if item.ended_at is None else item.ended_at
    said: dict[str, Any] = {
        "event_type": item.kind,
        "schema": EVENT_SCHEMA,
        "id": item.id,
        "label": item.label,
        "previous": item.previous,
        "confidence": round(item.confidence, 3),
        "started_at": iso(wall(item.started_at)),
        "detected_at": iso(wall(item.detected_at)),
        "latency_ms": {"decision": round((item.detected_at - boundary) * 1000)},
        "coverage": round(item.coverage, 3),
        "model": item.model,
    }
    if item.ended_at is not None:
        said["ended_at"] = iso(wall(item.ended_at))
        said["duration_s"] = round(item.ended_at - item.started_at, 3)
    return said


def messages(item: Activity | Event, base: str, wall: Wall) -> list[Message]:
    """The MQTT messages that tell of one item, in the order of sending."""
    topic = f"{base}/{item.wearer}"
    if isinstance(item, Event):
        return [Message(f"{topic}/event", _encode(event(item, wall)), retain=False)]
    return [
        Message(f"{topic}/activity/attributes", _encode(attributes(item, wall)), retain=True),
        Message(f"{topic}/activity", item.state.encode(), retain=True),
    ]


def line(item: Activity | Event, wall: Wall) -> str:
    """The item as one line of JSON, ending in a newline."""
    said: dict[str, Any]
    if isinstance(item, Event):
        said = {"type": "event", "wearer": item.wearer, **event(item, wall)}
    else:
        said = {"type": "activity", "wearer": item.wearer, "activity": item.state, **attributes(item, wall)}
    return _encode(said).decode() + "\n"


class News:
    """Tells which activities say something new: a changed state, or one that was not told for long."""

    def __init__(self, again_after_s: float) -> None:
        """`again_after_s` in host monotonic seconds; infinity for changes only."""
        self._again_after_s = again_after_s
        self._told: dict[str, tuple[str, float]] = {}

    def is_new(self, activity: Activity) -> bool:
        """Whether to tell it; the answer True counts as told."""
        now = time.monotonic()
        state, when = self._told.get(activity.wearer, ("", now))
        if state == activity.state and now - when < self._again_after_s:
            return False
        self._told[activity.wearer] = (activity.state, now)
        return True
