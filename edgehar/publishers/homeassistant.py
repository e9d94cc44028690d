"""Messages that Home Assistant reads to show a gateway and each wearer as a device, with nothing to set up there.

    <prefix>/device/<client id>/config             the gateway       retained; empty: forget it
    <prefix>/device/<client id>/<wearer>/config    a wearer, a zone  retained; empty: forget them

One message a device is the form of Home Assistant 2024.11 and newer (MQTT discovery). It refuses a device with a key
it does not know at the root, so there is none here that it does not need. All entities read the topics of
`publishers.payloads` and `daemon.daemon`, some through a template; commands go to `daemon.requests`.
A sensor that is lost makes its wearer unavailable, but not what says so: that is there as long as the gateway is.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from edgehar import __version__
from edgehar.publishers.homeassistant_components import (
    TRIGGER,
    Component,
    binary_sensor,
    button,
    is_no_entity,
    jinja,
    sensor,
)
from edgehar.publishers.payloads import EXPIRES_HEARTBEATS, Message
from edgehar.types import FALLING, NO_SIGNAL, NOT_WORN, OTHER

DEFAULT_PREFIX = "homeassistant"
"""First part of the topics that Home Assistant reads, unless it is told otherwise."""

ONLINE = "online"
"""Payload that it sends on `<prefix>/status` when it has begun to listen."""

EVENT_TYPES = ("activity_started", "activity_ended")

FALL_TYPES = {"activity_started": "fall", "activity_ended": "fall_ended"}
"""Words of a fall's entity for each event; whether they got up again stands beside it, as `recovered`."""

NEVER_EVENTS = (OTHER, NO_SIGNAL, NOT_WORN)
"""States that neither begin nor end as an event."""


class Person(Struct, frozen=True):
    """A wearer, as far as Home Assistant shows one: states, sensors, and what can be chosen."""

    id: str
    states: Sequence[str]
    """All that can be told of them, labels before kinds of labels."""
    kinds: Mapping[str, str] = {}
    """The coarsest kind of each state that is of one."""
    placements: Sequence[str] = ()
    batteries: Sequence[str] = ()
    """Placements of the sensors that tell their charge."""
    points: Sequence[str] = ()
    """Operating points that can be chosen."""


