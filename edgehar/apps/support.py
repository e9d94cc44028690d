"""`edgehar support`: what somebody who is to help needs, in one file, without names, secrets or recordings."""

import asyncio
import os
import re
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from edgehar import __version__
from edgehar.apps.doctor.doctor import Wish, doctor
from edgehar.apps.doctor.software import models_of, runtimes
from edgehar.apps.redaction import Redaction
from edgehar.apps.retained import Listener, UnreachableError
from edgehar.apps.systemd_unit import UNIT
from edgehar.config.credentials import by_hand
from edgehar.config.read import decision_settings, leading_model, load, model_pair, read_text
from edgehar.config.schema import Config
from edgehar.config.show import origins
from edgehar.errors import ConfigError, EdgeharError, OperatorError
from edgehar.pipeline import manifest

LOG_LINES = 500
"""Last lines of the service's log that go into a bundle."""

_LOG_S = 10.0
"""A journalctl that has not answered within this time never will, s."""

_OS = ("PRETTY_NAME", "VERSION_ID")


class Part(Struct, frozen=True):
    """One file of a bundle."""

    name: str
    about: str
    """Content, in words."""
    content: bytes


def default_name(now: float) -> Path:
    """Return the name of a bundle that is made now, Unix time, s."""
    return Path(time.strftime("edgehar-support-%Y%m%d-%H%M%S.zip", time.localtime(now)))


async def bundle(path: Path, seconds: float) -> list[Part]:
    """Return the parts of a bundle, redacted; sensors are listened to for `seconds`, s.

    A configuration that cannot be used is told by where it fails, and the rest is there all the same.
    """
    try:
        config = by_hand(load(path), path)
    except OperatorError as error:
        return _without_config(path, error)
    redaction = Redaction(config)
    diagnosis = await doctor(config, Wish(seconds))
    return [
        _json("doctor.json", "what `edgehar doctor` says", redaction.value(diagnosis)),
        _json(
            "config.json",
            "every key in effect, and where it comes from",
            redaction.value(_keys(config, path)),
        ),
        _json("models.json", "names and digests of the models", redaction.value(_models(config))),
        _json("health.json", "counters of the gateway that runs", redaction.value(await _health(config))),
        *_always(redaction, await asyncio.to_thread(_log)),
    ]


def _without_config(path: Path, error: OperatorError) -> list[Part]:
    try:
        redaction, log = Redaction(None, read_text(path)), None
    except ConfigError:
        redaction, log = Redaction(None), "left out: without the configuration no name in it is known\n"
    # What stands in quotes is a value of the file.
    why = re.sub(r'"[^"]*"|`[^`]*`|\'[^\']*\'', "...", str(error))
    told = _json(
        "config.json", f"why the configuration cannot be used: {error}", {"error": redaction.text(why)}
    )
    return [told, *_always(redaction, log)]


def _always(redaction: Redaction, log: str | None = None) -> list[Part]:
    log = _log() if log is None else log
    return [
        _json(
            "versions.json", "versions of edgehar, Python, packages and system", redaction.value(_versions())
        ),
        Part("service.log", f"the last {LOG_LINES} lines of the service's log", redaction.text(log).encode()),
    ]


def write(parts: list[Part], out: Path) -> None:
    """Write a bundle that only this user may read; ConfigError if the file is there already, or cannot be written."""
    try:
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError(f"{out}: is there already; name another file with --out") from error
    except OSError as error:
        raise ConfigError(
            f"{out}: cannot be written: {error.strerror}; name another file with --out"
        ) from error
    try:
        with os.fdopen(fd, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part in parts:
                archive.writestr(part.name, part.content)
    except OSError as error:
        out.unlink()
        raise ConfigError(
            f"{out}: cannot be written: {error.strerror}; make room for it or write elsewhere"
        ) from error


def _json(name: str, about: str, value: Any) -> Part:
    return Part(name, about, msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def _keys(config: Config, path: Path) -> dict[str, Any]:
    """Return every key in effect with its origin; only the file's own keys where the model cannot be read."""
    try:
        settings = manifest.read(model_pair(config, leading_model(config))).decision
        decision_settings(config, settings)
        rows = origins(config, read_text(path), settings)
    except EdgeharError as error:
        return {"error": str(error)}
    return {key: {"value": value, "origin": origin} for key, value, origin in rows}


def _models(config: Config) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = []
    for key in models_of(config):
        try:
            spec = manifest.read(model_pair(config, key))
        except EdgeharError as error:
            models.append({"key": f"model.{key}", "error": str(error)})
        else:
            models.append(
                {
                    "key": f"model.{key}",
                    "model": spec.id,
                    "sha256": spec.sha256,
                    "manifest_sha256": spec.manifest_sha256,
                }
            )
    return models


async def _health(config: Config) -> Any:
    """Return what the gateway retains of its health; why not, if there is none."""
    if config.mqtt is None:
        return {"error": "there is no [mqtt]"}
    topic = f"{config.mqtt.prefix}/{config.gateway.id}/health"
    try:
        async with Listener(config.mqtt) as listener:
            payload = (await listener.read([topic])).get(topic)
        return msgspec.json.decode(payload) if payload else {"error": "nothing is retained"}
    except (
        UnreachableError,
        OperatorError,
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
    ) as error:
        return {"error": str(error)}


def _versions() -> dict[str, Any]:
    system, uname = dict[str, str](), os.uname()
    try:
        for line in Path("/etc/os-release").read_text("utf-8").splitlines():
            key, _, value = line.partition("=")
            if key in _OS:
                system[key.lower()] = value.strip('"')
        model = Path("/proc/device-tree/model")
        system["board"] = model.read_text("utf-8").strip("\0\n") if model.exists() else uname.machine
    except (OSError, UnicodeDecodeError) as error:
        system["error"] = str(error)
    return {
        "edgehar": __version__,
        **runtimes(),
        "kernel": f"{uname.sysname} {uname.release} {uname.machine}",
        **system,
    }


def _log() -> str:
    """Return the service's last log lines, without the host's name; why not, if there are none."""
    command = [
        "journalctl",
        "-u",
        UNIT,
        "-n",
        str(LOG_LINES),
        "--no-pager",
        "-o",
        "short-iso",
        "--no-hostname",
    ]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=_LOG_S)  # noqa: S603 - it is constant
    except (OSError, subprocess.SubprocessError) as error:
        return f"journalctl tells nothing: {error}\n"
    return done.stdout.decode(errors="replace")
