"""Faults between a sensor and this program, made to order: same seed, same bytes.

`inject` takes packets as an ideal sensor's ideal link would deliver them and gives them as they
come in life: the device drifts, restarts and runs empty; the link bundles, delays, loses and
breaks. `wire` frames packets for a byte stream and damages some.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from edgehar.sources.simulated.misfits import NO_MISFITS, Misfits, misread
from edgehar.sources.simulated.packet_loss import BURST, BurstLoss
from edgehar.types import Item
from edgehar.wire.framing import frame
from edgehar.wire.protocol import Data, Description, decode, encode_data, encode_description

_WRAP = 0xFFFFFFFF
_AMOUNTS = (
    "loss",
    "burst",
    "jitter_s",
    "connection_interval_s",
    "disconnect_for_s",
    "corrupt",
    "battery",
    "battery_drain",
    "boot_s",
)


class Faults(Struct, frozen=True):
    """Kinds and amounts of what goes wrong; nothing by default. ValueError names what cannot be."""

    loss: float = 0.0
    """Share of packets lost, 0..1, in bursts (Gilbert-Elliott: a link is good or bad, and bad loses all)."""
    burst: float = BURST
    """Mean length of such a burst, packets, from 1; at 1 / (1 - loss) each packet is lost or not on its own."""
    jitter_s: float = 0.0
    """Mean extra delay of a packet, s, exponentially distributed; packets never overtake each other."""
    connection_interval_s: float = 0.0
    """Packets wait for the next multiple of this and then come together, s; 0: they come at once."""
    drift_ppm: float = 0.0
    """Rate by which the device clock is too fast, ppm; too slow by as much in every second stream."""
    disconnect_every_s: float | None = None
    """Mean time for which the link holds, s; None: for ever."""
    disconnect_for_s: float = 5.0
    """Time for which it is then gone, s."""
    corrupt: float = 0.0
    """Share of frames damaged on a byte stream, 0..1; a radio link drops such packets itself."""
    battery: int | None = None
    """Charge at the start, percent; None: what the descriptions say. At 0 the sensor falls silent."""
    battery_drain: float = 0.0
    """Charge that it loses, percent per hour."""
    reboot_every_s: float | None = None
    """Mean time between restarts of a device, s; sequence and clock begin again. None: never."""
    boot_s: float = 1.5
    """Time that a restart takes, s."""
    misfits: Misfits = NO_MISFITS
    """Faults of the sensor itself, and of who put it on."""
    seed: int = 0
    """Same seed, same faults."""

    def __post_init__(self) -> None:
        for name in ("disconnect_every_s", "reboot_every_s"):
            every_s = getattr(self, name)
            if every_s is not None and not every_s > 0:
                raise ValueError(f"{name} must be above 0 s, or None for never; not {every_s}")
        for name in _AMOUNTS:
            if not (getattr(self, name) or 0) >= 0:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")


def inject(faults: Faults, items: Iterable[Item]) -> Iterator[Item]:
    """Return packets as they come in life; arrival times never decrease.

    Args:
        faults: What goes wrong; its times count from stream time 0.
        items: Valid packets in the order of their arrival, from stream time 0 on.
    """
    if faults.misfits != NO_MISFITS:
        items = misread(faults.misfits, items, faults.seed)
    if faults.battery is not None or faults.drift_ppm or faults.reboot_every_s:
        items = _through_devices(faults, items)
    if faults.loss:
        items = _thinned(faults, items)
    if faults.connection_interval_s or faults.jitter_s:
        items = _delayed(faults, items)
    if faults.disconnect_every_s:
        items = _while_connected(faults, items)
    return iter(items)


def outages(faults: Faults) -> Iterator[tuple[float, float]]:
    """Yield when the link goes and when it is back, stream time in s, for ever; (inf, inf) if it holds."""
    rng = _random(faults, "outages")
    back = 0.0
    while True:
        gone = back + _interval(rng, faults.disconnect_every_s)
        back = gone + faults.disconnect_for_s
        yield gone, back


def wire(faults: Faults, stream: int = 0) -> Callable[[bytes], bytes]:
    """Return a function from a body to its frame, of which a share is damaged: a byte changed or missing."""
    rng = _random(faults, f"wire {stream}")

    def send(body: bytes) -> bytes:
        framed = frame(body)
        if rng.random() >= faults.corrupt:
            return framed
        at = rng.randrange(len(framed))
        changed = bytes((framed[at] ^ rng.randint(1, 255),)) if rng.random() < 0.5 else b""
        return framed[:at] + changed + framed[at + 1 :]

    return send


def _random(faults: Faults, what: str) -> random.Random:
    """Return draws of its own for every fault, so that switching one on leaves the others as they were."""
    return random.Random(f"{faults.seed} {what}")  # noqa: S311 - a simulation, no secret


def _interval(rng: random.Random, mean_s: float | None) -> float:
    return rng.uniform(0.5, 1.5) * mean_s if mean_s else math.inf


class _Device:
    """One sensor whose clock drifts, whose battery empties and which restarts."""

    def __init__(self, faults: Faults, stream: int) -> None:
        self._faults = faults
        self._rng = _random(faults, f"device {stream}")
        self._rate = 1 + (-faults.drift_ppm if stream % 2 else faults.drift_ppm) * 1e-6
        self._description = b""
        self._first_sequence = 0
        self._ticks: int | None = None  # of the last packet as it came in, µs
        self._shown = 0.0  # the same moment on the device's own clock, µs
        self._falls = _interval(self._rng, faults.reboot_every_s)
        self._rises = 0.0
        self._restarted = False

    def push(self, t: float, body: bytes) -> list[bytes]:
        """Return what the device sends at `t` in the place of `body`."""
        if t >= self._falls:
            self._rises = self._falls + self._faults.boot_s
            self._falls = self._rises + _interval(self._rng, self._faults.reboot_every_s)
            self._restarted = True
        charge = self._charge(t)
        if charge == 0 or t < self._rises:
            return []
        item = decode(body)
        if isinstance(item, Description):
            self._description = body if charge is None else encode_description(replace(item, battery=charge))
            return [self._description]
        greeting = self._greet(item) if self._restarted else []
        self._run_clock(item.ticks_us)
        return [*greeting, encode_data(item.sequence - self._first_sequence, round(self._shown), item.counts)]

    def _charge(self, t: float) -> int | None:
        battery = self._faults.battery
        return None if battery is None else max(0, math.ceil(battery - self._faults.battery_drain * t / 3600))

    def _greet(self, item: Data) -> list[bytes]:
        """Begin to count anew from this packet; return what a sensor says first."""
        self._restarted = False
        self._first_sequence = item.sequence
        self._ticks, self._shown = item.ticks_us, self._faults.boot_s * 1e6
        return [self._description] if self._description else []

    def _run_clock(self, ticks_us: int) -> None:
        if self._ticks is None:
            self._shown = ticks_us
        else:
            self._shown += (ticks_us - self._ticks & _WRAP) * self._rate
        self._ticks = ticks_us


def _through_devices(faults: Faults, items: Iterable[Item]) -> Iterator[Item]:
    devices: dict[int, _Device] = {}
    for t, stream, body in items:
        if stream not in devices:
            devices[stream] = _Device(faults, stream)
        for sent in devices[stream].push(t, body):
            yield t, stream, sent


def _thinned(faults: Faults, items: Iterable[Item]) -> Iterator[Item]:
    """Drop what falls into the bad stretches of each stream's own two-state chain."""
    rng = _random(faults, "loss")
    links: dict[int, BurstLoss] = {}
    for t, stream, body in items:
        if stream not in links:
            links[stream] = BurstLoss(faults.loss, faults.burst)
        if not links[stream].loses(rng.random()):
            yield t, stream, body


def _delayed(faults: Faults, items: Iterable[Item]) -> Iterator[Item]:
    """Bundle and delay, first in first out within each stream."""
    rng = _random(faults, "delay")
    interval, jitter = faults.connection_interval_s, faults.jitter_s
    waiting: list[tuple[float, int, int, bytes]] = []
    newest: dict[int, float] = {}
    for number, (t, stream, body) in enumerate(items):
        while waiting and waiting[0][0] <= t:
            due, _, earlier, packet = heapq.heappop(waiting)
            yield due, earlier, packet
        due = math.ceil(t / interval) * interval if interval else t
        due = max(due + (rng.expovariate(1 / jitter) if jitter else 0.0), t, newest.get(stream, 0.0))
        newest[stream] = due
        heapq.heappush(waiting, (due, number, stream, body))
    for due, _, stream, body in sorted(waiting):
        yield due, stream, body


def _while_connected(faults: Faults, items: Iterable[Item]) -> Iterator[Item]:
    schedule = outages(faults)
    gone, back = next(schedule)
    for t, stream, body in items:
        while t >= back:
            gone, back = next(schedule)
        if t < gone:
            yield t, stream, body
