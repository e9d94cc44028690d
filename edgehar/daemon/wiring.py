"""Sources and streams of what a wearer wears, from the configuration; what nobody wears is not loaded."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from edgehar.config.credentials import broker_password
from edgehar.config.schema import Config, Mqtt
from edgehar.config.worn import Replay as ReplayedWearer, SimulatedWearer, Wearer
from edgehar.devices import PROFILES
from edgehar.devices.keypoints import PROFILE as KEYPOINTS
from edgehar.sources import Source
from edgehar.sources.addresses import listening_address
from edgehar.sources.camera.address import parse as parse_camera
from edgehar.types import Stream

if TYPE_CHECKING:
    from edgehar.brokers.mqtt_tls import Tls
    from edgehar.sources.bluetooth.radio import Radio
    from edgehar.sources.phone.http import PushServer
    from edgehar.sources.replay import Track


class SharedLinks(Struct, frozen=True):
    """The links that sources of several wearers have in common."""

    radio: "Radio | None" = None
    """The Bluetooth adapter; None where nobody wears a sensor over it."""
    broker: Mqtt | None = None
    """The broker to which phones publish, if they do."""
    push_servers: "dict[tuple[str, int], PushServer]" = {}
    """Servers of the phones that post, by address; made when a source first asks for one."""


def make_shared_links(config: Config) -> SharedLinks:
    """Make what the configuration's sources share; nothing is opened yet."""
    return SharedLinks(_radio(config), config.mqtt)


def _radio(config: Config) -> "Radio | None":
    if not any(wearer.ble for wearer in config.wearer):
        return None
    from edgehar.sources.bluetooth.radio import Radio

    radio = Radio(config.bluetooth.adapter)
    _claim(radio, config)
    return radio


def _claim(radio: "Radio", config: Config) -> None:
    # Also of wearers whose sources are never made, where one alone is recorded.
    for sensor in (sensor for wearer in config.wearer for sensor in wearer.ble):
        if sensor.address:
            radio.claimed_addresses.add(sensor.address.upper())
        elif sensor.name:
            radio.claimed_names.add(sensor.name)


def renew_claims(shared: SharedLinks, config: Config, sources: Iterable[Source]) -> None:
    """Let go of sensors and phones that were taken for sources that are no more."""
    sources = list(sources)
    if shared.radio:
        from edgehar.sources.bluetooth.ble import Ble

        shared.radio.claimed_addresses.clear()
        shared.radio.claimed_names.clear()
        _claim(shared.radio, config)
        taken = (source.address for source in sources if isinstance(source, Ble))
        shared.radio.claimed_addresses.update(address for address in taken if address)
    if shared.push_servers:
        from edgehar.sources.phone.http import SensorLoggerHttp

        for server in shared.push_servers.values():
            server.named.clear()
        for source in sources:
            if isinstance(source, SensorLoggerHttp):
                source.claim()


def _push_server(listen: str, shared: SharedLinks) -> "PushServer":
    from edgehar.sources.phone.http import PushServer

    # An address of version 6 can be written in several ways.
    return shared.push_servers.setdefault(listening_address(listen), PushServer(listen))


def streams_of(wearer: Wearer) -> list[Stream]:
    """Return a wearer's streams, without opening or loading anything but a recording's header."""
    if wearer.replay:
        return [*_recording(wearer.replay).header.streams]
    if wearer.simulator:
        return [Stream(placement) for placement in wearer.simulator.placements]
    return [
        *(Stream(sensor.placement) for sensor in wearer.serial),
        *(Stream(sensor.placement, sensor.profile) for sensor in wearer.ble),
        *(
            Stream(phone.placement, "sensor_server" if phone.url else "sensor_logger")
            for phone in wearer.phone
        ),
        *(Stream(camera.placement, KEYPOINTS) for camera in wearer.camera),
    ]


def _recording(replay: ReplayedWearer) -> "Track":
    from edgehar.sources.replay import open_recording

    return open_recording(Path(replay.path), subject=replay.subject, placements=replay.placements)


def make_sources(wearer: Wearer, shared: SharedLinks) -> tuple[list[Source], list[Stream], float]:
    """Make the wearer's sources, not yet opened, their streams, and Unix time at stream time 0, s."""
    if wearer.replay:
        from edgehar.sources.replay import Replay

        recording = _recording(wearer.replay)
        source = Replay(recording, speed=wearer.replay.speed)
        return [source], [*recording.header.streams], recording.header.epoch
    epoch = time.time() - time.monotonic()
    if wearer.simulator:
        return [_simulator(wearer.simulator)], [Stream(p) for p in wearer.simulator.placements], epoch
    worn = [*_serial(wearer), *_ble(wearer, shared.radio), *_phones(wearer, shared), *_cameras(wearer)]
    return [source for _, source in worn], [stream for stream, _ in worn], epoch


