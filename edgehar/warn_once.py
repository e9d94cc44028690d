"""A warning that is news once; again, it is for who debugs."""

import logging
from collections.abc import Hashable


class WarnOnce:
    """A logger's warnings, of which only the first of each subject is one."""

    def __init__(self, logger: logging.Logger, most: int = 8) -> None:
        """`most` subjects are remembered; what comes beyond them is no news either."""
        self._logger, self._most = logger, most
        self._subjects: set[Hashable] = set()

    def __call__(
        self, subject: Hashable, message: str, *values: object, trace: Exception | None = None
    ) -> None:
        """Log at WARNING the first time for a subject, else at DEBUG; message and values as in `logging`.

        With the first goes the traceback of `trace`.
        """
        is_news = subject not in self._subjects and len(self._subjects) < self._most
        if is_news:
            self._subjects.add(subject)
        level = logging.WARNING if is_news else logging.DEBUG
        self._logger.log(level, message, *values, exc_info=trace if is_news else None)

    def log_fault(self, name: str, error: Exception, outcome: str) -> None:
        """Log a fault of the program that ends nothing, and the first time where it lies."""
        message = "%s: a fault of edgehar's own, please report it: %r; %s"
        self(repr(error), message, name, error, outcome, trace=error)

    def forget(self) -> None:
        """Let everything be news again."""
        self._subjects.clear()
