"""edgehar.toml as frozen structs: every key with its unit, its bounds and one sentence.

The file is the only layer: no environment variable and no flag overrides a key of it. Secrets
never stand in it; it names the file, or the systemd credential, that holds them.
"""

import difflib
import os
import re
import socket
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from edgehar import toml
from edgehar.decision import Settings
from edgehar.devices import PROFILES
from edgehar.errors import ConfigError
from edgehar.misfit import Misfit, explain

T = TypeVar("T")

Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="Letters, digits, `_` and `-`: it becomes part of a topic.",
    ),
]


def _gateway_id() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64] or "edgehar"


class Gateway(Struct, frozen=True, forbid_unknown_fields=True):
    """This machine."""

    id: Annotated[Name, Meta(description="Its name in topics; the host name unless set.")] = field(
        default_factory=_gateway_id
    )


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """Encryption of the broker link; an empty table uses the system's certificates."""

    ca_file: Annotated[
        str | None, Meta(description="Certificates to trust instead of the system's, PEM.")
    ] = None
    cert_file: Annotated[
        str | None, Meta(description="Certificate of this gateway, PEM; needs key_file.")
    ] = None
    key_file: Annotated[str | None, Meta(description="Its private key, PEM.")] = None


class Mqtt(Struct, frozen=True, forbid_unknown_fields=True):
    """The broker that gets states and events."""

    host: Annotated[str, Meta(min_length=1, description="Name or address of the broker.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="Its TCP port; 8883 is usual with TLS.")] = 1883
    prefix: Annotated[
        str, Meta(pattern=r"^[^+#/\s]+(/[^+#/\s]+)*$", description="First part of every topic.")
    ] = "edgehar"
    username: Annotated[str | None, Meta(description="Account at the broker.")] = None
    password_file: Annotated[
        str | None,
        Meta(description="File with the password; a bare name is read from systemd's credentials directory."),
    ] = None
    tls: Annotated[Tls | None, Meta(description="Present: the link is encrypted.")] = None
    version: Annotated[
        Literal[4, 5],
        Meta(description="MQTT 5, or 4 for 3.1.1; 5 falls back by itself where the broker is older."),
    ] = 5
    heartbeat_s: Annotated[
        float, Meta(ge=1, le=86400, description="An unchanged state is sent again after this time, s.")
    ] = 60.0
    queue: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Events kept while the broker is away; then the oldest is dropped.",
        ),
    ] = 1000


class Bluetooth(Struct, frozen=True, forbid_unknown_fields=True):
    """The radio for all sensors over Bluetooth Low Energy."""

    adapter: Annotated[
        Annotated[str, Meta(pattern=r"^hci\d+$")] | None,
        Meta(description="e.g. hci1; the first that is switched on unless set."),
    ] = None


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """The recognizer."""

    path: Annotated[
        str, Meta(min_length=1, description="A shipped model's name, or the path of a .json manifest.")
    ] = "imu_tcn"


Placement = Annotated[
    Name, Meta(description="Where it is worn; `edgehar models info` lists what a model accepts.")
]


class Serial(Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor on a serial port."""

    placement: Placement
    port: Annotated[
        str,
        Meta(
            min_length=1,
            description="Best a name below /dev/serial/by-id; also socket://host:port or rfc2217://host:port.",
        ),
    ]
    baud: Annotated[
        int, Meta(ge=1200, le=12_000_000, description="Bits per second; USB devices ignore it.")
    ] = 115200


class Ble(Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor over Bluetooth Low Energy; `edgehar devices scan` shows what is around."""

    placement: Placement
    profile: Annotated[
        str,
        Meta(
            description="Kind of sensor, as in `edgehar devices scan`.",
            extra_json_schema={"enum": [*PROFILES]},
        ),
    ]
    address: Annotated[
        Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")] | None,
        Meta(description="Its Bluetooth address, e.g. D4:CA:6E:F1:00:01."),
    ] = None
    name: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(description="The whole name it advertises. Without name and address: the first one that fits."),
    ] = None


class Replay(Struct, frozen=True, forbid_unknown_fields=True):
    """A recording in the place of a wearer."""

    path: Annotated[str, Meta(min_length=1, description="An .ehr recording or an .npz set.")]
    speed: Annotated[float, Meta(ge=0, description="1 is its own pace, 0 as fast as it goes.")] = 1.0
    subject: Annotated[str | None, Meta(description="Which person of an .npz set.")] = None
    placements: Annotated[
        list[Name] | None, Meta(description="Which sensors of an .npz set; all unless set.")
    ] = None


