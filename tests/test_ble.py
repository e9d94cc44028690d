"""Sensors over real bleak and a fake BlueZ: whatever fails, they come back, and the log says what failed."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.backends.service import BleakGATTService
from bluetoothd import Trouble
from bluez import FORBIDDEN, Bluetoothd
from dbus_fast import AuthError, Message
from dbus_fast.aio import MessageBus
from links import CHARACTERISTIC, Answer, refused
from msgspec.structs import replace
from radio import ABORTED, BATTERY_LEVEL, BATTERY_SERVICE, Characteristic, Peripheral

from edgehar.backoff import Delays
from edgehar.devices import PROFILES, Profile, Write
from edgehar.devices.edgehar_firmware import EdgeharReader
from edgehar.devices.profile import NORDIC_UART, NORDIC_UART_NOTIFY, NORDIC_UART_WRITE
from edgehar.errors import SourceLostError
from edgehar.sources import LinkState
from edgehar.sources.bluetooth.ble import WAITING, Ble, Inbox
from edgehar.sources.bluetooth.radio import Radio, sighting_of
from edgehar.sources.reconnect import keep_open
from edgehar.wire.protocol import Data, Description, decode, encode_data, encode_description

QUICK = Delays(first_s=0.02, longest_s=0.2)
PATIENCE_S = 30.0

NOTIFYING = BleakGATTCharacteristic(
    None, 2, NORDIC_UART_NOTIFY, ["notify"], lambda: 20, BleakGATTService(None, 1, NORDIC_UART)
)

OWN = replace(PROFILES["edgehar"], silence_s=0.6)
"""Our own firmware, of which silence is noticed sooner than a test gets tired."""


def new_radio(adapter: str | None = None, *, stall_s: float = 0.3, **periods: float) -> Radio:
    return Radio(adapter, stall_s=stall_s, **periods)


def new_ble(
    radio: Radio,
    profile: Profile = OWN,
    *,
    address: str | None = None,
    name: str | None = None,
    search_s: float = 0.4,
) -> Ble:
    return Ble(radio, profile, address=address, name=name, search_s=search_s)


class Sensor(Peripheral):
    """Own firmware: numbered packets of two samples, a description with every tenth."""

    def __init__(self, i: int, *, name: str = "edgehar", battery: int | None = None) -> None:
        gatt = {
            NORDIC_UART: [
                Characteristic(NORDIC_UART_NOTIFY, ("notify",)),
                Characteristic(NORDIC_UART_WRITE, ("write", "write-without-response")),
            ]
        }
        address = f"C0:FF:EE:00:00:0{i}"
        super().__init__(address, name, services=[NORDIC_UART], gatt=gatt, battery=battery)
        self.sent = 0
        self.period_s = 0.02
        self.is_mute = False
        self._described = encode_description(Description(f"c0ffee00000{i}", 10_000, 16, 2000))

    def tick(self) -> None:
        if self.is_mute or not self.is_subscribed(NORDIC_UART_NOTIFY):
            return
        if self.sent % 10 == 0:
            self.notify(NORDIC_UART_NOTIFY, self._described)
        counts = np.full((2, 6), self.sent % 1000, np.int16)
        self.notify(NORDIC_UART_NOTIFY, encode_data(self.sent, self.sent * 20_000, counts))
        self.sent += 1

    async def live(self) -> None:
        while True:
            self.tick()
            await asyncio.sleep(self.period_s)


class Listener:
    """A source that is kept open, and what came of it."""

    def __init__(self, source: Ble) -> None:
        self.source = source
        self.heard: list[tuple[float, bytes]] = []
        self.states: list[bool] = []

    def deliver(self, t: float, stream: int, body: bytes) -> None:
        assert stream == 0
        self.heard.append((t, body))

    async def run(self) -> None:
        await keep_open(self.source, self.deliver, name="wrist", on_state=self.states.append, delays=QUICK)

    async def more(self, n: int = 5) -> None:
        """Return when so many more packets came."""
        goal = len(self.heard) + n
        await until(lambda: len(self.heard) >= goal)

    @property
    def sequences(self) -> list[int]:
        items = [decode(body) for _, body in self.heard]
        return [item.sequence for item in items if isinstance(item, Data)]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - nothing tells when it holds
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(*listeners: Listener) -> AsyncIterator[None]:
    """Keep sources open; leaves nothing behind."""
    opened = [asyncio.create_task(listener.run()) for listener in listeners]
    try:
        yield
    finally:
        for task in opened:
            task.cancel()
        ended = await asyncio.gather(*opened, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
        await all_parted()


async def all_parted() -> None:
    """Wait until every client has let go."""
    await until(lambda: not any(task.get_name().startswith("part from") for task in asyncio.all_tasks()))


def listener(
    sensor: Peripheral | None = None, profile: Profile = OWN, radio: Radio | None = None
) -> Listener:
    return Listener(new_ble(radio or new_radio(), profile, address=sensor.address if sensor else None))


def logged(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """Return what the log says of sources, without the outages' lengths."""
    return [
        record.getMessage().partition(" after")[0]
        for record in caplog.records
        if record.name.startswith("edgehar") and record.levelno >= level
    ]


