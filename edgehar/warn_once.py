"""A warning that is news once, and again with a number when it has gone on for an hour; between, it is for who debugs."""

import logging
import time
from collections.abc import Hashable

AGAIN_S = 3600.0
"""Time after which what goes on is a warning again, s: a log of this morning says what is still wrong."""


class WarnOnce:
    """A logger's warnings, of which the first of each subject is one, and then one an hour."""

    def __init__(self, logger: logging.Logger, most: int = 8) -> None:
        """`most` subjects are remembered; what comes beyond them is no news either."""
        self._logger, self._most = logger, most
        self._subjects: dict[Hashable, tuple[float, int]] = {}
        """By subject, when it was a warning, and how often it came since."""

    def __call__(
        self, subject: Hashable, message: str, *values: object, trace: Exception | None = None
    ) -> None:
        """Log at WARNING the first time for a subject and then once in AGAIN_S with how often it came, else at DEBUG.

        Message and values are as in `logging`. With the first goes the traceback of `trace`.
        """
        warned_at, count = self._subjects.get(subject, (None, 0))
        now = time.monotonic()
        if warned_at is None:
            is_news = len(self._subjects) < self._most
            if is_news:
                self._subjects[subject] = (now, 0)
            level = logging.WARNING if is_news else logging.DEBUG
            self._logger.log(level, message, *values, exc_info=trace if is_news else None)
        elif now - warned_at < AGAIN_S:
            self._subjects[subject] = (warned_at, count + 1)
            self._logger.debug(message, *values)
        else:
            self._subjects[subject] = (now, 0)
            minutes = (now - warned_at) / 60
            self._logger.warning(f"{message} (%d times in %.0f minutes)", *values, count + 1, minutes)  # noqa: G004 - with the same signs

    def log_fault(self, name: str, error: Exception, outcome: str) -> None:
        """Log a fault of the program that ends nothing, and the first time where it lies."""
        message = "%s: a fault of edgehar's own, please report it: %r; %s"
        self(repr(error), message, name, error, outcome, trace=error)

    def forget(self) -> None:
        """Let everything be news again."""
        self._subjects.clear()
