"""The parts of a device in Home Assistant, and values as its templates read them."""

import json
from typing import Any

TRIGGER = "device_automation"
"""Platform of what is no entity, but starts automations."""

Component = dict[str, Any]


def is_no_entity(component: Component) -> bool:
    """Tell whether it is a trigger, or one to remove."""
    return component["platform"] == TRIGGER or len(component) == 1


def sensor(name: str, topic: str, value: str) -> Component:
    """Return a figure that is one `value` of the JSON on a topic."""
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": topic,
        "value_template": f"{{{{ {value} }}}}",
        "entity_category": "diagnostic",
        "qos": 1,
    }


def binary_sensor(device_class: str, topic: str, *, name: str) -> Component:
    """Return what is on or off, of a class that Home Assistant knows."""
    return {
        "platform": "binary_sensor",
        "name": name,
        "device_class": device_class,
        "state_topic": topic,
        "entity_category": "diagnostic",
        "qos": 1,
    }


def button(name: str, topic: str, payload: str) -> Component:
    """Return what sends a payload when it is pressed."""
    return {
        "platform": "button",
        "name": name,
        "command_topic": topic,
        "payload_press": payload,
        "entity_category": "config",
        "qos": 1,
    }


def jinja(value: Any) -> str:
    """Write a text, or a mapping of texts, as Jinja reads it: JSON in ASCII is a literal of it."""
    return json.dumps(value)
