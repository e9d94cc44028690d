"""The decision: from the model's answers to windows to activities and events.

    the state becomes   when                                                        and began
    ------------------  ----------------------------------------------------------  -----------------------
    no_signal           nothing came, or too little to judge, for too long          at the last judged window
    not_worn            all sensors lay still for `not_worn_after_s`                when they last moved
    falling             a suspected fall is confirmed by what followed (at once)    with the impact
    a label             it leads with `enter` or more, and did not just end         when it took the lead
    (the same label)    it has `stay` or more
    other               none of these                                               when the label lost the lead

The rows are asked in this order. The first three are taken at once; a label or `other` once `patience` windows in
a row have called for it and the label that holds has held `dwell_s`. A window that cannot be judged brings only
no_signal or falling. Only labels make events. All timing is in stream time, so a replay decides as the live
run did.
"""

from collections.abc import Sequence
from math import inf

from msgspec import Struct
from msgspec.structs import replace

from edgehar.pipeline.decision_settings import Settings, check
from edgehar.pipeline.episode import Episode
from edgehar.pipeline.fall_confirmation import Fall, FallConfirmation
from edgehar.pipeline.no_signal import SignalCheck
from edgehar.pipeline.not_worn import WearCheck
from edgehar.pipeline.reasons import Reasons
from edgehar.pipeline.smoothing import Smoothing
from edgehar.types import (
    FALLING,
    NO_SIGNAL,
    NOT_WORN,
    NOT_YET,
    OTHER,
    Activity,
    Event,
    NoAnswer,
    Prediction,
)

_NO_ANSWERS: dict[str, NoAnswer] = {NO_SIGNAL: NO_SIGNAL, NOT_WORN: NOT_WORN}

_SETTLED = 3.0
"""Time constants after which smoothing has done 95 % of a step, and so explains no further delay."""


class _Held(Struct):
    """The state that holds."""

    state: str = NO_SIGNAL
    since: float = NOT_YET
    """Stream time from which it holds, s, corrected for the window's delay."""
    changed_at: float = NOT_YET
    """End of the window that brought it, s."""