class HomeAssistant:
    """Writer of the messages that announce devices; what they say is up to date when they are written."""

    def __init__(self, prefix: str, root: str, client_id: str, *, model: str, heartbeat_s: float) -> None:
        """`root` is `<prefix of edgehar>/<gateway>`, `client_id` that root as an MQTT client id."""
        self.birth_topic = f"{prefix}/status"
        self._devices = f"{prefix}/device/{client_id}"
        self._root, self._model, self._heartbeat_s = root, model, heartbeat_s

    def gateway(self) -> Message:
        """Announce the gateway."""
        root, health = self._root, f"{self._root}/health"
        device = {
            "identifiers": [root],
            "name": f"edgehar {root.rpartition('/')[2]}",
            "manufacturer": "edgehar",
            "model": self._model,
            "sw_version": __version__,
        }
        return self._device(
            f"{self._devices}/config",
            device,
            [{"topic": f"{root}/status"}],
            {
                "connection": binary_sensor("connectivity", f"{root}/status", name="Connection")
                # It would be unavailable where it should say off.
                | {"payload_on": "online", "payload_off": "offline", "availability": []},
                "dropped": sensor("Lost events", health, "value_json.events_dropped")
                | {"state_class": "total_increasing", "icon": "mdi:message-off"},
                "memory": sensor("Memory", health, "value_json.rss_mb")
                | {
                    "device_class": "data_size",
                    "unit_of_measurement": "MB",
                    "state_class": "measurement",
                    "enabled_by_default": False,
                },
                "reload": button("Read the configuration again", f"{root}/request/reload", "{}"),
            },
            owner=root,
        )

    def wearer(self, person: Person, before: Person | None = None) -> Message:
        """Announce a wearer; what was announced of them `before` and is no more is removed."""
        root, topic = self._root, f"{self._root}/{person.id}"
        gateway_is_up = [{"topic": f"{root}/status"}]
        device = {
            "identifiers": [topic],
            "name": person.id,
            "manufacturer": "edgehar",
            "model": ", ".join(person.placements),
            "sw_version": __version__,
            "via_device": root,
        }
        apart = {
            "problem": binary_sensor("problem", f"{topic}/status/attributes", name="Sensor problem")
            | {
                "value_template": "{{ 'OFF' if value_json.values() | reject('in', ['ok', 'paused']) | list == [] else 'ON' }}",
                "json_attributes_topic": f"{topic}/status/attributes",
            },
            **self._commands(person),
            **self._batteries(person),
        }
        components = {
            **self._activities(person, topic),
            **_events(person, topic),
            **{key: component | {"availability": gateway_is_up} for key, component in apart.items()},
        }
        if before:
            former = {**_events(before, topic), **self._commands(before), **self._batteries(before)}
            # A component with nothing but its platform is one to remove.
            gone = {
                key: {"platform": part["platform"]} for key, part in former.items() if key not in components
            }
            components |= gone
        available = [*gateway_is_up, {"topic": f"{topic}/status"}]
        return self._device(self._topic(person.id), device, available, components, owner=topic)

    def zone(self, zone: str, counts: Sequence[str], expires_s: int) -> Message:
        """Announce a zone, of whose wearers only counts are told; they are unknown while they are withheld."""
        root, topic = self._root, f"{self._root}/zone/{zone}"
        device = {
            "identifiers": [topic],
            "name": zone,
            "manufacturer": "edgehar",
            "model": "counts of a zone",
            "sw_version": __version__,
            "via_device": root,
        }
        count = {
            "platform": "sensor",
            "state_topic": f"{topic}/counts",
            "state_class": "measurement",
            "expire_after": expires_s,
            "icon": "mdi:account-group",
            "qos": 1,
        }
        components: dict[str, Component] = {
            f"count_{name}": count
            | {
                "name": name.replace("_", " ").capitalize(),
                "value_template": f"{{{{ value_json[{jinja(name)}] }}}}",
            }
            for name in (*counts, "withheld")
        }
        components["problem"] = binary_sensor("problem", f"{topic}/sensors", name="Sensor problem") | {
            "value_template": "{{ 'ON' if value_json else 'OFF' }}",
            "json_attributes_topic": f"{topic}/sensors",
        }
        available = [{"topic": f"{root}/status"}]
        return self._device(self._topic(zone), device, available, components, owner=topic)

    def forget(self, wearer: str | None = None) -> Message:
        """Have a wearer, a zone, or the gateway, removed."""
        return Message(self._topic(wearer), b"", retain=True)

    def _topic(self, wearer: str | None) -> str:
        return f"{self._devices}/{wearer}/config" if wearer else f"{self._devices}/config"

    def _device(
        self,
        topic: str,
        device: Mapping[str, Any],
        available: Sequence[Mapping[str, str]],
        components: Mapping[str, Component],
        *,
        owner: str,
    ) -> Message:
        entities = {
            key: component if is_no_entity(component) else component | {"unique_id": f"{owner}/{key}"}
            for key, component in components.items()
        }
        payload = {
            "device": device,
            "origin": {"name": "edgehar", "sw_version": __version__},
            "availability": available,
            "availability_mode": "all",
            "components": entities,
        }
        return Message(topic, msgspec.json.encode(payload), retain=True)

    def _activities(self, person: Person, topic: str) -> dict[str, Component]:
        """Return what is told as one of the states, and the coarsest kind of that."""
        told = {
            "platform": "sensor",
            "device_class": "enum",
            "state_topic": f"{topic}/activity",
            "expire_after": round(EXPIRES_HEARTBEATS * self._heartbeat_s),
            "qos": 1,
        }
        kinds = list(dict.fromkeys(person.kinds.get(state, state) for state in person.states))
        attributes = f"{topic}/activity/attributes"
        return {
            "activity": told
            | {
                "name": "Activity",
                "options": [*person.states],
                "json_attributes_topic": attributes,
                "icon": "mdi:run",
            },
            "kind": told
            | {
                "name": "Kind of activity",
                "options": kinds,
                "value_template": f"{{{{ {jinja(dict(person.kinds))}.get(value, value) }}}}",
                "icon": "mdi:walk",
            },
            "confidence": sensor("Confidence", attributes, "(100 * value_json.confidence) | round")
            | {"unit_of_measurement": "%", "state_class": "measurement", "enabled_by_default": False},
        }

    def _commands(self, person: Person) -> dict[str, Component]:
        request, topic = f"{self._root}/request", f"{self._root}/{person.id}"
        wearer = jinja(person.id)
        switch = {
            "platform": "switch",
            "name": "Pause",
            "state_topic": f"{topic}/paused",
            "command_topic": f"{request}/pause",
            "command_template": f'{{"wearer": {wearer}, "paused": {{{{ (value == "ON") | to_json }}}}}}',
            "entity_category": "config",
            "icon": "mdi:pause",
            "qos": 1,
        }
        select = {
            "platform": "select",
            "name": "Operating point",
            "options": [*person.points],
            "state_topic": f"{topic}/operating_point",
            "command_topic": f"{request}/sensitivity",
            "command_template": f'{{"wearer": {wearer}, "operating_point": {{{{ value | to_json }}}}}}',
            "entity_category": "config",
            "icon": "mdi:tune",
            "qos": 1,
        }
        recalibrate = button("Recalibrate", f"{request}/recalibrate", f'{{"wearer": {wearer}}}')
        return {"pause": switch, "recalibrate": recalibrate} | (
            {"operating_point": select} if person.points else {}
        )

    def _batteries(self, person: Person) -> dict[str, Component]:
        wearer = jinja(person.id)
        return {
            f"battery_{placement}": sensor(
                f"Battery {placement}",
                f"{self._root}/health",
                # Just after a reload the wearer may not stand there yet.
                f"value_json.wearers.get({wearer}, {{}}).get('sensors', {{}}).get({jinja(placement)}, {{}}).get('battery')",
            )
            | {"device_class": "battery", "unit_of_measurement": "%", "state_class": "measurement"}
            for placement in person.batteries
        }


def _events(person: Person, topic: str) -> dict[str, Component]:
    """Return what begins and ends: as an entity, a fall as one of its own, and each as a trigger of automations."""
    event = {"platform": "event", "state_topic": f"{topic}/event", "qos": 1}
    components = {
        "events": event | {"name": "Activity event", "event_types": [*EVENT_TYPES], "icon": "mdi:run-fast"}
    }
    told = [state for state in person.states if state not in NEVER_EVENTS]
    if FALLING in told:
        components["fall"] = event | {
            "name": "Fall",
            "event_types": [*FALL_TYPES.values()],
            "value_template": f"{{% if value_json.label == {jinja(FALLING)} %}}{{{{ "
            f"dict(value_json, event_type={jinja(FALL_TYPES)}[value_json.event_type]) | to_json }}}}{{% endif %}}",
            "icon": "mdi:human-falling",
        }
    return components | {
        f"{kind}_{label}": {
            "platform": TRIGGER,
            "automation_type": "trigger",
            "type": kind,
            "subtype": label,
            "topic": f"{topic}/event",
            "value_template": "{{ value_json.event_type }} {{ value_json.label }}",
            "payload": f"{kind} {label}",
            "qos": 1,
        }
        for kind in EVENT_TYPES
        for label in told
    }
