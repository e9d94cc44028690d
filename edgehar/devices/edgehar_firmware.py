"""The project's own firmware, and whatever else sends its wire format: `firmware_bridge/README.md`.

It begins to send by itself, at the rate it was built for, and says in its descriptions what it sends.
"""

import logging

import numpy as np

from edgehar.devices.profile import NORDIC_UART, NORDIC_UART_NOTIFY, NORDIC_UART_WRITE, Profile
from edgehar.errors import FrameError
from edgehar.types import IMU_CHANNELS, FloatArray, Packet
from edgehar.warn_once import WarnOnce
from edgehar.wire.commands import is_answer
from edgehar.wire.protocol import Data, Description, decode

_LOGGER = logging.getLogger(__name__)


class EdgeharReader:
    """A reader of one sensor's bodies, over as many of its lives as it likes; never raises.

    Packets carry the id that the sensor describes.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.description: Description | None = None
        """The newest description."""
        self.packets = 0
        """Packets returned."""
        self.malformed = 0
        """Bodies that break the format."""
        self.undescribed = 0
        """Data packets before any description: nobody knows their scale."""
        self.lost = 0
        """Packets missing between two that came, by their sequence."""
        self.duplicates = 0
        """Packets that came twice; the second is dropped."""
        self.restarts = 0
        """Times the sequence or the device clock began again."""
        self._description_body: bytes | None = None
        self._warn = WarnOnce(_LOGGER)
        self._last_data: Data | None = None
        self._scale: FloatArray = np.empty(0, np.float32)
        self._columns: slice | list[int] | None = None

    @property
    def battery(self) -> int | None:
        """Charge that the newest description tells, percent."""
        return self.description.battery if self.description else None

    @property
    def preamble(self) -> tuple[bytes, ...]:
        """The newest description, if one came."""
        return () if self._description_body is None else (self._description_body,)

    @property
    def problem(self) -> str | None:
        """None but for a sensor whose data cannot be read, as it has never described itself."""
        return "it sends data and never describes them" if self.undescribed and not self.description else None

    @property
    def remark(self) -> str | None:
        """Always None: all there is to say of it is a fault."""
        return None

    def health(self) -> dict[str, int]:
        """Return the counters, by name."""
        return {
            "packets": self.packets,
            "lost": self.lost,
            "malformed": self.malformed,
            "undescribed": self.undescribed,
            "duplicates": self.duplicates,
            "restarts": self.restarts,
        }

    def push(self, body: bytes) -> list[Packet]:
        """Return the packet in a body that is whole, new and described; none for an answer to a command."""
        if body == self._description_body or is_answer(body):
            return []
        try:
            item = decode(body)
        except FrameError as error:
            self.malformed += 1
            _LOGGER.debug("dropped a packet: %s", error)
            return []
        if isinstance(item, Description):
            self._description_body = body
            self._describe(item)
            return []
        if (d := self.description) is None:
            self.undescribed += 1
            return []
        if self._repeats(item, d):
            self.duplicates += 1
            return []
        self.packets += 1
        ticks = item.ticks_us if d.has_clock else None
        values = item.counts if self._columns is None else item.counts[:, self._columns]
        return [Packet(d.device, item.sequence, ticks, d.period_us, d.channels, values, self._scale)]

    def _describe(self, description: Description) -> None:
        former, self.description = self.description, description
        if former is None or former.device != description.device:
            self._last_data = None
        if former is not None and former.device != description.device:
            both = frozenset((former.device, description.device))
            self._warn(both, "the link of device %s now also brings %s", former.device, description.device)
        columns = [IMU_CHANNELS.index(name) for name in description.channels]
        first, end = columns[0], columns[-1] + 1
        self._columns = slice(first, end) if len(columns) == end - first else columns
        if description.channels == IMU_CHANNELS:
            self._columns = None
        self._scale = description.scale()

    def _repeats(self, data: Data, description: Description) -> bool:
        """Tell whether this is the last packet once more; if not, count what is missing between the two."""
        last, self._last_data = self._last_data, data
        if last is None:
            return False
        step = (data.sequence - last.sequence) & 0xFFFF
        elapsed = (data.ticks_us - last.ticks_us) & 0xFFFFFFFF if description.has_clock else None
        if step == 0 and not elapsed:
            return True
        # Lost packets took time: one sample each at least, half of it granted to a bad clock.
        least = (step - 1) * description.period_us // 2
        if step == 0 or step >= 0x8000 or not (elapsed is None or least <= elapsed < 0x80000000):
            self.restarts += 1
        else:
            self.lost += step - 1
        return False


EDGEHAR_FIRMWARE = Profile(
    name="edgehar",
    title="sensor with edgehar's firmware",
    services=(NORDIC_UART,),
    name_prefixes=("edgehar",),
    notify=(NORDIC_UART_NOTIFY,),
    rate_hz=50.0,
    command=NORDIC_UART_WRITE,
    # At rest it describes itself every 10 s.
    silence_s=30.0,
    reader=lambda _device: EdgeharReader(),
)
