"""Messages of phones, built independently of the readers; constructed, unless a test names a source."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

Vector = tuple[float, float, float]

BEGIN_NS = 1_698_501_144_401_773_000
"""The first time in tszheichoi/awesome-sensor-logger, PUSHING.md."""

IPHONE = "bdc48106-c638-4314-90e6-968e544894a5"
"""A `deviceId` as an iPhone has it."""

FACE_UP_IOS: Vector = (0.0, 0.0, -1.0)
FACE_UP: Vector = (0.0, 0.0, 9.80665)
TURNING: Vector = (0.1, -0.2, 0.5)

ANDROID = {"totalacceleration": FACE_UP, "gyroscope": TURNING}
"""Readings of an Android phone's motion sensors, by the names that Sensor Logger gives them there."""


def reading(name: str, time_ns: int, values: Any) -> dict[str, Any]:
    if isinstance(values, tuple):
        values = dict(zip("zyx", reversed(values), strict=True))
    return {"name": name, "values": values, "time": time_ns}


def push(number: int, readings: Iterable[dict[str, Any]], session: str = "s", device: str = IPHONE) -> bytes:
    """Return one message of Sensor Logger."""
    return json.dumps(
        {"messageId": number, "sessionId": session, "deviceId": device, "payload": list(readings)}
    ).encode()


def recording(
    pushes: int,
    sensors: dict[str, Vector],
    *,
    per_push: int = 20,
    period_ns: int = 10_000_000,
    session: str = "s",
    device: str = IPHONE,
    begin_ns: int = BEGIN_NS,
) -> list[bytes]:
    """Return pushes of a phone whose sensors read the same all the time."""
    messages = []
    for number in range(pushes):
        readings = [
            reading(name, begin_ns + (number * per_push + i) * period_ns, values)
            for i in range(per_push)
            for name, values in sensors.items()
        ]
        messages.append(push(number, readings, session, device))
    return messages


def event(kind: str, time_ns: int, values: Sequence[float]) -> bytes:
    """Return one message of SensorServer."""
    return json.dumps({"values": list(values), "timestamp": time_ns, "accuracy": 3, "type": kind}).encode()
