"""Mistakes in edgehar.toml that no single key's type can see, each in a sentence that says what to write instead."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import combinations
from typing import TypeVar

from edgehar.brokers.mqtt_text import LONGEST_TEXT, check_mqtt_text, check_topic
from edgehar.config.schema import Config, Dashboard, Mqtt, Sparkplug
from edgehar.config.worn import Ble, Camera, Phone, Serial, Wearer
from edgehar.devices import PROFILES, Profile, check_profile
from edgehar.errors import ConfigError
from edgehar.sources.addresses import (
    check_host,
    check_serial_port,
    is_loopback,
    listening_address,
    sensor_server_address,
)
from edgehar.sources.camera.address import parse as parse_camera
from edgehar.sources.camera.region import Region
from edgehar.validation import did_you_mean, shown

T = TypeVar("T")

_LONGEST_PREFIX = LONGEST_TEXT - 500
"""Bytes of a prefix behind which gateway, wearer and the rest of a topic find room."""

_LONGEST_SPARKPLUG_ID = 1000
"""Bytes; two of them and the rest of a topic are far from LONGEST_TEXT."""

OTHER_TOPICS = {"request": "requests have", "response": "answers to requests have", "zone": "zones have"}
"""Names behind the gateway in topics that no wearer can have, and who has them."""

Complaint = tuple[str, str]
"""Path of the key or table, and the sentence."""


def complaints(config: Config) -> Iterator[Complaint]:
    """Yield each mistake of a configuration whose keys are of the right types."""
    for path, name in _repeated((f"{at}.id", wearer.id) for at, wearer in _numbered("wearer", config.wearer)):
        yield path, f"two wearers are called `{name}`; give each an id of its own"
    serial, ble, phones = list[tuple[str, Serial]](), list[tuple[str, Ble]](), list[tuple[str, Phone]]()
    cameras = list[tuple[str, Camera]]()
    for at, wearer in _numbered("wearer", config.wearer):
        yield from _of_wearer(at, wearer, has_page=config.dashboard is not None)
        serial += _numbered(f"{at}.serial", wearer.serial)
        ble += _numbered(f"{at}.ble", wearer.ble)
        phones += _numbered(f"{at}.phone", wearer.phone)
        cameras += _numbered(f"{at}.camera", wearer.camera)
    yield from _of_zones(config)
    if config.mqtt:
        yield from _of_mqtt(config.mqtt)
    if config.homeassistant:
        path = "homeassistant.prefix"
        check = partial(check_mqtt_text, longest=_LONGEST_PREFIX)
        yield from _refused(path, check, config.homeassistant.prefix)
    if config.homeassistant and not config.mqtt:
        yield "homeassistant", "[homeassistant] needs the broker that Home Assistant reads: give it as [mqtt]"
    if config.sparkplug:
        yield from _of_sparkplug(config.sparkplug, config.mqtt)
    if config.metrics:
        yield from _refused("metrics.listen", listening_address, config.metrics.listen)
    if config.dashboard:
        yield from _of_dashboard(config.dashboard)
    yield from _of_serial(serial)
    yield from _of_bluetooth(ble)
    yield from _of_phones(phones, config.mqtt)
    yield from _of_cameras(cameras)


def _of_wearer(at: str, wearer: Wearer, *, has_page: bool) -> Iterator[Complaint]:
    worn = bool(wearer.serial or wearer.ble or wearer.phone or wearer.camera)
    if wearer.id in OTHER_TOPICS:
        yield f"{at}.id", f"{OTHER_TOPICS[wearer.id]} the topic `{wearer.id}`; give the wearer another id"
    if wearer.tap and not has_page:
        yield (
            f"{at}.tap",
            "tap = true marks moments as the page does: add a table [dashboard], even an empty one",
        )
    if wearer.tap and (
        wearer.replay or not (wearer.serial or wearer.ble or wearer.phone or wearer.simulator)
    ):
        yield f"{at}.tap", f"wearer `{wearer.id}` wears nothing that could be tapped; leave tap out"
    if len(wearer.camera) > 1:
        yield (
            f"{at}.camera[1]",
            f"wearer `{wearer.id}` has {len(wearer.camera)} cameras, and one is looked through; leave one",
        )
    sources = sum([worn, wearer.replay is not None, wearer.simulator is not None])
    if not sources:
        tables = (
            "([[wearer.serial]], [[wearer.ble]], [[wearer.phone]], [[wearer.camera]]) or one of [wearer.replay] and "
            "[wearer.simulator]"
        )
        hint = "`edgehar devices assign` adds one"
        yield at, f"wearer `{wearer.id}` needs sensors {tables}, and has none; {hint}"
    if sources > 1:
        tables = "or one of [wearer.replay] and [wearer.simulator]"
        yield at, f"wearer `{wearer.id}` needs sensors {tables}, and has {sources} of the three: leave one"


def _of_zones(config: Config) -> Iterator[Complaint]:
    wearers = [wearer.id for wearer in config.wearer]
    zones = _numbered("zone", config.zone)
    for path, name in _repeated((f"{at}.id", zone.id) for at, zone in zones):
        yield path, f"two zones are called `{name}`; give each an id of its own"
    counted = [(f"{at}.wearers[{i}]", w) for at, zone in zones for i, w in enumerate(zone.wearers)]
    for path, name in _repeated(counted):
        yield path, f"the wearer `{name}` is counted twice; leave them in one zone, once"
    for path, name in counted:
        if name not in wearers:
            yield (
                path,
                f"no wearer is called `{name}`; {did_you_mean(name, wearers, 'add a [[wearer]] of this id')}",
            )
    yield from _of_counted(config, {name for _, name in counted})
    for at, zone in zones:
        if zone.id in wearers:
            yield f"{at}.id", f"a wearer is called `{zone.id}` too; give the zone another id"
        if len(zone.wearers) < 2 * zone.least:
            few = f"{len(zone.wearers)} wearers and least = {zone.least}"
            yield (
                f"{at}.wearers",
                f"zone `{zone.id}` has {few}: of fewer than {2 * zone.least} nothing could ever be told; make it larger",
            )


def _of_counted(config: Config, in_zones: Collection[str]) -> Iterator[Complaint]:
    """Yield the keys of one person alone that somebody has who is counted."""
    for at, wearer in _numbered("wearer", config.wearer):
        for key in ("head", "tap"):
            if wearer.id in in_zones and getattr(wearer, key):
                yield (
                    f"{at}.{key}",
                    f"the wearer `{wearer.id}` is counted in a zone, where nothing of their own counts; take out their `{key}`",
                )


def _refused(path: str, check: Callable[[T], object], value: T | None) -> Iterator[Complaint]:
    """Yield what a check says of a value, if it is set."""
    try:
        if value is not None:
            check(value)
    except ConfigError as error:
        yield path, f"{path}: {error}"


def _of_mqtt(mqtt: Mqtt) -> Iterator[Complaint]:
    yield from _refused("mqtt.host", check_host, mqtt.host)
    yield from _refused("mqtt.prefix", partial(check_mqtt_text, longest=_LONGEST_PREFIX), mqtt.prefix)
    yield from _refused("mqtt.username", check_mqtt_text, mqtt.username)
    if mqtt.password_file and mqtt.username is None:
        yield (
            "mqtt.password_file",
            "[mqtt] has a password_file but no username; give both, or none",
        )
    if mqtt.tls and bool(mqtt.tls.cert_file) != bool(mqtt.tls.key_file):
        yield "mqtt.tls", "[mqtt.tls] needs cert_file and key_file together; give both, or none"


def _of_sparkplug(sparkplug: Sparkplug, mqtt: Mqtt | None) -> Iterator[Complaint]:
    if mqtt is None:
        yield "sparkplug", "[sparkplug] needs the broker that the SCADA host reads: give it as [mqtt]"
    check = partial(check_mqtt_text, longest=_LONGEST_SPARKPLUG_ID)
    yield from _refused("sparkplug.group", check, sparkplug.group)
    yield from _refused("sparkplug.edge_node", check, sparkplug.edge_node)
    yield from _refused("sparkplug.primary_host", check, sparkplug.primary_host)
    if sparkplug.group == "STATE":
        yield (
            "sparkplug.group",
            "sparkplug.group: hosts say on the topic `STATE` that they are online; take another name",
        )


def _of_dashboard(dashboard: Dashboard) -> Iterator[Complaint]:
    try:
        is_open = not is_loopback(dashboard.listen)
    except ConfigError as error:
        yield "dashboard.listen", f"dashboard.listen: {error}"
        return
    if is_open and dashboard.token_file is None:
        hint = "give a token_file with what who looks has to show, or listen on this host alone, as `127.0.0.1:8765`"
        yield (
            "dashboard.listen",
            f"dashboard.listen: {shown(dashboard.listen)} shows the network what wearers do; {hint}",
        )


def _of_serial(sensors: list[tuple[str, Serial]]) -> Iterator[Complaint]:
    for at, sensor in sensors:
        yield from _refused(f"{at}.port", check_serial_port, sensor.port)
    for path, port in _repeated((f"{at}.port", sensor.port) for at, sensor in sensors):
        yield path, f"the port {shown(port)} is named by two sensors; one port carries one sensor"


def _of_bluetooth(sensors: list[tuple[str, Ble]]) -> Iterator[Complaint]:
    for at, sensor in sensors:
        yield from _refused(f"{at}.profile", check_profile, sensor.profile)
    for path, address in _repeated((f"{at}.address", s.address.upper()) for at, s in sensors if s.address):
        yield path, f"the address {address} is named by two sensors; a sensor is worn in one place"
    for path, name in _repeated((f"{at}.name", s.name) for at, s in sensors if s.name and not s.address):
        yield path, f"two sensors are called {shown(name)}: nothing tells them apart; {_GIVE_ADDRESSES}"
    anonymous = [
        (at, PROFILES[sensor.profile])
        for at, sensor in sensors
        if not sensor.name and not sensor.address and sensor.profile in PROFILES
    ]
    for (_, a), (at, b) in combinations(anonymous, 2):
        if _may_be_taken_for(a, b):
            yield at, f"a {a.name} and a {b.name} of any name: nothing tells them apart; {_GIVE_ADDRESSES}"


_GIVE_ADDRESSES = "give each its address, which `edgehar devices assign` writes"


def _may_be_taken_for(a: Profile, b: Profile) -> bool:
    """Tell whether a device may fit both, by a service or by the beginning of its name."""
    return bool(set(a.services) & set(b.services)) or any(
        x.startswith(y) or y.startswith(x) for x in a.name_prefixes for y in b.name_prefixes
    )


def _of_phones(phones: list[tuple[str, Phone]], mqtt: Mqtt | None) -> Iterator[Complaint]:
    for at, phone in phones:
        yield from _refused(f"{at}.url", sensor_server_address, phone.url)
        yield from _refused(f"{at}.listen", listening_address, phone.listen)
        yield from _refused(f"{at}.topic", check_topic, phone.topic)
        who = f"the phone at `{phone.placement}`"
        ways = [phone.url, phone.listen, phone.topic]
        if sum(way is not None for way in ways) != 1:
            yield at, f"{who} needs exactly one of url, listen and topic"
        if phone.url and phone.device:
            yield f"{at}.device", f"{who} has a device, which goes with listen or topic, and not with url"
        if phone.topic and mqtt is None:
            yield f"{at}.topic", f"{who} has a topic, but there is no [mqtt] to say which broker"
    for at, (url, listen, topic, device) in _repeated(
        (at, (p.url, p.listen, p.topic, p.device)) for at, p in phones
    ):
        told_apart = "" if url or device else "; give each its device"
        yield at, f"two phones are reached by {shown(url or listen or topic)}{told_apart}"


def _of_cameras(cameras: list[tuple[str, Camera]]) -> Iterator[Complaint]:
    names = list[tuple[str, str]]()
    for at, camera in cameras:
        try:
            names.append((f"{at}.device", parse_camera(camera.device).name))
        except ConfigError as error:
            yield f"{at}.device", f"{at}.device: {error}"
        yield from _refused(f"{at}.region", lambda region: Region(*region), camera.region)
    for path, name in _repeated(names):
        yield path, f"the camera {shown(name)} is named twice; one camera follows one person"


def _numbered(path: str, tables: Iterable[T]) -> list[tuple[str, T]]:
    """Return each table of an array with its path."""
    return [(f"{path}[{i}]", table) for i, table in enumerate(tables)]


def _repeated(items: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Yield each item that came before already, once, with the path of its second coming."""
    counts = dict[T, int]()
    for path, item in items:
        counts[item] = counts.get(item, 0) + 1
        if counts[item] == 2:
            yield path, item
