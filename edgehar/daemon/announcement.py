"""Messages to a broker beside states and events: who is watched, how it goes with each, and who no longer is.

    <root> = <prefix>/<gateway>                 payload                                           retained
    <root>/info                                 JSON: version, model, labels, wearers, models      yes
    <root>/zone/<zone>/counts, …/sensors        JSON, as `zones` says                              yes
    <root>/<wearer>/status                      `online` or `offline`: is any sensor heard         yes
    <root>/<wearer>/status/attributes           JSON: what is wrong with each sensor, or `ok`      yes
    <root>/<wearer>/paused                      `ON` or `OFF`                                      yes
    <root>/<wearer>/operating_point             its name                                           yes

Only what has changed is sent. What a gateway of this name left behind for wearers that it no longer has is removed:
the old `info`, which every connection hears before the new one takes its place, names them.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from edgehar import __version__
from edgehar.brokers.mqtt import Received
from edgehar.brokers.mqtt_text import check_mqtt_text
from edgehar.config.names import Name, TopicStart
from edgehar.config.schema import Config
from edgehar.daemon.control import WearerControl
from edgehar.daemon.models import Models
from edgehar.daemon.zones import CountedZone, Zones, payload_of
from edgehar.errors import ConfigError
from edgehar.pipeline.label_tree import LabelTree
from edgehar.publishers.homeassistant import ONLINE, HomeAssistant, Person
from edgehar.publishers.mqtt import Mqtt
from edgehar.publishers.payloads import Message
from edgehar.types import NO_SIGNAL, NOT_WORN, OTHER

_LOGGER = logging.getLogger(__name__)

LONGEST_PREFIX = 1000
"""Bytes of a prefix that somebody may have chosen."""

GREETED_S = 5.0
"""Home Assistant has begun to listen: within so long all is sent again, so that not all gateways answer at once, s."""


class _Former(Struct, frozen=True):
    """Wearers and discovery prefix of an `info` that a gateway of this name left."""

    wearers: dict[Name, list[str]] = {}
    zones: dict[Name, Any] = {}
    homeassistant: TopicStart | None = None


class Announcement:
    """Tells one broker of the wearers of one daemon; call `update` when anything may have changed."""

    def __init__(self, mqtt: Mqtt, config: Config, models: Models) -> None:
        self._mqtt, self._models = mqtt, models
        self._told: dict[str, object] = {}
        """By topic, the last that was sent."""
        self._people: dict[str, Person] = {}
        self._wearers: set[str] = set()
        self._zones: set[str] = set()
        self._greeting: asyncio.TimerHandle | None = None
        self._home: HomeAssistant | None = None
        self._prefix = config.homeassistant.prefix if config.homeassistant else None
        mqtt.listen(f"{mqtt.root}/info", self._read_former)
        if self._prefix:
            self._home = self._new_home(self._prefix)
            mqtt.listen(self._home.birth_topic, self._greet)

    def describe(self, config: Config, controls: Iterable[WearerControl], zones: Zones) -> None:
        """Tell what runs here."""
        controls = [*controls]
        wearers = {control.id: control.feed.placements for control in controls}
        self._wearers, self._zones = set(wearers), set(zones.each)
        self._retain(
            "info",
            {
                "version": __version__,
                "model": self._models.id,
                "model_sha256": self._models.sha256,
                "labels": list(
                    dict.fromkeys(label for each in controls for label in each.feed.pipeline.tree.labels)
                ),
                "models": {control.id: control.feed.model for control in controls},
                "wearers": wearers,
                "zones": {
                    name: {"wearers": len(zone.zone.wearers), "counts": zone.categories}
                    for name, zone in zones.each.items()
                },
                "config_sha256": hashlib.sha256(msgspec.json.encode(config)).hexdigest(),
                "homeassistant": self._prefix,
            },
        )
        if self._home and not self._people:
            self._mqtt.send(self._home.gateway())
        if self._home:
            for name, zone in zones.each.items():
                self._mqtt.send(self._home.zone(name, zone.categories, zone.expires_s))

    def update(self, control: WearerControl, now: float) -> None:
        """Tell what has changed of a wearer; `now` is monotonic, s."""
        feed, wearer = control.feed, control.id
        if self._home:
            before = self._people.get(wearer)
            person = self._person(control, before.batteries if before else ())
            if before != person:
                self._people[wearer] = person
                self._mqtt.send(self._home.wearer(person, before))
        problems = control.problems(now)
        states = {place: problems.get(place, "ok") for place in feed.placements}
        self._retain(f"{wearer}/status", "online" if feed.is_up else "offline")
        self._retain(f"{wearer}/status/attributes", states)
        self._retain(f"{wearer}/paused", "ON" if control.is_paused else "OFF")
        self._retain(f"{wearer}/operating_point", control.point)

    def count(self, zone: CountedZone) -> None:
        """Tell the counts of a zone, and what is wrong with its sensors."""
        if zone.table:
            topic = f"{self._mqtt.root}/zone/{zone.zone.id}"
            faults = msgspec.json.encode(zone.faults)
            counts = payload_of(zone.table)
            self._mqtt.send(Message(f"{topic}/sensors", faults, True, zone.expires_s))
            self._mqtt.send(Message(f"{topic}/counts", counts, True, zone.expires_s))

    def _forget_zone(self, zone: str) -> None:
        if self._home:
            self._mqtt.send(self._home.forget(zone))
        for suffix in ("counts", "sensors"):
            self._mqtt.retain(f"zone/{zone}/{suffix}", "")

    def forget(self, wearer: str) -> None:
        """Remove all that is retained of a wearer."""
        # The device first: its templates can read no topic that is gone.
        if self._home:
            self._mqtt.send(self._home.forget(wearer))
        self._people.pop(wearer, None)
        self._mqtt.forget(wearer)
        for suffix in ("status", "status/attributes", "paused", "operating_point"):
            self._mqtt.retain(f"{wearer}/{suffix}", "")
            self._told.pop(f"{wearer}/{suffix}", None)

    def _retain(self, suffix: str, value: object) -> None:
        if self._told.get(suffix) != value:
            self._told[suffix] = value
            payload = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            self._mqtt.retain(suffix, payload)

    def _person(self, control: WearerControl, known_batteries: Collection[str]) -> Person:
        """Return what is to be known of a wearer; a sensor that begins anew has a battery although it says nothing yet."""
        feed = control.feed
        told, heard = feed.pipeline.told, feed.batteries
        return Person(
            id=control.id,
            states=(*told, OTHER, NOT_WORN, NO_SIGNAL),
            kinds={
                state: kind for state in told if (kind := _kind(feed.pipeline.tree, state, told)) != state
            },
            placements=tuple(feed.placements),
            batteries=tuple(p for p in feed.placements if p in heard or p in known_batteries),
            points=feed.points,
        )

    def _new_home(self, prefix: str) -> HomeAssistant:
        mqtt = self._mqtt
        return HomeAssistant(
            prefix, mqtt.root, mqtt.client_id, model=self._models.id, heartbeat_s=mqtt.heartbeat_s
        )

    def _greet(self, message: Received) -> None:
        """Send all again when Home Assistant has begun to listen; it says so with a message that is not retained."""
        if message.payload == ONLINE.encode() and not message.is_retained and self._greeting is None:
            delay_s = random.uniform(0.0, GREETED_S)  # noqa: S311  # no secret
            self._greeting = asyncio.get_running_loop().call_later(delay_s, self._repeat)

    def _repeat(self) -> None:
        self._greeting = None
        self._mqtt.repeat()

    def _read_former(self, message: Received) -> None:
        """Remove what a gateway of this name left behind for wearers that it no longer has."""
        if not message.is_retained or not message.payload:
            return
        try:
            former = msgspec.json.decode(message.payload, type=_Former)
            check_mqtt_text(former.homeassistant or "", LONGEST_PREFIX)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ConfigError) as error:
            _LOGGER.debug("%s: %s", message.topic, error)
            return
        gone = [wearer for wearer in former.wearers if wearer not in self._wearers]
        for wearer in gone:
            self.forget(wearer)
        for zone in former.zones.keys() - self._zones:
            self._forget_zone(zone)
        if former.homeassistant and former.homeassistant != self._prefix:
            home = self._new_home(former.homeassistant)
            for former_device in (*former.wearers, *former.zones, None):
                self._mqtt.send(home.forget(former_device))
        if gone:
            # No names: they may be counted from now on, and nothing else of them told.
            _LOGGER.info("removed from the broker what was left of wearers who are no more: %d", len(gone))


def _kind(tree: LabelTree, state: str, told: Collection[str]) -> str:
    """Return the coarsest that is told of what a state is a kind of."""
    return [node for node in tree.path(state) if node in told][-1]
