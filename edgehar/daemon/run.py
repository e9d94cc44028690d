"""The daemon: wearers, their sources and pipelines, the publishers, and what watches over them.

One event loop, one thread: a source stamps the bytes it read and pushes them through the whole
pipeline at once, so there is no queue between a sensor and its answer that could grow.
"""

import asyncio
import hashlib
import logging
import resource
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import msgspec
from msgspec.structs import replace

from edgehar import __version__
from edgehar.config.read import broker_password, decision_settings, model_pair, withheld_credential
from edgehar.config.schema import Config
from edgehar.daemon import systemd
from edgehar.daemon.wearer import WearerFeed
from edgehar.daemon.wiring import describe_sensors, make_shared_links, make_tls
from edgehar.errors import EdgeharError, about
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.telling import check_told
from edgehar.publishers import Publisher
from edgehar.publishers.jsonl import JsonLines
from edgehar.publishers.mqtt import Mqtt
from edgehar.types import Activity, Event

_LOGGER = logging.getLogger(__name__)

WATCH_S = 1.0
"""Period at which the watchdog is fed, systemd's status line renewed and looked what is wrong with a sensor, s."""

HEALTH_S = 60.0
"""Period at which health is published, s; the first one once all sensors were heard, if that is sooner."""

MOST_PROBLEMS = 5
"""Problems that systemd's status line names; the others it counts."""

DRAIN_S = 10.0
"""A replay that ended waits for so long for the broker to take its events, s."""


class Daemon:
    """All wearers of one configuration and everybody who is told about them."""

    def __init__(
        self, config: Config, publishers: Sequence[Publisher] = (), *, drain_s: float = DRAIN_S
    ) -> None:
        """Load the model and open nothing yet; OperatorError says what does not fit.

        Args:
            config: What `edgehar.toml` says.
            publishers: Take every answer, beside the configured broker.
            drain_s: A replay that ended waits for so long for the broker to take its events, s.
        """
        self._config = config
        pair = model_pair(config)
        with about("model.path"):
            settings = decision_settings(config, manifest.read(pair).decision)
            self.recognizer = recognizer.load(pair)
        with about("decision.operating_point"):
            self.recognizer.spec.check_point(settings.operating_point)
        tree = LabelTree(self.recognizer.spec.labels, self.recognizer.spec.tree)
        with about("model.labels"):
            check_told(tree, config.model.labels)
        shared = make_shared_links(config)
        self.feeds: list[WearerFeed] = []
        for i, wearer in enumerate(config.wearer):
            with about(f"wearer[{i}].labels"):
                check_told(tree, wearer.labels)
            chosen = replace(settings, operating_point=wearer.operating_point or settings.operating_point)
            with about(f"wearer[{i}].operating_point"):
                self.recognizer.spec.check_point(chosen.operating_point)
            with about(f"wearer[{i}]"):
                told = wearer.labels or config.model.labels
                self.feeds.append(WearerFeed(wearer, self.recognizer, chosen, shared, told=told))
        self.mqtt = make_mqtt(config)
        self.publishers: list[Publisher] = [*publishers, *([self.mqtt] if self.mqtt else [])]
        self._drain_s = drain_s
        self._started = time.monotonic()
        self._sensor_states: dict[str, bytes] = {}
        """JSON that the broker was last told, by wearer."""

    async def run(self) -> None:
        """Work until cancelled, or until every source came to its own end (replays do).

        EdgeharError if a replay's events could not be told to the broker.
        """
        reached = True
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(self._watch(), name="watch")]
            self._log_start()
            if self.mqtt:
                self._describe(self.mqtt)
                background.append(tasks.create_task(self.mqtt.run(), name="mqtt"))
            try:
                async with asyncio.TaskGroup() as feeding:
                    for feed in self.feeds:
                        changed = partial(self._announce, feed)
                        feeding.create_task(feed.run(self._publish, changed), name=feed.id)
                if self.mqtt:
                    reached = await self.mqtt.drained(self._drain_s)
            finally:
                systemd.notify("STOPPING=1")
                self._tell_problems()
                for task in background:
                    task.cancel()
        if not reached:
            raise EdgeharError("the replay ended, but the MQTT broker did not take all of its events")

    @property
    def broker(self) -> str:
        """How it goes with the broker, in words."""
        return "no broker" if self.mqtt is None else "broker up" if self.mqtt.connected else "broker away"

    def status(self) -> str:
        """Say in words how it goes, and what is wrong with which sensor."""
        up, now = sum(feed.is_up for feed in self.feeds), time.monotonic()
        problems = [
            f"{feed.id}/{placement}: {problem}"
            for feed in self.feeds
            for placement, problem in feed.problems(now).items()
        ]
        more = [f"{len(problems) - MOST_PROBLEMS} more problems"] if len(problems) > MOST_PROBLEMS else []
        heard = f"{up} of {len(self.feeds)} wearers heard, {self.broker}"
        return "; ".join([heard, *problems[:MOST_PROBLEMS], *more])

    def health(self) -> dict[str, Any]:
        """Return counters since the start, for people and dashboards."""
        return {
            "uptime_s": round(time.monotonic() - self._started),
            "rss_mb": _resident_mb(),
            "events_dropped": self.mqtt.dropped if self.mqtt else 0,
            "messages_refused": self.mqtt.refused if self.mqtt else 0,
            "wearers": {feed.id: feed.health() for feed in self.feeds},
        }

    def _publish(self, item: Activity | Event) -> None:
        for publisher in self.publishers:
            publisher.push(item)

    def _announce(self, feed: WearerFeed) -> None:
        """Tell the broker whether a wearer is heard."""
        if self.mqtt:
            self.mqtt.retain(f"{feed.id}/status", "online" if feed.is_up else "offline")

    def _tell_problems(self) -> None:
        """Tell the broker what is wrong with each sensor, where that has changed."""
        if self.mqtt is None:
            return
        now = time.monotonic()
        for feed in self.feeds:
            problems = feed.problems(now)
            states = msgspec.json.encode({place: problems.get(place, "ok") for place in feed.placements})
            if states != self._sensor_states.get(feed.id):
                self._sensor_states[feed.id] = states
                self.mqtt.retain(f"{feed.id}/status/attributes", states.decode())

    def _log_start(self) -> None:
        """Log what begins, a line for each fact."""
        _LOGGER.info("edgehar %s, model %s", __version__, self.recognizer.spec.id)
        for wearer, feed in zip(self._config.wearer, self.feeds, strict=True):
            _LOGGER.info("wearer %s: %s", feed.id, ", ".join(describe_sensors(wearer, feed.placements)))
        if (broker := self._config.mqtt) is not None:
            topics = f"{broker.prefix}/{self._config.gateway.id}/#"
            _LOGGER.info("publishes to the MQTT broker %s:%d, topics %s", broker.host, broker.port, topics)
        elif not self.publishers:
            _LOGGER.warning("nobody is told what is recognized: there is neither [mqtt] nor --stdout")

    def _describe(self, mqtt: Mqtt) -> None:
        spec = self.recognizer.spec
        public = msgspec.json.encode(self._config)
        description = {
            "version": __version__,
            "model": spec.id,
            "model_sha256": spec.sha256,
            "labels": list(spec.labels),
            "wearers": {feed.id: list(feed.placements) for feed in self.feeds},
            "config_sha256": hashlib.sha256(public).hexdigest(),
        }
        mqtt.retain("info", msgspec.json.encode(description).decode())
        for feed in self.feeds:
            self._announce(feed)

    async def _watch(self) -> None:
        """Feed systemd's watchdog from progress; tell what is wrong with a sensor, and publish health."""
        ready, is_first = ["READY=1"], True
        next_health = self._started + HEALTH_S
        while True:
            now = time.monotonic()
            if all(feed.makes_progress(now) for feed in self.feeds):
                # A queue that was full just then must not cost the start.
                taken = systemd.notify(*ready, "WATCHDOG=1", f"STATUS={self.status()}")
                ready = [] if taken else ready
            self._tell_problems()
            is_due = now >= next_health or (is_first and all(feed.has_heard_all for feed in self.feeds))
            if self.mqtt and is_due:
                self.mqtt.retain("health", msgspec.json.encode(self.health()).decode())
                is_first, next_health = False, now + HEALTH_S
            await asyncio.sleep(WATCH_S)


