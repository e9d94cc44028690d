"""What a wearer wears, as sources and the streams they deliver; what nobody wears is not loaded."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from edgehar.config import read as configuration
from edgehar.devices import PROFILES
from edgehar.sources import Source
from edgehar.types import Stream

if TYPE_CHECKING:
    from edgehar.brokers.mqtt import Tls
    from edgehar.sources.bluetooth.radio import Radio
    from edgehar.sources.phone.http import PushServer


class Shared(Struct, frozen=True):
    """What sources of several wearers have in common."""

    radio: "Radio | None" = None
    """The Bluetooth adapter; None where nobody wears a sensor over it."""
    broker: configuration.Mqtt | None = None
    """Where phones publish, if they do."""
    push_servers: "Mapping[str, PushServer]" = {}
    """By the `listen` of the phones that post to them."""


def open_shared(config: configuration.Config) -> Shared:
    """What the configuration's sources share; nothing is opened yet."""
    return Shared(_radio(config), config.mqtt, _push_servers(config))


def _radio(config: configuration.Config) -> "Radio | None":
    if not any(wearer.ble for wearer in config.wearer):
        return None
    from edgehar.sources.bluetooth.radio import Radio

    radio = Radio(config.bluetooth.adapter)
    # Also of wearers whose sources are never made, where one alone is recorded.
    for sensor in (sensor for wearer in config.wearer for sensor in wearer.ble):
        if sensor.address:
            radio.claimed_addresses.add(sensor.address.upper())
        elif sensor.name:
            radio.claimed_names.add(sensor.name)
    return radio


def _push_servers(config: configuration.Config) -> "dict[str, PushServer]":
    addresses = [phone.listen for wearer in config.wearer for phone in wearer.phone if phone.listen]
    if not addresses:
        return {}
    from edgehar.sources.phone.http import PushServer, parse_address

    servers: dict[tuple[str, int], PushServer] = {}
    # An address of version 6 can be written in several ways.
    return {listen: servers.setdefault(parse_address(listen), PushServer(listen)) for listen in addresses}


def open_sources(wearer: configuration.Wearer, shared: Shared) -> tuple[list[Source], list[Stream], float]:
    """The wearer's sources, not yet opened, their streams, and Unix time at stream time 0, s."""
    if wearer.replay:
        from edgehar.sources.replay import Replay, open_recording

        asked = wearer.replay
        recording = open_recording(Path(asked.path), subject=asked.subject, placements=asked.placements)
        return [Replay(recording, speed=asked.speed)], [*recording.header.streams], recording.header.epoch
    epoch = time.time() - time.monotonic()
    if wearer.simulator:
        return [_simulator(wearer.simulator)], [Stream(p) for p in wearer.simulator.placements], epoch
    worn = [*_serial(wearer), *_ble(wearer, shared.radio), *_phones(wearer, shared)]
    return [source for _, source in worn], [stream for stream, _ in worn], epoch


def _serial(wearer: configuration.Wearer) -> Iterator[tuple[Stream, Source]]:
    if not wearer.serial:
        return
    from edgehar.sources.serial import Serial

    for sensor in wearer.serial:
        yield Stream(sensor.placement), Serial(sensor.port, sensor.baud)


def _ble(wearer: configuration.Wearer, radio: "Radio | None") -> Iterator[tuple[Stream, Source]]:
    if radio is None:
        return
    from edgehar.sources.bluetooth.ble import Ble

    for sensor in wearer.ble:
        source = Ble(radio, PROFILES[sensor.profile], address=sensor.address, name=sensor.name)
        yield Stream(sensor.placement, sensor.profile), source


def _phones(wearer: configuration.Wearer, shared: Shared) -> Iterator[tuple[Stream, Source]]:
    broker = shared.broker
    for phone in wearer.phone:
        if phone.url:
            from edgehar.sources.phone.websocket import SensorServer

            yield Stream(phone.placement, "sensor_server"), SensorServer(phone.url)
        elif phone.listen:
            from edgehar.sources.phone.http import SensorLoggerHttp

            yield (
                Stream(phone.placement, "sensor_logger"),
                SensorLoggerHttp(shared.push_servers[phone.listen], phone.device),
            )
        elif phone.topic and broker:
            from edgehar.sources.phone.mqtt import SensorLoggerMqtt

            source = SensorLoggerMqtt(
                phone.topic,
                phone.device,
                host=broker.host,
                port=broker.port,
                username=broker.username,
                password=configuration.password(broker),
                tls=open_tls(broker),
                version=broker.version,
            )
            yield Stream(phone.placement, "sensor_logger"), source


def open_tls(broker: configuration.Mqtt) -> "Tls | None":
    """How the link to the broker is encrypted, if it is."""
    if broker.tls is None:
        return None
    from edgehar.brokers.mqtt import Tls

    ca, cert, key = (
        None if name is None else Path(name)
        for name in (broker.tls.ca_file, broker.tls.cert_file, broker.tls.key_file)
    )
    return Tls(ca=ca, cert=cert, key=key)


def _simulator(asked: configuration.SimulatedWearer) -> Source:
    from edgehar.sources.simulated.faults import Faults
    from edgehar.sources.simulated.simulator import Simulator

    faults = Faults(
        loss=asked.loss,
        jitter_s=asked.jitter_s,
        drift_ppm=asked.drift_ppm,
        disconnect_every_s=asked.disconnect_every_s,
        battery=asked.battery,
        seed=asked.seed,
    )
    return Simulator(placements=asked.placements, longest_s=asked.longest_s, seed=asked.seed, faults=faults)
