"""Back-off: how long whoever lost a sensor or a broker waits before each new attempt.

The pause is drawn evenly from 0 to a ceiling that doubles with every failure ("full jitter":
M. Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015), so that many that lost one
hub or one broker do not all come back in the same instant. `sources.reconnect` and
`publishers.mqtt_reconnect` draw it.
"""

from msgspec import Struct


class Delays(Struct, frozen=True):
    """Ceilings of the pauses, growing from the first to the longest."""

    first_s: float = 0.5
    """Ceiling after the first failure, s."""
    longest_s: float = 30.0
    """The ceiling never grows beyond this, s."""

    def ceiling_s(self, failures: int) -> float:
        """Return the ceiling of the pause after the `failures`-th failure in a row (1, 2, ...), s."""
        # 2**32 times anything sensible is past `longest_s`; without a limit the float overflows in a week.
        return min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 32))
