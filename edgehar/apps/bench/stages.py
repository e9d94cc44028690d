"""The stages of a real pipeline, timed where they run: they say where a packet's time goes."""

import time
from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from msgspec import Struct

from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.recognizer import Recognizer
from edgehar.types import Activity, Item

Now = Callable[[], float]
"""A clock, s."""

STAGES = ("intake", "grid", "windows", "recognizer", "decision")
"""In the order in which a packet goes through them."""

WITHIN = "a packet within a window"
COMPLETES = "a packet that completes one"
INVOKE = "bare invoke"
YARDSTICK = "yardstick"

_YARDSTICK = np.random.default_rng(1).normal(size=4096).astype(np.float32)


class Spent(Struct):
    """Times of one stage, s, a value for each packet that reached it."""

    seconds: list[float] = []

    def p(self, percent: float) -> float:
        """Return a percentile, s; 0 of nothing."""
        return float(np.percentile(self.seconds, percent)) if self.seconds else 0.0


class StageTimes:
    """Times the stages of pipelines whose packets go through `push`."""

    def __init__(self, now: Now = time.perf_counter) -> None:
        self.of = {name: Spent() for name in (*STAGES, WITHIN, COMPLETES)}
        self.windows = 0
        """Windows that were answered."""
        self._now = now
        self._packet: dict[str, float] = {}
        self._running: str | None = None

    def watch(self, pipeline: Pipeline) -> Pipeline:
        """Time the stages of a pipeline from now on, and return it."""
        for intake in pipeline.intakes:
            self._time(intake, "push", "intake")
        for branch in pipeline._branches:  # noqa: SLF001 - timed where they run, not in a copy of the loop
            for verb in ("push", "advance", "flush"):
                self._time(branch.grid, verb, "grid")
            self._time(branch._windows, "push", "windows")  # noqa: SLF001 - the same
            # Pipelines share a recognizer: theirs stays as it is.
            judged = self._timed(branch._recognizer.push, "recognizer")  # noqa: SLF001 - the same
            setattr(branch, "_recognizer", SimpleNamespace(push=judged))  # noqa: B010 - of another type
        self._time(pipeline._decision, "push", "decision")  # noqa: SLF001 - the same
        return pipeline

    def push(self, pipeline: Pipeline, item: Item) -> None:
        """Let a packet through a pipeline that is watched."""
        began = self._now()
        answers = pipeline.push(*item)
        whole = self._now() - began
        windows = sum(isinstance(answer, Activity) for answer in answers)
        self.windows += windows
        self.of[COMPLETES if windows else WITHIN].seconds.append(whole)
        for stage, seconds in self._packet.items():
            self.of[stage].seconds.append(seconds)
        self._packet.clear()

    def _time(self, target: object, verb: str, stage: str) -> None:
        setattr(target, verb, self._timed(getattr(target, verb), stage))

    def _timed(self, verb: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            if self._running == stage:
                return verb(*arguments)
            self._running, before = stage, self._running
            began = self._now()
            try:
                return verb(*arguments)
            finally:
                spent = self._now() - began
                self._running = before
                self._packet[stage] = self._packet.get(stage, 0.0) + spent

        return timed


def time_packets(
    new_pipeline: Callable[[], Pipeline], items: Sequence[Item], seconds: float, now: Now = time.perf_counter
) -> StageTimes:
    """Push all packets through one new pipeline after the other, until so many seconds are over."""
    times, end = StageTimes(now), now() + seconds
    while True:
        pipeline = times.watch(new_pipeline())
        for item in items:
            times.push(pipeline, item)
        if now() >= end:
            return times


def repeated(work: Callable[[], object], times: int, now: Now = time.perf_counter) -> Spent:
    """Return the times of a piece of work, s, after one that does not count."""
    work()
    seconds = []
    for _ in range(times):
        began = now()
        work()
        seconds.append(now() - began)
    return Spent(seconds)


def bare_invoke(recognizer: Recognizer) -> Callable[[], object]:
    """Return the network of a recognizer alone, as the run time runs it."""
    invoke: Callable[[], object] = recognizer._interpreter.invoke  # noqa: SLF001 - what all else is compared with
    return invoke


def yardstick() -> None:
    """Do what is the same on every machine: NumPy sorts 4096 float32 and adds them up, in one thread."""
    np.cumsum(np.sort(_YARDSTICK))


def by_name(times: StageTimes, others: Iterable[tuple[str, Spent]]) -> dict[str, Spent]:
    """Return all times by their names."""
    return {**times.of, **dict(others)}
