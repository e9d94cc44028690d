#!/usr/bin/env python3
"""The add-on's options as edgehar.toml, with the broker that the Supervisor names.

    configure.py /data/options.json /run/edgehar/edgehar.toml

The broker's password lies beside the configuration, in a file that its owner alone may read. Needs what edgehar needs.
"""

import http.client
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit

SUPERVISOR = "supervisor"
"""Host that every add-on reaches its Supervisor by."""

ANSWER_S = 10.0

KEYS = {
    "ble": ("profile", "address", "name"),
    "serial": ("port", "baud"),
    "phone": ("url", "topic", "device"),
}
"""What a sensor of each link may say, beside wearer, link and placement."""

PHONES_PUSH_TO = "0.0.0.0:8000"

STATE = "/data"
"""What the Supervisor keeps of an add-on, and backs up."""

PASSWORD_FILE = "mqtt-password"  # noqa: S105 - the name of a file


class OptionsError(Exception):
    """Options, or a system, that the user has to change."""


def config_of(options: Mapping[str, Any], broker: Mapping[str, Any]) -> dict[str, Any]:
    """Return what edgehar.toml has to say; `broker` is the Supervisor's description of its MQTT service."""
    wearers: dict[str, dict[str, Any]] = {}
    for number, sensor in enumerate(options.get("sensors", ()), 1):
        link, entry = _sensor(number, sensor)
        worn = wearers.setdefault(sensor["wearer"], {"id": sensor["wearer"]})
        worn.setdefault(link, []).append(entry)
    if options.get("simulated_wearer"):
        wearers["simulated"] = {"id": "simulated", "simulator": {"placements": ["wrist_left"]}}
    if not wearers:
        raise OptionsError("nobody is watched: add a sensor, or switch the simulated wearer on")
    config: dict[str, Any] = {
        "gateway": {"id": options["gateway"], "state_dir": STATE},
        "mqtt": _mqtt(broker),
    }
    if options.get("discovery", True):
        config["homeassistant"] = {}
    if options.get("metrics"):
        config["metrics"] = {"listen": "0.0.0.0:9750"}
    config["model"] = {"labels": options.get("labels", [])}
    if "operating_point" in options:
        config["decision"] = {"operating_point": options["operating_point"]}
    return {**config, "wearer": [*wearers.values()]}


def _sensor(number: int, sensor: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    link = sensor["link"]
    given = {key: value for key, value in sensor.items() if value not in {None, ""}}
    strange = given.keys() - {"wearer", "link", "placement", *KEYS[link]}
    if strange:
        raise OptionsError(
            f"sensor {number} ({sensor['wearer']}, {sensor['placement']}): one by {link} has no "
            f"{' or '.join(sorted(strange))}; it has {', '.join(KEYS[link])}"
        )
    entry = {key: given[key] for key in ("placement", *KEYS[link]) if key in given}
    if link == "phone" and not {"url", "topic"} & entry.keys():
        entry["listen"] = PHONES_PUSH_TO
    return link, entry


def _mqtt(broker: Mapping[str, Any]) -> dict[str, Any]:
    mqtt: dict[str, Any] = {"host": broker["host"], "port": int(broker["port"])}
    if broker.get("username"):
        mqtt |= {"username": broker["username"], "password_file": f"./{PASSWORD_FILE}"}
    if broker.get("ssl"):
        mqtt["tls"] = {}
    return mqtt


def ask_broker(host: str, token: str) -> dict[str, Any]:
    """Return host, port, ssl, username and password of the MQTT service; OptionsError if there is none."""
    connection = http.client.HTTPConnection(host, timeout=ANSWER_S)
    try:
        connection.request("GET", "/services/mqtt", headers={"Authorization": f"Bearer {token}"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OptionsError(f"the Supervisor does not say where the MQTT broker is: {error}") from error
    finally:
        connection.close()
    if answer.get("result") != "ok" or not answer.get("data", {}).get("host"):
        reason = answer.get("message") or "it names none"
        raise OptionsError(f"no MQTT broker ({reason}): install and start the app (add-on) Mosquitto broker")
    return dict(answer["data"])


def write(options: Path, config: Path, host: str = SUPERVISOR) -> None:
    """Write the configuration and the broker's password beside it; a path's folder is made."""
    broker = ask_broker(host, os.environ.get("SUPERVISOR_TOKEN", ""))
    text = tomlkit.dumps(config_of(json.loads(options.read_text("utf-8")), broker))
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(text, "utf-8")
    secret = config.parent / PASSWORD_FILE
    secret.unlink(missing_ok=True)
    secret.touch(mode=0o600)
    secret.write_text(broker.get("password") or "", "utf-8")


if __name__ == "__main__":
    try:
        write(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
    except OptionsError as error:
        sys.exit(f"edgehar: {error}")
