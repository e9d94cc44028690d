"""The state `not_worn`: all sensors in use have lain still for so long that the wearer wears none.

The keys are `still_swing` and `not_worn_after_s` of `decision_settings`; `decision` puts the states in order.
"""

from edgehar.pipeline.decision_settings import Settings
from edgehar.types import NOT_YET, Prediction

_UNSEEN_S = 60.0
"""A gap longer than this hides that a sensor was picked up; the flaky link of one on a table has shorter ones."""

_MOVED_WINDOWS = 3
"""So many in a row show a wearer again; a round number."""


class WearCheck:
    """Watches how long all sensors lie still; `hop_s` is the model's, s."""

    def __init__(self, settings: Settings, hop_s: float) -> None:
        self._settings, self._hop_s = settings, hop_s
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.still_since = NOT_YET
        """Stream time from which all lie still, s."""
        self._seen_at = NOT_YET
        self._moved_windows = 0

    def shows_not_worn(self, p: Prediction, *, is_worn: bool) -> bool:
        """Take a judged window; tell whether it shows that nobody wears them. `is_worn`: the state until now."""
        if is_worn and p.t - self._seen_at > _UNSEEN_S:
            self.still_since = NOT_YET
        self._seen_at = p.t
        if p.peak_to_peak < self._settings.still_swing:
            self._moved_windows = 0
            self.still_since = min(self.still_since, p.t - self._hop_s)
        else:
            self._moved_windows += 1
            # One bump of the table is not a wearer.
            if is_worn or self._moved_windows >= _MOVED_WINDOWS:
                self.still_since = NOT_YET
        return p.t - self.still_since >= self._settings.not_worn_after_s

    def ignore_gap(self) -> None:
        """Let the gap that begins count for nothing: a sensor on a table stays off through any."""
        self._seen_at = NOT_YET