def _resident_mb() -> float:
    """Return the memory of this process now, MB, as Linux tells it (proc(5))."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * resource.getpagesize() / 2**20, 1)


def make_mqtt(config: Config) -> Mqtt | None:
    """Make the MQTT publisher that the configuration asks for, not yet connected."""
    if config.mqtt is None:
        return None
    broker = config.mqtt
    password = broker_password(broker)
    with about("mqtt.tls"):
        return Mqtt(
            host=broker.host,
            port=broker.port,
            gateway=config.gateway.id,
            prefix=broker.prefix,
            username=broker.username,
            password=password,
            tls=make_tls(broker),
            version=broker.version,
            heartbeat_s=broker.heartbeat_s,
            queue=broker.queue,
        )


def check(config: Config) -> dict[str, Any]:
    """Test and sum up all of a configuration that needs neither a sensor nor a broker to be tested.

    A password that is a systemd credential is tested in the service alone: nobody else can read it.
    """
    mqtt = config.mqtt
    password = "read" if mqtt and mqtt.password_file else "none"
    if mqtt and (credential := withheld_credential(mqtt)):
        config = replace(config, mqtt=replace(mqtt, password_file=None))
        password = f"systemd credential {credential}, which the service will read"
    daemon = Daemon(config)
    return {
        "gateway": config.gateway.id,
        "broker": f"{mqtt.host}:{mqtt.port}" if mqtt else "none",
        "password": password,
        "model": daemon.recognizer.spec.id,
        "wearers": {feed.id: list(feed.placements) for feed in daemon.feeds},
    }


async def run(config: Config, stdout: TextIO | None = None, *, drain_s: float = DRAIN_S) -> None:
    """Run `edgehar run` until cancelled, or the end of the last replay."""
    if stdout is None:
        await Daemon(config, drain_s=drain_s).run()
        return
    lines = JsonLines(stdout)
    try:
        await Daemon(config, [lines], drain_s=drain_s).run()
    finally:
        lines.close()
