"""The daemon: wearers, their sources and pipelines, the publishers, and what watches over them.

One event loop, one thread: a source stamps the bytes it read and pushes them through the whole
pipeline at once, so there is no queue between a sensor and its answer that could grow.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from edgehar.config.credentials import dashboard_token, metrics_token
from edgehar.config.read import state_folder
from edgehar.config.schema import Config
from edgehar.daemon import metrics, systemd
from edgehar.daemon.announcement import Announcement
from edgehar.daemon.control import WearerControl
from edgehar.daemon.figures import Figures
from edgehar.daemon.keepers import Keepers
from edgehar.daemon.metrics import Answers, TimedRecognizer
from edgehar.daemon.models import Models
from edgehar.daemon.publishing import check_kept_events, make_mqtt
from edgehar.daemon.purging import obey_wishes
from edgehar.daemon.requests import Reload, Request, Requests, obey
from edgehar.daemon.roster import Roster
from edgehar.daemon.scada import make_sparkplug, worn, zone_device
from edgehar.daemon.status_line import broker_state, log_start, status_line
from edgehar.daemon.wearer import WearerFeed
from edgehar.daemon.zones import Zones, pseudonymous
from edgehar.errors import ConfigError, EdgeharError, OperatorError, about
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.telling import check_told
from edgehar.publishers import Publisher
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.sparkplug.publisher import Sparkplug
from edgehar.types import Activity, Event

_LOGGER = logging.getLogger(__name__)

WATCH_S = 1.0
"""Period at which the watchdog is fed, systemd's status line renewed and looked what is wrong with a sensor, s."""

HEALTH_S = 60.0
"""Period at which health is published, s; the first one once all sensors were heard, if that is sooner."""

DRAIN_S = 10.0
"""A replay that ended waits for so long for the broker to take its events, s."""


