"""One wearer's way through the daemon: from the sources to answers, and how it goes."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from edgehar import config as configuration
from edgehar.decision import Settings
from edgehar.devices import PROFILES
from edgehar.errors import SourceLostError
from edgehar.pipeline import Pipeline
from edgehar.recognizer import Recognizer
from edgehar.recording import Stream
from edgehar.sources import Deliver, Source
from edgehar.sources.reopen import keep_open
from edgehar.types import Activity, Event

if TYPE_CHECKING:
    from edgehar.sources.radio import Radio

TICK_S = 0.25
"""How often silence is looked at, s; a fraction of a hop, so that it adds little to no_signal's delay."""

STANDING_S = 30.0
"""A state that no window renews is handed to the publishers again, for their heartbeats, s."""

_GRANULE_S = 1.0
"""Deadlines are moved this often at most, s: to move one costs more than to decode a packet."""

Publish = Callable[[Activity | Event], None]
Tap = Callable[[float, int, bytes], None]


class Watched:
    """A source that counts as lost when it falls silent: an open link may well be a dead one."""

    def __init__(self, source: Source) -> None:
        self._source = source

    @property
    def damaged(self) -> int:
        """As in `Source`."""
        return self._source.damaged

    @property
    def battery(self) -> int | None:
        """As in `Source`."""
        return self._source.battery

    @property
    def silence_s(self) -> float:
        """As in `Source`."""
        return self._source.silence_s

    async def run(self, deliver: Deliver) -> None:
        """One life, as in `Source.run`."""
        loop = asyncio.get_running_loop()
        moved = loop.time()

        def hand_on(t: float, stream: int, body: bytes) -> None:
            nonlocal moved
            now = loop.time()
            if now - moved > _GRANULE_S:
                moved = now
                limit.reschedule(now + self.silence_s)
            deliver(t, stream, body)

        try:
            async with asyncio.timeout(self.silence_s) as limit:
                await self._source.run(hand_on)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise SourceLostError(f"nothing came for {self.silence_s:.0f} s; is the sensor on?") from error


class Feed:
    """A wearer's sources, kept open, and the pipeline they feed."""

    def __init__(
        self,
        wearer: configuration.Wearer,
        recognizer: Recognizer,
        settings: Settings,
        radio: "Radio | None" = None,
    ) -> None:
        """Open nothing yet; `radio` as `open_radio` gives it. OperatorError says what does not fit."""
        self.id = wearer.id
        self.sources, streams, self.epoch = open_sources(wearer, radio)
        self.placements = [stream.placement for stream in streams]
        self._live = wearer.replay is None
        self.pipeline = Pipeline(wearer.id, streams, recognizer, settings, epoch=self.epoch)
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
        return all(
            not up or now - heard < 2 * source.silence_s
            for source, up, heard in zip(self.sources, self._up, self._heard, strict=True)
        )

    def health(self) -> dict[str, Any]:
        """Counters of the wearer, and of each sensor by its placement."""
        intakes = self.pipeline.intakes
        sensors = {intake.placement: intake.health() | {"damaged": 0} for intake in intakes}
        # One source with many streams has neither frames to damage nor a battery.
        if len(self.sources) == len(intakes):
            for intake, source in zip(intakes, self.sources, strict=True):
                sensor = sensors[intake.placement]
                sensor["damaged"] = source.damaged
                if sensor["battery"] is None:
                    sensor["battery"] = source.battery
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


def open_radio(config: configuration.Config) -> "Radio | None":
    """What all sensors over Bluetooth Low Energy share; None where nobody wears one."""
    if not any(wearer.ble for wearer in config.wearer):
        return None
    from edgehar.sources.radio import Radio

    return Radio(config.bluetooth.adapter)


def open_sources(
    wearer: configuration.Wearer, radio: "Radio | None"
) -> tuple[list[Source], list[Stream], float]:
    """The wearer's sources, not yet opened, their streams, and Unix time at stream time 0, s."""
    if wearer.replay:
        from edgehar.sources.replay import Replay, open_recording

        asked = wearer.replay
        recording = open_recording(Path(asked.path), subject=asked.subject, placements=asked.placements)
        return [Replay(recording, speed=asked.speed)], [*recording.header.streams], recording.header.epoch
    epoch = time.time() - time.monotonic()
    if wearer.simulator:
        return [_simulator(wearer.simulator)], [Stream(p) for p in wearer.simulator.placements], epoch
    worn = [*_serial(wearer), *_ble(wearer, radio)]
    return [source for _, source in worn], [stream for stream, _ in worn], epoch


def _serial(wearer: configuration.Wearer) -> Iterator[tuple[Stream, Source]]:
    if not wearer.serial:
        return
    from edgehar.sources.serial import Serial

    for sensor in wearer.serial:
        yield Stream(sensor.placement), Watched(Serial(sensor.port, sensor.baud))


def _ble(wearer: configuration.Wearer, radio: "Radio | None") -> Iterator[tuple[Stream, Source]]:
    if radio is None:
        return
    from edgehar.sources.ble import Ble

    for sensor in wearer.ble:
        profile = PROFILES[sensor.profile]
        yield (
            Stream(sensor.placement, sensor.profile),
            Ble(radio, profile, address=sensor.address, name=sensor.name),
        )


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
