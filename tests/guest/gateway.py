"""edgehar's side of the guest, as seen from a test: what it logged, and what came of each sensor."""

import logging
from itertools import pairwise

from air import Sensor

from edgehar.devices import PROFILES
from edgehar.wire.protocol import Data, decode


class Journal(logging.Handler):
    """edgehar's log since somebody took it."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"    {record.levelname}: {record.getMessage()}")

    def take(self) -> str:
        """Return what was logged since, one line each."""
        lines, self._lines = self._lines, []
        return "\n".join(lines)


class Gateway:
    """edgehar's end of one sensor: keeps what the source delivers, life by life."""

    def __init__(self, name: str, sensor: Sensor) -> None:
        self.name = name
        self.sensor = sensor
        self.lives: list[list[bytes]] = []
        self.reader = PROFILES["edgehar"].reader(sensor.address)
        self._is_up = False
        self._last = -1

    def on_state(self, up: bool) -> None:  # noqa: FBT001 - keep_open calls it so
        self._is_up = up
        if up:
            self.lives.append([])

    def deliver(self, _t: float, _stream: int, body: bytes) -> None:
        self.lives[-1].append(body)
        for packet in self.reader.push(body):
            assert packet.sequence is not None
            self._last = packet.sequence

    def has_heard(self, sequence: int) -> bool:
        """Tell whether it hears, and has heard this packet or a later one."""
        return self._is_up and self._last >= sequence

    def check(self) -> int:
        """Return how many packets came; in each life they must be what was sent, without a gap."""
        for life in self.lives:
            packets = [(item.sequence, body) for body in life if isinstance(item := decode(body), Data)]
            assert all(after == before + 1 for (before, _), (after, _) in pairwise(packets)), self.name
            assert all(self.sensor.packets[sequence] == body for sequence, body in packets), self.name
        assert self.reader.malformed == 0, self.name
        return self.reader.packets
