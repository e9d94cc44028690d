"""Blueprints' automations in a Home Assistant whose time leaps; run by the Python of an environment that has it.

stdin: {"automations": [{...}, ...], "port": PAGES, "steps": [step, ...]}; a step sets states ({"entity": "state", ...}),
reloads the automations as other ones ("reload"), or lets so many minutes pass (a number). The first comes before the start.
stdout: what each further step led to: [["alarm" or the state that the lamp got, ...], ...].
"""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from homeassistant.bootstrap import async_setup_hass
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.runner import RuntimeConfig

BLUEPRINTS = Path(__file__).parents[2] / "deploy" / "home_assistant"
ALARM, LAMP = "alarm", "input_boolean.lamp"
TURNS = 50
"""Turns of the loop, far more than what follows on a state takes."""


class LeapingLoop(asyncio.SelectorEventLoop):
    """Event loop whose clock is ahead by `ahead_s`."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s


def write(folder: Path, automations: list[dict[str, Any]], port: int) -> None:
    """Write the configuration."""
    parts = {
        "http": {"server_host": "127.0.0.1", "server_port": port},
        "input_boolean": {"lamp": {}},
        "automation": automations,
    }
    (folder / "configuration.yaml").write_text(yaml.safe_dump(parts))


async def take(hass: HomeAssistant, step: Any) -> None:
    """Do a step and all that follows at once."""
    if isinstance(step, dict):
        for entity, state in step.items():
            hass.states.async_set(entity, state)
    elif step == "reload":
        await hass.services.async_call("automation", "reload", blocking=True)
    else:
        assert isinstance(hass.loop, LeapingLoop)
        hass.loop.ahead_s += 60 * step
    # Home Assistant's own way would wait for automations that wait.
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def main() -> None:
    """Read, start, go through the steps, write."""
    question = json.load(sys.stdin)
    first, *steps = question["steps"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        shutil.copytree(BLUEPRINTS, folder / "blueprints" / "automation" / "edgehar")
        write(folder, question["automations"], question["port"])
        hass = await async_setup_hass(
            RuntimeConfig(config_dir=name, skip_pip=True, log_rotate_days=None, verbose=False)
        )
        assert hass is not None
        done: list[str] = []

        def note_lamp(event: Event[Any]) -> None:
            if event.data["entity_id"] == LAMP:
                done.append(event.data["new_state"].state)

        # Not a callback, a listener would be called by a thread: perhaps after the turns of its step.
        hass.bus.async_listen(ALARM, callback(lambda _: done.append(ALARM)))
        hass.bus.async_listen(EVENT_STATE_CHANGED, callback(note_lamp))
        await take(hass, first)
        await hass.async_start()
        answer = []
        for number, step in enumerate(steps):
            done.clear()
            if step == "reload":
                # One that did not change would go on.
                changed = [each | {"alias": f"{each['alias']} {number}"} for each in question["automations"]]
                write(folder, changed, question["port"])
            await take(hass, step)
            answer.append(done.copy())
        json.dump(answer, sys.stdout)
        sys.stdout.flush()
        await hass.async_stop(force=True)


with asyncio.Runner(loop_factory=LeapingLoop) as runner:
    runner.run(main())