# Where all is well


async def test_five_sensors_at_a_hundred_notifications_a_second_lose_nothing(bluez: Bluetoothd) -> None:
    sensors = [Sensor(i) for i in range(5)]
    for sensor in sensors:
        sensor.period_s = 0.01
    bluez.add(*sensors)
    radio = new_radio()
    listeners = [listener(sensor, radio=radio) for sensor in sensors]
    async with running(*listeners):
        await until(lambda: all(len(each.heard) > 300 for each in listeners))
        for each in listeners:
            assert each.sequences == list(range(len(each.sequences)))
            times = [t for t, _ in each.heard]
            assert times == sorted(times)
    assert [each.states for each in listeners] == [[True]] * 5


async def test_a_sensor_is_found_by_its_name(bluez: Bluetoothd) -> None:
    other, sensor = Sensor(0, name="edgehar left"), Sensor(1, name="edgehar right")
    bluez.add(other, sensor)
    made = Listener(new_ble(new_radio(), OWN, name="edgehar right"))
    async with running(made):
        await made.more()
        assert sensor.sent
        assert not other.sent


async def test_whatever_fits_is_taken_once_and_then_stays_the_one(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = Peripheral("C0:FF:EE:00:00:09", "Printer", gatt={})
    sensors = [Sensor(0), Sensor(1)]
    bluez.add(stranger, *sensors)
    radio = new_radio()
    made = [listener(None, radio=radio) for _ in sensors]
    with caplog.at_level(logging.INFO):
        async with running(*made):
            await until(lambda: all(each.heard for each in made))
            chosen = [each.source.address for each in made]
            assert set(chosen) == {sensor.address for sensor in sensors}
            sensors[0].drop()
            sensors[1].drop()
            await made[0].more()
            await made[1].more()
            assert [each.source.address for each in made] == chosen
    assert sum("is the one" in line for line in logged(caplog, logging.INFO)) == 2


async def test_one_by_its_name_may_change_its_address(bluez: Bluetoothd) -> None:
    sensor = Sensor(0, name="edgehar left")
    bluez.add(sensor)
    made = Listener(new_ble(new_radio(), OWN, name="edgehar left"))
    async with running(made):
        await made.more()
        sensor.vanish()
        bluez.add(Sensor(1, name="edgehar left"))
        await made.more()
        assert made.source.address == "C0:FF:EE:00:00:01"


async def test_the_one_that_another_looks_for_by_name_is_not_taken(bluez: Bluetoothd) -> None:
    sensor, other = Sensor(0, name="edgehar left"), Sensor(1)
    bluez.add(sensor)
    radio = new_radio()
    new_ble(radio, OWN, name="edgehar left")  # configured, not yet found
    made = listener(None, radio=radio)
    async with running(made):
        await asyncio.sleep(0.2)
        bluez.add(other)
        await made.more()
        assert made.source.address == other.address


async def test_who_finds_nobody_gives_up_only_what_is_its_own(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    sensor.refuse(1, "le-connection-abort-by-peer")
    bluez.add(sensor)
    radio = new_radio()
    unlucky, lucky = new_ble(radio, OWN), listener(None, radio=radio)
    with pytest.raises(SourceLostError, match="le-connection-abort-by-peer"):
        await unlucky.run(lambda *_: None)
    async with running(lucky):
        await lucky.more()
        with pytest.raises(SourceLostError, match="of any name is heard"):
            await unlucky.run(lambda *_: None)
        assert radio.claimed_addresses == {sensor.address}


async def test_the_one_that_another_has_by_address_is_not_taken(bluez: Bluetoothd) -> None:
    sensor, other = Sensor(0), Sensor(1)
    bluez.add(sensor)
    radio = new_radio()
    listener(sensor, radio=radio)  # configured, not yet found
    made = listener(None, radio=radio)
    async with running(made):
        await asyncio.sleep(0.2)
        bluez.add(other)
        await made.more()
        assert made.source.address == other.address


async def test_battery_is_read(bluez: Bluetoothd) -> None:
    sensor = Sensor(0, battery=62)
    bluez.add(sensor)
    made = listener(sensor)
    async with running(made):
        await until(lambda: made.source.link.battery == 62)


async def test_a_sensor_of_two_batteries_is_heard_all_the_same(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    sensor = Sensor(0, battery=62)
    sensor.gatt[BATTERY_SERVICE].append(Characteristic(BATTERY_LEVEL, value=b"\x10"))
    bluez.add(sensor)
    made = listener(sensor)
    caplog.set_level(logging.DEBUG, "edgehar")
    async with running(made):
        await made.more()
        await until(lambda: "does not tell its battery: Multiple" in caplog.text)


async def test_start_follows_subscribing_and_stop_comes_before_the_end(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    bluez.add(sensor)
    subscribed = []
    control = sensor.characteristics[NORDIC_UART_WRITE]
    control.on_write = lambda _: subscribed.append(sensor.is_subscribed(NORDIC_UART_NOTIFY))
    profile = replace(
        OWN,
        start=(Write(NORDIC_UART_WRITE, b"a"), Write(NORDIC_UART_WRITE, b"b", response=True)),
        stop=(Write(NORDIC_UART_WRITE, b"z"),),
    )
    made = listener(sensor, profile)
    async with running(made):
        await made.more()
        assert control.written == [b"a", b"b"]
        assert subscribed == [True, True]
    assert control.written == [b"a", b"b", b"z"]


async def test_a_source_that_is_cancelled_leaves_the_sensor_free(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    bluez.add(sensor)
    made = listener(sensor)
    async with running(made):
        await made.more()
    assert not sensor.is_subscribed(NORDIC_UART_NOTIFY)
    again = listener(sensor)
    async with running(again):
        await again.more()


async def test_what_deliver_raises_leaves_as_it_is(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    bluez.add(sensor)
    source = new_ble(new_radio(), OWN, address=sensor.address)

    def fail(_t: float, _stream: int, _body: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await source.run(fail)
    await all_parted()


async def test_notifications_that_nobody_takes_are_counted_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    link, surplus, taken = LinkState(), 5, list[bytes]()
    inbox = Inbox(link, "the sensor")
    put = inbox.slot(b"\1")
    for i in range(WAITING + surplus):
        put(NOTIFYING, bytearray(i.to_bytes(4)))
    async for _, body in inbox.take():
        taken.append(body)
        if len(taken) == WAITING:
            inbox.close()
    assert taken == [b"\1" + i.to_bytes(4) for i in range(surplus, WAITING + surplus)]
    assert link.dropped == surplus
    assert caplog.messages == [
        "the sensor sends faster than it is read: 10000 packets wait, and the oldest are dropped"
    ]


async def test_several_characteristics_are_told_apart_by_the_first_byte(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    sensor.characteristics[NORDIC_UART_WRITE].flags = ("write", "notify")
    bluez.add(sensor)
    profile = replace(OWN, notify=(NORDIC_UART_NOTIFY, NORDIC_UART_WRITE))
    made = listener(sensor, profile)
    async with running(made):
        await made.more()
        sensor.notify(NORDIC_UART_WRITE, b"\x31")
        await until(lambda: b"\1\x31" in [body for _, body in made.heard])
        assert all(body[0] == 0 for _, body in made.heard if body != b"\1\x31")


# What fails, and comes back

LOST = "wrist: the link to C0:FF:EE:00:00:00 was lost: is the sensor near, on and charged?; trying again until it is back"
SILENT = "wrist: C0:FF:EE:00:00:00 is connected but sent nothing for 1 s; trying again until it is back"
BACK = "wrist: back"


@asynccontextmanager
async def heard_sensor(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture, radio: Radio | None = None
) -> AsyncIterator[tuple[Sensor, Listener]]:
    """Yield a sensor that is heard, and must be heard again in the end."""
    sensor = Sensor(0)
    bluez.add(sensor)
    made = listener(sensor, radio=radio)
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "edgehar.sources.reconnect")
    async with running(made):
        await made.more()
        caplog.clear()
        yield sensor, made
        await until(lambda: made.states[-1] and len(made.states) == 3)
        await made.more()
        assert made.states == [True, False, True]


async def test_a_dropped_link(bluez: Bluetoothd, caplog: pytest.LogCaptureFixture) -> None:
    async with heard_sensor(bluez, caplog) as (sensor, _):
        sensor.drop()
    assert logged(caplog, logging.INFO) == [LOST, BACK]


async def test_a_sensor_that_vanishes_and_comes_back(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard_sensor(bluez, caplog) as (sensor, _):
        sensor.vanish()
        await until(lambda: "is heard" in caplog.text)
        sensor.come_back()
    assert logged(caplog, logging.INFO) == [LOST, BACK]


async def test_a_sensor_that_is_connected_and_says_nothing(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard_sensor(bluez, caplog) as (sensor, made):
        sensor.is_mute = True
        await until(lambda: not made.states[-1])
        sensor.is_mute = False
    assert logged(caplog, logging.INFO) == [SILENT, BACK]


async def test_bluetoothd_killed(bluez: Bluetoothd, caplog: pytest.LogCaptureFixture) -> None:
    async with heard_sensor(bluez, caplog) as (_, made):
        await bluez.kill()
        await until(lambda: not made.states[-1])
        await bluez.start()
    assert logged(caplog, logging.INFO) == [SILENT, BACK]


async def test_bluetoothd_killed_and_back_before_anybody_noticed(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard_sensor(bluez, caplog):
        await bluez.kill()
        await bluez.start()
    assert logged(caplog, logging.INFO) == [SILENT, BACK]


async def test_bluetoothd_killed_and_found_dead_by_one_is_lost_for_all(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    patient = replace(OWN, silence_s=10 * PATIENCE_S)
    sensor, absent = Sensor(0), Sensor(1)
    bluez.add(sensor)
    radio = new_radio()
    made, searching = listener(sensor, patient, radio=radio), listener(absent, patient, radio=radio)
    async with running(made, searching):
        await made.more()
        await bluez.kill()
        await until(lambda: not made.states[-1])
        await bluez.start()
        await made.more()
    assert LOST in logged(caplog)


async def test_bluetoothd_stopped(bluez: Bluetoothd, caplog: pytest.LogCaptureFixture) -> None:
    async with heard_sensor(bluez, caplog) as (_, made):
        await bluez.stop()
        await until(lambda: not made.states[-1])
        await bluez.start()
    assert logged(caplog, logging.INFO) == [LOST, BACK]


async def test_bluetoothd_killed_while_a_sensor_is_looked_for(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    async with heard_sensor(bluez, caplog) as (sensor, _):
        sensor.leave()
        await until(lambda: "is heard" in caplog.text)
        await bluez.kill()
        await bluez.start()
        sensor.come_back()
    assert logged(caplog, logging.INFO) == [LOST, BACK]


async def test_the_bus_killed(bluez: Bluetoothd, caplog: pytest.LogCaptureFixture) -> None:
    async with heard_sensor(bluez, caplog) as (_, made):
        bluez.bus.kill()
        await until(lambda: not made.states[-1])
        bluez.bus.start()
        await bluez.start()
    assert logged(caplog, logging.INFO) == [LOST, BACK]


async def test_the_adapter_switched_off_and_on(bluez: Bluetoothd, caplog: pytest.LogCaptureFixture) -> None:
    async with heard_sensor(bluez, caplog) as (_, made):
        caplog.set_level(logging.DEBUG, "edgehar.sources.reconnect")
        bluez.power(on=False)
        await until(lambda: "switched off" in caplog.text)
        bluez.power(on=True)
        await until(lambda: made.states[-1])
    assert logged(caplog, logging.INFO) == [LOST, BACK]


async def test_the_adapter_pulled_out_and_put_in(bluez: Bluetoothd, caplog: pytest.LogCaptureFixture) -> None:
    async with heard_sensor(bluez, caplog) as (_, made):
        caplog.set_level(logging.DEBUG, "edgehar.sources.reconnect")
        bluez.unplug()
        await until(lambda: "no Bluetooth adapter" in caplog.text)
        bluez.plug()
        await until(lambda: made.states[-1])
    assert logged(caplog, logging.INFO)[-1] == BACK


async def test_a_sensor_that_refuses_at_first(bluez: Bluetoothd, caplog: pytest.LogCaptureFixture) -> None:
    sensor = Sensor(0)
    sensor.refuse(2, "le-connection-abort-by-peer")
    bluez.add(sensor)
    made = listener(sensor)
    caplog.set_level(logging.INFO)
    async with running(made):
        await made.more()
    first, back = logged(caplog, logging.INFO)
    assert first.startswith("wrist: connecting to C0:FF:EE:00:00:00: ")
    assert "le-connection-abort-by-peer" in first
    assert back == BACK


async def test_a_connect_that_the_radio_aborts(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    sensor.refuse(1, ABORTED)
    bluez.add(sensor)
    made = listener(sensor)
    async with running(made):
        await made.more()


async def test_one_that_never_answers_does_not_keep_the_others_waiting_for_ever(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    dead, *sensors = (Sensor(i) for i in range(4))
    dead.resolves = False
    bluez.add(dead, *sensors)
    radio = new_radio(connect_s=0.3)
    stuck = listener(dead, radio=radio)
    made = [listener(sensor, radio=radio) for sensor in sensors]
    async with running(stuck, *made):
        for each in made:
            await each.more()
        await until(lambda: caplog.records)
    assert not stuck.heard
    assert logged(caplog)[0] == (
        "wrist: connecting to C0:FF:EE:00:00:00: no answer in time; trying again until it is back"
    )


async def test_who_searches_has_its_time_after_another_has_connected(bluez: Bluetoothd) -> None:
    dead, sensor = Sensor(0), Sensor(1)
    dead.resolves = False
    bluez.add(dead, sensor)
    radio = new_radio(connect_s=0.5)
    first = await radio.find(lambda sighting: sighting.address == dead.address, 5.0)
    assert first is not None
    connecting = asyncio.create_task(radio.connect(first, lambda: None))
    await until(lambda: bluez.is_connected(dead))
    second = await radio.find(lambda sighting: sighting.address == sensor.address, 0.3)
    assert second is not None
    with pytest.raises(SourceLostError):
        await connecting


async def test_who_searches_goes_on_as_soon_as_another_has_tried_to_connect(bluez: Bluetoothd) -> None:
    dead, sensor = Sensor(0), Sensor(1)
    dead.refuse(1, "le-connection-abort-by-peer")
    bluez.add(dead)
    radio = new_radio(stall_s=2 * PATIENCE_S)
    made = Listener(new_ble(radio, address=sensor.address, search_s=2 * PATIENCE_S))
    async with running(made):
        with pytest.raises(SourceLostError, match="le-connection-abort-by-peer"):
            await new_ble(radio, address=dead.address, search_s=2 * PATIENCE_S).run(lambda *_: None)
        bluez.add(sensor)
        await made.more()


async def test_a_link_does_not_suffer_from_a_search_that_cannot_go_on(bluez: Bluetoothd) -> None:
    sensor, absent = Sensor(0), Sensor(1)
    bluez.troubles += [Trouble(), Trouble(refusal="Failed")]
    bluez.add(sensor)
    radio = new_radio()
    made, searching = listener(sensor, radio=radio), listener(absent, radio=radio)
    async with running(made, searching):
        await made.more()
        await until(lambda: not bluez.troubles)
        await made.more()
    assert made.states == [True]


async def test_a_search_that_begins_late_does_not_bar_the_next(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    bluez.troubles.append(Trouble(delay_s=0.5))
    sensor = Sensor(0)
    bluez.add(sensor)
    made = listener(sensor, radio=new_radio(answer_s=0.2))
    async with running(made):
        await made.more()
    assert logged(caplog) == ["wrist: scanning: no answer in time; trying again until it is back"]


async def test_a_bluetoothd_that_hangs_while_it_connects(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    sensor.resolves = False
    bluez.add(sensor)
    made = listener(sensor, radio=new_radio(connect_s=0.3, answer_s=0.3))
    life = asyncio.create_task(made.source.run(made.deliver))
    await until(lambda: sensor.host is not None and made.source.address and bluez.is_connected(sensor))
    bluez.freeze()
    with pytest.raises(SourceLostError, match="connecting to C0:FF:EE:00:00:00: no answer in time"):
        await asyncio.wait_for(life, PATIENCE_S)
    sensor.resolves = True
    bluez.thaw()
    async with running(made):
        await made.more()


async def test_a_bluetoothd_that_hangs_while_it_streams(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    radio = new_radio(answer_s=0.2, parting_s=0.2)
    async with heard_sensor(bluez, caplog, radio) as (_, made):
        caplog.set_level(logging.DEBUG, "edgehar.sources.reconnect")
        bluez.freeze()
        await until(lambda: caplog.text.count("scanning: no answer in time") >= 3)
        bluez.thaw()
        await until(lambda: made.states[-1])
    assert logged(caplog, logging.INFO)[0] == SILENT
    assert logged(caplog, logging.INFO)[-1] == BACK


async def test_nobody_waits_to_part_from_a_link_that_is_silent(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    bluez.add(sensor)
    made = listener(sensor, radio=new_radio(parting_s=2 * PATIENCE_S))
    life = asyncio.create_task(made.source.run(made.deliver))
    await made.more()
    bluez.freeze()
    with pytest.raises(SourceLostError, match=r"sent nothing for"):
        await asyncio.wait_for(life, PATIENCE_S)
    bluez.thaw()
    await all_parted()


async def test_a_bus_that_ends_while_it_is_entered(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # That of a client is the second one, which alone passes files.
    entered = MessageBus._authenticate

    async def refuse_once(bus: MessageBus) -> None:
        if bus._negotiate_unix_fd and not caplog.records:
            raise AuthError("connection closed during authentication")
        await entered(bus)

    monkeypatch.setattr(MessageBus, "_authenticate", refuse_once)
    sensor = Sensor(0)
    bluez.add(sensor)
    made = listener(sensor)
    async with running(made):
        await made.more()
    assert "connection closed during authentication" in logged(caplog)[0]


async def test_a_sensor_that_another_life_left_connected_is_taken_over(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    bluez.add(sensor)
    first = listener(sensor)
    async with running(first):
        await first.more()
        # A radio of its own is all that another process would share.
        second = listener(sensor, radio=new_radio())
        async with running(second):
            await second.more()


async def test_a_sensor_that_another_program_connects_to_meanwhile_is_taken_over(
    bluez: Bluetoothd, caplog: pytest.LogCaptureFixture
) -> None:
    sensor = Sensor(0)
    made = listener(sensor)
    async with running(made):
        await until(lambda: "is heard" in caplog.text)
        bluez.add(sensor)
        other = listener(sensor)
        async with running(other):
            await other.more()
            await made.more()


@pytest.mark.parametrize(("rssi", "rssi_dbm"), [(-60, -60), (-127, None)])
def test_a_signal_that_nobody_measured_is_none(rssi: int, rssi_dbm: int | None) -> None:
    advertised = AdvertisementData(None, {}, {}, [], None, rssi, ())
    assert sighting_of(BLEDevice("C0:FF:EE:00:00:00", None, {}), advertised).rssi_dbm == rssi_dbm


# What only a person can mend


async def refusal(
    radio: Radio | None = None,
    profile: Profile = OWN,
    *,
    address: str | None = None,
    name: str | None = None,
) -> str:
    with pytest.raises(SourceLostError) as caught:
        await new_ble(radio or new_radio(), profile, address=address, name=name).run(lambda *_: None)
    return str(caught.value)


@pytest.mark.parametrize(
    ("which", "whom"),
    [
        (("aa:bb:cc:dd:ee:ff", None), "with address AA:BB:CC:DD:EE:FF"),
        ((None, "left"), "called 'left'"),
        ((None, None), "of any name"),
    ],
)
async def test_nobody_there(bluez: Bluetoothd, which: tuple[str | None, str | None], whom: str) -> None:
    assert bluez
    address, name = which
    assert await refusal(address=address, name=name) == (
        f"no sensor with edgehar's firmware {whom} is heard: is it charged, on, near, and not connected to another device?"
    )


async def test_bluetooth_is_off(bluez: Bluetoothd) -> None:
    bluez.power(on=False)
    assert await refusal() == (
        "Bluetooth is switched off: rfkill unblock bluetooth, then bluetoothctl power on"
    )


async def test_there_is_no_adapter(bluez: Bluetoothd) -> None:
    bluez.unplug()
    assert await refusal() == "there is no Bluetooth adapter: plug one in, or enable the board's own"


async def test_there_is_no_adapter_of_this_name(bluez: Bluetoothd) -> None:
    assert bluez
    assert (
        await refusal(new_radio("hci7"))
        == "there is no Bluetooth adapter hci7: `bluetoothctl list` shows which there are"
    )


async def test_bluetoothd_does_not_run(bluez: Bluetoothd) -> None:
    await bluez.kill()
    assert (await refusal()).startswith("the Bluetooth service does not run: sudo apt install bluez")


async def test_the_user_may_not(bluez: Bluetoothd) -> None:
    bluez.bus.kill()
    bluez.bus.start(rules=FORBIDDEN)
    await bluez.start()
    assert (await refusal()).startswith("this user may not use Bluetooth: sudo usermod -aG bluetooth")


async def test_a_sensor_that_wants_to_be_paired_with(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    bluez.add(sensor)

    async def refuse(_: Message) -> Answer:
        raise refused("NotPermitted", "Not paired")

    bluez.verbs[CHARACTERISTIC, "StartNotify"] = refuse
    radio = new_radio()
    line = await refusal(radio, address=sensor.address)
    assert line == (
        "starting the sensor with edgehar's firmware C0:FF:EE:00:00:00: it wants to be paired with: "
        "bluetoothctl pair, then its address"
    )
    await all_parted()


async def test_there_is_no_bus(bluez: Bluetoothd) -> None:
    bluez.bus.kill()
    assert (await refusal()).startswith("the D-Bus system bus cannot be reached (")


async def test_a_sensor_of_another_kind_is_named(bluez: Bluetoothd) -> None:
    sensor = Sensor(0)
    bluez.add(sensor)
    radio = new_radio()
    line = await refusal(radio, PROFILES["bluest"], address=sensor.address)
    assert line == (
        "starting the ST BlueST (SensorTile, SensorTile.box, BlueTile) C0:FF:EE:00:00:00: it has no characteristic "
        "00e00000-0001-11e1-ac36-0002a5d5c51b; is its profile another one?"
    )
    await all_parted()


# Under load


async def test_a_loop_that_is_blocked_loses_nothing(bluez: Bluetoothd) -> None:
    import time  # noqa: PLC0415 - to block it

    sensor = Sensor(0)
    bluez.add(sensor)
    made = listener(sensor, replace(OWN, silence_s=10.0))
    async with running(made):
        await made.more()
        time.sleep(0.5)  # noqa: ASYNC251 - this is what is tested
        for _ in range(500):
            sensor.tick()
        await made.more(400)
    decoder = EdgeharReader()
    for _, body in made.heard:
        decoder.push(body)
    assert (decoder.lost, decoder.malformed) == (0, 0)
