"""Activities and events as topics and JSON.

    <root> = <prefix>/<gateway>                 payload                             retained
    <root>/<wearer>/activity                    the state, one bare word            yes
    <root>/<wearer>/activity/attributes         JSON: what the state rests on       yes
    <root>/<wearer>/event                       JSON: an activity began or ended    no

State and attributes have a topic each, because a listener that takes both from one topic sees
every change twice. Events are not retained: one that is heard again later did not happen again.
A kind of labels, such as `still`, is a state as any label is; which label of it is likelier stands beside it,
as `likeliest` and `likeliest_confidence`. Times are ISO 8601 in UTC, durations carry their unit in the name.
"""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from edgehar.types import Activity, Event

EVENT_SCHEMA = "edgehar.event/1"
"""Changes when a key of an event changes its meaning or goes away."""

EXPIRES_HEARTBEATS = 3
"""A state that was not renewed for so many heartbeats is none any more."""

ToUnixTime = Callable[[float], float]
"""Stream time, s -> Unix time, s."""

_encode = msgspec.json.Encoder().encode


class Message(Struct, frozen=True):
    """One MQTT message, sent with QoS 1."""

    topic: str
    payload: bytes
    retain: bool
    expires_s: int | None = None
    """With MQTT 5 the broker drops it after so long, s: a state that nobody renews is none."""


def monotonic_to_unix(t: float) -> float:
    """Return the Unix time, s, of a stream time that this host's monotonic clock stamped since it started."""
    return time.time() - time.monotonic() + t


def iso_utc(unix_s: float) -> str:
    """Write a time in UTC to the millisecond, e.g. `2026-05-04T08:15:03.120Z`."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def attributes(activity: Activity, to_unix: ToUnixTime) -> dict[str, Any]:
    """Return what a state rests on; ratios to three decimals. `pipeline.reasons` wrote the reason."""
    return {
        "confidence": round(activity.confidence, 3),
        **_likeliest(activity),
        "coverage": round(activity.coverage, 3),
        "missing": activity.excluded_sensors,
        "since": iso_utc(to_unix(activity.since)),
        "time": iso_utc(to_unix(activity.t)),
        "reason": activity.reason,
        **({"remarks": activity.remarks} if activity.remarks else {}),
    }


def _likeliest(item: Activity | Event) -> dict[str, Any]:
    """Return the likelier label of a kind and the belief in it; nothing of a label."""
    if item.likeliest is None:
        return {}
    label, share = item.likeliest
    return {"likeliest": label, "likeliest_confidence": round(share, 3)}


def event(item: Event, to_unix: ToUnixTime) -> dict[str, Any]:
    """Return an event as a flat object: `ended_at` and `duration_s` only when it ended, `recovered` only of a fall.

    `latency_ms.decision` is the time from the true boundary, as estimated, to the window that showed it.
    """
    boundary = item.started_at if item.ended_at is None else item.ended_at
    payload: dict[str, Any] = {
        "event_type": item.kind,
        "schema": EVENT_SCHEMA,
        "id": item.id,
        "label": item.label,
        "previous": item.previous,
        "confidence": round(item.confidence, 3),
        **_likeliest(item),
        "started_at": iso_utc(to_unix(item.started_at)),
        "detected_at": iso_utc(to_unix(item.detected_at)),
        "latency_ms": {"decision": round((item.detected_at - boundary) * 1000)},
        "coverage": round(item.coverage, 3),
        "model": item.model,
    }
    if item.ended_at is not None:
        payload["ended_at"] = iso_utc(to_unix(item.ended_at))
        payload["duration_s"] = round(item.ended_at - item.started_at, 3)
    if item.recovered is not None:
        payload["recovered"] = item.recovered
    return payload


def mqtt_messages(
    item: Activity | Event, root: str, to_unix: ToUnixTime, expires_s: int | None = None
) -> list[Message]:
    """Return the MQTT messages of one item below the topic `root`, in the order of sending.

    States expire after `expires_s`, but the last one, which nothing will renew.
    """
    topic = f"{root}/{item.wearer}"
    if isinstance(item, Event):
        return [Message(f"{topic}/event", _encode(event(item, to_unix)), retain=False)]
    expires_s = None if item.is_last else expires_s
    return [
        Message(f"{topic}/activity/attributes", _encode(attributes(item, to_unix)), True, expires_s),
        Message(f"{topic}/activity", item.state.encode(), True, expires_s),
    ]


def events_of(wearer: str, messages: Iterable[Message]) -> list[Message]:
    """Return the messages that are events of a wearer, whatever the gateway."""
    return [message for message in messages if message.topic.endswith(f"/{wearer}/event")]


def mqtt_removals(wearer: str, root: str) -> list[Message]:
    """Return the MQTT messages that remove what is retained of a wearer below the topic `root`."""
    return [
        Message(f"{root}/{wearer}/{suffix}", b"", retain=True)
        for suffix in ("activity/attributes", "activity")
    ]


def json_line(item: Activity | Event, to_unix: ToUnixTime) -> str:
    """Return the item as one line of JSON, ending in a newline."""
    payload: dict[str, Any]
    if isinstance(item, Event):
        payload = {"type": "event", "wearer": item.wearer, **event(item, to_unix)}
    else:
        payload = {
            "type": "activity",
            "wearer": item.wearer,
            "activity": item.state,
            **attributes(item, to_unix),
        }
    return _encode(payload).decode() + "\n"


class StateFilter:
    """Filter of states: those pass that changed, that were not published for long, or that are the last."""

    def __init__(self, heartbeat_s: float) -> None:
        """Let an unchanged state through again after `heartbeat_s` of monotonic time; infinity: never."""
        self._heartbeat_s = heartbeat_s
        self._published: dict[str, tuple[str, float]] = {}

    def passes(self, activity: Activity) -> bool:
        """Tell whether to publish it; the answer True counts as published."""
        now = time.monotonic()
        state, when = self._published.get(activity.wearer, ("", now))
        if state == activity.state and now - when < self._heartbeat_s and not activity.is_last:
            return False
        self._published[activity.wearer] = (activity.state, now)
        return True

    def forget(self, wearer: str) -> None:
        """Let the wearer's next state through, whatever it is."""
        self._published.pop(wearer, None)
