"""`edgehar models verify`: a pair by itself, and beside a configuration."""

from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from edgehar.config.schema import Config
from edgehar.daemon.contract import KEYS, configured_sensors, mismatches
from edgehar.pipeline.contract import Mismatch
from edgehar.pipeline.manifest import available
from edgehar.pipeline.model_spec import ModelSpec


def verify(spec: ModelSpec, name: str, config: Config | None = None) -> dict[str, Any]:
    """Return what the checksums of a pair that was loaded cover, and in what it does not fit a configuration.

    `name` is what it was called; OperatorError if another of its models cannot be read.
    """
    network, rest = "network", "labels, settings and all else in the manifest that decides an answer"
    covered = [network, rest] if spec.manifest_sha256 else [f"{network} alone: the manifest of an older pair"]
    answer = {"model": spec.id, "sha256": spec.sha256, "checksums_cover": covered}
    if config is None:
        return answer | {"verified": True}
    tried = _with(config, spec, name)
    misfits = [misfit for misfit in mismatches(tried) if spec.id in misfit.model]
    refused = [misfit for misfit in misfits if misfit.is_refused]
    unwise = [misfit for misfit in misfits if not misfit.is_refused]
    return answer | {
        "judges_for": [
            wearer.id
            for i, wearer in enumerate(config.wearer)
            if any(each.modality is spec.modality for each in configured_sensors(wearer, f"wearer[{i}]"))
        ]
        or "nobody in this configuration",
        "verified": not refused,
        "refused": [*map(_told, refused)],
        "unwise": [*map(_told, unwise)],
    }


def _with(config: Config, spec: ModelSpec, name: str) -> Config:
    """Return the configuration with this model for what it looks at."""
    is_shipped = name in {path.stem for path in available()}
    path = name if is_shipped else str(Path(name).absolute())
    key = next(key for key, modality in KEYS.items() if spec.modality is modality)
    return replace(config, model=replace(config.model, **{key: path}))


def _told(misfit: Mismatch) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(misfit)
    return told | {"line": misfit.line}
