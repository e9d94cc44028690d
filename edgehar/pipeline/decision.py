"""What the wearer does, from what the model says of each window.

    no_signal ─┐                                  an answer is taken when `patience` windows in a
    not_worn  ─┼─▶ other ◀──▶ label ──▶ label     row call for it and a label has held `dwell_s`;
               └──────────────▶ label             no_signal and not_worn are taken at once

A label is called for when its smoothed probability leads and reaches `enter`; the label that holds
needs only `stay`; failing both it is `other`. `falling` is told at once, but only when its aftermath
was seen. Only labels make events. All timing is in stream time, so a replay decides as the live run did.
"""

from collections.abc import Mapping, Sequence
from math import exp, inf

from msgspec.structs import replace

from edgehar.pipeline.decision_settings import Settings, check
from edgehar.pipeline.fall_confirmation import Aftermath, Fall
from edgehar.types import FALLING, OTHER, STANDARD_GRAVITY, Activity, Event, NoAnswer, Prediction

__all__ = ["NOT_WORN", "NO_SIGNAL", "Decision", "Settings"]

NO_SIGNAL = "no_signal"
NOT_WORN = "not_worn"
_NO_ANSWERS: dict[str, NoAnswer] = {"no_signal": "no_signal", "not_worn": "not_worn"}

_NOT_YET = inf
"""A time that has not come: nothing is later than it, and no time has passed since."""

_UNSEEN_S = 60.0
"""A gap longer than this hides that a sensor was picked up; the flaky link of one on a table has shorter ones."""

_SETTLED = 3.0
"""Time constants after which smoothing has done 95 % of a step, and so explains no further delay."""


