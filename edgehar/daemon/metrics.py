"""Figures of the daemon for Prometheus: GET /metrics on a port of this host, text format 0.0.4.

Names have base units, counters end in `_total` and begin at zero with the daemon. A stream is `<wearer>/<placement>`.
Whoever may read them learns what wearers do and when: unless the configuration says otherwise only this host can.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from msgspec import Struct

from edgehar.sources.addresses import listening_address
from edgehar.types import Activity, Event
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

RETRY_S = 30.0
"""A port that cannot be opened is tried again after so long, s: whoever has it may leave."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BAD_PACKETS = ("malformed", "damaged", "dropped", "duplicates", "undescribed", "faults")
"""Counters of a sensor's health that say why a packet was of no use."""

Labels = dict[str, str]


class Family(Struct, frozen=True):
    """A metric, and its samples by labels."""

    name: str
    kind: str
    """counter or gauge"""
    text: str
    samples: list[tuple[Labels, float]]


class Answers:
    """Counter of what was told, a publisher."""

    def __init__(self) -> None:
        self.windows: Counter[tuple[str, str]] = Counter()
        """By wearer and whether there was an answer: `judged`, or why not."""
        self.events: Counter[tuple[str, str, str]] = Counter()
        """By wearer, label and kind of event."""

    def push(self, item: Activity | Event) -> None:
        """Count it; labels and wearers are few."""
        if isinstance(item, Event):
            self.events[item.wearer, item.label, item.kind] += 1
        else:
            self.windows[item.wearer, item.no_answer or "judged"] += 1

    def families(self) -> Iterator[Family]:
        """Yield what was counted."""
        windows = [({"wearer": w, "result": r}, float(n)) for (w, r), n in self.windows.items()]
        yield Family("edgehar_windows_total", "counter", "Windows by what came of them.", windows)
        events = [({"wearer": w, "label": x, "event": k}, float(n)) for (w, x, k), n in self.events.items()]
        yield Family("edgehar_events_total", "counter", "Events by label.", events)


def families_of(
    health: Mapping[str, Any], info: Labels, *, began: float, is_connected: bool, waiting: int
) -> Iterator[Family]:
    """Yield the metrics of `Daemon.health`; `info` names version and model, `began` is Unix time, s."""
    yield Family("edgehar_build_info", "gauge", "What runs.", [(info, 1.0)])
    yield _single("process_start_time_seconds", "gauge", "Unix time of the start.", began)
    yield _single("process_resident_memory_bytes", "gauge", "Memory.", health["rss_mb"] * 2**20)
    yield _single("edgehar_mqtt_connected", "gauge", "1 while the broker takes messages.", is_connected)
    yield _single("edgehar_mqtt_waiting_events", "gauge", "Events not yet acknowledged.", waiting)
    yield _single("edgehar_mqtt_dropped_events_total", "counter", "Events lost.", health["events_dropped"])
    yield _single("edgehar_mqtt_refused_messages_total", "counter", "Not taken.", health["messages_refused"])
    sensors = {
        f"{wearer}/{placement}": sensor
        for wearer, state in health["wearers"].items()
        for placement, sensor in state["sensors"].items()
    }
    yield _of_streams(
        "edgehar_packets_received_total", "counter", "Packets that were read.", sensors, "packets"
    )
    yield _of_streams("edgehar_packets_lost_total", "counter", "Missing by number or clock.", sensors, "lost")
    bad = [
        ({"stream": stream, "reason": reason}, float(sensor[reason]))
        for stream, sensor in sensors.items()
        for reason in BAD_PACKETS
        if reason in sensor
    ]
    yield Family("edgehar_packets_bad_total", "counter", "Packets of no use, by why.", bad)
    yield _of_streams(
        "edgehar_clock_restarts_total", "counter", "New beginnings of a clock.", sensors, "clock_restarts"
    )
    yield _of_streams("edgehar_clock_drift_ppm", "gauge", "Against this host's clock.", sensors, "skew_ppm")
    yield _of_streams("edgehar_battery_ratio", "gauge", "Charge, 0 to 1.", sensors, "battery", 0.01)


def text_of(families: Iterable[Family]) -> str:
    """Write families in Prometheus' text format."""
    lines = []
    for family in families:
        if family.samples:
            lines += [f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            lines.append(f"{family.name}{{{inside}}} {value!r}" if inside else f"{family.name} {value!r}")
    return "\n".join([*lines, ""])


async def serve(listen: str, text: Callable[[], str]) -> NoReturn:
    """Answer GET /metrics at an address until cancelled; a port that cannot be opened is a warning, and tried again."""
    from aiohttp import web

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=text().encode(), headers={"Content-Type": CONTENT_TYPE})

    application = web.Application()
    application.router.add_get("/metrics", answer)
    warn = WarnOnce(_LOGGER)
    while True:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        try:
            await runner.setup()
            await web.TCPSite(runner, *listening_address(listen)).start()
            _LOGGER.info("metrics at http://%s/metrics", listen)
            await asyncio.Event().wait()
        except OSError as error:
            warn("port", "metrics at %s: %s; trying again", listen, error.strerror or error)
        finally:
            await runner.cleanup()
        await asyncio.sleep(RETRY_S)


def _single(name: str, kind: str, text: str, value: float) -> Family:
    return Family(name, kind, text, [({}, float(value))])


def _of_streams(
    name: str, kind: str, text: str, sensors: Mapping[str, Mapping[str, Any]], key: str, scale: float = 1.0
) -> Family:
    """Return one figure of each sensor that has it."""
    samples: list[tuple[Labels, float]] = [
        ({"stream": stream}, sensor[key] * scale)
        for stream, sensor in sensors.items()
        if sensor.get(key) is not None
    ]
    return Family(name, kind, text, samples)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
