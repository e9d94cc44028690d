"""The imitated sensors send what the real ones would, when the real ones would."""

import asyncio
import contextlib
from functools import partial

import numpy as np
import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakDBusError
from bluez import Bluetoothd
from peripherals import Sensor, sensor
from sensors import AT_REST, DEVICE, at_rest, period_s

from edgehar.devices import PROFILES, Profile, matching_profiles
from edgehar.devices.profile import Write
from edgehar.types import ACCELERATION, STANDARD_GRAVITY, Packet

PATIENCE_S = 30.0
"""Nothing in a test takes so long, unless it fails."""

every_profile = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())


class Ear:
    """A client that is connected to a sensor and reads what it sends."""

    def __init__(self, client: BleakClient, profile: Profile) -> None:
        self.client, self.profile = client, profile
        self.reader = profile.reader(DEVICE)
        self.packets: list[Packet] = []

    async def subscribe(self) -> None:
        for characteristic, uuid in enumerate(self.profile.notify):
            await self.client.start_notify(
                uuid, partial(self._take, self.profile.body_prefix(characteristic))
            )

    def _take(self, prefix: bytes, _: BleakGATTCharacteristic, value: bytearray) -> None:
        self.packets += self.reader.push(prefix + value)

    async def write(self, *writes: Write) -> None:
        for write in writes:
            await self.client.write_gatt_char(write.characteristic, write.payload, write.response)

    async def until_packets(self, number: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if sum(is_acceleration(packet) for packet in self.packets) >= number:
                    return
                await asyncio.sleep(0.005)


def is_acceleration(packet: Packet) -> bool:
    return set(ACCELERATION) <= set(packet.channels)


def accelerations(packets: list[Packet]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    parts = [(p.values * p.scale)[:, : len(ACCELERATION)] for p in packets if is_acceleration(p)]
    return np.concatenate(parts).astype(np.float32)


async def connected(sensor: Sensor) -> BleakClient:
    device = await BleakScanner.find_device_by_address(sensor.address, timeout=PATIENCE_S)
    assert device is not None
    client = BleakClient(device, timeout=PATIENCE_S)
    await client.connect()
    return client


# What they send


@every_profile
def test_it_lies_still_and_keeps_its_rate(profile: Profile) -> None:
    reader = profile.reader("c0ffee")
    periods = round(3 / period_s(profile.name))
    later = [notification for i in range(1, periods) for notification in at_rest(profile.name, i)]

    packets = [
        packet
        for i, payload in AT_REST[profile.name] + later
        for packet in reader.push(profile.body_prefix(i) + payload)
    ]

    felt = accelerations(packets)
    assert (reader.malformed, reader.lost) == (0, 0)
    np.testing.assert_allclose(np.linalg.norm(felt, axis=1), STANDARD_GRAVITY, rtol=0.03)
    assert len(felt) / (periods * period_s(profile.name)) == pytest.approx(profile.rate_hz, rel=0.03)


@every_profile
def test_its_clock_agrees(profile: Profile) -> None:
    reader = profile.reader("c0ffee")
    parts = [AT_REST[profile.name]] + [at_rest(profile.name, i) for i in range(1, 200)]
    packets = [
        packet
        for part in parts
        for i, payload in part
        for packet in reader.push(profile.body_prefix(i) + payload)
    ]

    first, *_, last = (packet for packet in packets if is_acceleration(packet))
    has_clock = profile.name in {
        "edgehar",
        "movella_dot",
        "polar_h10",
        "polar_verity",
        "movesense",
        "bluest",
        "bangle",
    }
    assert (first.ticks_us is not None) == (last.ticks_us is not None) == has_clock
    if first.ticks_us is not None and last.ticks_us is not None:
        samples = len(accelerations(packets)) - len(last.values)
        elapsed_us = last.ticks_us - first.ticks_us & 0xFFFFFFFF
        assert samples / elapsed_us * 1e6 == pytest.approx(profile.rate_hz, rel=0.001)


# When they send it


@every_profile
async def test_it_is_recognized_and_sends_once_started(bluez: Bluetoothd, profile: Profile) -> None:
    bluez.add(sensor(profile.name))
    assert await BleakScanner.find_device_by_filter(
        lambda _, seen: profile in matching_profiles(seen.service_uuids, seen.local_name), timeout=PATIENCE_S
    )

    ear = Ear(await connected(sensor(profile.name)), profile)
    await ear.subscribe()
    await ear.write(*profile.start)
    await ear.until_packets(2)
    await ear.client.disconnect()

    np.testing.assert_allclose(
        np.linalg.norm(accelerations(ear.packets), axis=1), STANDARD_GRAVITY, rtol=0.03
    )
    assert ear.reader.lost == 0
    # The wire format describes itself now and then, and what comes before is dropped.
    assert ear.reader.malformed < (10 if profile.name == "edgehar" else 1)


async def test_two_send_at_once(bluez: Bluetoothd) -> None:
    sensors = [sensor("movella_dot", number) for number in (1, 2)]
    bluez.add(*sensors)
    ears = [Ear(await connected(dot), dot.profile) for dot in sensors]
    for ear in ears:
        await ear.subscribe()
        await ear.write(*ear.profile.start)

    await asyncio.gather(*(ear.until_packets(30) for ear in ears))

    for ear in ears:
        await ear.client.disconnect()


async def test_a_start_before_the_subscription_starts_nothing(bluez: Bluetoothd) -> None:
    bluez.add(dot := sensor("movella_dot"))
    ear = Ear(await connected(dot), dot.profile)
    await ear.write(*dot.profile.start[:2])
    await ear.subscribe()
    await ear.write(dot.profile.start[2])
    assert not dot.is_started

    await ear.write(*dot.profile.start)
    assert dot.is_started
    await ear.client.disconnect()


async def test_a_start_in_another_order_starts_nothing(bluez: Bluetoothd) -> None:
    bluez.add(dot := sensor("movella_dot"))
    ear = Ear(await connected(dot), dot.profile)
    await ear.subscribe()
    await ear.write(*reversed(dot.profile.start))
    assert not dot.is_started
    await ear.client.disconnect()


async def test_a_stop_stops_it_and_a_start_may_be_repeated(bluez: Bluetoothd) -> None:
    bluez.add(dot := sensor("movella_dot"))
    ear = Ear(await connected(dot), dot.profile)
    await ear.subscribe()
    await ear.write(*dot.profile.start, *dot.profile.start)
    await ear.until_packets(2)
    await ear.write(*dot.profile.stop)
    assert not dot.is_started
    await ear.client.disconnect()


@pytest.mark.parametrize("name", ["movella_dot", "pinetime"])
async def test_it_wants_to_be_started_on_every_link(bluez: Bluetoothd, name: str) -> None:
    bluez.add(imitated := sensor(name))
    for _ in range(2):
        ear = Ear(await connected(imitated), imitated.profile)
        await ear.subscribe()
        assert imitated.is_started == (not imitated.profile.start)
        await ear.write(*imitated.profile.start)
        await ear.until_packets(2)
        imitated.drop()
        await ear.client.disconnect()


async def test_a_killed_bluetoothd_ends_its_link(bluez: Bluetoothd) -> None:
    bluez.add(dot := sensor("movella_dot"))
    ear = Ear(await connected(dot), dot.profile)
    await ear.subscribe()
    await ear.write(*dot.profile.start)
    await bluez.kill()
    assert not dot.is_started
    with contextlib.suppress(BleakDBusError):
        await ear.client.disconnect()
