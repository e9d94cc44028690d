"""Bleak and what may happen to BlueZ, to its bus, to the adapter and to a sensor."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason as Reason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bluez import FORBIDDEN, Bluetoothd
from radio import ABORTED, BATTERY_LEVEL, Characteristic, Peripheral

SERVICE = "0000ed00-0000-1000-8000-00805f9b34fb"
DATA = "0000ed01-0000-1000-8000-00805f9b34fb"
CONTROL = "0000ed02-0000-1000-8000-00805f9b34fb"

PATIENCE_S = 30.0
"""Nothing in a test takes so long, unless it fails."""


class Link:
    """A client, and how often it was told that it is no longer connected."""

    def __init__(self, device: BLEDevice | str) -> None:
        self.losses = 0
        self.client = BleakClient(device, disconnected_callback=self._lose, timeout=PATIENCE_S)

    def _lose(self, _: BleakClient) -> None:
        self.losses += 1

    async def lost(self) -> None:
        """Return when it is told."""
        await until(lambda: self.losses > 0)


@pytest.fixture
async def sensor(bluez: Bluetoothd) -> Peripheral:
    control = Characteristic(CONTROL, ("write",), on_write=lambda value: 0x80 if value == b"bad" else None)
    gatt = {SERVICE: [Characteristic(DATA, value=b"hello"), control]}
    sensor = Peripheral("C0:FF:EE:00:00:01", "imu", services=[SERVICE], gatt=gatt, battery=88)
    bluez.add(sensor)
    return sensor


@pytest.fixture
async def link(sensor: Peripheral) -> Link:
    """Connect, and leave releasing to the test."""
    link = Link(await discovered(sensor))
    await link.client.connect()
    return link


async def discovered(sensor: Peripheral) -> BLEDevice:
    device = await BleakScanner.find_device_by_address(sensor.address, timeout=PATIENCE_S)
    assert device is not None
    return device


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.005)


async def no_bluetooth(reason: Reason) -> None:
    """Search until bleak says for what reason it cannot; it learns of changes a moment later."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await BleakScanner.discover(timeout=0.01)
            except BleakDBusError:
                continue
            except BleakBluetoothNotAvailableError as error:
                assert error.reason is reason  # noqa: PT017 - until it is raised
                return


async def dbus_error(doing: Awaitable[object]) -> tuple[str, str | None]:
    with pytest.raises(BleakDBusError) as raised:
        await doing
    return raised.value.dbus_error, raised.value.dbus_error_details


SERVICE_UNKNOWN = (
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "The name org.bluez was not provided by any .service files",
)


# All is well


async def test_a_sensor_is_found_by_service_name_and_address(bluez: Bluetoothd, sensor: Peripheral) -> None:
    bluez.add(Peripheral("C0:FF:EE:00:00:02", None, gatt={}, rssi=-80))

    async with BleakScanner() as scanner:
        await until(lambda: len(scanner.discovered_devices) == 2)
        seen = scanner.discovered_devices_and_advertisement_data.values()
        shown = {device.name: (data.service_uuids, round(data.rssi, -1)) for device, data in seen}
    async with BleakScanner(service_uuids=[SERVICE]) as scanner:
        await until(lambda: bool(scanner.discovered_devices))
        served = [device.address for device in scanner.discovered_devices]
    named = await BleakScanner.find_device_by_name("imu", timeout=PATIENCE_S)
    addressed = await BleakScanner.find_device_by_address(sensor.address, timeout=PATIENCE_S)

    assert shown == {"imu": ([SERVICE], -60), None: ([], -80)}
    assert served == [sensor.address]
    assert named is not None
    assert addressed is not None
    assert named.address == addressed.address == sensor.address


async def test_bluez_reports_only_what_was_searched_for(bluez: Bluetoothd, sensor: Peripheral) -> None:
    bluez.add(Peripheral("C0:FF:EE:00:00:02", "other", gatt={}))
    async with BleakScanner(service_uuids=[SERVICE]) as scanner:
        await until(lambda: bool(scanner.discovered_devices))

    assert bluez.strangers == [sensor]


