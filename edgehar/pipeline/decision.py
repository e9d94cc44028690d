"""The decision: from the model's answers to windows to activities and events.

    the state becomes   when                                                        and began
    ------------------  ----------------------------------------------------------  -----------------------
    no_signal           nothing came, or too little to judge, for too long          at the last judged window
    not_worn            all sensors lay still for `not_worn_after_s`                when they last moved
    falling             a suspected fall is confirmed by what followed (at once)    with the impact
    a label or a kind   `telling` chooses it by the `belief`                        when it became likelier than not
    other               it chooses none, and a window's length was judged           when what was told no longer was

The rows are asked in this order. A window that cannot be judged brings only no_signal or falling: to the belief it is
time without evidence. Nothing begins more than half a minute before it is told. Labels and kinds of labels make events,
the others none; a kind that was one of its labels all along ends when it began, and the label has its time. All timing is
in stream time, so a replay decides as the live run did.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from edgehar.pipeline.belief import belief_in, confirms_falls
from edgehar.pipeline.decision_settings import Settings, check
from edgehar.pipeline.episode import Episode
from edgehar.pipeline.fall_confirmation import Fall, FallConfirmation
from edgehar.pipeline.no_signal import SignalCheck
from edgehar.pipeline.not_worn import WearCheck
from edgehar.pipeline.reasons import Reasons
from edgehar.pipeline.telling import Telling
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


class _Held(Struct):
    """The state that holds."""

    state: str = NO_SIGNAL
    since: float = NOT_YET
    """Stream time from which it holds, s, corrected for the window's delay."""


class Decision:
    """One wearer's answers and events.

    `episode` makes the events; `telling` chooses among the model's labels and their kinds; `window_s` and `hop_s` are
    the model's, s; `placements` names its sensors as worn. ConfigError if the settings contradict one another.
    """

    def __init__(
        self,
        episode: Episode,
        telling: Telling,
        window_s: float,
        hop_s: float,
        settings: Settings,
        *,
        placements: Sequence[str | None] = (),
    ) -> None:
        check(settings, hop_s)
        self._episode, self._placements, self._telling = episode, placements, telling
        self._window_s, self._hop_s = window_s, hop_s
        tree = telling.tree
        self._falls: FallConfirmation | None = None
        if confirms_falls(tree, settings) and telling.finest(FALLING):
            label = tree.labels.index(FALLING)
            self._falls = FallConfirmation(label, window_s, hop_s, settings.falls, placements)
        self._signal = SignalCheck(settings.no_signal_after_s, window_s, hop_s)
        self._wear = WearCheck(settings, hop_s)
        self._belief = belief_in(tree, settings)
        self._reasons = Reasons(settings, placements, telling)
        self.reset()

    def reset(self) -> None:
        """Forget everything; what runs ends without an event."""
        self._held = _Held()
        self._signal.reset()
        self._wear.reset()
        self._episode.reset()
        self._start_over()

    def _start_over(self) -> None:
        """Forget what was seen, not what holds."""
        self._belief.reset()
        if self._falls:
            self._falls.reset()

    def tell_by(self, telling: Telling, settings: Settings) -> None:
        """Choose by another `telling` of the same nodes from now on; what is told goes on until it chooses otherwise."""
        self._telling = telling
        self._reasons = Reasons(settings, self._placements, telling)

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
        self._belief.interrupt()
        if self._falls:
            self._falls.reset()
        return self._change(NO_SIGNAL, lost_at, p)

    def _judge(self, p: Prediction, probabilities: list[float]) -> bool:
        """Take in a judged window; tell whether it shows that nobody wears the sensors."""
        self._belief.push(probabilities, p.t)
        self._signal.judged_at = p.t
        is_not_worn = self._wear.shows_not_worn(p, is_worn=self._held.state != NOT_WORN)
        if is_not_worn:
            self._start_over()
        return is_not_worn

    def _fall(self, fall: Fall, p: Prediction) -> list[Event]:
        """Tell a fall at once; it is certain until later windows say something else."""
        self._belief.assume(self._telling.tree.labels.index(FALLING))
        return self._change(self._telling.finest(FALLING) or OTHER, fall.t, p, fall=fall)

    def _settle(self, p: Prediction) -> list[Event]:
        """Tell what the belief is certain of."""
        state = self._held.state
        if self._episode.is_running:
            self._episode.add(self._telling.of(state, self._belief.now))
        target = self._telling.choose(self._belief.now, state)
        if target == OTHER and state in _NO_ANSWERS and self._belief.lasted_s < self._window_s:
            return []
        return self._change(target, self._onset(target), p) if target != state else []

    def _onset(self, target: str) -> float:
        """Return when a node or `other` began that is first told now, s: windows show it late."""
        held, belief = self._held.state, self._belief
        if target in self._telling:
            shown = belief.since(self._telling.indices(target))
        else:
            left = self._telling.indices(held) if held in self._telling else ()
            shown = belief.since([i for i in range(len(belief.now)) if i not in left])
        if shown == belief.begun_at and held == NO_SIGNAL:
            return shown - self._window_s  # under way when the signal came
        # The likelier label flips when half of the window shows the new activity, and the first window to show
        # it ends half a hop after that in the mean.
        return shown - (self._window_s + self._hop_s) / 2

    def _change(self, state: str, at: float, p: Prediction, fall: Fall | None = None) -> list[Event]:
        """Enter `state`, which began at about `at`, s, but not before the state that it ends."""
        held = self._held
        if state == held.state and fall is None:
            return []
        if self._falls and fall is None and held.state == self._telling.finest(FALLING):
            self._belief.rule_out(self._telling.tree.labels.index(FALLING))  # each fall has to be confirmed
        at = min(max(at, held.since), p.t)
        recovered = self._falls.recovered if self._falls and held.state == FALLING else None
        events = [self._episode.end(at, p, recovered=recovered)] if self._episode.is_running else []
        if state in self._telling:
            confidence = fall.probability if fall else self._telling.of(state, self._belief.now)
            likeliest = self._telling.likeliest(state, self._belief.now)
            events.append(self._episode.start(state, held.state, at, confidence, likeliest, p))
        self._held = _Held(state, at)
        return events

    def _why_judged(self, p: Prediction) -> str:
        state = self._held.state
        if state == NOT_WORN and self._belief.begun_at == NOT_YET:
            reason = self._reasons.not_worn(p.t - self._wear.still_since)
        else:
            reason = self._reasons.telling(state, self._belief.now)
        return self._reasons.without(reason, p.excluded_sensors) if p.excluded_sensors else reason

    def _answer(self, p: Prediction, reason: str) -> Activity:
        state, since, belief = self._held.state, self._held.since, self._belief.now
        no_answer, confidence, likeliest = _NO_ANSWERS.get(state), 0.0, None
        if state in self._telling:
            confidence, likeliest = self._telling.of(state, belief), self._telling.likeliest(state, belief)
        elif state == OTHER:
            nearest, share = self._telling.nearest(belief)
            confidence = share if nearest == OTHER else 1.0 - share
        excluded = (
            tuple([self._placements[i] or "" for i in p.excluded_sensors]) if p.excluded_sensors else ()
        )
        return Activity(
            wearer=self._episode.wearer,
            label=None if no_answer else state,
            no_answer=no_answer,
            reason=reason,
            confidence=confidence,
            t=p.t,
            since=since,
            coverage=p.coverage,
            excluded_sensors=excluded,
            likeliest=likeliest,
            remarks=p.remarks,
        )