class SimulatedWearer(Struct, frozen=True, forbid_unknown_fields=True):
    """A simulated wearer: for trying things out, never for judging a model."""

    placements: Annotated[list[Name], Meta(min_length=1, description="Where the simulated sensors are worn.")]
    seed: Annotated[int, Meta(ge=0, description="Same seed, same wearer.")] = 1
    longest_s: Annotated[float, Meta(ge=5, description="No activity lasts longer, s.")] = 120.0
    loss: Annotated[float, Meta(ge=0, lt=1, description="Share of packets lost, in bursts.")] = 0.0
    jitter_s: Annotated[float, Meta(ge=0, le=10, description="Mean extra delay of a packet, s.")] = 0.0
    drift_ppm: Annotated[float, Meta(ge=-1000, le=1000, description="Error of the sensor's clock, ppm.")] = (
        0.0
    )
    disconnect_every_s: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Mean time between lost links, s; unset: never."),
    ] = None
    battery: Annotated[int, Meta(ge=0, le=100, description="Charge at the start, percent.")] = 100


class Wearer(Struct, frozen=True, forbid_unknown_fields=True):
    """One person and what they wear: sensors, or one of `replay` and `simulator`."""

    id: Annotated[Name, Meta(description="Pseudonym in topics; better not a real name.")]
    serial: Annotated[list[Serial], Meta(description="Sensors worn, on serial ports.")] = []
    ble: Annotated[list[Ble], Meta(description="Sensors worn, over Bluetooth Low Energy.")] = []
    replay: Annotated[Replay | None, Meta(description="A recording instead.")] = None
    simulator: Annotated[SimulatedWearer | None, Meta(description="A simulation instead.")] = None


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that edgehar.toml can say."""

    wearer: Annotated[list[Wearer], Meta(min_length=1, description="Who is watched.")]
    gateway: Gateway = field(default_factory=Gateway)
    mqtt: Annotated[Mqtt | None, Meta(description="Without it nothing is published but --stdout.")] = None
    bluetooth: Bluetooth = field(default_factory=Bluetooth)
    model: Model = field(default_factory=Model)
    decision: Annotated[
        dict[str, int | float], Meta(description="Keys of decision.Settings that replace the model's own.")
    ] = {}


def load(path: Path) -> Config:
    """Read a configuration; ConfigError says which key, what was expected and what came."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}; give another file with --config") from error
    return parse(text, str(path))


def parse(text: str, name: str = "edgehar.toml") -> Config:
    """The configuration that `text` holds; `name` is the file named in errors."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from error
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(explain(error, raw), "", text, name)) from error
    try:
        msgspec.convert(config.decision, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(explain(error, config.decision), "decision", text, name)) from error
    for complaint in _contradictions(config):
        raise ConfigError(f"{name}: {complaint}")
    return config


def _explain(misfit: Misfit, table: str, text: str, name: str) -> str:
    """One line for people; `table` is where the misfit's own path begins."""
    path = ".".join(filter(None, (table, misfit.path)))
    if misfit.missing:
        return f"{_at(name, path, text)}: [{path or 'top level'}] lacks the key `{misfit.missing}`"
    if not misfit.unknown:
        return f"{_at(name, path, text)}: {path or 'top level'}: expected {misfit.expected}, got {misfit.got}"
    valid = _keys_at(path)
    near = difflib.get_close_matches(misfit.unknown, valid, n=1, cutoff=0.4)
    hint = f"did you mean `{near[0]}`?" if near else f"valid keys are {', '.join(valid)}"
    at = _at(name, ".".join(filter(None, (path, misfit.unknown))), text)
    return f"{at}: [{path or 'top level'}] has no key `{misfit.unknown}`; {hint}"


def _at(name: str, path: str, text: str) -> str:
    """`edgehar.toml:12`, the place of a key or table in a file."""
    line = toml.line_of(path, text)
    return name if line is None else f"{name}:{line}"


def _keys_at(path: str) -> list[str]:
    """The valid keys of the table at `path`, as in `wearer[0].serial[1]`."""
    kind: type[Struct] = Config
    for part in filter(None, re.sub(r"\[[^\]]*\]", "", path).split(".")):
        if part == "decision":
            kind = Settings
            continue
        kind = _TABLES[part]
    return [f.encode_name for f in msgspec.structs.fields(kind)]


