"""The sentence for people that stands beside every answer."""

from collections.abc import Mapping, Sequence

from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_confirmation import Fall
from edgehar.pipeline.fall_evidence import STILL_SWING
from edgehar.pipeline.telling import Telling
from edgehar.types import NO_SIGNAL, OTHER, STANDARD_GRAVITY, Prediction

STOPPED = "edgehar was stopped."
ENDED = "The recording has ended."
PAUSED = "Paused by a request."
BEGUN_ANEW = "Begun anew by a request."
"""Reason why nothing is judged any more."""


class Reasons:
    """Puts a decision into words; `placements` names the model's sensors as worn."""

    def __init__(self, settings: Settings, placements: Sequence[str | None], telling: Telling) -> None:
        self._settings, self._placements, self._telling = settings, placements, telling

    def telling(self, state: str, belief: Sequence[float]) -> str:
        """Tell what the belief is in a state; of a kind also in its likelier labels."""
        telling = self._telling
        if state in telling:
            likely = [f"{label} {share:.0%}" for label, share in telling.likely(state, belief)]
            inside = f"; {', '.join(likely)}" if likely else ""
            return f"{state} at {telling.of(state, belief):.0%}{inside}."
        nearest, share = telling.nearest(belief)
        if state == OTHER and nearest == OTHER:
            return f"None of the labels, at {share:.0%}."
        return f"Nothing is certain enough; {nearest} comes nearest with {share:.0%}."

    def not_worn(self, still_s: float) -> str:
        """Tell for how long nothing has moved."""
        return f"No sensor has moved by {self._settings.still_swing:g} m/s² for {int(still_s / 60)} min."

    def unjudged(self, state: str, p: Prediction, gap_s: float) -> str:
        """Tell of a window that could not be judged, `gap_s` after the last one that could."""
        if state == NO_SIGNAL and p.remarks:
            return f"{p.remarks[0].capitalize()}."
        if state == NO_SIGNAL:
            return f"Too little signal to judge: {p.coverage:.0%} of the newest window came."
        return f"Held through a gap of {gap_s:.1f} s: {p.coverage:.0%} of the newest window came."

    def fallen(self, fall: Fall) -> str:
        """Tell what proves a fall."""
        hit, turned = (
            self._hit(fall.sensor, fall.peak),
            f"{fall.turn_deg:.0f} degrees from where it pointed before",
        )
        return f"A fall: {hit}, then {'still and ' if fall.swing <= STILL_SWING else ''}{turned}."

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
