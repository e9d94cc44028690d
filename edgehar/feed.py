"""One wearer's way through the daemon: from the sources to answers, and how it goes."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from edgehar import config as configuration
from edgehar.decision import Settings
from edgehar.errors import SourceLostError
from edgehar.pipeline import Pipeline
from edgehar.recognizer import Recognizer
from edgehar.sources import Deliver, Source
from edgehar.sources.reopen import keep_open
from edgehar.types import Activity, Event

TICK_S = 0.25
"""How often silence is looked at, s; a fraction of a hop, so that it adds little to no_signal's delay."""

SILENCE_S = 30.0
"""A live source that is open but brings nothing for so long is taken as lost and opened anew, s."""

STANDING_S = 30.0
"""A state that no window renews is handed to the publishers again, for their heartbeats, s."""

_GRANULE_S = 1.0
"""Deadlines are moved this often at most, s: to move one costs more than to decode a packet."""

Publish = Callable[[Activity | Event], None]
Tap = Callable[[float, int, bytes], None]


class Watched:
    """A source that counts as lost when it falls silent: an open link may well be a dead one."""

    def __init__(self, source: Source, silence_s: float = SILENCE_S) -> None:
        self._source = source
        self._silence_s = silence_s

    @property
    def damaged(self) -> int:
        """As in `Source`."""
        return self._source.damaged

    async def run(self, deliver: Deliver) -> None:
        """One life, as in `Source.run`."""
        loop = asyncio.get_running_loop()
        moved = loop.time()

        def hand_on(t: float, stream: int, body: bytes) -> None:
            nonlocal moved
            now = loop.time()
            if now - moved > _GRANULE_S:
                moved = now
                limit.reschedule(now + self._silence_s)
            deliver(t, stream, body)

        try:
            async with asyncio.timeout(self._silence_s) as limit:
                await self._source.run(hand_on)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise SourceLostError(f"nothing came for {self._silence_s:.0f} s; is the sensor on?") from error


