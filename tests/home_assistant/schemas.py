"""Home Assistant's own reading of what is announced to it; run by the Python of an environment that has it.

stdin: {"devices": [payload, ...], "blueprints": [path, ...], "values": [[template, payload], ...], "commands": [[template, value], ...]}
stdout: {"values": [text, ...], "commands": [text, ...]}; what Home Assistant would refuse ends it with a traceback.
"""

import asyncio
import json
import sys
import tempfile
from typing import Any

from homeassistant import loader
from homeassistant.components.automation import config
from homeassistant.components.blueprint import Blueprint, BlueprintInputs
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
from homeassistant.util.yaml import load_yaml_dict

SCHEMAS = {
    "binary_sensor": binary_sensor.DISCOVERY_SCHEMA,
    "button": button.DISCOVERY_SCHEMA,
    "device_automation": device_trigger.TRIGGER_DISCOVERY_SCHEMA,
    "event": event.DISCOVERY_SCHEMA,
    "select": select.DISCOVERY_SCHEMA,
    "sensor": sensor.DISCOVERY_SCHEMA,
    "switch": switch.DISCOVERY_SCHEMA,
}
GIVEN: dict[str, Any] = {
    "person": "sensor.anna_kind_of_activity",
    "fall": "event.anna_fall",
    "light": {"entity_id": "light.kitchen"},
    "phone": "notify.mobile_app_phone",
    "alarm": [{"event": "alarm"}],
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


async def check_blueprint(hass: HomeAssistant, path: str) -> None:
    """Validate a blueprint, and the automation that it makes with its defaults and something for all else."""
    blueprint = Blueprint(
        load_yaml_dict(path),
        path=path,
        expected_domain="automation",
        schema=config.AUTOMATION_BLUEPRINT_SCHEMA,
    )
    given = {name: GIVEN[name] for name in blueprint.inputs if name in GIVEN}
    inputs = BlueprintInputs(blueprint, {"use_blueprint": {"path": path, "input": given}})
    inputs.validate()
    await config.async_validate_config_item(
        hass, path, inputs.async_substitute() | {"id": "1", "alias": path}
    )


async def main() -> None:
    """Read, check, render, write."""
    question = json.load(sys.stdin)
    hass = HomeAssistant(tempfile.gettempdir())
    loader.async_setup(hass)
    frame.async_setup(hass)
    for device in question["devices"]:
        check(device)
    for path in question["blueprints"]:
        await check_blueprint(hass, path)
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
