"""The software: versions, the models' files, the configuration, and the service."""

import hashlib
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from edgehar import __version__
from edgehar.config.read import model_pair
from edgehar.config.schema import Config
from edgehar.daemon.run import check
from edgehar.errors import EdgeharError
from edgehar.litert import load_runtime
from edgehar.pipeline import manifest
from edgehar.pipeline.diagnosis.findings import Finding, fail, ok, warn

MANY_RESTARTS = 3
"""Restarts of the service by systemd from which it does not run well."""

_RUNTIMES = ("ai-edge-litert", "tflite-runtime")


def runtimes() -> dict[str, str]:
    """Return the versions of what runs networks here."""
    installed = dict[str, str]()
    for name in (*_RUNTIMES, "numpy"):
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def models_of(config: Config) -> list[Literal["path", "camera"]]:
    """Return the keys of [model] that some wearer needs."""
    worn = any(not w.camera or w.serial or w.ble or w.phone for w in config.wearer)
    seen = any(w.camera for w in config.wearer)
    keys: list[Literal["path", "camera"]] = ["path"] if worn else []
    return [*keys, "camera"] if seen else keys


def check_software(config: Config, service: dict[str, Any] | None) -> Iterator[Finding]:
    """Yield the findings; `service` is what systemd says of the daemon, if it knows it."""
    yield _check_versions()
    for key in models_of(config):
        yield _check_model(config, key)
    yield _check_config(config)
    yield _check_service(service)


def _check_versions() -> Finding:
    says = f"edgehar {__version__}, Python {platform.python_version()}, {platform.machine()}"
    try:
        load_runtime()
    except EdgeharError as error:
        return fail("versions", f"{says}; {error}", "pip install --force-reinstall edgehar")
    return ok("versions", ", ".join([says, *(f"{name} {number}" for name, number in runtimes().items())]))


def _check_model(config: Config, key: Literal["path", "camera"]) -> Finding:
    fix = "copy both files of the pair again, or install edgehar anew"
    try:
        path = model_pair(config, key)
        spec = manifest.read(path)
        digest = hashlib.sha256(manifest.content_of(manifest.file_of(path, ".tflite"))).hexdigest()
    except EdgeharError as error:
        return fail("model", str(error), fix)
    if digest != spec.sha256:
        return fail(
            "model", f"{spec.id}: the network is another than its manifest names ({digest[:10]}…)", fix
        )
    return ok("model", f"{spec.id}, sha256 {digest[:10]}… as its manifest says")


def _check_config(config: Config) -> Finding:
    try:
        check(config)
    except EdgeharError as error:
        return fail("configuration", str(error), "mend the file, and see `edgehar config check`")
    if not (config.mqtt or config.dashboard or config.metrics):
        return warn(
            "configuration",
            "nobody is told what is recognized",
            "give a broker as [mqtt], or [dashboard], or run with --stdout",
        )
    return ok(
        "configuration",
        f"{', '.join(wearer.id for wearer in config.wearer)}, as `edgehar run` would take them",
    )


def _check_service(service: dict[str, Any] | None) -> Finding:
    if service is None:
        return ok("service", "systemd has no edgehar.service here")
    restarts = service["restarts"] or 0
    says = f"{service['unit']} is {service['active']} ({service['sub']}), restarted {restarts} times"
    fix = "journalctl -u edgehar -n 50 says why"
    if service["active"] == "failed":
        return fail("service", says, fix)
    return warn("service", says, fix) if restarts >= MANY_RESTARTS else ok("service", says)
