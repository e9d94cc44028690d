"""One wearer while the daemon runs: paused, begun anew, or with another operating point.

What is begun anew opens its links again and knows nothing of before; another operating point changes only how sure
an answer must be, and what is told goes on. A recording can be none of these: it would begin from its start.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from edgehar.daemon.keeper import Keeper
from edgehar.daemon.told import Span
from edgehar.daemon.wearer import Publish, Tap, WearerFeed
from edgehar.errors import ConfigError
from edgehar.pipeline.operating_points import Point
from edgehar.pipeline.reasons import BEGUN_ANEW, PAUSED
from edgehar.publishers.payloads import iso_utc, monotonic_to_unix

_LOGGER = logging.getLogger(__name__)


class WearerControl:
    """A wearer's feed, and a new one in its place when it is begun anew."""

    def __init__(self, make: Callable[[Point], WearerFeed], point: Point) -> None:
        """Make the feed, for an operating point; OperatorError as of `WearerFeed`."""
        self._make = make
        self.point = point
        self.feed = make(point)
        self.is_paused = False
        self.tap: Tap | None = None
        """Takes all that the pipeline takes, also of a feed that is begun anew, for a recording; None: nobody records."""
        self.keeper: Keeper | None = None
        """Holds the last minutes, also of a feed that is begun anew; None: nothing is kept."""
        self.no_keeper = ""
        """Reason why there is none, in words."""
        self.on_end: Callable[[], None] | None = None
        """Called when this wearer is watched no more: `tap` gets nothing after it."""
        self._following: WearerFeed | None = None
        self._resumed = asyncio.Event()
        self._resuming: asyncio.TimerHandle | None = None
        self._feeding: asyncio.Task[None] | None = None

    @property
    def id(self) -> str:
        """The wearer's id."""
        return self.feed.id

    def problems(self, now: float) -> dict[str, str]:
        """Say what is wrong with each sensor, as `WearerFeed.problems` does; while paused, that."""
        return dict.fromkeys(self.feed.placements, "paused") if self.is_paused else self.feed.problems(now)

    async def run(self, publish: Publish, on_state: Callable[[], None], on_anew: Callable[[], None]) -> None:
        """Run the feed, as `WearerFeed.run` does, and every one that takes its place, of which `on_anew` is told."""
        try:
            while True:
                while self.is_paused:
                    await self._resumed.wait()
                self._feeding = asyncio.create_task(
                    self.feed.run(publish, on_state, self._hand_on), name=self.id
                )
                await asyncio.wait([self._feeding])
                if self.keeper:
                    self.keeper.flush()
                if not self._feeding.cancelled():
                    return self._feeding.result()
                self.feed, self._following = self._following or self.feed, None
                if self.keeper:
                    self.keeper.intakes = self.feed.pipeline.intakes
                on_anew()
        finally:
            if self._resuming:
                self._resuming.cancel()
            if self._feeding:
                self._feeding.cancel()
                await _ended(self._feeding)
            if self.keeper:
                self.keeper.flush()
            if self.on_end:
                self.on_end()

    def pause(self, for_s: float | None = None) -> None:
        """Close the wearer's links and answer nothing, for `for_s` seconds or until `resume`.

        OperatorError, and nothing has changed, if it is a recording or could not be opened again.
        """
        self._check_live("paused")
        if not self.is_paused:
            self._stop(PAUSED)
        if self._resuming:
            self._resuming.cancel()
        self._resuming = None if for_s is None else asyncio.get_running_loop().call_later(for_s, self.resume)
        self.is_paused = True
        self._resumed.clear()
        _LOGGER.info("%s: paused%s", self.id, "" if for_s is None else f" for {for_s:g} s")

    def resume(self) -> None:
        """Go on after a pause."""
        if self._resuming:
            self._resuming.cancel()
        self._resuming = None
        if self.is_paused:
            self.is_paused = False
            self._resumed.set()
            _LOGGER.info("%s: goes on after a pause", self.id)

    def begin_anew(self) -> None:
        """Forget all that was learnt of the sensors and of what is done; not while paused, when nothing is known.

        OperatorError, and nothing has changed, if it is a recording or could not be opened again.
        """
        self._check_live("begun anew")
        if not self.is_paused:
            self._stop(BEGUN_ANEW)
            _LOGGER.info("%s: begins anew", self.id)

    def choose(self, point: Point) -> None:
        """Tell by another operating point from now on; ConfigError if the model has none such."""
        for feed in (self.feed, self._following):
            if feed:
                feed.choose(point)
        self.point = point
        _LOGGER.info("%s: operating point %s", self.id, point)

    def correct(self, label: str, *, at: float | None = None, event: str | None = None) -> Span:
        """Keep the seconds of a wrong state with what was done, as `Keeper.correct` does; nothing that is told changes.

        `at` is Unix time, s. ConfigError if nothing is kept, or nothing is left of then.
        """
        self._check_live("corrected")
        if self.keeper is None:
            raise ConfigError(f"{self.id} cannot be corrected: {self.no_keeper}")
        now = time.monotonic()
        span = self.keeper.correct(label, now, at=None if at is None else at - time.time() + now, event=event)
        _LOGGER.info(
            "%s: told %s for the %.1f s from %s on, and it was %s; what is told stays as it is",
            self.id,
            span.state,
            span.end - span.begin,
            iso_utc(monotonic_to_unix(span.begin)),
            label,
        )
        return span

    def _hand_on(self, t: float, stream: int, body: bytes) -> None:
        if self.keeper:
            self.keeper.take(t, stream, body)
        if self.tap:
            self.tap(t, stream, body)

    def _stop(self, reason: str) -> None:
        """End the feed, if it runs, once another one can take its place."""
        if self._feeding and not self._feeding.done():
            self._following = self._following or self._make(self.point)
            self.feed.stop_reason = reason
            self._feeding.cancel()

    def _check_live(self, what: str) -> None:
        if not self.feed.is_live:
            raise ConfigError(f"{self.id} is a recording, which cannot be {what}")


async def _ended(task: "asyncio.Task[None]") -> None:
    """Wait until a task that was cancelled has ended, also while we are cancelled, and be cancelled then."""
    is_cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            is_cancelled = True
    if is_cancelled:
        raise asyncio.CancelledError