async def test_its_characteristics_are_read_and_written(sensor: Peripheral, link: Link) -> None:
    client = link.client

    assert bytes(await client.read_gatt_char(DATA)) == b"hello"
    assert bytes(await client.read_gatt_char(BATTERY_LEVEL)) == bytes((88,))
    await client.write_gatt_char(CONTROL, b"start", response=True)
    with pytest.raises(BleakGATTProtocolError) as raised:
        await client.write_gatt_char(CONTROL, b"bad", response=True)

    assert raised.value.code == 0x80
    assert sensor.characteristics[CONTROL].written == [b"start"]
    await client.disconnect()


async def test_notifications_arrive_in_order_however_many(sensor: Peripheral, link: Link) -> None:
    got: list[int] = []
    assert not sensor.notify(DATA, b"nobody hears")
    await link.client.start_notify(
        DATA, lambda _, value: got.append(int.from_bytes(value)), bluez={"use_start_notify": True}
    )

    assert all(sensor.notify(DATA, i.to_bytes(244)) for i in range(2000))

    await until(lambda: len(got) == 2000)
    assert got == list(range(2000))
    await link.client.stop_notify(DATA)
    assert not sensor.notify(DATA, b"nobody hears")
    await link.client.disconnect()


async def test_a_value_read_comes_as_a_notification_too(link: Link) -> None:
    got: list[bytes] = []
    await link.client.start_notify(DATA, lambda _, value: got.append(bytes(value)))

    await link.client.read_gatt_char(DATA)

    await until(lambda: got == [b"hello"])
    await link.client.disconnect()


async def test_a_stream_runs_while_somebody_listens(sensor: Peripheral, link: Link) -> None:
    got: list[int] = []
    stream = asyncio.create_task(sensor.stream(DATA, lambda i: i.to_bytes(4), 0.005))

    await link.client.start_notify(DATA, lambda _, value: got.append(int.from_bytes(value)))
    await until(lambda: len(got) > 20)
    stream.cancel()

    assert got == list(range(got[0], got[-1] + 1))
    await link.client.disconnect()


async def test_a_connected_sensor_is_not_seen(bluez: Bluetoothd, sensor: Peripheral, link: Link) -> None:
    async with BleakScanner() as scanner:

        def seen() -> set[str]:
            return {device.address for device in scanner.discovered_devices}

        bluez.add(Peripheral("C0:FF:EE:00:00:02", "other", gatt={}))
        await until(lambda: bool(seen()))
        assert seen() == {"C0:FF:EE:00:00:02"}
        await link.client.disconnect()
        await until(lambda: sensor.address in seen())


async def test_one_process_makes_one_search_at_a_time(sensor: Peripheral) -> None:
    in_progress = ("org.bluez.Error.InProgress", "Operation already in progress")
    async with BleakScanner():
        assert await dbus_error(BleakScanner.discover(timeout=0.1)) == in_progress
        assert await dbus_error(BleakClient(sensor.address).connect()) == in_progress


async def test_connecting_needs_no_search_of_ones_own(sensor: Peripheral) -> None:
    async with BleakClient(sensor.address, timeout=PATIENCE_S) as client:
        assert client.is_connected


# A sensor in trouble


async def test_a_lost_link_is_told_and_can_be_made_again(sensor: Peripheral, link: Link) -> None:
    sensor.drop()

    await link.lost()
    assert not link.client.is_connected
    await link.client.disconnect()
    await link.client.connect()
    assert bytes(await link.client.read_gatt_char(DATA)) == b"hello"
    await link.client.disconnect()


async def test_only_disconnecting_closes_what_a_lost_link_leaves_open(
    bluez: Bluetoothd, sensor: Peripheral, link: Link
) -> None:
    sensor.drop()
    await link.lost()

    await bluez.until_guests(2)
    await link.client.disconnect()
    await bluez.until_guests(1)


async def test_what_was_left_open_is_subscribed_again_on_the_next_link(
    sensor: Peripheral, link: Link
) -> None:
    await link.client.start_notify(DATA, lambda *_: None)
    sensor.drop()
    await link.lost()
    assert not sensor.is_subscribed(DATA)

    async with BleakClient(await discovered(sensor)):
        assert sensor.is_subscribed(DATA)
    await link.client.disconnect()


async def test_a_sensor_that_bluez_forgets_is_lost_and_cannot_be_connected(
    sensor: Peripheral, link: Link
) -> None:
    sensor.vanish()

    await link.lost()
    await link.client.disconnect()
    with pytest.raises(BleakError, match="device 'dev_C0_FF_EE_00_00_01' not found"):
        await link.client.connect()
    with pytest.raises(BleakDeviceNotFoundError):
        await BleakClient(sensor.address, timeout=0.1).connect()
    sensor.come_back()
    async with BleakClient(await discovered(sensor)):
        pass


