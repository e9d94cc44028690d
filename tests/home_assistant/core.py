"""A Home Assistant with nothing but its MQTT integration: prints the devices and entities that it makes, and tries them.

`core.py FOLDER BROKER PAGES`, run by the Python of .venv-homeassistant: FOLDER takes its configuration, BROKER is a
broker's port, PAGES one that is free.
"""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from homeassistant.bootstrap import async_setup_hass
from homeassistant.components.device_automation import DeviceAutomationType, async_get_device_automations
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry
from homeassistant.runner import RuntimeConfig

STARTED_S, LOOK_S, ANSWER_S = 20.0, 20.0, 2.0
SHOWN = ("event_type", "label", "reason")

BLUEPRINTS = Path(__file__).parents[2] / "deploy" / "home_assistant"

CONFIGURATION = """
http:
  server_host: 127.0.0.1
  server_port: PAGES
input_boolean:
  lamp:
script:
  ask:
    sequence:
      - event: asked
automation:
  - alias: Light
    use_blueprint:
      path: edgehar/light_when_active.yaml
      input: {person: sensor.anna_kind_of_activity, light: {entity_id: input_boolean.lamp}, rest: 0}
  - alias: Nobody has moved
    use_blueprint:
      path: edgehar/nobody_moved.yaml
      input: {person: sensor.anna_kind_of_activity, hours: 0.0003, alarm: [{event: nobody_moved}]}
  - alias: Fall
    use_blueprint:
      path: edgehar/fall_alert.yaml
      input: {fall: event.ben_fall, phone: script.ask, seconds: 2, alarm: [{event: alarm}]}
"""
EVENTS = ("asked", "alarm", "nobody_moved")


def configure(folder: Path, broker: int, pages: int) -> None:
    """Write the configuration, with the integration as if somebody had added it on its page."""
    (folder / ".storage").mkdir()
    shutil.copytree(BLUEPRINTS, folder / "blueprints" / "automation" / "edgehar")
    (folder / "configuration.yaml").write_text(CONFIGURATION.replace("PAGES", str(pages)))
    began = "2025-01-01T00:00:00+00:00"
    entry = {
        "created_at": began, "modified_at": began, "entry_id": "mqtt", "domain": "mqtt", "title": "mosquitto",
        "version": 1, "minor_version": 2, "source": "user", "unique_id": None, "disabled_by": None,
        "options": {}, "discovery_keys": {}, "subentries": [],
        "pref_disable_new_entities": False, "pref_disable_polling": False,
        "data": {"broker": "127.0.0.1", "port": broker, "discovery": True, "discovery_prefix": "homeassistant"},
    }  # fmt: skip
    stored = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(stored))


def show(hass: HomeAssistant, title: str) -> None:
    """Print what stands in the devices' pages."""
    print(f"\n{title}\n")
    for state in sorted(hass.states.async_all(), key=lambda state: state.entity_id):
        if any(name in state.entity_id for name in (".anna_", ".ben_", ".edgehar_")):
            more = {key: state.attributes[key] for key in SHOWN if state.attributes.get(key)}
            print(f"{state.entity_id:<50}{state.state:<34}{json.dumps(more) if more else ''}".rstrip())


async def use(hass: HomeAssistant) -> None:
    """Use what commands there are for one wearer."""

    async def call(domain: str, service: str, entity: str, **data: Any) -> None:
        await hass.services.async_call(domain, service, {"entity_id": entity} | data, blocking=True)
        await asyncio.sleep(ANSWER_S)

    def state(entity: str) -> str:
        shown = hass.states.get(entity)
        return shown.state if shown else "missing"

    await call("select", "select_option", "select.anna_operating_point", option="quiet")
    print("after `quiet` was chosen: operating point", state("select.anna_operating_point"))
    await call("switch", "turn_on", "switch.anna_pause")
    print("after `Pause` was switched on: pause", state("switch.anna_pause"), end=", ")
    print("activity", state("sensor.anna_activity"))
    await call("switch", "turn_off", "switch.anna_pause")
    await call("button", "press", "button.anna_recalibrate")


async def fall(hass: HomeAssistant, *, recovers: bool) -> None:
    """Publish what edgehar would of a fall, and wait for what follows."""
    events: list[dict[str, Any]] = [{"event_type": "activity_started", "label": "falling"}]
    if recovers:
        events.append({"event_type": "activity_ended", "label": "falling", "recovered": True})
    for event in events:
        data = {"topic": "edgehar/pi/ben/event", "payload": json.dumps(event)}
        await hass.services.async_call("mqtt", "publish", data, blocking=True)
        await asyncio.sleep(1.0)
    await asyncio.sleep(2.5)


async def main(folder: Path, broker: int, pages: int) -> None:
    """Start it, look twice, use it."""
    configure(folder, broker, pages)
    hass = await async_setup_hass(
        RuntimeConfig(config_dir=str(folder), skip_pip=True, log_rotate_days=None, verbose=False)
    )
    assert hass is not None
    await hass.async_start()
    heard: list[str] = []
    for kind in EVENTS:
        hass.bus.async_listen(kind, lambda event: heard.append(event.event_type))
    hass.bus.async_listen(
        EVENT_STATE_CHANGED,
        lambda event: (
            heard.append(f"lamp {event.data['new_state'].state}")
            if event.data["entity_id"] == "input_boolean.lamp"
            else None
        ),
    )
    await asyncio.sleep(STARTED_S)
    devices = device_registry.async_get(hass).devices
    for device in devices.values():
        if device.manufacturer == "edgehar":
            via = devices[device.via_device_id].name if device.via_device_id else "nothing"
            triggers = await async_get_device_automations(hass, DeviceAutomationType.TRIGGER, [device.id])
            count = sum(trigger["domain"] == "mqtt" for trigger in triggers.get(device.id, []))
            print(f"device {device.name}: {device.model}, via {via}, {count} triggers of its own")
    show(hass, "After the start:")
    print()
    await use(hass)
    await asyncio.sleep(LOOK_S)
    show(hass, "Later:")
    print(f"\nautomations by the blueprints did so far: {', '.join(sorted(set(heard) - {'asked', 'alarm'}))}")
    for recovers in (False, True):
        heard.clear()
        await fall(hass, recovers=recovers)
        told = [word for word in heard if word in {"asked", "alarm"}]
        print(f"a fall, and {'up again' if recovers else 'no answer'}: {', '.join(told)}")
    await hass.async_stop(force=True)


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
