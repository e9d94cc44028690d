"""The C firmware on an emulated Cortex-M3 streams over a pty into the daemon's own feed, and obeys it."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from firmware import BRIDGE, STRICT, run, tool

from edgehar.config.worn import Serial, Wearer
from edgehar.daemon.wearer import WearerFeed
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.types import OTHER, Activity, Event
from edgehar.wire.commands import OWN_KINDS, Answer, Kind, Result, decode_answer, encode_command, is_answer
from edgehar.wire.framing import frame
from edgehar.wire.protocol import Data, Description, decode

PATIENCE_S = 60.0
PLACEMENT = "trouser_pocket"
SPOIL, DROP, STAND = OWN_KINDS[:3]


@pytest.fixture(scope="module")
def arm_gcc() -> str:
    return tool("arm-none-eabi-gcc", "gcc-arm-none-eabi")


@pytest.fixture(scope="module")
def elf(arm_gcc: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert arm_gcc
    path = tmp_path_factory.mktemp("elf") / "sensor.elf"
    run([BRIDGE / "examples" / "cortex_m" / "build.sh", path])
    return path


def sizes(compiled: Path) -> tuple[int, int]:
    """Return bytes of code and constants, and of memory."""
    text, data, bss = (
        run([tool("arm-none-eabi-size", "gcc-arm-none-eabi"), compiled]).splitlines()[1].split()[:3]
    )
    return int(text), int(data) + int(bss)


@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m3", "cortex-m4"])
def test_the_library_is_small_and_needs_no_libc(
    arm_gcc: str, core: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (f"-mcpu={core}", "-mthumb", "-Os", "-ffreestanding", "-std=c99", *STRICT, "-I", BRIDGE, "-c")
    library, user, user_c = tmp_path / "imu_link.o", tmp_path / "user.o", tmp_path / "user.c"
    user_c.write_text('#include "imu_link.h"\nstruct imu_link_receiver r;\nstruct imu_link_packet p;\n')
    run([arm_gcc, *flags, BRIDGE / "imu_link.c", "-o", library])
    run([arm_gcc, *flags, user_c, "-o", user])
    (text, static), (_, ram) = sizes(library), sizes(user)

    with capsys.disabled():
        print(f"\nimu_link on {core}: {text} B text, {static} B of its own, {ram} B of its user's")  # noqa: T201 - figures
    wanted = run([tool("arm-none-eabi-nm", "gcc-arm-none-eabi"), "-u", library]).split()
    # A core without a divider takes that from the compiler.
    assert set(wanted) <= {"U", "__aeabi_uidiv"}
    assert (text <= 1500, static, ram <= 64) == (True, 0, True)


class Emulated:
    """A sensor in QEMU, the feed that reads it, and a way to command it over the same pty."""

    def __init__(self, port: str) -> None:
        # Opened before the feed, which wants the port for itself from then on.
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        recognizer = load(find("imu_tcn"))
        self.labels = {*recognizer.spec.labels} - {OTHER}
        wearer = Wearer(id="anna", serial=[Serial(placement=PLACEMENT, port=port)])
        self.feed = WearerFeed(wearer, recognizer, recognizer.spec.decision)
        self.bodies: list[bytes] = []
        self.outputs: list[Activity | Event] = []
        self._number = 0
        self._has_new_body = asyncio.Event()

    def close(self) -> None:
        os.close(self._fd)

    async def run(self) -> None:
        await self.feed.run(self.outputs.append, lambda: None, self._hear)

    def _hear(self, _t: float, _stream: int, body: bytes) -> None:
        self.bodies.append(body)
        self._has_new_body.set()

    async def until(self, enough: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not enough():
                self._has_new_body.clear()
                await self._has_new_body.wait()

    async def ask(self, kind: int, value: int = 0, more: int = 0) -> Answer:
        """Send a command and return its answer."""
        self._number += 1
        os.write(self._fd, frame(encode_command(self._number, kind, value, more)))
        await self.until(lambda: self._number in {answer.number for answer in self.answers()})
        return self.answers()[-1]

    def send(self, stream: bytes) -> None:
        os.write(self._fd, stream)

    def answers(self) -> list[Answer]:
        return [decode_answer(body) for body in self.bodies if is_answer(body)]

    def messages(self, begin: int = 0) -> list[Data | Description]:
        return [decode(body) for body in self.bodies[begin:] if body and not is_answer(body)]

    def data(self, begin: int = 0) -> list[Data]:
        return [item for item in self.messages(begin) if isinstance(item, Data)]

    def described(self, begin: int = 0) -> list[Description]:
        return [item for item in self.messages(begin) if isinstance(item, Description)]

    async def silent(self) -> list[Data]:
        """Wait for two descriptions without data between, which is due every 0.2 s; return data before."""
        begin = len(self.bodies)
        await self.until(
            lambda: [type(item) for item in self.messages(begin)[-2:]] == [Description, Description]
        )
        return self.data(begin)

    async def sending(self) -> list[Data]:
        """Wait for data that is newer than this call, and return it."""
        begin = len(self.bodies)
        await self.until(lambda: len(self.data(begin)) >= 3)
        return self.data(begin)

    def counters(self) -> dict[str, int]:
        counters: dict[str, int] = self.feed.health()["sensors"][PLACEMENT]
        names = ("packets", "lost", "damaged", "malformed", "undescribed", "duplicates", "restarts")
        return {name: counters[name] for name in names}


@contextlib.asynccontextmanager
async def emulated(elf: Path) -> AsyncIterator[Emulated]:
    """Run a sensor that streams; only what came whole since then counts as heard."""
    options = ("-M", "mps2-an385", "-display", "none", "-monitor", "none", "-serial", "pty", "-kernel", elf)
    qemu = await asyncio.create_subprocess_exec(
        tool("qemu-system-arm"), *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert qemu.stdout is not None
    try:
        greeting = (await qemu.stdout.readline()).decode()
        (port,) = re.findall(r"/dev/pts/\d+", greeting)
        sensor = Emulated(port)
        running = asyncio.create_task(sensor.run())
        try:
            await sensor.until(lambda: len(sensor.data()) > 0 and len(sensor.described()) > 0)
            yield sensor
        finally:
            running.cancel()
            await asyncio.wait([running])
            sensor.close()
    finally:
        qemu.kill()
        await qemu.wait()


async def test_labels_come_out_and_every_fault_is_counted_once(elf: Path) -> None:
    async with emulated(elf) as sensor:
        await sensor.until(
            lambda: any(isinstance(item, Activity) and item.state in sensor.labels for item in sensor.outputs)
        )
        begin = len(sensor.bodies)
        before = sensor.counters()
        assert (await sensor.ask(SPOIL)).result == Result.ACCEPTED
        await sensor.until(lambda: sensor.counters()["damaged"] == before["damaged"] + 1)
        assert (await sensor.ask(DROP)).result == Result.ACCEPTED
        await sensor.until(lambda: sensor.counters()["lost"] == before["lost"] + 2)
        await sensor.sending()
        after, packets = sensor.counters(), len(sensor.data(begin))

    changes = {name: after[name] - before[name] for name in after}
    assert changes == {
        "packets": packets,
        "lost": 2,
        "damaged": 1,
        "malformed": 0,
        "undescribed": 0,
        "duplicates": 0,
        "restarts": 0,
    }


async def test_rate_and_ranges_change_between_two_packets(elf: Path) -> None:
    async with emulated(elf) as sensor:
        # Who stands feels the same in every packet, at whatever range.
        await sensor.ask(STAND, 1)
        await sensor.sending()
        begin = len(sensor.bodies)
        await sensor.sending()
        answers = [await sensor.ask(Kind.SET_RATE, 10_000), await sensor.ask(Kind.SET_RANGES, 8, 500)]
        await sensor.sending()
        refused = [await sensor.ask(Kind.SET_RATE, 100), await sensor.ask(Kind.SET_RANGES, 7)]
        unchanged = sensor.described()[-1]
        await sensor.sending()
        messages, counters = sensor.messages(begin), sensor.counters()

    assert [answer.result for answer in answers] == [Result.ACCEPTED] * 2
    assert [answer.result for answer in refused] == [Result.REFUSED] * 2
    assert (unchanged.period_us, unchanged.acc_range_g, unchanged.gyr_range_dps) == (10_000, 8, 500)
    assert (counters["lost"], counters["malformed"], counters["restarts"]) == (0, 0, 0)
    felt_g = dict[int, set[float]]()
    period_us, full_scale_g, last = 20_000, 16, None
    for item in messages:
        if isinstance(item, Description):
            period_us, full_scale_g = item.period_us, item.acc_range_g
            continue
        felt_g.setdefault(full_scale_g, set()).add(float(item.counts[:, 1].mean()) * full_scale_g / 32768)
        if last and last[1] == period_us:
            assert item.ticks_us - last[0].ticks_us == len(last[0].counts) * period_us
        last = item, period_us
    assert set(felt_g) == {16, 8}
    (at_16,), (at_8,) = felt_g[16], felt_g[8]
    assert at_8 == pytest.approx(at_16, abs=2 * 16 / 32768)
    assert abs(at_8) > 0.3


async def test_what_is_stopped_goes_on_with_the_next_number(elf: Path) -> None:
    async with emulated(elf) as sensor:
        await sensor.ask(Kind.STOP)
        last = sensor.data()[-1]
        assert await sensor.silent() == []
        begin = len(sensor.bodies)
        await sensor.ask(Kind.START)
        await sensor.sending()
        first = sensor.data(begin)[0]
        counters = sensor.counters()

    assert first.sequence == last.sequence + 1
    assert first.ticks_us - last.ticks_us > 1_000_000
    assert (counters["lost"], counters["restarts"]) == (0, 0)


async def test_an_echo_brings_back_its_value_and_the_clock(elf: Path) -> None:
    async with emulated(elf) as sensor:
        await sensor.sending()
        echoes = [await sensor.ask(Kind.ECHO, value) for value in (0x12345678, 0, 2**32 - 1)]
        latest = (await sensor.sending())[-1]

    assert [answer.echo for answer in echoes] == [0x12345678, 0, 2**32 - 1]
    ticks = [sensor.data()[0].ticks_us, *(answer.ticks_us for answer in echoes), latest.ticks_us]
    assert ticks == sorted(ticks)


async def test_identify_and_unknown_kinds_are_answered_and_noise_is_not(elf: Path) -> None:
    async with emulated(elf) as sensor:
        assert (await sensor.ask(Kind.IDENTIFY, 1)).result == Result.ACCEPTED
        assert (await sensor.ask(OWN_KINDS[-1])).result == Result.UNKNOWN
        whole = frame(encode_command(200, Kind.STOP))
        sensor.send(whole[:4] + b"\x55" + whole[5:] + b"\x55" * 300 + b"\0" + frame(b"no command"))
        answer = await sensor.ask(Kind.IDENTIFY, 0)
        await sensor.sending()

    assert 200 not in {answer.number for answer in sensor.answers()}
    assert (answer.number, answer.kind, answer.echo) == (3, Kind.IDENTIFY, 0)


async def test_who_is_still_rests_until_moved_or_started(elf: Path) -> None:
    async with emulated(elf) as sensor:
        await sensor.ask(Kind.REST, 30, 1)
        await sensor.sending()
        await sensor.ask(STAND, 1)
        await sensor.silent()
        await sensor.ask(STAND, 0)
        await sensor.sending()
        assert (await sensor.ask(Kind.WAKE, 0)).result == Result.ACCEPTED
        await sensor.ask(STAND, 1)
        await sensor.silent()
        await sensor.ask(STAND, 0)
        assert await sensor.silent() == []
        await sensor.ask(Kind.START)
        await sensor.sending()
        counters = sensor.counters()

    assert (counters["lost"], counters["malformed"], counters["restarts"]) == (0, 0, 0)
