"""The choice of frames, so that no more are looked at than wanted."""

_EARLY = 0.25
"""Share of a period by which a frame may come too early: of a camera at 30 Hz that jitters, every second is taken for
15 Hz, and not now and then only every third."""


class Throttle:
    """The choice of at most `max_fps` frames per second, over a few seconds, by their times."""

    def __init__(self, max_fps: float) -> None:
        self._period = 1.0 / max_fps
        self._due: float | None = None

    def takes(self, t: float) -> bool:
        """Tell whether a frame at `t`, s, is to be looked at; if so, it counts."""
        due = t if self._due is None else self._due
        if t < due - _EARLY * self._period:
            return False
        # Who was late is not in debt: no burst follows a pause.
        self._due = max(due + self._period, t)
        return True
