"""The state `no_signal`: no sample came for too long, or too few to judge a window."""

from math import inf

from edgehar.types import NOT_YET, Prediction


class SignalCheck:
    """Watches whether windows can be judged; `window_s` and `hop_s` are the model's, s."""

    def __init__(self, no_signal_after_s: float, window_s: float, hop_s: float) -> None:
        self._no_signal_after_s, self._hop_s = no_signal_after_s, hop_s
        # Too little to judge is held for as long as the longest gap, and a window's refill.
        self._starved_after_s = no_signal_after_s + window_s + hop_s
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.judged_at = NOT_YET
        """End of the newest window that was judged, s; whoever judges sets it."""
        self._came_at = NOT_YET
        self._excused_until = -inf

    def excuse(self, t: float) -> None:
        """Take it that a signal that was not lost before went on until `t`, s, though nobody can look at it."""
        if self._came_at != NOT_YET:
            self._excused_until = t

    def push(self, p: Prediction) -> float | None:
        """Return the end of the last judged window, s, once the signal is lost; None as long as it is not."""
        has_come = p.is_fresh or p.probabilities is not None or p.t <= self._excused_until
        silent_until = p.t - self._hop_s if has_come else p.t
        unjudged_s = p.t - max(self.judged_at, self._excused_until)
        is_starved = p.probabilities is None and unjudged_s > self._starved_after_s
        lost_at = None
        if silent_until - self._came_at >= self._no_signal_after_s or is_starved:
            lost_at = self.judged_at
            self.reset()
        if has_come:
            self._came_at = p.t
        return lost_at