class _Pending(Struct):
    """A change that windows in a row call for."""

    target: str = ""
    windows: int = 0
    onset: float = 0.0
    """Stream time at which the target began, s."""
    left_at: float = NOT_YET
    """End of the window since which the label that holds no longer leads, s."""


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
        self._wearer, self._placements, self._settings = wearer, placements, settings
        self._window_s, self._hop_s = window_s, hop_s
        self._labels = frozenset(labels) - {OTHER}
        self._falls: FallConfirmation | None = None
        if FALLING in self._labels and settings.fall_within_s:
            self._falls = FallConfirmation(labels.index(FALLING), window_s, hop_s, settings)
        self._signal = SignalCheck(settings.no_signal_after_s, window_s, hop_s)
        self._wear = WearCheck(settings, hop_s)
        # A fall that is only suspected is not told.
        self._smoothing = Smoothing(labels, settings.smoothing_s, FALLING if self._falls else None)
        self._episode = Episode(wearer, model, epoch)
        self._reasons = Reasons(settings, placements)
        self.reset()

    def reset(self) -> None:
        """Forget everything; what runs ends without an event."""
        self._held = _Held()
        self._given_up: dict[str, float] = {}
        self._signal.reset()
        self._wear.reset()
        self._episode.reset()
        self._start_over()

    def _start_over(self) -> None:
        """Forget what was smoothed and counted, not what holds."""
        self._pending = _Pending()
        self._smoothing.reset()
        if self._falls:
            self._falls.reset()

    def excuse(self, t: float) -> None:
        """Hold the state over the windows until `t`, s, that bring nothing: it came, and cannot be read."""
        self._signal.excuse(t)

    def push(self, prediction: Prediction) -> list[Activity | Event]:
        """Return the events that this window completes, then the one activity it stands for."""
        p = prediction
        events: list[Event] = []
        if self._held.since == NOT_YET:
            self._held.since = p.t - self._window_s
        lost_at = self._signal.push(p)
        if lost_at is not None:
            events += self._lose_signal(lost_at, p)
        falls = self._falls.push(p) if self._falls else []
        if p.probabilities is not None and self._judge(p, p.probabilities.tolist()):
            events += self._change(NOT_WORN, self._wear.still_since, p)
            reason = self._why_judged(p)
        elif falls:
            [fall] = falls
            events += self._fall(fall, p)
            reason = self._reasons.fallen(fall)
        elif p.probabilities is not None:
            events += self._settle(p)
            reason = self._why_judged(p)
        else:
            reason = self._reasons.unjudged(self._held.state, p, p.t - self._signal.judged_at)
        if self._falls and (suspected := self._falls.suspected):
            reason = self._reasons.suspecting(reason, *suspected)
        return [*events, self._answer(p, reason)]

    def finish(self, t: float, reason: str) -> list[Activity | Event]:
        """End what runs with the last judged window: for a `reason` in words nothing is judged after `t`, s."""
        p = Prediction(t, None, None, 0.0, 0.0, is_fresh=False)
        self._held.since = min(self._held.since, t)
        ended = self._lose_signal(min(self._signal.judged_at, t), p)
        return [*ended, replace(self._answer(p, reason), is_last=True)]

    def _lose_signal(self, lost_at: float, p: Prediction) -> list[Event]:
        """End the answer with the last judged window, `lost_at`, s."""
        if self._held.state == NOT_WORN:
            self._wear.ignore_gap()
        self._start_over()
        return self._change(NO_SIGNAL, lost_at, p)

    def _judge(self, p: Prediction, probabilities: list[float]) -> bool:
        """Take in a judged window; tell whether it shows that nobody wears the sensors."""
        pending = self._pending
        if p.t - self._signal.judged_at > self._window_s:
            pending.target, pending.windows = "", 0  # nothing is in a row over more than a window unseen
        self._smoothing.push(probabilities, p.t)
        self._signal.judged_at = p.t
        if self._smoothing.lead == self._held.state:
            pending.left_at = NOT_YET
        elif pending.left_at == NOT_YET:
            pending.left_at = p.t
        is_not_worn = self._wear.shows_not_worn(p, is_worn=self._held.state != NOT_WORN)
        if is_not_worn:
            self._start_over()
        return is_not_worn

    def _fall(self, fall: Fall, p: Prediction) -> list[Event]:
        """Tell a fall at once; it counts from then on as if all windows before had shown it."""
        self._smoothing.assume(FALLING, fall.probability)
        return self._change(FALLING, fall.t, p, again=True)

    def _settle(self, p: Prediction) -> list[Event]:
        """Count the windows that call for the same change, and make it when they are enough."""
        state, pending = self._held.state, self._pending
        if self._episode.is_running:
            self._episode.add(self._smoothing.of(state))
        target = self._called_for(p.t)
        if target == state:
            pending.target, pending.windows = "", 0
            return []
        if target != pending.target and pending.windows and state in _NO_ANSWERS:
            target = pending.target = OTHER  # to disagree is an answer too: the signal is there
        elif target != pending.target:
            pending.target, pending.windows, pending.onset = target, 0, self._onset(target, p.t)
        pending.windows += 1
        dwells = self._episode.is_running and p.t - self._held.changed_at < self._settings.dwell_s
        if pending.windows < self._settings.patience or dwells:
            return []
        self._given_up[state] = p.t
        return self._change(target, pending.onset, p)

    def _called_for(self, t: float) -> str:
        """Return the state that the smoothed probabilities alone call for."""
        state, label = self._held.state, self._smoothing.best_label
        if self._smoothing.best >= self._settings.enter and (
            label == state or not self._is_refractory(label, t)
        ):
            return label
        stays = state in self._labels and self._smoothing.of(state) >= self._settings.stay
        return state if stays else OTHER

    def _is_refractory(self, label: str, t: float) -> bool:
        return t - self._given_up.get(label, -inf) < self._settings.refractory_s

    def _onset(self, target: str, t: float) -> float:
        """Return when a label or `other` began that is called for first at `t`, s: smoothing and window call late."""
        shown = t
        if self._smoothing.lead == target:
            shown = self._smoothing.lead_since
        elif target == OTHER:
            shown = min(self._pending.left_at, t)
        if shown == self._smoothing.begun_at and self._held.state == NO_SIGNAL:
            return shown - self._window_s  # under way when the signal came
        # The arg-max flips when half of the window shows the new activity, and the first window to show
        # it ends half a hop after that in the mean.
        earliest = t - _SETTLED * self._settings.smoothing_s
        return max(shown, earliest) - (self._window_s + self._hop_s) / 2

    def _change(self, state: str, at: float, p: Prediction, *, again: bool = False) -> list[Event]:
        """Enter `state`, which began at about `at`, s, but not before the state that it ends."""
        held = self._held
        if state == held.state and not again:
            return []
        at = max(at, held.since)
        events = [self._episode.end(at, p)] if self._episode.is_running else []
        if state in self._labels:
            events.append(self._episode.start(state, held.state, at, self._smoothing.of(state), p))
        self._held = _Held(state, at, p.t)
        self._pending.target, self._pending.windows, self._pending.left_at = "", 0, NOT_YET
        return events

    def _why_judged(self, p: Prediction) -> str:
        state, pending, smoothing = self._held.state, self._pending, self._smoothing
        if state == NOT_WORN and not pending.windows:
            reason = self._reasons.not_worn(p.t - self._wear.still_since)
        elif pending.windows:
            reason = self._reasons.pending(smoothing, pending.target, pending.windows)
        else:
            is_refractory = self._is_refractory(smoothing.best_label, p.t)
            reason = self._reasons.holding(smoothing, state, is_refractory=is_refractory)
        return self._reasons.without(reason, p.excluded_sensors) if p.excluded_sensors else reason

    def _answer(self, p: Prediction, reason: str) -> Activity:
        state, since, smoothing = self._held.state, self._held.since, self._smoothing
        confidence = 0.0
        if state in self._labels:
            confidence = smoothing.of(state)
        elif state == OTHER:
            confidence = smoothing.best if smoothing.best_label == OTHER else 1 - smoothing.best
        no_answer = _NO_ANSWERS.get(state)
        label = None if no_answer else state
        excluded = (
            tuple([self._placements[i] or "" for i in p.excluded_sensors]) if p.excluded_sensors else ()
        )
        return Activity(self._wearer, label, no_answer, reason, confidence, p.t, since, p.coverage, excluded)
