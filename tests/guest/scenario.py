"""Troubles of BLE links in practice, before a real bluetoothd and kernel; `run` starts it in the guest.

Each fault is one line: how long until both sensors were heard again. Below it stands what edgehar logged. At the
end, every packet of every life of a link must have come once, in order and intact.
"""

import asyncio
import logging
import platform
import signal
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import system
from air import PACKET_S, Adapter, Air, Sensor, Stranger
from gateway import Gateway, Journal

from edgehar.devices import PROFILES, matching_profiles
from edgehar.sources.bluetooth.ble import Ble
from edgehar.sources.bluetooth.radio import Radio, Sighting
from edgehar.sources.reconnect import STEADY_S, keep_open

PATIENCE_S = 120.0
"""Nothing takes so long, unless it fails."""
SCAN_S = 3.0
STREAM_S = 20.0
"""Time for which nothing is broken, s."""
DOWN_S = 3.0
"""Time for which what was broken stays so, s."""
UNREACHABLE_S = 20.0
"""Longer than the source tries to connect."""


def say(line: str) -> None:
    """Write to the transcript."""
    print(line, flush=True)  # noqa: T201 - the transcript is what it is for


class Stage:
    """Everything that plays: bluetoothd, its adapter, two sensors, a stranger, and edgehar."""

    def __init__(self) -> None:
        air = Air()
        self.journal = Journal()
        self.adapter = Adapter("adapter", link=air)
        self.wrist = Sensor(air, "edgehar wrist", "C4:F1:F2:F3:F4:01", battery=87)
        self.ankle = Sensor(air, "edgehar ankle", "C4:F1:F2:F3:F4:02", battery=55)
        self.stranger = Stranger(air, "kitchen scales", "C4:F1:F2:F3:F4:03")
        self.gateways = (Gateway("wrist_left", self.wrist), Gateway("ankle_right", self.ankle))
        self.radio = Radio()
        profile = PROFILES["edgehar"]
        # One by its address; the other is whoever else fits the profile.
        self.sources = (Ble(self.radio, profile, address=self.wrist.address), Ble(self.radio, profile))

    def lives(self) -> list[int]:
        """Return how often each sensor was heard anew."""
        return [len(gateway.lives) for gateway in self.gateways]

    async def until_heard(self, first: int) -> None:
        """Wait until both sensors are heard: packets no older than their `first` next one; 0 is their last."""
        marks = [gateway.sensor.sequence + first for gateway in self.gateways]

        async def both_heard() -> bool:
            return all(g.has_heard(mark) for g, mark in zip(self.gateways, marks, strict=True))

        await until(both_heard)


