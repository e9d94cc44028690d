"""Open a source again and again, with back-off, until it has come to its own end."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from edgehar.backoff import Delays
from edgehar.errors import EdgeharError, RecordingError, SourceLostError, link_failure, one_line
from edgehar.sources import Deliver, LinkState, Source
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

STEADY_S = 10.0
"""A life in which packets came for less belongs to the outage before it, s: a link that comes and goes every
second would else be tried every second, and fill the log."""


class _Availability:
    """A source that is heard or not, since when, and what of that is worth a line in the log."""

    def __init__(
        self,
        link: LinkState,
        deliver: Deliver,
        name: str,
        on_state: Callable[[bool], None] | None,
        now: Callable[[], float],
    ) -> None:
        self.failures = 0
        self.could_not_deliver = False
        """`deliver` raised what the newest life ended with."""
        self._up = self._flaps = False
        self._is_steady = True
        self._link = link
        self._deliver = deliver
        self._name = name
        self._on_state = on_state
        self._now = now
        self._lost_at = self._up_at = 0.0
        self._warn = WarnOnce(_LOGGER)

    def hand_on(self, t: float, stream: int, body: bytes) -> None:
        """Take note of a packet, and deliver it."""
        try:
            if not self._up:
                self._heard()
            elif not self._is_steady:
                self._settle()
            self._deliver(t, stream, body)
        except Exception:
            self.could_not_deliver = True
            raise

    def note_state(self, up: bool) -> None:  # noqa: FBT001 - the one thing it says
        """Tell whether packets come, where that has changed."""
        if up != self._up:
            self._up = up
            if self._on_state:
                self._on_state(up)

    def _heard(self) -> None:
        """Take note of the first packet of a life."""
        self._up_at = self._link.heard_at
        self._link.lost = None
        self._link.lives += 1
        self._is_steady = not self.failures
        if self.failures and not self._flaps:
            self._log_back()
        self.note_state(up=True)

    def _settle(self) -> None:
        """Take note of one more packet of a life that was not yet steady."""
        if self._link.heard_at - self._up_at < STEADY_S:
            return
        if self._flaps:
            self._log_back()
        self._is_steady, self._flaps, self.failures = True, False, 0

    def _log_back(self) -> None:
        _LOGGER.info("%s: back after %.1f s", self._name, self._link.heard_at - self._lost_at)

    def lost(self, error: Exception) -> None:
        """Take note of what a life ended with: the first of an outage is news, and so is a fault of the program."""
        self._flaps = self._flaps or (self._up and not self._is_steady)
        self.failures += 1
        is_expected = isinstance(error, EdgeharError | OSError)
        # A time-out has no text of its own.
        reason = link_failure(error) or repr(error) if is_expected else repr(error)
        self._link.lost = one_line(reason)
        if self.failures == 1:
            self._lost_at = self._now()
        if not is_expected:
            self._warn.log_fault(self._name, error, "trying again")
        elif self.failures == 1:
            _LOGGER.warning("%s: %s; trying again until it is back", self._name, reason)
        else:
            _LOGGER.debug("%s: attempt %d: %s", self._name, self.failures, reason)
        self.note_state(up=False)


async def keep_open(
    source: Source,
    deliver: Deliver,
    *,
    name: str,
    on_state: Callable[[bool], None] | None = None,
    delays: Delays = Delays(),  # noqa: B008 - it is frozen
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    uniform: Callable[[float, float], float] = random.uniform,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Run `source` life after life; return when a life ends by itself.

    The first failure is a WARNING, the following ones DEBUG, the first packet after them INFO with
    the outage's length. Once packets came for STEADY_S, the pauses are back at their start and the
    next failure is a first one; lives that end sooner go on with both. Whatever a life raises is such
    a failure; what is a fault of the program is a WARNING with its traceback, once. What `deliver` raises
    leaves here unchanged, and so does RecordingError: a recording opened again would begin anew.

    Args:
        source: What is to be kept open.
        deliver: Takes every packet, as in `Source.run`.
        name: What log lines call the source.
        on_state: Called with True when packets begin to come and with False when they ended.
        delays: Bounds of the pauses.
        sleep: Waits that many s.
        uniform: Draws a number between two.
        now: The clock of `link.heard_at`, s; for the outage's length.
    """
    availability = _Availability(source.link, deliver, name, on_state, now)
    while True:
        try:
            await _live(source, availability.hand_on)
        except RecordingError:
            raise
        except Exception as error:
            if availability.could_not_deliver:
                raise
            availability.lost(error)
        else:
            availability.note_state(up=False)
            return
        await sleep(uniform(0.0, delays.ceiling_s(availability.failures)))


async def _live(source: Source, deliver: Deliver) -> None:
    """Run a source for one life; SourceLostError if a library cancelled what it waited for."""
    try:
        await source.run(deliver)
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise SourceLostError("what it waited for was cancelled") from error