async def test_a_connect_fails_then_succeeds(sensor: Peripheral) -> None:
    sensor.refuse(2, "le-connection-abort-by-peer")
    client = BleakClient(await discovered(sensor))

    for _ in range(2):
        failed = await dbus_error(client.connect())
        assert failed == ("org.bluez.Error.Failed", "le-connection-abort-by-peer")
    await client.connect()
    await client.disconnect()


async def test_bleak_itself_tries_again_when_the_radio_aborts(sensor: Peripheral) -> None:
    sensor.refuse(2, ABORTED)
    async with BleakClient(await discovered(sensor)):
        assert not sensor.refusals


async def test_a_sensor_out_of_reach_cannot_be_connected(bluez: Bluetoothd, sensor: Peripheral) -> None:
    client = BleakClient(await discovered(sensor), timeout=0.2)
    sensor.leave()

    with pytest.raises(TimeoutError):
        await client.connect()

    assert not client.is_connected
    await bluez.until_guests(1)


async def test_a_sensor_whose_services_never_come_is_let_go(sensor: Peripheral) -> None:
    sensor.resolves = False
    client = BleakClient(await discovered(sensor), timeout=0.2)

    with pytest.raises(TimeoutError):
        await client.connect()

    # What the client then says of itself is a matter of chance.
    await discovered(sensor)


async def test_a_connect_that_is_given_up_leaves_no_link(sensor: Peripheral) -> None:
    sensor.connect_delay_s = 0.2
    device = await discovered(sensor)
    with pytest.raises(TimeoutError):
        await BleakClient(device, timeout=0.05).connect()

    async with BleakClient(device, timeout=PATIENCE_S) as client:
        assert client.is_connected


async def test_what_was_found_is_forgotten_some_time_after_a_search(
    bluez: Bluetoothd, sensor: Peripheral
) -> None:
    await bluez.stop()
    bluez.forget_after_s = 0.05
    await bluez.start()
    device = await discovered(sensor)

    await until(lambda: not bluez.strangers)

    with pytest.raises(BleakError, match="not found"):
        await BleakClient(device).connect()


# bluetoothd in trouble


async def test_nobody_is_told_that_bluetoothd_was_killed(bluez: Bluetoothd, link: Link) -> None:
    await bluez.kill()

    assert await dbus_error(BleakScanner.discover(timeout=0.1)) == SERVICE_UNKNOWN
    assert await dbus_error(link.client.read_gatt_char(DATA)) == SERVICE_UNKNOWN
    assert (link.client.is_connected, link.losses) == (True, 0)
    assert await dbus_error(link.client.disconnect()) == SERVICE_UNKNOWN
    assert (link.client.is_connected, link.losses) == (False, 1)


async def test_without_bluetoothd_there_is_no_service(bluez: Bluetoothd, sensor: Peripheral) -> None:
    await bluez.kill()
    assert await dbus_error(BleakScanner.discover(timeout=0.1)) == SERVICE_UNKNOWN
    assert await dbus_error(BleakClient(sensor.address).connect()) == SERVICE_UNKNOWN


async def test_after_a_crash_of_bluetoothd_a_new_search_and_connect_succeed(
    bluez: Bluetoothd, sensor: Peripheral, link: Link
) -> None:
    await bluez.kill()
    await bluez.start()

    name, _ = await dbus_error(link.client.disconnect())
    assert name == "org.freedesktop.DBus.Error.UnknownObject"
    async with BleakClient(await discovered(sensor)) as client:
        assert bytes(await client.read_gatt_char(DATA)) == b"hello"


async def test_after_a_crash_of_bluetoothd_a_connect_without_a_search_reaches_nothing(
    bluez: Bluetoothd, sensor: Peripheral
) -> None:
    device = await discovered(sensor)
    link = Link(device)
    await link.client.connect()
    await bluez.kill()
    await bluez.start()
    await dbus_error(link.client.disconnect())

    # bleak still remembers it as connected.
    again = BleakClient(device)
    await again.connect()

    assert again.is_connected
    name, _ = await dbus_error(again.read_gatt_char(DATA))
    assert name == "org.freedesktop.DBus.Error.UnknownObject"
    await dbus_error(again.disconnect())


