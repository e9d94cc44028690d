"""The sentence for people that stands beside every answer."""

from collections.abc import Mapping, Sequence

from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_confirmation import Fall
from edgehar.pipeline.smoothing import Smoothing
from edgehar.types import NO_SIGNAL, OTHER, STANDARD_GRAVITY, Prediction

STOPPED = "edgehar was stopped."
ENDED = "The recording has ended."
"""Why nothing is judged any more."""


class Reasons:
    """Puts a decision into words; `placements` names the model's sensors as worn."""

    def __init__(self, settings: Settings, placements: Sequence[str | None]) -> None:
        self._settings, self._placements = settings, placements

    def pending(self, smoothing: Smoothing, target: str, windows: int) -> str:
        """Tell of a change that so many windows in a row call for, and that is not made yet."""
        run = f"window {windows} in a row that calls for {target}"
        return f"{smoothing.best_label} leads with {smoothing.best:.0%}: {run}."

    def holding(self, smoothing: Smoothing, state: str, *, is_refractory: bool) -> str:
        """Tell why `state`, a label or `other`, holds; `is_refractory`: the best label may not yet begin again."""
        best, label = smoothing.best, smoothing.best_label
        if state != OTHER:
            return f"{state} has {smoothing.of(state):.0%}, enough to stay."
        if best >= self._settings.enter and is_refractory:
            return f"{label} has {best:.0%}, but ended less than {self._settings.refractory_s:g} s ago."
        return f"No label is certain enough; {label} comes nearest with {best:.0%}."

    def not_worn(self, still_s: float) -> str:
        """Tell for how long nothing has moved."""
        return f"No sensor has moved by {self._settings.still_swing:g} m/s² for {int(still_s / 60)} min."

    def unjudged(self, state: str, p: Prediction, gap_s: float) -> str:
        """Tell of a window that could not be judged, `gap_s` after the last one that could."""
        if state == NO_SIGNAL:
            return f"Too little signal to judge: {p.coverage:.0%} of the newest window came."
        return f"Held through a gap of {gap_s:.1f} s: {p.coverage:.0%} of the newest window came."

    def fallen(self, fall: Fall) -> str:
        """Tell what proves a fall."""
        hit = self._hit(fall.sensor, fall.peak)
        return f"A fall: {hit}, then still and {fall.turn_deg:.0f} degrees from where it pointed before."

    def without(self, reason: str, excluded: Mapping[int, float]) -> str:
        """Add to a reason which sensors were left out, with the share of their samples that came."""
        names = ", ".join(
            f"{self._placements[i]} ({share:.0%} of its samples came)" for i, share in excluded.items()
        )
        return f"{reason[:-1]}; without {names}."

    def suspecting(self, reason: str, sensor: int, peak: float) -> str:
        """Add to a reason that it is waited for what follows a hit with this peak, m/s²."""
        return f"{reason[:-1]}; {self._hit(sensor, peak)}, waits to see whether it was a fall."

    def _hit(self, sensor: int, peak: float) -> str:
        return f"{self._placements[sensor]} was hit with {peak / STANDARD_GRAVITY:.1f} g"