class Feed:
    """A wearer's sources, kept open, and the pipeline they feed."""

    def __init__(self, wearer: configuration.Wearer, recognizer: Recognizer, settings: Settings) -> None:
        self.id = wearer.id
        self.sources, self.placements, self.epoch = open_sources(wearer)
        self._live = wearer.replay is None
        self.pipeline = Pipeline(wearer.id, self.placements, recognizer, settings, epoch=self.epoch)
        self._up = [False] * len(self.sources)
        self._heard = [0.0] * len(self.sources)
        self._last: Activity | None = None
        self._publish: Publish = _nowhere

    @property
    def is_up(self) -> bool:
        """True while at least one source of the wearer is open."""
        return any(self._up)

    def makes_progress(self, now: float) -> bool:
        """Whether every live source either delivers or is known to be away; `now` is host monotonic s."""
        return not self._live or all(
            not up or now - heard < 2 * SILENCE_S for up, heard in zip(self._up, self._heard, strict=True)
        )

    def health(self) -> dict[str, Any]:
        """Counters of the wearer, and of each sensor by its placement."""
        damaged = [source.damaged for source in self.sources]
        sensors = {}
        for i, placement in enumerate(self.placements):
            decoder, clock = self.pipeline.decoders[i], self.pipeline.clocks[i]
            sensors[placement] = {
                "packets": decoder.packets,
                "lost": decoder.lost,
                # One source with many streams has no frames to damage.
                "damaged": damaged[i] if len(damaged) == len(self.placements) else 0,
                "malformed": decoder.malformed,
                "undescribed": decoder.undescribed,
                "duplicates": decoder.duplicates,
                "restarts": decoder.restarts,
                "clock_restarts": clock.restarts,
                "skew_ppm": clock.skew_ppm,
                "battery": decoder.description.battery if decoder.description else None,
            }
        grid = self.pipeline.grid
        return {"sensors": sensors, "late_samples": grid.late, "early_samples": grid.early}

    async def run(self, publish: Publish, on_state: Callable[[], None], tap: Tap | None = None) -> None:
        """Keep every source open; return when all of them came to their own end.

        Args:
            publish: Takes every answer.
            on_state: Called when `is_up` may have changed.
            tap: Takes all that the pipeline takes, for a recording.
        """
        self._publish = publish if self._live else self._dated(publish)
        try:
            async with asyncio.TaskGroup() as tasks:
                ticking = tasks.create_task(self._tick(tap), name=f"{self.id} tick") if self._live else None
                async with asyncio.TaskGroup() as sources:
                    for i, source in enumerate(self.sources):
                        name = f"{self.id}/{self.placements[i]}" if len(self.sources) > 1 else self.id
                        sources.create_task(self._keep(i, source, name, on_state, tap), name=name)
                if ticking:
                    ticking.cancel()
        except asyncio.CancelledError:
            self._close(on_state)
            raise
        self._close(on_state)

    def _close(self, on_state: Callable[[], None]) -> None:
        """Leave nothing standing that nobody will renew: what runs ends, and nobody is heard."""
        self._tell(self.pipeline.finish())
        self._up = [False] * len(self.sources)
        on_state()

    async def _keep(
        self, i: int, source: Source, name: str, on_state: Callable[[], None], tap: Tap | None
    ) -> None:
        def deliver(t: float, stream: int, body: bytes) -> None:
            self._heard[i] = time.monotonic()
            if tap:
                tap(t, i + stream, body)
            self._tell(self.pipeline.push(t, i + stream, body))

        def changed(up: bool) -> None:  # noqa: FBT001 - the one thing it says
            self._up[i] = up
            self._heard[i] = time.monotonic()
            on_state()

        await keep_open(source, deliver, name=name, on_state=changed)

    async def _tick(self, tap: Tap | None) -> None:
        """Tell the pipeline that time goes on, and the publishers of a state that no window renews."""
        began = True
        while True:
            t = time.monotonic()
            answers = self.pipeline.push(t, 0, b"")
            # Where the run began, and where time alone gave an answer, so must the recording.
            if tap and (answers or began):
                tap(t, 0, b"")
            began = False
            self._tell(answers)
            if self._last and t - self._last.t > STANDING_S:
                self._publish(self._last)
            await asyncio.sleep(TICK_S)

    def _tell(self, answers: list[Activity | Event]) -> None:
        for item in answers:
            self._publish(item)
            if isinstance(item, Activity):
                self._last = item

    def _dated(self, publish: Publish) -> Publish:
        """A replay's stream time is the recorder's: move it so that this host's clock gives the recorded date."""
        shift = self.epoch - (time.time() - time.monotonic())

        def moved(item: Activity | Event) -> None:
            if isinstance(item, Activity):
                publish(replace(item, t=item.t + shift, since=item.since + shift))
                return
            ended_at = None if item.ended_at is None else item.ended_at + shift
            publish(
                replace(
                    item,
                    started_at=item.started_at + shift,
                    detected_at=item.detected_at + shift,
                    ended_at=ended_at,
                )
            )

        return moved


def _nowhere(_: Activity | Event) -> None:
    """Before a run nobody listens."""


def open_sources(wearer: configuration.Wearer) -> tuple[list[Source], list[str], float]:
    """The wearer's sources, not yet opened, the placement of each stream, and Unix time at stream time 0, s."""
    if wearer.replay:
        from edgehar.sources.replay import Replay, open_recording

        asked = wearer.replay
        recording = open_recording(Path(asked.path), subject=asked.subject, placements=asked.placements)
        placements = [stream.placement for stream in recording.header.streams]
        return [Replay(recording, speed=asked.speed)], placements, recording.header.epoch
    epoch = time.time() - time.monotonic()
    if wearer.simulator:
        return [_simulator(wearer.simulator)], list(wearer.simulator.placements), epoch
    from edgehar.sources.serial import Serial

    sensors: list[Source] = [Watched(Serial(sensor.port, sensor.baud)) for sensor in wearer.sensor]
    return sensors, [sensor.placement for sensor in wearer.sensor], epoch


def _simulator(asked: configuration.SimulatedWearer) -> Source:
    from edgehar.sources.faults import Faults
    from edgehar.sources.simulator import Simulator

    faults = Faults(
        loss=asked.loss,
        jitter_s=asked.jitter_s,
        drift_ppm=asked.drift_ppm,
        disconnect_every_s=asked.disconnect_every_s,
        battery=asked.battery,
        seed=asked.seed,
    )
    return Simulator(placements=asked.placements, longest_s=asked.longest_s, seed=asked.seed, faults=faults)