async def test_bluetoothd_takes_its_leave_when_stopped(
    bluez: Bluetoothd, sensor: Peripheral, link: Link
) -> None:
    await bluez.stop()

    await link.lost()
    await link.client.disconnect()
    await no_bluetooth(Reason.NO_BLUETOOTH)
    await bluez.start()
    await until_found(sensor)
    await link.client.connect()
    await link.client.disconnect()


# The bus in trouble


async def test_a_killed_bus_is_told(bluez: Bluetoothd, sensor: Peripheral, link: Link) -> None:
    bluez.bus.kill()

    await link.lost()
    await link.client.disconnect()
    with pytest.raises(ConnectionRefusedError):
        await BleakScanner.discover(timeout=0.1)
    bluez.bus.start()
    assert await dbus_error(BleakScanner.discover(timeout=0.1)) == SERVICE_UNKNOWN
    await bluez.start()
    async with BleakClient(await discovered(sensor)) as client:
        assert bytes(await client.read_gatt_char(DATA)) == b"hello"


async def test_a_machine_without_a_bus(bluez: Bluetoothd) -> None:
    bluez.bus.kill()
    bluez.bus.path.unlink()
    with pytest.raises(FileNotFoundError):
        await BleakScanner.discover(timeout=0.1)


async def test_a_bus_may_forbid_to_talk_to_bluetoothd(bluez: Bluetoothd) -> None:
    bluez.bus.kill()
    bluez.bus.start(rules=FORBIDDEN)
    await bluez.start()
    name, text = await dbus_error(BleakScanner.discover(timeout=0.1))
    assert name == "org.freedesktop.DBus.Error.AccessDenied"
    assert text is not None
    assert text.startswith("Rejected send message")


async def test_a_bus_may_refuse_who_comes(bluez: Bluetoothd, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bluez.bus.is_running
    monkeypatch.setenv("BLEAK_DBUS_AUTH_UID", "54321")
    await no_bluetooth(Reason.DENIED_BY_SYSTEM)


# The adapter in trouble


async def test_an_adapter_that_is_switched_off_drops_its_links(
    bluez: Bluetoothd, sensor: Peripheral, link: Link
) -> None:
    bluez.power(on=False)

    await link.lost()
    await link.client.disconnect()
    await no_bluetooth(Reason.POWERED_OFF)
    assert await dbus_error(link.client.connect()) == ("org.bluez.Error.NotReady", "Resource Not Ready")
    bluez.power(on=True)
    await until_found(sensor)


async def test_an_adapter_may_be_switched_off_during_a_search(bluez: Bluetoothd, sensor: Peripheral) -> None:
    async with BleakScanner() as scanner:
        await until(lambda: bool(scanner.discovered_devices))
        bluez.power(on=False)
        await until(lambda: not scanner.discovered_devices)
    assert sensor.in_reach.is_set()


async def test_nobody_is_told_that_links_of_a_pulled_adapter_are_down(
    bluez: Bluetoothd, sensor: Peripheral, link: Link
) -> None:
    bluez.unplug()

    await no_bluetooth(Reason.NO_BLUETOOTH)
    assert (link.client.is_connected, link.losses) == (True, 0)
    name, _ = await dbus_error(link.client.disconnect())
    assert name == "org.freedesktop.DBus.Error.UnknownObject"
    with pytest.raises(BleakError, match="device 'dev_C0_FF_EE_00_00_01' not found"):
        await link.client.connect()
    bluez.plug()
    await until_found(sensor)


async def test_an_adapter_may_be_pulled_during_a_search(bluez: Bluetoothd, sensor: Peripheral) -> None:
    scanner = BleakScanner()
    await scanner.start()
    await until(lambda: bool(scanner.discovered_devices))
    bluez.unplug()
    await until(lambda: not scanner.discovered_devices)
    name, _ = await dbus_error(scanner.stop())
    assert name == "org.freedesktop.DBus.Error.UnknownObject"
    assert sensor.in_reach.is_set()


async def test_a_machine_without_an_adapter(bluez: Bluetoothd) -> None:
    bluez.unplug()
    await no_bluetooth(Reason.NO_BLUETOOTH)


async def until_found(sensor: Peripheral) -> None:
    """Search until bleak has learned that there is Bluetooth again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await discovered(sensor)
            except BleakBluetoothNotAvailableError:
                await asyncio.sleep(0.005)
            else:
                return
