"""Bangle.js 1 and 2: lines of text over the Nordic UART service, from a few lines of JavaScript.

How code gets onto the watch: espruino/EspruinoDocs, tutorials/Bangle.js Data Streaming.md; that at rest,
face up, its z is -1 g, with x, y and z right-handed: espruino/Espruino, libs/banglejs/jswrap_bangle.c;
registers of its accelerometer: espruino/BangleApps, apps/accelrec.

The line is ours: `A,t,x,y,z`, ms modulo 65536 and mg.
"""

import re

import numpy as np

from edgehar.devices.profile import NORDIC_UART_NOTIFY, NORDIC_UART_WRITE, Profile, Write
from edgehar.devices.reader import MILLI_G, DeviceCounter, SensorReader, scales
from edgehar.types import ACCELERATION, Packet

RATE_HZ = 50
_PERIOD_US = 1_000_000 // RATE_HZ

_LINE = re.compile(rb"A,(\d{1,5}),(-?\d{1,5}),(-?\d{1,5}),(-?\d{1,5})")
_LONGEST_LINE = 64
_SCALE = scales(MILLI_G)

# The chip samples at 100 Hz, so that each poll of 50 Hz finds something new; its range stays ±4 g, by which
# the watch itself turns counts into g. Registers are written while the chip is off.
_REGISTERS = "Bangle.accelWr(0x18,0x6C);Bangle.accelWr(0x1B,{});Bangle.accelWr(0x18,0xEC);"
_QUIET = "if(global.EH)Bangle.removeListener('accel',EH);"
_SEND = (
    "EH=function(a){Bluetooth.println(['A',(getTime()*1000%65536)|0,"
    "Math.round(a.x*1000),Math.round(a.y*1000),Math.round(a.z*1000)].join(','))};"
    "Bangle.on('accel',EH);"
)
_START = _QUIET + _REGISTERS.format("0x43") + f"Bangle.setPollInterval({1000 // RATE_HZ});" + _SEND
_STOP = _QUIET + _REGISTERS.format("0") + "Bangle.setPollInterval(80);Bangle.setOptions({powerSave:true});"

_CHUNK = 20
"""Bytes of a write that every link carries."""


class BangleReader(SensorReader):
    """A reader of lines, however notifications cut them; lines that are no samples are passed over."""

    def __init__(self, device: str) -> None:
        super().__init__(device)
        self._counter = DeviceCounter(1000, 16, _PERIOD_US)
        self._rest = b""

    def _read(self, body: bytes) -> list[Packet]:
        *lines, self._rest = (self._rest + body).split(b"\n")
        packets = [packet for line in lines if (packet := self._packet(line.strip())) is not None]
        if len(self._rest) > _LONGEST_LINE:
            self._rest = b""
            self.malformed += 1
        return packets

    def _packet(self, line: bytes) -> Packet | None:
        if not line.startswith(b"A,"):
            return None
        if (sample := _LINE.fullmatch(line)) is None:
            self.malformed += 1
            return None
        ms, *values = map(int, sample.groups())
        if ms > 0xFFFF or max(map(abs, values)) > 0x7FFF:
            self.malformed += 1
            return None
        ticks, lost = self._counter.push(ms, 1)
        self.lost += lost
        counts = np.array([values], np.int16)
        return Packet(self._device, None, ticks, _PERIOD_US, ACCELERATION, counts, _SCALE)


def _console_writes(code: str) -> tuple[Write, ...]:
    """Return the writes that type code into the console: its line is emptied first, nothing is echoed."""
    text = f"\x03\x10if(1){{{code}}}\n".encode()
    return tuple(Write(NORDIC_UART_WRITE, text[at : at + _CHUNK]) for at in range(0, len(text), _CHUNK))


BANGLE = Profile(
    name="bangle",
    title="Bangle.js 1 and 2",
    # Everybody's devices have the Nordic UART service; a watch is told by its name.
    services=(),
    name_prefixes=("Bangle.js",),
    notify=(NORDIC_UART_NOTIFY,),
    rate_hz=RATE_HZ,
    has_gyroscope=False,
    reader=BangleReader,
    start=_console_writes(_START),
    stop=_console_writes(_STOP),
)
