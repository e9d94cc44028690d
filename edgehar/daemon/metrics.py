"""Figures of the daemon for Prometheus: GET /metrics on a port of this host, text format 0.0.4.

Names have base units, counters end in `_total` and begin at zero with the daemon. A stream is `<wearer>/<placement>`.
Three names say what is counted here, not what is usual: `packets_lost`, since a number or a clock tells of packets and nothing
of why they are gone; `mqtt_dropped_events`, since events wait in one queue only; and `result` is `judged`, or the reason
of an answer without a label, since how sure an answer must be is the decision's, for many windows at once.
Whoever may read them learns what wearers do and when: unless the configuration says otherwise only this host can.
"""

import asyncio
import hmac
import logging
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NoReturn

from msgspec import Struct

from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.zone import Table
from edgehar.publishers.mqtt import Mqtt
from edgehar.sources.addresses import listening_address
from edgehar.types import Activity, Event, Prediction, Window
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

RETRY_S = 30.0
"""A port that cannot be opened is tried again after so long, s: whoever has it may leave."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

BAD_PACKETS = ("malformed", "damaged", "dropped", "duplicates", "undescribed", "faults")
"""Counters of a sensor's health that say why a packet was of no use."""

INFERENCE_S = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
"""Upper bounds of the buckets of a window's judgement, s; a Pi 4 is in the middle."""

LATENCY_S = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)
"""The same of an event's latency, s."""

COVERAGE = (0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""The same of a window's share of samples that came."""

Labels = dict[str, str]


class Sample(Struct, frozen=True):
    """One figure of a metric."""

    labels: Labels
    value: float
    suffix: str = ""
    """Behind the metric's name, as histograms have it."""


class Family(Struct, frozen=True):
    """A metric, and its samples by labels."""

    name: str
    kind: str
    """counter, gauge or histogram"""
    text: str
    samples: list[Sample]


class Histogram:
    """Counter of values by buckets."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name, self._text, self._bounds = name, text, bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value, in the unit of the bounds; a bound belongs to what is below it."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> Family:
        """Return what was counted; a bucket holds those of all smaller ones too."""
        below = [*accumulate(self._counts)]
        bounds = [*map(repr, self._bounds), "+Inf"]
        buckets = [Sample({"le": le}, n, "_bucket") for le, n in zip(bounds, below, strict=True)]
        totals = [Sample({}, self._sum, "_sum"), Sample({}, below[-1], "_count")]
        return Family(self._name, "histogram", self._text, [*buckets, *totals])


class TimedRecognizer(Recognizer):
    """A loaded model that notes how long it judges."""

    def __init__(self, spec: ModelSpec, interpreter: Any, durations: Histogram) -> None:
        super().__init__(spec, interpreter)
        self._durations = durations

    def push(self, window: Window) -> list[Prediction]:
        """Judge one window as every model does."""
        began = time.perf_counter()
        predictions = super().push(window)
        self._durations.observe(time.perf_counter() - began)
        return predictions


class Answers:
    """Counter of what was told, a publisher."""

    def __init__(self) -> None:
        self.durations = Histogram(
            "edgehar_inference_duration_seconds", "Judging one window of one wearer.", INFERENCE_S
        )
        self.windows: Counter[tuple[str, str]] = Counter()
        """By wearer and whether there was an answer: `judged`, or why not."""
        self.events: Counter[tuple[str, str, str]] = Counter()
        """By wearer, label and kind of event."""
        self._latencies = Histogram(
            "edgehar_event_latency_seconds", "From an estimated boundary to its event.", LATENCY_S
        )
        self._coverages = Histogram("edgehar_window_coverage_ratio", "Samples that came.", COVERAGE)

    def push(self, item: Activity | Event) -> None:
        """Count it; labels and wearers are few."""
        if isinstance(item, Event):
            self.events[item.wearer, item.label, item.kind] += 1
            boundary = item.started_at if item.ended_at is None else item.ended_at
            self._latencies.observe(item.detected_at - boundary)
        else:
            self._coverages.observe(item.coverage)
            self.windows[item.wearer, item.no_answer or "judged"] += 1

    def families(self) -> Iterator[Family]:
        """Yield what was counted."""
        windows = [Sample({"wearer": w, "result": r}, n) for (w, r), n in self.windows.items()]
        yield Family("edgehar_windows_total", "counter", "Windows by what came of them.", windows)
        events = [Sample({"wearer": w, "label": x, "event": k}, n) for (w, x, k), n in self.events.items()]
        yield Family("edgehar_events_total", "counter", "Events by label.", events)
        yield self.durations.family()
        yield self._latencies.family()
        yield self._coverages.family()


def families_of(
    health: Mapping[str, Any], info: Labels, mqtt: Mqtt | None, *, began: float
) -> Iterator[Family]:
    """Yield the metrics of `Figures.health` and of a publisher; `info` names what runs, `began` is Unix time, s."""
    yield Family("edgehar_build_info", "gauge", "What runs.", [Sample(info, 1.0)])
    yield _single("process_start_time_seconds", "gauge", "Unix time of the start.", began)
    yield _single("process_resident_memory_bytes", "gauge", "Memory.", health["rss_mb"] * 2**20)
    is_connected, waiting = mqtt is not None and mqtt.connected, mqtt.waiting if mqtt else 0
    reconnects = mqtt.reconnects if mqtt else 0
    yield _single("edgehar_mqtt_connected", "gauge", "1 while the broker takes messages.", is_connected)
    yield _single("edgehar_mqtt_reconnects_total", "counter", "New connections after a loss.", reconnects)
    yield _single("edgehar_mqtt_waiting_events", "gauge", "Events not yet acknowledged.", waiting)
    yield _single("edgehar_mqtt_dropped_events_total", "counter", "Events lost.", health["events_dropped"])
    yield _single("edgehar_mqtt_refused_messages_total", "counter", "Not taken.", health["messages_refused"])
    if sparkplug := health.get("sparkplug"):
        yield _single("edgehar_sparkplug_born", "gauge", "1 while hosts can hear.", sparkplug["is_born"])
        waiting, dropped = sparkplug["waiting"], sparkplug["dropped"]
        yield _single("edgehar_sparkplug_waiting_changes", "gauge", "Changes nobody heard yet.", waiting)
        yield _single("edgehar_sparkplug_dropped_changes_total", "counter", "Changes lost.", dropped)
    sensors = {
        f"{wearer}/{placement}": sensor
        for wearer, state in health["wearers"].items()
        for placement, sensor in state["sensors"].items()
    }
    yield _of_streams("edgehar_stream_up", "gauge", "1 while packets come.", sensors, "up")
    yield _of_streams(
        "edgehar_reconnects_total", "counter", "New beginnings of a lost link.", sensors, "reconnects"
    )
    yield _of_streams(
        "edgehar_packets_received_total", "counter", "Packets that were read.", sensors, "packets"
    )
    yield _of_streams("edgehar_packets_lost_total", "counter", "Missing by number or clock.", sensors, "lost")
    bad = [
        Sample({"stream": stream, "reason": reason}, sensor[reason])
        for stream, sensor in sensors.items()
        for reason in BAD_PACKETS
        if reason in sensor
    ]
    yield Family("edgehar_packets_bad_total", "counter", "Packets of no use, by why.", bad)
    yield _of_streams(
        "edgehar_clock_restarts_total", "counter", "New beginnings of a clock.", sensors, "clock_restarts"
    )
    yield _of_streams("edgehar_clock_drift_ppm", "gauge", "Against this host's clock.", sensors, "skew_ppm")
    age = "From when data were taken to their delivery, where it is known."
    yield _of_streams("edgehar_data_age_seconds", "gauge", age, sensors, "age_s")
    yield _of_streams("edgehar_battery_ratio", "gauge", "Charge, 0 to 1.", sensors, "battery", 0.01)


def of_zones(tables: Mapping[str, Table | None]) -> Family:
    """Return what was told last of each zone; what is withheld has no figure."""
    samples = [
        Sample({"zone": zone, "label": label}, count)
        for zone, table in tables.items()
        if table
        for label, count in (*table.counts.items(), ("withheld", table.withheld))
        if count is not None
    ]
    return Family("edgehar_zone_wearers", "gauge", "Counts of a zone, as they were told.", samples)


def text_of(families: Iterable[Family]) -> str:
    """Write families in Prometheus' text format."""
    lines = []
    for family in families:
        if family.samples:
            lines += [f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}"]
        for sample in family.samples:
            inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in sample.labels.items())
            braced = f"{{{inside}}}" if inside else ""
            lines.append(f"{family.name}{sample.suffix}{braced} {float(sample.value)!r}")
    return "\n".join([*lines, ""])


