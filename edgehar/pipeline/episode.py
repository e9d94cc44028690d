"""The activity that runs, told as an event when it starts and as another one when it ends; ids are made here."""

from msgspec.structs import replace

from edgehar.types import Event, Prediction


class Episode:
    """One wearer's events.

    `epoch` is Unix time at stream time 0, s: with it an event's id is unique over restarts, and a replay that gives
    the recorded epoch gives the same ids.
    """

    def __init__(self, wearer: str, model: str, epoch: float) -> None:
        self.wearer, self._model, self._epoch = wearer, model, epoch
        self.reset()

    def reset(self) -> None:
        """Forget what runs, without an event."""
        self.is_running = False
        """True between a start and its end."""
        self._started: Event | None = None
        self._sum, self._windows = 0.0, 0

    def start(
        self,
        node: str,
        previous: str,
        at: float,
        confidence: float,
        likeliest: tuple[str, float] | None,
        p: Prediction,
    ) -> Event:
        """Return the event of a node that began at `at`, s, as the window of `p` showed; `likeliest` as in `Event`."""
        self.is_running = True
        self._sum, self._windows = confidence, 1
        self._started = Event(
            # Of the detection: two onsets can fall on one moment, two detections cannot.
            id=f"{self.wearer}-{round((self._epoch + p.t) * 1e6):x}",
            kind="activity_started",
            wearer=self.wearer,
            label=node,
            previous=previous,
            confidence=confidence,
            started_at=at,
            detected_at=p.t,
            ended_at=None,
            coverage=p.coverage,
            model=self._model,
            likeliest=likeliest,
        )
        return self._started

    def add(self, confidence: float) -> None:
        """Count one more window of what runs."""
        self._sum += confidence
        self._windows += 1

    def end(self, at: float, p: Prediction, *, recovered: bool | None) -> Event:
        """Return the event of what ran until `at`, s; something must run. `recovered` as in `Event`."""
        assert self._started
        event = replace(
            self._started,
            kind="activity_ended",
            ended_at=at,
            detected_at=p.t,
            confidence=self._sum / self._windows,
            coverage=p.coverage,
            recovered=recovered,
        )
        self.reset()
        return event