_TABLES: dict[str, type[Struct]] = {
    "wearer": Wearer,
    "serial": Serial,
    "ble": Ble,
    "bluetooth": Bluetooth,
    "replay": Replay,
    "simulator": SimulatedWearer,
    "gateway": Gateway,
    "mqtt": Mqtt,
    "tls": Tls,
    "model": Model,
}


def _contradictions(config: Config) -> Iterator[str]:
    """What no single key's bounds can see."""
    seen: set[str] = set()
    for wearer in config.wearer:
        if wearer.id in seen:
            yield f"two wearers are called `{wearer.id}`; give each an id of its own"
        seen.add(wearer.id)
        worn = bool(wearer.serial or wearer.ble)
        sources = [worn, wearer.replay is not None, wearer.simulator is not None]
        if sum(sources) != 1:
            yield (
                f"wearer `{wearer.id}` needs sensors ([[wearer.serial]], [[wearer.ble]]) or one of "
                f"[wearer.replay] and [wearer.simulator]; it has {sum(sources) or 'none'} of the three"
            )
    ports = [sensor.port for wearer in config.wearer for sensor in wearer.serial]
    for port in _twice(ports):
        yield f"the port {port} is named by two sensors; one port carries one sensor"
    sensors = [sensor for wearer in config.wearer for sensor in wearer.ble]
    for profile in {sensor.profile for sensor in sensors} - PROFILES.keys():
        near = difflib.get_close_matches(profile, PROFILES, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(PROFILES)}"
        yield f"no sensor profile is called `{profile}`; {hint}"
    for address in _twice(sensor.address.upper() for sensor in sensors if sensor.address):
        yield f"the address {address} is named by two sensors; a sensor is worn in one place"
    for profile, name in _twice((s.profile, s.name) for s in sensors if not s.address):
        called = f"called {name!r}" if name else "of any name"
        yield (
            f"two sensors are a {profile} {called}: nothing tells them apart; "
            "give each its address, which `edgehar devices assign` writes"
        )
    if config.mqtt and config.mqtt.tls and bool(config.mqtt.tls.cert_file) != bool(config.mqtt.tls.key_file):
        yield "[mqtt.tls] needs cert_file and key_file together"
    if config.mqtt and config.mqtt.password_file and config.mqtt.username is None:
        yield "[mqtt] has a password_file but no username; give both"


def _twice(items: Iterable[T]) -> list[T]:
    """What occurs more than once, each once."""
    return [item for item, n in Counter(items).items() if n > 1]


def password(mqtt: Mqtt) -> str | None:
    """The broker's password, from its file or systemd credential; ConfigError if it cannot be read."""
    if mqtt.password_file is None:
        return None
    path = Path(mqtt.password_file)
    if path.name == mqtt.password_file:
        path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / path
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        where = (
            "" if path.name != mqtt.password_file else " (a bare name is a systemd credential; use a path)"
        )
        raise ConfigError(f"mqtt.password_file: {path} cannot be read: {reason}{where}") from error


def settings(config: Config, model: Settings) -> Settings:
    """The model's decision settings with the configuration's own put over them."""
    merged = msgspec.to_builtins(model) | config.decision
    try:
        return msgspec.convert(merged, Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(
            _explain(explain(error, merged), "decision", "", "over the model's own settings")
        ) from error


def schema() -> dict[str, Any]:
    """JSON Schema of edgehar.toml."""
    whole = msgspec.json.schema(Config)
    decision = msgspec.json.schema(Settings)
    whole["$defs"] |= decision["$defs"]
    whole["$defs"]["Config"]["properties"]["decision"] = {"$ref": decision["$ref"]}
    return whole


def origins(config: Config, text: str, model: Settings) -> Iterator[tuple[str, Any, str]]:
    """Every effective key as (path, value, `file`, `model` or `default`)."""
    given = dict(_flatten(tomllib.loads(text)))
    effective = msgspec.to_builtins(config) | {"decision": msgspec.to_builtins(settings(config, model))}
    for path, value in _flatten(effective):
        other = "model" if path.startswith("decision.") else "default"
        yield path, value, "file" if path in given else other


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flatten(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for i, inner in enumerate(value):
            yield from _flatten(inner, f"{path}[{i}]")
    else:
        yield path, value
