"""What Home Assistant reads to show a gateway and each wearer as a device, with nothing to set up there.

    <prefix>/device/<client id>/config             the gateway       retained; empty: forget it
    <prefix>/device/<client id>/<wearer>/config    a wearer          retained; empty: forget them

One message a device is the form of Home Assistant 2024.11 and newer (MQTT discovery). It refuses a device with a key
it does not know at the root, so there is none here that it does not need. All entities read the topics of
`publishers.payloads` and `daemon.daemon`, some through a template; commands go to `daemon.requests`.
A sensor that is lost makes its wearer unavailable, but not what says so: that is there as long as the gateway is.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from edgehar import __version__
from edgehar.publishers.payloads import EXPIRES_HEARTBEATS, Message
from edgehar.types import FALLING, NO_SIGNAL, NOT_WORN, OTHER

DEFAULT_PREFIX = "homeassistant"
"""First part of the topics that Home Assistant reads, unless it is told otherwise."""

ONLINE = "online"
"""What it says on `<prefix>/status` when it has begun to listen."""

EVENT_TYPES = ("activity_started", "activity_ended")

FALL_TYPES = {"activity_started": "fall", "activity_ended": "fall_ended"}
"""What a fall's entity says of each event; whether they got up again stands beside it, as `recovered`."""

TRIGGER = "device_automation"
"""Platform of what is no entity, but starts automations."""

NEVER_EVENTS = (OTHER, NO_SIGNAL, NOT_WORN)
"""States that neither begin nor end as an event."""

Component = dict[str, Any]


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
                "connection": _binary_sensor("connectivity", f"{root}/status", name="Connection")
                # It would be unavailable where it should say off.
                | {"payload_on": "online", "payload_off": "offline", "availability": []},
                "dropped": _sensor("Lost events", health, "value_json.events_dropped")
                | {"state_class": "total_increasing", "icon": "mdi:message-off"},
                "memory": _sensor("Memory", health, "value_json.rss_mb")
                | {
                    "device_class": "data_size",
                    "unit_of_measurement": "MB",
                    "state_class": "measurement",
                    "enabled_by_default": False,
                },
                "reload": _button("Read the configuration again", f"{root}/request/reload", "{}"),
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
            "problem": _binary_sensor("problem", f"{topic}/status/attributes", name="Sensor problem")
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

    def forget(self, wearer: str | None = None) -> Message:
        """Have a wearer, or the gateway, removed."""
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
            key: component if _is_no_entity(component) else component | {"unique_id": f"{owner}/{key}"}
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
                "value_template": f"{{{{ {_jinja(dict(person.kinds))}.get(value, value) }}}}",
                "icon": "mdi:walk",
            },
            "confidence": _sensor("Confidence", attributes, "(100 * value_json.confidence) | round")
            | {"unit_of_measurement": "%", "state_class": "measurement", "enabled_by_default": False},
        }

    def _commands(self, person: Person) -> dict[str, Component]:
        request, topic = f"{self._root}/request", f"{self._root}/{person.id}"
        wearer = _jinja(person.id)
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
        recalibrate = _button("Recalibrate", f"{request}/recalibrate", f'{{"wearer": {wearer}}}')
        return {"pause": switch, "recalibrate": recalibrate} | (
            {"operating_point": select} if person.points else {}
        )

    def _batteries(self, person: Person) -> dict[str, Component]:
        wearer = _jinja(person.id)
        return {
            f"battery_{placement}": _sensor(
                f"Battery {placement}",
                f"{self._root}/health",
                # Just after a reload the wearer may not stand there yet.
                f"value_json.wearers.get({wearer}, {{}}).get('sensors', {{}}).get({_jinja(placement)}, {{}}).get('battery')",
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
            "value_template": f"{{% if value_json.label == {_jinja(FALLING)} %}}{{{{ "
            f"dict(value_json, event_type={_jinja(FALL_TYPES)}[value_json.event_type]) | to_json }}}}{{% endif %}}",
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


def _is_no_entity(component: Component) -> bool:
    """Tell whether it is a trigger, or one to remove."""
    return component["platform"] == TRIGGER or len(component) == 1


def _sensor(name: str, topic: str, value: str) -> Component:
    """Return a figure that is one `value` of the JSON on a topic."""
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": topic,
        "value_template": f"{{{{ {value} }}}}",
        "entity_category": "diagnostic",
        "qos": 1,
    }


def _binary_sensor(device_class: str, topic: str, *, name: str) -> Component:
    return {
        "platform": "binary_sensor",
        "name": name,
        "device_class": device_class,
        "state_topic": topic,
        "entity_category": "diagnostic",
        "qos": 1,
    }


def _button(name: str, topic: str, payload: str) -> Component:
    return {
        "platform": "button",
        "name": name,
        "command_topic": topic,
        "payload_press": payload,
        "entity_category": "config",
        "qos": 1,
    }


def _jinja(value: Any) -> str:
    """Write a text, or a mapping of texts, as Jinja reads it: JSON in ASCII is a literal of it."""
    return json.dumps(value)
