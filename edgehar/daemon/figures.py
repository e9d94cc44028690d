"""Figures since the start of a daemon: for the broker, for pages, and as Prometheus reads them."""

import resource
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgehar import __version__
from edgehar.daemon import metrics
from edgehar.daemon.control import WearerControl
from edgehar.daemon.metrics import Answers
from edgehar.daemon.models import Models
from edgehar.daemon.zones import Zones
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.payloads import iso_utc
from edgehar.publishers.sparkplug.publisher import Sparkplug


class Figures:
    """Figures of one daemon since this was made; `controls` are its wearers by then, but for those of zones."""

    def __init__(
        self, models: Models, zones: Zones, answers: Answers, mqtt: Mqtt | None, sparkplug: Sparkplug | None
    ) -> None:
        self._models, self._zones, self._answers = models, zones, answers
        self._mqtt, self._sparkplug = mqtt, sparkplug
        self.started, self._began = time.monotonic(), time.time()
        """Time at which it was made, monotonic and Unix time, s."""

    def gateway(self) -> dict[str, Any]:
        """Return counters of all but the wearers."""
        return {
            "time": iso_utc(time.time()),
            "uptime_s": round(time.monotonic() - self.started),
            "rss_mb": _resident_mb(),
            "events_dropped": self._mqtt.dropped if self._mqtt else 0,
            "messages_refused": self._mqtt.refused if self._mqtt else 0,
            **({"sparkplug": self._sparkplug.health()} if self._sparkplug else {}),
        }

    def health(self, controls: Iterable[WearerControl]) -> dict[str, Any]:
        """Return all counters, for people and dashboards; of who is counted in a zone there are none."""
        return self.gateway() | {"wearers": {control.id: control.feed.health() for control in controls}}

    def prometheus(self, controls: Iterable[WearerControl]) -> str:
        """Return all figures, as Prometheus reads them."""
        about = {"version": __version__, "model": self._models.id, "runtime": self._models.runtime}
        families = metrics.families_of(self.health(controls), about, self._mqtt, began=self._began)
        tables = {name: zone.table for name, zone in self._zones.each.items()}
        return metrics.text_of([*families, *self._answers.families(), metrics.of_zones(tables)])


def _resident_mb() -> float:
    """Return the memory of this process now, MB, as Linux tells it (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)
