"""The contract of the models beside a configuration, without loading a network or opening a sensor."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from edgehar.config.read import model_pair
from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.daemon.wiring import streams_of
from edgehar.devices import PROFILES
from edgehar.devices.edgehar_firmware import EDGEHAR_FIRMWARE
from edgehar.errors import ModelError, about
from edgehar.personal.head import read as read_head
from edgehar.pipeline import contract, manifest
from edgehar.pipeline.contract import ConfiguredSensor, Mismatch
from edgehar.pipeline.joint_labels import joint_tree
from edgehar.pipeline.modality import CAMERA, IMU, Modality, modality_of_profile
from edgehar.pipeline.model_spec import ModelSpec

Key = Literal["path", "camera"]

KEYS: Mapping[Key, Modality] = {"path": IMU, "camera": CAMERA}
"""Keys of [model] that name the models, and what each of them looks at; where both judge, the first leads."""


OWN = EDGEHAR_FIRMWARE.name
"""Profile whose sensors say themselves how fast they are and what they have, once they are heard."""


def mismatches(config: Config) -> Iterator[Mismatch]:
    """Yield all in which the models and a configuration do not fit; OperatorError if a model cannot be read."""
    specs: dict[Key, ModelSpec] = {}
    for key, modality in KEYS.items():
        if any(sensor.modality is modality for _, sensors in _worn(config) for sensor in sensors):
            specs[key] = manifest.read(model_pair(config, key))
            yield from contract.of_modality(specs[key], f"model.{key}", modality)
            yield from contract.of_version(specs[key], f"model.{key}")
    taught = [label for wearer, _ in _worn(config) for label in _taught(wearer)]
    yield from _of_labels([*specs.values()], "model.labels", config.model.labels, taught)
    for i, (wearer, sensors) in enumerate(_worn(config)):
        at, worn_by = (
            f"wearer[{i}]",
            [spec for key, spec in specs.items() if any(s.modality is KEYS[key] for s in sensors)],
        )
        yield from of_sensors(wearer, i, worn_by)
        yield from _of_labels(worn_by, f"{at}.labels", wearer.labels, _taught(wearer))
        yield from (each for spec in worn_by for each in _of_head(spec, wearer, at))
        key_of_point = f"{at}.operating_point" if wearer.operating_point else "decision.operating_point"
        point = wearer.operating_point or config.decision.get("operating_point", "normal")
        yield from (each for spec in worn_by[:1] for each in contract.of_point(spec, key_of_point, point))


def of_sensors(wearer: Wearer, i: int, specs: Sequence[ModelSpec]) -> Iterator[Mismatch]:
    """Yield what does not fit of the sensors of the i-th wearer, for whom these models judge."""
    sensors = configured_sensors(wearer, f"wearer[{i}]")
    for spec in specs:
        yield from contract.of_sensors(spec, [each for each in sensors if each.modality is spec.modality])


def _of_labels(
    specs: Sequence[ModelSpec], key: str, told: Sequence[str], taught: Sequence[str]
) -> Iterator[Mismatch]:
    model = " and ".join(spec.id for spec in specs)
    yield from contract.of_labels(
        model, joint_tree(specs), key, [name for name in told if name not in taught]
    )


def _of_head(spec: ModelSpec, wearer: Wearer, at: str) -> Iterator[Mismatch]:
    """Yield that what a wearer has taught was taught over another network, or cannot be read."""
    if wearer.head is None or spec.modality is not IMU:
        return
    try:
        head = read_head(Path(wearer.head))
    except ModelError as error:
        yield Mismatch(
            f"{at}.head", "head", spec.id, "takes a head that can be read", str(error), "teach it again"
        )
        return
    if head.model_sha256 != spec.sha256:
        taught = f"a head that was taught over {head.model} of another sha256"
        mend = "teach it again, or take the model that it was taught over"
        yield Mismatch(f"{at}.head", "head", spec.id, f"has sha256 {spec.sha256}", taught, mend)


def _taught(wearer: Wearer) -> Sequence[str]:
    """Return the labels that a wearer has taught; none where their head cannot be read, which `_of_head` says."""
    if wearer.head is None:
        return ()
    try:
        return read_head(Path(wearer.head)).new_labels
    except ModelError:
        return ()


def refuse(misfits: Iterator[Mismatch]) -> list[Mismatch]:
    """Refuse by a ModelError the first that cannot work; return those that are only unwise."""
    unwise = []
    for misfit in misfits:
        if misfit.is_refused:
            with about(misfit.key):
                raise ModelError(misfit.line)
        unwise.append(misfit)
    return unwise


def configured_sensors(wearer: Wearer, at: str) -> list[ConfiguredSensor]:
    """Return what somebody wears and is seen by; `at` is where they stand, as in `wearer[0]`."""
    keys = [
        *(
            f"{at}.{kind}[{i}]"
            for kind in ("serial", "ble", "phone")
            for i in range(len(getattr(wearer, kind)))
        ),
        *(f"{at}.camera[{i}]" for i in range(len(wearer.camera))),
    ]
    streams = streams_of(wearer)
    return [_sensor(keys[i] if keys else at, each.placement, each.profile) for i, each in enumerate(streams)]


def _sensor(key: str, placement: str, profile: str) -> ConfiguredSensor:
    modality, kind = modality_of_profile(profile), PROFILES.get(profile)
    if kind is None or profile == OWN:
        return ConfiguredSensor(key, placement, modality)
    return ConfiguredSensor(key, placement, modality, f"a {kind.title}", kind.rate_hz, kind.has_gyroscope)


def _worn(config: Config) -> Iterator[tuple[Wearer, list[ConfiguredSensor]]]:
    for i, wearer in enumerate(config.wearer):
        yield wearer, configured_sensors(wearer, f"wearer[{i}]")
