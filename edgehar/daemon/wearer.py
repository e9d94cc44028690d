"""One wearer's way through the daemon: from the sources to answers, and how it goes."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from msgspec.structs import replace

from edgehar.config.worn import Wearer
from edgehar.daemon.wiring import SharedLinks, make_sources
from edgehar.errors import ModelError
from edgehar.pipeline.contract import too_slow
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.intake import Intake
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.modality import IMU
from edgehar.pipeline.operating_points import POINTS, Point
from edgehar.pipeline.reasons import ENDED, STOPPED
from edgehar.pipeline.recognizer import Recognizer
from edgehar.sources import Source
from edgehar.sources.reconnect import keep_open
from edgehar.types import Activity, Event

_LOGGER = logging.getLogger(__name__)

TICK_S = 0.25
"""Period of looking for silence, s; a fraction of a hop, so that it adds little to no_signal's delay."""

STANDING_S = 30.0
"""A state that no window renews is handed to the publishers again, for their heartbeats, s."""

SETTLED_S = 10.0
"""Time from the first packet on before what a sensor lacks counts, s: the first windows are never whole."""

Publish = Callable[[Activity | Event], None]
Tap = Callable[[float, int, bytes], None]


class WearerFeed:
    """A wearer's sources, kept open, and the pipeline they feed."""

    def __init__(
        self,
        wearer: Wearer,
        models: Recognizer | Sequence[Recognizer],
        settings: Settings,
        shared: SharedLinks | None = None,
        *,
        told: Collection[str] = (),
    ) -> None:
        """Open nothing yet; OperatorError says what does not fit.

        `models` and `told` are as of `Pipeline`; `shared` is of `make_shared_links`, None where nothing is.
        """
        self.id = wearer.id
        self.sources, streams, self.epoch = make_sources(wearer, shared or SharedLinks())
        self.streams = tuple(streams)
        self.placements = [stream.placement for stream in streams]
        self.is_live = wearer.replay is None
        """No recording."""
        self.stop_reason = STOPPED
        """In words, why it is stopped, if it is."""
        self._specs = [model.spec for model in ([models] if isinstance(models, Recognizer) else models)]
        spec = self._specs[0]
        self.model = "+".join(spec.id for spec in self._specs)
        """Names and versions of the models that answer, and of the head on one."""
        self._check_point, self._settings = spec.check_point, settings
        self.points: tuple[Point, ...] = POINTS if spec.operating_points else ()
        """Operating points that can be chosen."""
        try:
            self.pipeline = Pipeline(wearer.id, streams, models, settings, epoch=self.epoch, told=told)
        except ModelError as error:
            raise ModelError(f"wearer `{wearer.id}`: {error}") from error
        self._min_coverage = settings.min_coverage
        self._up_since: list[float | None] = [None] * len(self.sources)
        self._is_heard = [False] * len(streams)
        self._over: str | None = None
        self._last: Activity | None = None
        self._publish: Publish = _nowhere

    def choose(self, point: Point) -> None:
        """Tell by another operating point from now on; ConfigError if the model has none such."""
        self._check_point(point)
        self._settings = replace(self._settings, operating_point=point)
        self.pipeline.choose(self._settings)

    @property
    def is_up(self) -> bool:
        """True while at least one source of the wearer is open."""
        return any(since is not None for since in self._up_since)

    @property
    def unheard(self) -> list[Source]:
        """Sources of sensors that have brought no packet yet."""
        if len(self.sources) != len(self.placements):
            return [] if all(self._is_heard) else [*self.sources]
        heard = zip(self.sources, self._is_heard, strict=True)
        return [source for source, is_heard in heard if not is_heard]

    def makes_progress(self, now: float) -> bool:
        """Tell whether every live source delivers or is known to be away; `now` is host monotonic s."""
        return all(
            since is None or now - source.link.heard_at < 2 * source.link.silence_s
            for source, since in zip(self.sources, self._up_since, strict=True)
        )

    def problems(self, now: float) -> dict[str, str]:
        """Say what is wrong with each sensor, by its placement; nothing of one that does well. `now`: monotonic, s."""
        problems = {place: self._problem(i, now) for i, place in enumerate(self.placements)}
        return {place: problem for place, problem in problems.items() if problem}

    def _problem(self, stream: int, now: float) -> str | None:
        if self._over:
            return self._over
        intake, place = self.pipeline.intakes[stream], self.placements[stream]
        source = self._source_of(stream)
        since = self._up_since[source]
        if since is None or not self._is_heard[stream]:
            return self.sources[source].link.lost or (ENDED if self._is_heard[stream] else "no packet yet")
        if problem := intake.problem or self._too_slow(intake):
            return problem
        last = self._last
        lacks = last is not None and (place in last.excluded_sensors or last.coverage < self._min_coverage)
        return "too few of its samples come" if lacks and now - since > SETTLED_S else None

    def faults(self, low_battery: int) -> dict[str, str]:
        """Say what is wrong with sensors themselves, whoever wears them or not, by placement; nothing of one that does well.

        A charge of `low_battery` percent or less is a fault.
        """
        sensors, faults = self.health()["sensors"], {}
        for intake in self.pipeline.intakes:
            charge = sensors[intake.placement]["battery"]
            # The charge itself would tell, each time it falls, that the sensor was heard.
            low = f"battery at most {low_battery} %" if charge is not None and charge <= low_battery else None
            if fault := intake.problem or self._too_slow(intake) or low:
                faults[intake.placement] = fault
        return faults

    def _too_slow(self, intake: Intake) -> str | None:
        """Say that a sensor that tells its rate itself is slower than its model can take; cameras have no rate of their own."""
        if intake.modality is not IMU or intake.rate_hz is None:
            return None
        return next(
            (
                slow
                for spec in self._specs
                if spec.modality is IMU and (slow := too_slow(spec, intake.rate_hz))
            ),
            None,
        )

    def _source_of(self, stream: int) -> int:
        """Return the number of the source that brings a stream: its own, or the one of all."""
        return stream if len(self.sources) == len(self.placements) else 0

    @property
    def batteries(self) -> list[str]:
        """Placements of the sensors that have told their charge."""
        sensors = self.health()["sensors"]
        return [place for place in self.placements if sensors[place]["battery"] is not None]

    def health(self) -> dict[str, Any]:
        """Return counters of the wearer, and of each sensor by its placement."""
        sensors: dict[str, dict[str, Any]] = {}
        for i, intake in enumerate(self.pipeline.intakes):
            source, figures = self._source_of(i), intake.health()
            link = self.sources[source].link
            if figures["battery"] is None:
                figures["battery"] = link.battery
            sensors[intake.placement] = figures | {
                "up": self._up_since[source] is not None and self._is_heard[i],
                "reconnects": max(link.lives - 1, 0),
                "age_s": None if link.age_s is None else round(link.age_s, 3),
                "damaged": link.damaged,
                "dropped": link.dropped,
            }
        late, early = self.pipeline.late, self.pipeline.early
        return {"sensors": sensors, "late_samples": late, "early_samples": early}

    async def run(self, publish: Publish, on_state: Callable[[], None], tap: Tap | None = None) -> None:
        """Keep every source open; return when all of them came to their own end.

        Args:
            publish: Takes every answer.
            on_state: Called when `is_up` may have changed.
            tap: Takes all that the pipeline takes, for a recording.
        """
        self._publish = publish if self.is_live else self._dated(publish)
        try:
            async with asyncio.TaskGroup() as tasks:
                ticking = tasks.create_task(self._tick(tap), name=f"{self.id} tick") if self.is_live else None
                async with asyncio.TaskGroup() as sources:
                    for i, source in enumerate(self.sources):
                        name = f"{self.id}/{self.placements[i]}" if len(self.sources) > 1 else self.id
                        sources.create_task(self._keep(i, source, name, on_state, tap), name=name)
                if ticking:
                    ticking.cancel()
        except asyncio.CancelledError:
            self._close(self.stop_reason, on_state)
            raise
        self._close(ENDED, on_state)

    def _close(self, reason: str, on_state: Callable[[], None]) -> None:
        """Leave nothing standing that nobody will renew: what runs ends, and nobody is heard."""
        if self.is_live:
            self._tell(self.pipeline.push(time.monotonic(), 0, b""))
        self._tell(self.pipeline.finish(reason))
        self._up_since = [None] * len(self.sources)
        self._over = reason
        on_state()

    async def _keep(
        self, i: int, source: Source, name: str, on_state: Callable[[], None], tap: Tap | None
    ) -> None:
        def deliver(t: float, stream: int, body: bytes) -> None:
            if not self._is_heard[i + stream] and body:
                self._is_heard[i + stream] = True
                _LOGGER.info("%s/%s: first packet", self.id, self.placements[i + stream])
            if tap:
                tap(t, i + stream, body)
            self._tell(self.pipeline.push(t, i + stream, body))

        def note_state(up: bool) -> None:  # noqa: FBT001 - the one thing it says
            self._up_since[i] = source.link.heard_at if up else None
            on_state()

        await keep_open(source, deliver, name=name, on_state=note_state)

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
        """Move a replay's stream time, the recorder's, so that this host's clock gives the recorded date."""
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
    """Drop what is answered before a run: nobody listens."""