class Daemon:
    """All wearers of one configuration and everybody who is told about them."""

    def __init__(
        self,
        config: Config,
        publishers: Sequence[Publisher] = (),
        *,
        drain_s: float = DRAIN_S,
        reread: Callable[[], Config] | None = None,
        kept: KeptEvents | None = None,
        heads_must_fit: bool = False,
    ) -> None:
        """Load the models and open nothing yet; OperatorError says what does not fit.

        Args:
            config: What `edgehar.toml` says.
            publishers: Take every answer, beside the configured broker.
            drain_s: A replay that ended waits for so long for the broker to take its events, s.
            reread: Returns what `edgehar.toml` says by then; None: it is never read again.
            kept: Events of an earlier life; None: they are kept in memory alone.
            heads_must_fit: Refuse what a wearer has taught if it fits no longer, rather than go on without it.
        """
        config = pseudonymous(config)
        self._config, self._reread = config, reread
        self.answers = Answers()
        """Counter of what was told."""
        # How many windows are judged would tell who is there of a zone.
        is_timed = config.metrics and not config.zone
        make = partial(TimedRecognizer, durations=self.answers.durations) if is_timed else Recognizer
        self.models = Models(config, make, heads_must_fit=heads_must_fit)
        with about("model.labels"):
            check_told(self.models.tree, () if self.models.lacks_head else config.model.labels)
        self.keepers = Keepers(config)
        self._roster = Roster(config, self.models, self.keepers.equip)
        self.zones = Zones(config, self._roster.controls, self.models.tree)
        self.mqtt = make_mqtt(config, kept)
        self.sparkplug = make_sparkplug(config, self.models)
        self.publishers: list[Publisher] = [
            *publishers,
            *(each for each in (self.mqtt, self.sparkplug) if each),
        ]
        self._token = metrics_token(config.metrics) if config.metrics else None
        self.page_token = dashboard_token(config.dashboard) if config.dashboard else None
        if config.metrics:
            self.publishers.append(self.answers)
        if self.keepers.is_on:
            self.publishers.append(self.keepers)
        self._announcement = Announcement(self.mqtt, config, self.models) if self.mqtt else None
        if self.mqtt:
            Requests(self.mqtt, self.obey)
        self._drain_s = drain_s
        self.figures = Figures(self.models, self.zones, self.answers, self.mqtt, self.sparkplug)
        self._next: Config | None = None

    @property
    def controls(self) -> list[WearerControl]:
        """The wearers of now but those of zones, of whom nobody is told."""
        return [control for control in self._roster.controls if not self.zones.has(control.id)]

    @property
    def unwise(self) -> list[str]:
        """Misfits of models and sensors, a line each; until the run begins, which logs them."""
        return [misfit.line for misfit in self._roster.unwise]

    @property
    def feeds(self) -> list[WearerFeed]:
        """The feeds of all wearers of now."""
        return [control.feed for control in self._roster.controls]

    def on_double_tap(self, tell: Callable[[str], None]) -> None:
        """Have somebody told of each wearer with `tap = true` who tapped a sensor twice, by their id."""
        self._roster.on_double_tap = tell

    async def run(self) -> Config | None:
        """Work until cancelled, or until every source came to its own end (replays do).

        Return a new configuration that only another daemon can take, if there is one by then. EdgeharError if a
        replay's events could not be told to the broker.
        """
        left: list[str] = []
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(self._watch(), name="watch")]
            self.zones.log_start()
            log_start(self._config, self.models, self.feeds, self.sparkplug, is_told=bool(self.publishers))
            if self._config.metrics:
                serving = metrics.serve(self._config.metrics.listen, self.metrics, self._token)
                background.append(tasks.create_task(serving, name="metrics"))
            if self.keepers.is_on:
                background.append(tasks.create_task(self.keepers.sweep(), name="keep"))
            if folder := state_folder(self._config.gateway):
                background.append(
                    tasks.create_task(obey_wishes(folder, self.mqtt, self.keepers), name="purge")
                )
            if self.mqtt:
                self._describe()
                background.append(tasks.create_task(self.mqtt.run(), name="mqtt"))
            if self.sparkplug:
                background.append(tasks.create_task(self.sparkplug.run(), name="sparkplug"))
            try:
                await self._roster.run(self._publish, self._update)
                if self._next is None:
                    left = await self._not_drained()
            finally:
                if self._next is None:
                    systemd.notify("STOPPING=1")
                self._update()
                for task in background:
                    task.cancel()
                await self.keepers.closed()
        if left:
            raise EdgeharError(f"the replay ended, but {' and '.join(left)} did not take all of its events")
        return self._next

    async def _not_drained(self) -> list[str]:
        """Wait until all was taken, but not for ever; return who did not."""
        tellers = {"the MQTT broker": self.mqtt, "the Sparkplug host": self.sparkplug}
        return [name for name, each in tellers.items() if each and not await each.drained(self._drain_s)]

    def reload(self) -> None:
        """Read the configuration again and go by it: wearers that are as they were go on untouched.

        OperatorError if it cannot be used; then nothing has changed.
        """
        if self._reread is None or not self._roster.is_running:
            raise ConfigError("there is no file to read again, or all is about to end")
        named = self._reread()
        config = pseudonymous(named)
        if self._next or not self._roster.can_take(config):
            Daemon(config)
            check_kept_events(self._config, config)
            self._next = named
            _LOGGER.info("the configuration has changed: all begins anew")
            self._roster.stop()
            return
        begun, gone = self._roster.take(config, self._forget)
        self._config = config
        self._describe()
        _LOGGER.info(
            "the configuration was read again; wearers that begin: %d, that are gone: %d, that go on: %d",
            begun,
            gone,
            len(self.controls) - begun,
        )

    def obey(self, request: Request) -> None:
        """Do what is asked for, and tell the broker; OperatorError if it cannot be done."""
        if self.zones.each and not self.controls and not isinstance(request, Reload):
            raise ConfigError("all wearers here are counted in zones, of which nothing can be asked")
        obey(request, self.controls, self.reload)
        self._update()

    def take_over(self, former: Sparkplug | None) -> None:
        """Tell Sparkplug hosts what the daemon before this one could not."""
        if self.sparkplug and former:
            self.sparkplug.take_over(former)

    def hang_up(self) -> None:
        """Read the configuration again, as `reload` does; what is wrong with it is a warning."""
        try:
            self.reload()
        except OperatorError as error:
            _LOGGER.warning("all goes on as it was: %s", error)

    def _forget(self, wearer: str) -> None:
        """Remove what is retained of a wearer who is gone."""
        if self._announcement:
            self._announcement.forget(wearer)
        if self.sparkplug:
            self.sparkplug.forget(wearer)

    @property
    def broker(self) -> str:
        """State of the link to the broker, in words."""
        return broker_state(self.mqtt)

    def status(self) -> str:
        """Say in words how it goes, and what is wrong with which sensor."""
        return status_line(self.controls, self.zones, self.mqtt, self.sparkplug)

    def health(self) -> dict[str, Any]:
        """Return counters since the start, for people and dashboards."""
        return self.figures.health(self.controls)

    def metrics(self) -> str:
        """Return figures since the start, as Prometheus reads them."""
        return self.figures.prometheus(self.controls)

    def _publish(self, item: Activity | Event) -> None:
        if self.zones.has(item.wearer):
            self.zones.push(item)
            return
        for publisher in self.publishers:
            publisher.push(item)

    def _update(self) -> None:
        """Tell the broker what has changed of any wearer."""
        now = time.monotonic()
        for control in self.controls:
            if self._announcement:
                self._announcement.update(control, now)
            if self.sparkplug:
                self.sparkplug.update(worn(control, now))

    def _count(self, now: float) -> None:
        """Tell the counts of zones that are due."""
        for zone in self.zones.tick(now, self._roster.controls):
            if self._announcement:
                self._announcement.count(zone)
            if self.sparkplug and zone.table:
                self.sparkplug.count(zone_device(zone, zone.table))

    def _describe(self) -> None:
        """Tell the broker what runs here."""
        if self._announcement:
            self._announcement.describe(self._config, self.controls, self.zones)
            self._update()

    async def _watch(self) -> None:
        """Feed systemd's watchdog from progress; tell what is wrong with a sensor, and publish health."""
        ready, is_first = ["READY=1"], True
        next_health = self.figures.started + HEALTH_S
        while True:
            now = time.monotonic()
            if all(feed.makes_progress(now) for feed in self.feeds):
                # A queue that was full just then must not cost the start.
                taken = systemd.notify(*ready, "WATCHDOG=1", f"STATUS={self.status()}")
                ready = [] if taken else ready
            self._update()
            self._count(now)
            # That all are heard of a zone would tell that all are there.
            is_heard = not any(control.feed.unheard for control in self.controls)
            is_due = now >= next_health or (is_first and is_heard)
            if self.mqtt and is_due:
                self.mqtt.retain("health", msgspec.json.encode(self.health()).decode())
                is_first, next_health = False, now + HEALTH_S
            await asyncio.sleep(WATCH_S)