def describe_sensors(wearer: Wearer, placements: Sequence[str]) -> list[str]:
    """Say where each sensor is worn and how it is reached, in the order of `make_sources`, whose placements these are."""
    if wearer.replay or wearer.simulator:
        reached = f"recording {wearer.replay.path}" if wearer.replay else "simulated"
        return [f"{placement} ({reached})" for placement in placements]
    return [
        *(f"{sensor.placement} ({sensor.port})" for sensor in wearer.serial),
        *(
            f"{sensor.placement} ({sensor.profile}, {sensor.address or sensor.name or 'the first that fits'})"
            for sensor in wearer.ble
        ),
        *(f"{phone.placement} (phone, {phone.url or phone.listen or phone.topic})" for phone in wearer.phone),
        *(f"{camera.placement} ({parse_camera(camera.device).name})" for camera in wearer.camera),
    ]


def _serial(wearer: Wearer) -> Iterator[tuple[Stream, Source]]:
    if not wearer.serial:
        return
    from edgehar.sources.serial import Serial

    for sensor in wearer.serial:
        yield Stream(sensor.placement), Serial(sensor.port, sensor.baud)


def _ble(wearer: Wearer, radio: "Radio | None") -> Iterator[tuple[Stream, Source]]:
    if radio is None:
        return
    from edgehar.sources.bluetooth.ble import Ble

    for sensor in wearer.ble:
        source = Ble(radio, PROFILES[sensor.profile], address=sensor.address, name=sensor.name)
        yield Stream(sensor.placement, sensor.profile), source


def _cameras(wearer: Wearer) -> Iterator[tuple[Stream, Source]]:
    if not wearer.camera:
        return
    from edgehar.sources.camera.camera import Camera
    from edgehar.sources.camera.region import EVERYTHING, Region
    from edgehar.sources.camera.weights import find_weights

    for camera in wearer.camera:
        weights = find_weights(Path(camera.weights) if camera.weights else None)
        source = Camera(
            camera.device,
            weights,
            region=Region(*camera.region) if camera.region else EVERYTHING,
            max_fps=camera.max_fps,
            show_picture=camera.picture,
        )
        yield Stream(camera.placement, KEYPOINTS), source


def _phones(wearer: Wearer, shared: SharedLinks) -> Iterator[tuple[Stream, Source]]:
    broker = shared.broker
    for phone in wearer.phone:
        if phone.url:
            from edgehar.sources.phone.websocket import SensorServer

            yield Stream(phone.placement, "sensor_server"), SensorServer(phone.url)
        elif phone.listen:
            from edgehar.sources.phone.http import SensorLoggerHttp

            pushed = SensorLoggerHttp(_push_server(phone.listen, shared), phone.device)
            yield Stream(phone.placement, "sensor_logger"), pushed
        elif phone.topic and broker:
            from edgehar.sources.phone.mqtt import SensorLoggerMqtt

            source = SensorLoggerMqtt(
                phone.topic,
                phone.device,
                host=broker.host,
                port=broker.port,
                username=broker.username,
                password=broker_password(broker),
                tls=make_tls(broker),
                version=broker.version,
            )
            yield Stream(phone.placement, "sensor_logger"), source


def make_tls(broker: Mqtt) -> "Tls | None":
    """Make what encrypts the link to the broker, if it is to be."""
    if broker.tls is None:
        return None
    from edgehar.brokers.mqtt_tls import Tls

    ca, cert, key = (
        None if name is None else Path(name)
        for name in (broker.tls.ca_file, broker.tls.cert_file, broker.tls.key_file)
    )
    return Tls(ca=ca, cert=cert, key=key)


def _simulator(simulated: SimulatedWearer) -> Source:
    from edgehar.sources.simulated.faults import Faults
    from edgehar.sources.simulated.simulator import Simulator

    faults = Faults(
        loss=simulated.loss,
        jitter_s=simulated.jitter_s,
        drift_ppm=simulated.drift_ppm,
        disconnect_every_s=simulated.disconnect_every_s,
        battery=simulated.battery,
        misfits=simulated.misfits,
        seed=simulated.seed,
    )
    return Simulator(
        placements=simulated.placements, longest_s=simulated.longest_s, seed=simulated.seed, faults=faults
    )
