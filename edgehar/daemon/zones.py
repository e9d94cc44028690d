"""Zones: wearers of whom counts are told, and nobody's own activity, presence or name.

    <root>/zone/<zone>/counts       JSON: counts by label, `not_judged`, `withheld`, `wearers`, `least`, `t`    retained
    <root>/zone/<zone>/sensors      JSON: faults that do not depend on who wears it now, by `<number>/<place>`  retained

Both are told by the zone's clock alone. Whoever is counted has no name in this process: from the reading of the file on
they are `<zone>/<number>`, the number in the zone's list, which the log says of their sensors too. Their answers end here: no
publisher, page, screen, recording or figure has them.
"""

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from edgehar.config.schema import Config
from edgehar.config.zone import RESERVED, Zone
from edgehar.daemon.control import WearerControl
from edgehar.errors import ConfigError, about
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.telling import check_told
from edgehar.pipeline.zone import NOT_JUDGED, Table, ZoneCounter
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.payloads import iso_utc, monotonic_to_unix
from edgehar.types import FALLING, OTHER, Activity, Event
from edgehar.validation import shown

_LOGGER = logging.getLogger(__name__)

LOW_BATTERY = 15
"""A charge of so much or less is a fault, percent."""

EXPIRES_BEATS = 3
"""Counts that were not renewed for so many beats of the clock are none any more."""


def pseudonymous(config: Config) -> Config:
    """Return the configuration in which all who are counted are called by zone and number; of its own result, the same."""
    names = {
        wearer: f"{zone.id}/{number}"
        for zone in config.zone
        for number, wearer in enumerate(zone.wearers, start=1)
    }
    return replace(
        config,
        wearer=[replace(wearer, id=names.get(wearer.id, wearer.id)) for wearer in config.wearer],
        zone=[replace(zone, wearers=[names[wearer] for wearer in zone.wearers]) for zone in config.zone],
    )


def drop_kept_events(kept: KeptEvents, config: Config) -> None:
    """Let go of events that wait for the broker, from before their wearers were only counted."""
    if config.mqtt is None:
        return
    root = f"{config.mqtt.prefix}/{config.gateway.id}"
    topics = {f"{root}/{wearer}/event" for zone in config.zone for wearer in zone.wearers}
    for event in [event for event in kept if event.topic in topics]:
        kept.let_go(event)


class CountedZone:
    """One zone while the daemon runs."""

    def __init__(self, zone: Zone, tree: LabelTree, told: Collection[str], start: float) -> None:
        """Count nobody yet; `told` are labels and kinds that its wearers may be told as. ConfigError if a label does not fit."""
        check_told(tree, zone.labels)
        _check_labels(tree, zone.labels)
        self.zone, self._tree, self._told = zone, tree, frozenset(told)
        self.categories = (*(zone.labels or _coarsest(tree, told)), OTHER, NOT_JUDGED)
        """All that is counted, the most important first."""
        self._counter = ZoneCounter(
            zone.wearers, self.categories, least=zone.least, every_s=zone.every_s, start=start
        )
        self.faults: dict[str, str] = {}
        """Faults by sensor, as they were last told."""

    @property
    def table(self) -> Table | None:
        """The counts that stand; None before the first."""
        return self._counter.table

    @property
    def expires_s(self) -> int:
        """Counts are none any more after so long, s."""
        return round(EXPIRES_BEATS * self.zone.every_s)

    def push(self, item: Activity | Event) -> None:
        """Count a state; events begin and end states that are counted anyway."""
        if isinstance(item, Activity):
            self._counter.push(item.wearer, self._category(item))

    def tick(self, now: float, members: Iterable[WearerControl]) -> Table | None:
        """Return the counts if they are due at `now`, monotonic, s; faults are those of that moment."""
        table = self._counter.tick(now)
        if table:
            self.faults = {
                f"{control.id.rpartition('/')[2]}/{place}": fault
                for control in members
                for place, fault in control.feed.faults(LOW_BATTERY).items()
            }
        return table

    def _category(self, activity: Activity) -> str:
        """Return what a state counts as; a fall is `other`, as nobody's fall is told here."""
        if activity.label is None:
            return NOT_JUDGED
        path = self._tree.path(activity.label)
        if self.zone.labels:
            return next((node for node in path if node in self.zone.labels), OTHER)
        return next((node for node in reversed(path) if node in self.categories), OTHER)


class Zones:
    """All zones of one configuration, and who is in which."""

    def __init__(self, config: Config, controls: Sequence[WearerControl], tree: LabelTree) -> None:
        """Count nobody yet; ConfigError if a zone's labels do not fit its wearers' models."""
        start = time.monotonic()
        self._of = {wearer: zone.id for zone in config.zone for wearer in zone.wearers}
        self.each: dict[str, CountedZone] = {}
        for i, zone in enumerate(config.zone):
            told = {
                label for each in controls if each.id in zone.wearers for label in each.feed.pipeline.told
            }
            with about(f"zone[{i}].labels"):
                self.each[zone.id] = CountedZone(zone, tree, told, start)

    def has(self, wearer: str) -> bool:
        """Tell whether a wearer is counted, and nothing of them told."""
        return wearer in self._of

    def push(self, item: Activity | Event) -> None:
        """Count an answer of somebody who is counted."""
        self.each[self._of[item.wearer]].push(item)

    def tick(self, now: float, controls: Sequence[WearerControl]) -> Iterator[CountedZone]:
        """Yield the zones whose counts are to be told now, `now` monotonic, s."""
        for name, zone in self.each.items():
            if zone.tick(now, [control for control in controls if self._of.get(control.id) == name]):
                yield zone

    def log_start(self) -> None:
        """Log what is told of whom, and that no fall is."""
        for name, zone in self.each.items():
            _LOGGER.warning(
                "zone %s: of its %d wearers counts are told every %g s, and nothing else: NOBODY'S FALL IS TOLD",
                name,
                len(zone.zone.wearers),
                zone.zone.every_s,
            )


def payload_of(table: Table) -> bytes:
    """Return a zone's counts as JSON."""
    content: dict[str, Any] = {
        **table.counts,
        "withheld": table.withheld,
        "wearers": table.wearers,
        "least": table.least,
        "t": iso_utc(monotonic_to_unix(table.t)),
    }
    return msgspec.json.encode(content)


def _coarsest(tree: LabelTree, told: Collection[str]) -> list[str]:
    """Return the coarsest of what is told, kinds before labels."""
    tops = {[node for node in tree.path(name) if node in told][-1] for name in tree.nodes if name in told}
    kinds = [node for node in tree.nodes if node in tops - {*tree.labels}]
    return [*kinds, *(label for label in tree.labels if label in tops - {OTHER, FALLING})]


def _check_labels(tree: LabelTree, labels: Sequence[str]) -> None:
    for name in labels:
        if name in RESERVED or name == FALLING:
            raise ConfigError(f"labels: {shown(name)} is not counted; leave it out")
        if above := next((node for node in tree.path(name)[1:] if node in labels), None):
            raise ConfigError(
                f"labels: {shown(name)} is a kind of {shown(above)}, so that who does it would count twice; leave one"
            )