class Decision:
    """One wearer's answers and events.

    `window_s` and `hop_s` are the model's, s. `epoch` is the Unix time, s, at stream time 0: with it
    an event's id is unique over restarts, and a replay that gives the recorded epoch gives the same
    ids. `placements` names the model's sensors as worn. ConfigError if the settings contradict one another.
    """

    def __init__(
        self,
        wearer: str,
        labels: Sequence[str],
        window_s: float,
        hop_s: float,
        settings: Settings,
        model: str,
        *,
        epoch: float = 0.0,
        placements: Sequence[str | None] = (),
    ) -> None:
        check(settings, hop_s)
        self._wearer, self._labels, self._model, self._epoch = wearer, tuple(labels), model, epoch
        self._window_s, self._hop_s, self._settings = window_s, hop_s, settings
        self._starved_s = settings.no_signal_after_s + window_s + hop_s
        self._placements = placements
        self._index = {label: i for i, label in enumerate(labels) if label != OTHER}
        self._aftermath: Aftermath | None = None
        if FALLING in self._index and settings.fall_within_s:
            self._aftermath = Aftermath(self._index[FALLING], window_s, hop_s, settings)
        self.reset()

    def reset(self) -> None:
        """Forget everything; what runs ends without an event."""
        self._state, self._since, self._changed_at = NO_SIGNAL, _NOT_YET, _NOT_YET
        self._started: Event | None = None
        self._sum, self._count = 0.0, 0
        self._given_up: dict[str, float] = {}
        self._judged_at = self._came_at = self._seen_at = self._still_since = _NOT_YET
        self._moved = 0
        self._restart()

    def _restart(self) -> None:
        """Forget what was smoothed and counted, not what holds."""
        self._smoothed: list[float] = []
        self._heard_at = self._lead_since = self._left_at = _NOT_YET
        self._lead, self._best, self._best_label = -1, 0.0, OTHER
        self._target, self._run, self._onset = "", 0, 0.0
        if self._aftermath:
            self._aftermath.reset()

    def push(self, prediction: Prediction) -> list[Activity | Event]:
        """The events that this window completes, then the one activity it stands for."""
        p = prediction
        out: list[Activity | Event] = []
        if self._since == _NOT_YET:
            self._since = p.t - self._window_s
        has_come = p.is_fresh or p.probabilities is not None
        silent_until = p.t - self._hop_s if has_come else p.t
        if silent_until - self._came_at >= self._settings.no_signal_after_s or self._is_starved(p):
            out += self._lose_signal(p)
        if has_come:
            self._came_at = p.t
        falls = self._aftermath.push(p) if self._aftermath else []
        if p.probabilities is None:
            reason = self._why_unjudged(p)
        else:
            events, reason = self._judge(p, p.probabilities.tolist(), settles=not falls)
            out += events
        for fall in falls:
            out += self._fell(fall, p)
            reason = self._why_fallen(fall)
        out.append(self._answer(p, self._with_suspicion(reason)))
        return out

    def _judge(self, p: Prediction, raw: list[float], *, settles: bool) -> tuple[list[Event], str]:
        """The events that a judged window completes, and why it is answered as it is."""
        if p.t - self._judged_at > self._window_s:
            self._target, self._run = "", 0  # nothing is in a row over more than a window unseen
        self._smooth(raw, p.t)
        self._judged_at = p.t
        if self._is_still(p):
            self._restart()
            events = self._change(NOT_WORN, self._still_since, p)
            reason = self._why_not_worn(p.t)
        else:
            events = self._settle(p) if settles else []
            reason = self._why(p.t)
        if p.excluded_sensors:
            reason = f"{reason[:-1]}; without {self._names(p.excluded_sensors)}."
        return events, reason

    def _smooth(self, raw: list[float], t: float) -> None:
        """Move the average towards `raw`, by the true time since the last judged window."""
        tau = self._settings.smoothing_s
        if self._aftermath:
            raw[self._index[FALLING]] = 0.0  # what is suspected is not told
        if not self._smoothed:
            self._smoothed, self._heard_at = raw, t
        else:
            keep = exp((self._judged_at - t) / tau) if tau else 0.0
            self._smoothed = [new + keep * (old - new) for old, new in zip(self._smoothed, raw, strict=True)]
        self._best = max(self._smoothed)
        self._best_label = self._labels[self._smoothed.index(self._best)]
        lead = raw.index(max(raw))
        if lead != self._lead:
            self._lead, self._lead_since = lead, t
        if self._labels[lead] == self._state:
            self._left_at = _NOT_YET
        elif self._left_at == _NOT_YET:
            self._left_at = t

    def _called_for(self, t: float) -> str:
        """The state that the smoothed probabilities alone call for."""
        label = self._best_label
        if self._best >= self._settings.enter and (label == self._state or not self._is_refractory(label, t)):
            return label
        held = self._index.get(self._state)
        return self._state if held is not None and self._smoothed[held] >= self._settings.stay else OTHER

    def _is_refractory(self, label: str, t: float) -> bool:
        return t - self._given_up.get(label, -inf) < self._settings.refractory_s

    def _settle(self, p: Prediction) -> list[Event]:
        """Count the windows that call for the same change, and make it when they are enough."""
        if self._started:
            self._sum += self._smoothed[self._index[self._state]]
            self._count += 1
        target = self._called_for(p.t)
        if target == self._state:
            self._target, self._run = "", 0
            return []
        if target != self._target and self._run and self._state in (NO_SIGNAL, NOT_WORN):
            target = self._target = OTHER  # to disagree is an answer too: the signal is there
        elif target != self._target:
            self._target, self._run, self._onset = target, 0, self._began(target, p.t)
        self._run += 1
        dwells = self._started is not None and p.t - self._changed_at < self._settings.dwell_s
        if self._run < self._settings.patience or dwells:
            return []
        self._given_up[self._state] = p.t
        return self._change(target, self._onset, p)

    def _fell(self, fall: Fall, p: Prediction) -> list[Event]:
        """A fall is told at once, and counts from then on as if all windows before had shown it."""
        fallen = self._index[FALLING]
        self._smoothed = [(1.0 - fall.probability) * old for old in self._smoothed]
        self._smoothed[fallen] = fall.probability
        return self._change(FALLING, fall.t, p, again=True)

    def _began(self, target: str, t: float) -> float:
        """When that began which is called for first at `t`, s: smoothing calls late, and so does the window."""
        shown = t
        if self._labels[self._lead] == target:
            shown = self._lead_since
        elif target == OTHER:
            shown = min(self._left_at, t)
        if shown == self._heard_at and self._state == NO_SIGNAL:
            return shown - self._window_s  # under way when the signal came
        # The arg-max flips when half of the window shows the new activity, and the first window to show
        # it ends half a hop after that in the mean.
        return max(shown, t - _SETTLED * self._settings.smoothing_s) - (self._window_s + self._hop_s) / 2

    def _is_starved(self, p: Prediction) -> bool:
        """Whether too little to judge came for longer than the longest gap that is held and a window's refill."""
        return p.probabilities is None and p.t - self._judged_at > self._starved_s

    def _lose_signal(self, p: Prediction) -> list[Event]:
        """The answer ends with the last judged window."""
        if self._state == NOT_WORN:
            self._seen_at = _NOT_YET  # a sensor on a table stays off through any gap
        lost_at, self._judged_at, self._came_at = self._judged_at, _NOT_YET, _NOT_YET
        self._restart()
        return self._change(NO_SIGNAL, lost_at, p)

    def _is_still(self, p: Prediction) -> bool:
        """Whether all sensors in use have lain still for so long that they are not worn."""
        if self._state != NOT_WORN and p.t - self._seen_at > _UNSEEN_S:
            self._still_since = _NOT_YET
        self._seen_at = p.t
        if p.peak_to_peak < self._settings.still_swing:
            self._moved = 0
            self._still_since = min(self._still_since, p.t - self._hop_s)
        else:
            self._moved += 1
            # One bump of the table is not a wearer.
            if self._moved >= self._settings.patience or self._state != NOT_WORN:
                self._still_since = _NOT_YET
        return p.t - self._still_since >= self._settings.not_worn_after_s

    def _change(self, state: str, at: float, p: Prediction, *, again: bool = False) -> list[Event]:
        """Enter `state`, which began at about `at`, s, but not before the state that it ends."""
        if state == self._state and not again:
            return []
        at = max(at, self._since)
        events = [self._end(at, p)] if self._started else []
        self._started = self._start(state, at, p) if state in self._index else None
        events += [self._started] if self._started else []
        self._state, self._since, self._changed_at = state, at, p.t
        self._target, self._run, self._left_at = "", 0, _NOT_YET
        return events

    def _start(self, label: str, at: float, p: Prediction) -> Event:
        self._sum, self._count = self._smoothed[self._index[label]], 1
        return Event(
            # Of the detection: two onsets can fall on one moment, two detections cannot.
            id=f"{self._wearer}-{round((self._epoch + p.t) * 1e6):x}",
            kind="activity_started",
            wearer=self._wearer,
            label=label,
            previous=self._state,
            confidence=self._sum,
            started_at=at,
            detected_at=p.t,
            ended_at=None,
            coverage=p.coverage,
            model=self._model,
        )

    def _end(self, at: float, p: Prediction) -> Event:
        assert self._started
        ended = replace(self._started, kind="activity_ended", ended_at=at, detected_at=p.t)
        return replace(ended, confidence=self._sum / self._count, coverage=p.coverage)

    def _answer(self, p: Prediction, reason: str) -> Activity:
        state, confidence = self._state, 0.0
        if state in self._index:
            confidence = self._smoothed[self._index[state]]
        elif state == OTHER:
            confidence = self._best if self._best_label == OTHER else 1 - self._best
        none = _NO_ANSWERS.get(state)
        label = None if none else state
        missing = tuple([self._placements[i] or "" for i in p.excluded_sensors]) if p.excluded_sensors else ()
        return Activity(self._wearer, label, none, reason, confidence, p.t, self._since, p.coverage, missing)

    def _why(self, t: float) -> str:
        best, label = self._best, self._best_label
        if self._run:
            run = f"window {self._run} in a row that calls for {self._target}"
            return f"{label} leads with {best:.0%}: {run}."
        if self._state != OTHER:
            return f"{self._state} has {self._smoothed[self._index[self._state]]:.0%}, enough to stay."
        if best >= self._settings.enter and self._is_refractory(label, t):
            return f"{label} has {best:.0%}, but ended less than {self._settings.refractory_s:g} s ago."
        return f"No label is certain enough; {label} comes nearest with {best:.0%}."

    def _why_fallen(self, fall: Fall) -> str:
        hit = self._hit(fall.sensor, fall.peak)
        return f"A fall: {hit}, then still and {fall.turn_deg:.0f} degrees from where it pointed before."

    def _with_suspicion(self, reason: str) -> str:
        """The reason, and what is waited for."""
        hit = self._aftermath.suspected if self._aftermath else None
        return f"{reason[:-1]}; {self._hit(*hit)}, waits to see whether it was a fall." if hit else reason

    def _hit(self, sensor: int, peak: float) -> str:
        return f"{self._placements[sensor]} was hit with {peak / STANDARD_GRAVITY:.1f} g"

    def _why_unjudged(self, p: Prediction) -> str:
        if self._state == NO_SIGNAL:
            return f"Too little signal to judge: {p.coverage:.0%} of the newest window came."
        gap_s = p.t - self._judged_at
        return f"Held through a gap of {gap_s:.1f} s: {p.coverage:.0%} of the newest window came."

    def _names(self, missing: Mapping[int, float]) -> str:
        shares = ((self._placements[i], share) for i, share in missing.items())
        return ", ".join(f"{name} ({share:.0%} of its samples came)" for name, share in shares)

    def _why_not_worn(self, t: float) -> str:
        still_min = int((t - self._still_since) / 60)
        return f"No sensor has moved by {self._settings.still_swing:g} m/s² for {still_min} min."
