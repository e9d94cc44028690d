"""Home Assistant's own reading of what is announced to it; run by the Python of an environment that has it.

stdin: {"devices": [payload, ...], "values": [[template, payload], ...], "commands": [[template, value], ...]}
stdout: {"values": [text, ...], "commands": [text, ...]}; what Home Assistant would refuse ends it with a traceback.
"""

import asyncio
import json
import sys
import tempfile
from typing import Any

from homeassistant.components.mqtt import (
    binary_sensor,
    button,
    device_trigger,
    event,
    models,
    schemas,
    select,
    sensor,
    switch,
)
from homeassistant.core import HomeAssistant
from homeassistant.helpers import frame
from homeassistant.helpers.template import Template

SCHEMAS = {
    "binary_sensor": binary_sensor.DISCOVERY_SCHEMA,
    "button": button.DISCOVERY_SCHEMA,
    "device_automation": device_trigger.TRIGGER_DISCOVERY_SCHEMA,
    "event": event.DISCOVERY_SCHEMA,
    "select": select.DISCOVERY_SCHEMA,
    "sensor": sensor.DISCOVERY_SCHEMA,
    "switch": switch.DISCOVERY_SCHEMA,
}
UNUSED_BY_TRIGGERS = {"availability", "availability_mode", "origin"}


def check(device: dict[str, Any]) -> None:
    """Validate a device and its components as Home Assistant does, and that it has a use for every key."""
    schemas.DEVICE_DISCOVERY_SCHEMA(device)
    for name, component in device["components"].items():
        if set(component) == {"platform"}:
            continue  # to be removed
        shared = {key: device[key] for key in schemas.SHARED_OPTIONS if key in device}
        whole = shared | component | {"device": device["device"], "origin": device["origin"]}
        platform = whole.pop("platform")
        unused = set(whole) - set(SCHEMAS[platform](whole))
        if platform == "device_automation":
            unused -= UNUSED_BY_TRIGGERS
        assert not unused, f"{name}: no {platform} has {unused}"


async def main() -> None:
    """Read, check, render, write."""
    question = json.load(sys.stdin)
    hass = HomeAssistant(tempfile.gettempdir())
    frame.async_setup(hass)
    for device in question["devices"]:
        check(device)
    values = [
        models.MqttValueTemplate(Template(template, hass)).async_render_with_possible_json_value(payload)
        for template, payload in question["values"]
    ]
    commands = [
        models.MqttCommandTemplate(Template(template, hass)).async_render(value)
        for template, value in question["commands"]
    ]
    json.dump({"values": values, "commands": commands}, sys.stdout)
    sys.stdout.flush()
    await hass.async_stop(force=True)


asyncio.run(main())