async def serve(listen: str, text: Callable[[], str], token: str | None = None) -> NoReturn:
    """Answer GET /metrics at an address until cancelled; a port that cannot be opened is a warning, and tried again.

    With a `token` only who shows it gets an answer (RFC 6750: `Authorization: Bearer`).
    """
    from aiohttp import web

    from edgehar.daemon.connections import Connections

    expected = f"Bearer {token}".encode()

    async def answer(request: web.Request) -> web.Response:
        shown = request.headers.get("Authorization", "").encode(errors="replace")
        # In constant time: how long it takes would tell how much of a guess is right.
        if token and not hmac.compare_digest(shown, expected):
            refusal = "metrics are for who shows the token, as `Authorization: Bearer TOKEN`"
            return web.Response(status=401, text=refusal, headers={"WWW-Authenticate": "Bearer"})
        return web.Response(body=text().encode(), headers={"Content-Type": CONTENT_TYPE})

    connections = Connections()
    application = web.Application(middlewares=[connections.watched])
    application.router.add_get("/metrics", answer)
    warn = WarnOnce(_LOGGER)
    while True:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        try:
            await runner.setup()
            await web.TCPSite(runner, *listening_address(listen)).start()
            _LOGGER.info("metrics at http://%s/metrics", listen)
            async with connections.bounded(runner.server):
                await asyncio.Event().wait()
        except OSError as error:
            warn("port", "metrics at %s: %s; trying again", listen, error.strerror or error)
        finally:
            await runner.cleanup()
        await asyncio.sleep(RETRY_S)


def _single(name: str, kind: str, text: str, value: float) -> Family:
    return Family(name, kind, text, [Sample({}, value)])


def _of_streams(
    name: str, kind: str, text: str, sensors: Mapping[str, Mapping[str, Any]], key: str, scale: float = 1.0
) -> Family:
    """Return one figure of each sensor that has it."""
    samples = [
        Sample({"stream": stream}, sensor[key] * scale)
        for stream, sensor in sensors.items()
        if sensor.get(key) is not None
    ]
    return Family(name, kind, text, samples)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
