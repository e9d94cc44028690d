"""One sensor's way into the core: the bodies of its link to samples with times, and how it goes."""

import logging
from typing import Any

from edgehar.devices import PROFILES, make_reader
from edgehar.pipeline.clock import Clock
from edgehar.pipeline.gravity_check import GravityCheck
from edgehar.pipeline.modality import modality_of_profile
from edgehar.types import ACCELERATION, KEYPOINT_CHANNELS, Samples, Stream
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

_EACH_KIND_CAME = 20
"""Packets after which all kinds of channels that a sensor sends have come."""


class Intake:
    """Reads one stream. Channels that come apart were not sampled together: each kind has a clock of its own."""

    def __init__(self, stream: Stream, wearer: str = "") -> None:
        """Make the stream's reader; ConfigError if no sensor has its profile. The log names the wearer."""
        self.placement = stream.placement
        self._name = f"{wearer}/{stream.placement}" if wearer else stream.placement
        self.reader = make_reader(stream.profile, stream.placement)
        self.modality = modality_of_profile(stream.profile)
        self.clocks: dict[tuple[str, ...], Clock] = {}
        self.bundle_s = PROFILES[stream.profile].bundle_s if stream.profile in PROFILES else 0.0
        """Longest stretch of time that one body brings: its profile's, or of what came so far, s."""
        self.gravity = GravityCheck()
        self.rate_hz: float | None = None
        """Samples per second that the sensor says it takes; None until it is heard."""
        self._faults = 0
        self._warn = WarnOnce(_LOGGER)

    def push(self, t: float, body: bytes) -> list[Samples]:
        """Return the samples that a body of at least one byte completes, which arrived at stream time `t`, s.

        A body on which the program itself fails is dropped and counted: it must not take the other sensors along.
        """
        samples = []
        try:
            for packet in self.reader.push(body):
                if packet.period_us and _can_be_judged(packet.channels):
                    self.rate_hz = 1e6 / packet.period_us
                if (misfit := self.gravity.push(t, packet)) is not None:
                    self._warn("misfit", "%s: %s", self._name, misfit)
                clock = self.clocks.get(packet.channels) or self._clock(packet.channels)
                samples.append(clock.push(t, packet))
            if samples:
                self.bundle_s = max(self.bundle_s, samples[-1].t.item(-1) - samples[0].t.item(0))
        except Exception as error:  # noqa: BLE001 - which it is, only the fault knows
            self._faults += 1
            self._warn.log_fault(self._name, error, "the packet is dropped")
        return samples

    def _clock(self, channels: tuple[str, ...]) -> Clock:
        self.clocks[channels] = clock = Clock(self.placement)
        return clock

    @property
    def problem(self) -> str | None:
        """Fault of the sensor, in words, as its packets show it; None as long as they show none."""
        reader = self.reader
        if reader.problem:
            return reader.problem
        if reader.malformed and not reader.packets:
            return "nothing came that its profile can read"
        # A copy of the kinds: a live page is drawn by another thread.
        kinds = [*self.clocks]
        if reader.packets > _EACH_KIND_CAME and not any(_can_be_judged(kind) for kind in kinds):
            return "sends no acceleration"
        return self.gravity.misfit

    @property
    def remark(self) -> str | None:
        """Remark on what it sends, no fault, in words; None: nothing is to be known."""
        return self.reader.remark

    def health(self) -> dict[str, Any]:
        """Return counters since the start, the clock's skew, ppm, and the battery, percent, where they are known."""
        clocks = list(self.clocks.values())
        return self.reader.health() | {
            "clock_restarts": sum(clock.restarts for clock in clocks),
            "skew_ppm": clocks[0].skew_ppm if clocks else None,
            "battery": self.reader.battery,
            "misfit": self.gravity.misfit,
            "faults": self._faults,
        }


def _can_be_judged(channels: tuple[str, ...]) -> bool:
    return set(ACCELERATION) <= set(channels) or channels == KEYPOINT_CHANNELS
