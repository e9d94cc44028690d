"""All that a page shows of a replay, collected answer by answer in memory that does not grow with the recording."""

from collections.abc import Sequence

import numpy as np

from edgehar.apps.playback import Playback
from edgehar.apps.report.doubts import Doubts
from edgehar.apps.report.envelope import Envelope
from edgehar.apps.report.sensor import SensorStrips
from edgehar.apps.report.spans import Spans
from edgehar.apps.report.truth import AgainstTruth
from edgehar.types import FALLING, Activity, Event, Samples

_BEFORE_S = 10.0
"""Samples are older than their arrival by no more than this, s."""

_HELD_ANSWERS = 256

_MOST_FALLS = 200


class Collected:
    """A collection of what a playback's pipeline told and took."""

    def __init__(self, playback: Playback) -> None:
        """Have the pipeline hand over its samples from now on."""
        self.pipeline = pipeline = playback.pipeline
        self.streams, self.tree = playback.header.streams, pipeline.tree
        self.spans = Spans()
        self.doubts = Doubts()
        self.falls: list[float] = []
        """Onset of falls, stream time in s."""
        truth = playback.recording.truth
        self.truth = AgainstTruth(truth, pipeline.tree, playback.window_s) if truth else None
        """Nothing where nobody says what was done."""
        self.sensors: list[SensorStrips] = []
        self.confidence: Envelope | None = None
        """Belief in what was told."""
        self.answers = 0
        self._held: list[tuple[float, float]] = []
        self._newest: float | None = None
        pipeline.watchers.append(self._watch)

    def take(self, items: Sequence[Activity | Event]) -> None:
        """Take the next answers."""
        for item in items:
            if isinstance(item, Activity):
                # The last says that the recording has ended, and nothing of the wearer.
                if not item.is_last:
                    self._take_activity(item)
            elif item.kind == "activity_started" and item.label == FALLING and len(self.falls) < _MOST_FALLS:
                self.falls.append(item.started_at)
            if self.truth:
                self.truth.push(item)

    def finish(self) -> None:
        """Draw what is held."""
        for sensor in self.sensors:
            sensor.flush()
        self.doubts.finish()
        self._flush()

    @property
    def seconds(self) -> dict[str, float]:
        """Time in each state, s, as the stretches have it: what an answer corrects of those before it is corrected here."""
        return self.spans.seconds()

    @property
    def begin(self) -> float:
        """Stream time of the first sample or answer, s; 0 if there is none."""
        starts = [sensor.first for sensor in self.sensors if sensor.samples]
        return min([*starts, *(span.begin for span in self.spans.all[:1])], default=0.0)

    @property
    def end(self) -> float:
        """Stream time of the last, s."""
        ends = [sensor.last for sensor in self.sensors if sensor.samples]
        return max([*ends, *(span.end for span in self.spans.all[-1:])], default=0.0)

    def _take_activity(self, activity: Activity) -> None:
        seconds = activity.t - (activity.since if self._newest is None else self._newest)
        self._newest = activity.t
        self.answers += 1
        self.spans.push(activity)
        self.doubts.push(activity, seconds)
        if activity.confidence > 0:
            self._held.append((activity.t, activity.confidence))
            if len(self._held) >= _HELD_ANSWERS:
                self._flush()

    def _flush(self) -> None:
        if self._held:
            t, confidence = np.array(self._held).T
            self.confidence = self.confidence or Envelope(t[0].item() - _BEFORE_S)
            self.confidence.push(t, confidence)
        self._held = []

    def _watch(self, stream: int, samples: Samples) -> None:
        intakes = self.pipeline.intakes
        if not self.sensors and len(samples.t):
            begin = samples.t[0].item() - _BEFORE_S
            self.sensors = [SensorStrips(intake.placement, begin) for intake in intakes]
        if self.sensors:
            self.sensors[stream].push(samples, intakes[stream].reader.health().get("lost", 0))