async def until(happens: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition; TimeoutError if it never comes."""
    async with asyncio.timeout(PATIENCE_S):
        while not await happens():  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.02)


async def drop_link(stage: Stage) -> None:
    await stage.wrist.hang_up()


async def lose_power(stage: Stage) -> None:
    await stage.wrist.lose_power()
    await asyncio.sleep(DOWN_S)
    stage.wrist.get_power()


async def fall_silent(stage: Stage) -> None:
    async def is_cut() -> bool:
        return not stage.wrist.is_linked

    stage.wrist.is_mute = True
    await until(is_cut)
    stage.wrist.is_mute = False


async def be_unreachable(stage: Stage) -> None:
    stage.adapter.is_weak = True
    await stage.wrist.hang_up()
    await asyncio.sleep(UNREACHABLE_S)
    stage.adapter.is_weak = False


async def is_gone() -> bool:
    return await system.pid() is None


async def restart_bluetoothd(_: Stage) -> None:
    await system.end(signal.SIGTERM)
    await until(is_gone)
    await system.start()


async def kill_bluetoothd(_: Stage) -> None:
    await system.end(signal.SIGKILL)


async def switch_adapter(_: Stage) -> None:
    await system.set_powered(on=False)
    await asyncio.sleep(DOWN_S)
    await system.set_powered(on=True)


async def replug_adapter(stage: Stage) -> None:
    await stage.adapter.unplug()
    await asyncio.sleep(DOWN_S)
    await stage.adapter.plug_in()


Fault = Callable[[Stage], Awaitable[None]]


def while_searching(fault: Fault) -> Fault:
    """Do the same while the wrist's sensor is looked for."""

    async def faults(stage: Stage) -> None:
        await stage.wrist.lose_power()
        await asyncio.sleep(DOWN_S)
        await fault(stage)
        stage.wrist.get_power()

    return faults


OF_WRIST: tuple[tuple[str, Fault], ...] = (
    ("the wrist's sensor drops its link", drop_link),
    ("it loses its power and gets it back", lose_power),
    ("it keeps its link and sends nothing until that is cut", fall_silent),
    ("it drops its link and is heard, but for a while cannot be reached", be_unreachable),
)
OF_BOTH: tuple[tuple[str, Fault], ...] = (
    ("bluetoothd is restarted (SIGTERM)", restart_bluetoothd),
    ("bluetoothd crashes (SIGKILL)", kill_bluetoothd),
    ("the adapter is switched off and on", switch_adapter),
    ("the adapter is unplugged and plugged in again", replug_adapter),
    ("bluetoothd is restarted while the wrist's sensor is searched for", while_searching(restart_bluetoothd)),
    ("bluetoothd crashes while the wrist's sensor is searched for", while_searching(kill_bluetoothd)),
    ("the adapter is off while the wrist's sensor is searched for", while_searching(switch_adapter)),
)


async def play(stage: Stage, title: str, fault: Fault, *, hits_both: bool) -> None:
    """Break something, and say how long it took until all was well again."""
    # Sooner it would belong to the outage before.
    await asyncio.sleep(1.1 * STEADY_S)
    lives, bluetoothd = stage.lives(), await system.pid()
    broken = time.monotonic()
    await fault(stage)
    mended = time.monotonic()
    try:
        await stage.until_heard(1)
    except TimeoutError:
        raise AssertionError(f"{title}: not back\n{stage.journal.take()}") from None
    now = time.monotonic()
    say(f"{title}: back after {now - broken:.1f} s, {now - mended:.1f} s after its cause was gone")
    say(stage.journal.take())
    came = [after - before for after, before in zip(stage.lives(), lives, strict=True)]
    if not hits_both and await system.pid() != bluetoothd:
        say("    bluetoothd crashed by itself, and with it the other sensor's link")
    else:
        assert came == [1, int(hits_both)], f"{title}: links began anew {came} times"


async def scan(stage: Stage) -> None:
    """Listen to all who advertise."""
    heard: dict[str, Sighting] = {}
    await stage.radio.listen(lambda sighting: heard.update({sighting.address: sighting}), SCAN_S)
    fit = {
        sighting.name for sighting in heard.values() if matching_profiles(sighting.services, sighting.name)
    }
    say(f"scan, {SCAN_S:.0f} s: {len(heard)} devices; of a profile: {', '.join(sorted(map(str, fit)))}")
    assert fit == {stage.wrist.name, stage.ankle.name}
    assert stage.stranger.address in heard


async def connect(stage: Stage) -> None:
    """Hear both sensors, and their batteries."""
    began = time.monotonic()
    await stage.until_heard(1)
    say(f"both sensors are found, connected and heard: after {time.monotonic() - began:.1f} s")
    say(stage.journal.take())

    async def both_told() -> bool:
        return all(source.link.battery is not None for source in stage.sources)

    await until(both_told)
    levels = [source.link.battery for source in stage.sources]
    say(f"their batteries: {levels[0]} % and {levels[1]} %")
    assert levels == [87, 55]


async def stream(stage: Stage) -> None:
    """Let both send undisturbed."""
    before = [gateway.reader.packets for gateway in stage.gateways]
    await asyncio.sleep(STREAM_S)
    came = [gateway.reader.packets - n for gateway, n in zip(stage.gateways, before, strict=True)]
    due = round(STREAM_S / PACKET_S)
    say(f"{STREAM_S:.0f} s undisturbed: {came[0]} and {came[1]} packets of 10 samples, {due} are due")
    assert all(abs(count - due) <= 5 for count in came)
    assert stage.lives() == [1, 1]


async def settle(stage: Stage) -> None:
    """Fall silent, wait for what is under way, and compare what came with what was sent."""
    for gateway in stage.gateways:
        gateway.sensor.is_mute = True
    await stage.until_heard(0)
    for gateway in stage.gateways:
        lives = len(gateway.lives)
        say(
            f"{gateway.name}: {gateway.check()} packets in {lives} lives of its link, none lost within a life"
        )


async def perform(stage: Stage) -> None:
    """Go from the first scan to the last packet."""
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(who.live()) for who in (stage.wrist, stage.ankle, stage.stranger)]
        await scan(stage)
        running += [
            tasks.create_task(keep_open(source, end.deliver, name=end.name, on_state=end.on_state))
            for source, end in zip(stage.sources, stage.gateways, strict=True)
        ]
        await connect(stage)
        await stream(stage)
        for title, fault in OF_WRIST + OF_BOTH:
            await play(stage, title, fault, hits_both=(title, fault) in OF_BOTH)
        await settle(stage)
        for task in running:
            task.cancel()


async def main() -> None:
    logging.getLogger("bumble").setLevel(logging.ERROR)
    began = time.monotonic()
    stage = Stage()
    log = logging.getLogger("edgehar")
    log.setLevel(logging.INFO)
    log.addHandler(stage.journal)
    log.propagate = False
    packages = ", ".join(f"{name} {version(name)}" for name in ("bleak", "dbus-fast", "bumble"))
    say(f"bash tests/guest/run, {time.strftime('%Y-%m-%d')}")
    say(
        f"Linux {platform.release()}, BlueZ {system.version()}, {packages}, Python {platform.python_version()}"
    )
    await stage.adapter.plug_in()
    await system.start()
    await until(system.is_powered)
    await perform(stage)
    say(f"passed: {len(OF_WRIST) + len(OF_BOTH)} faults in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    asyncio.run(main())
