"""The number of sensors that fit: as many pipelines as it takes to fill half a core, fed as fast as they go."""

import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from edgehar.apps.bench.stages import Now
from edgehar.pipeline.loop import Pipeline
from edgehar.types import Item

BUDGET = 0.5
"""Share of one core that recognition may take: the daemon is one thread, and links, the broker and pages need the rest."""

_LEAST_CPU_S = 0.2
"""A measurement as long as this is not moved by the clock's steps."""

_FAR_STEP = 4
"""Times as many as before, as long as the budget is far."""

_FARTHEST = 4.0
"""More than so many times of what was run nobody can tell."""


class Step(Struct, frozen=True):
    """One measurement."""

    sensors: int
    cores: float
    """Time of the processor, s, per second of what the sensors sent."""


class Capacity(Struct, frozen=True):
    """The number of sensors that fit."""

    sensors: int
    was_run: bool
    """True if so many were run; else the last cost was carried on."""


class Fleet:
    """Wearers whose sensors all send the same packets, each with a pipeline of its own.

    `new_wearer` makes the pipeline of the n-th; its sensors are the streams of that.
    """

    def __init__(
        self,
        new_wearer: Callable[[int], Pipeline],
        items: Sequence[Item],
        warm_s: float,
        cpu: Now = time.process_time,
    ) -> None:
        """Prepare; `items` are those of one sensor, stream 0, and the first `warm_s` of them, s, fill the windows."""
        self._new_wearer, self._cpu = new_wearer, cpu
        begin = items[0][0]
        self._warm = [item for item in items if item[0] <= begin + warm_s]
        self._rest = [item for item in items if item[0] > begin + warm_s]

    @property
    def longest_s(self) -> float:
        """Longest stretch of stream time that can be measured, s."""
        return self._rest[-1][0] - self._rest[0][0]

    def measure(self, wearers: int, stream_s: float) -> Step:
        """Run so many wearers through so much stream time, s."""
        pipelines = [self._new_wearer(i) for i in range(wearers)]
        self._feed(pipelines, self._warm)
        end = self._rest[0][0] + stream_s
        fed = [item for item in self._rest if item[0] <= end]
        began = self._cpu()
        self._feed(pipelines, fed)
        spent = self._cpu() - began
        sensors = sum(len(pipeline.intakes) for pipeline in pipelines)
        # The first packet brings what was measured since the one before.
        return Step(sensors, spent / (fed[-1][0] - self._warm[-1][0]))

    @staticmethod
    def _feed(pipelines: Sequence[Pipeline], items: Sequence[Item]) -> None:
        for t, _, body in items:
            for pipeline in pipelines:
                for stream in range(len(pipeline.intakes)):
                    pipeline.push(t, stream, body)


def fill(fleet: Fleet, wearers: int, seconds: float, now: Now = time.monotonic) -> list[Step]:
    """Run more and more wearers, from so many on, until the budget is used or so many seconds are over; return each step."""
    end, steps = now() + seconds, list[Step]()
    stream_s = min(fleet.longest_s, 30.0)
    while True:
        step = fleet.measure(wearers, stream_s)
        steps.append(step)
        times = _FAR_STEP if step.cores * _FAR_STEP**2 < BUDGET else 2
        wearers *= times
        expected = max(times * step.cores, 1e-6)
        stream_s = min(max(_LEAST_CPU_S / expected, 4.0), fleet.longest_s)
        # Filling the windows takes about as long again.
        if step.cores >= BUDGET or now() + 2 * expected * stream_s > end:
            return steps


def capacity(steps: Sequence[Step], budget: float = BUDGET) -> Capacity:
    """Return how many sensors fit into a share of a core, by the cost of those that were run last."""
    last = steps[-1]
    before = next((step for step in reversed(steps) if step.cores <= budget), Step(0, 0.0))
    if last.cores >= budget:
        more = (last.sensors - before.sensors) * (budget - before.cores) / (last.cores - before.cores)
        return Capacity(int(before.sensors + more), was_run=True)
    former = steps[-2] if len(steps) > 1 else Step(0, 0.0)
    # What one more costs; never less than nothing by the noise of two measurements.
    marginal = max(
        (last.cores - former.cores) / (last.sensors - former.sensors), 0.5 * last.cores / last.sensors
    )
    fits = last.sensors + (budget - last.cores) / marginal if marginal > 0 else last.sensors
    return Capacity(int(min(fits, _FARTHEST * last.sensors)), was_run=False)


WORDS = (
    (4.0, "plenty"),
    (1.5, "enough"),
    (1.0, "tight"),
    (0.0, "too slow"),
)
"""Times that the worn sensors fit into the budget, at least, and the word for it."""

RULE = (
    "plenty: the sensors fit into half a core four times or more; enough: one and a half times; tight: once; too slow: not, "
    "or one packet in a hundred takes longer than there is until the next window"
)


def word(yours: float, slowest_s: float, hop_s: float, budget: float = BUDGET) -> str:
    """Return the word for a load of `yours` cores whose slowest packets take so long, s, with a window every `hop_s`."""
    if slowest_s > hop_s:
        return "too slow"
    times = budget / yours if yours > 0 else float("inf")
    return next(name for least, name in WORDS if times >= least)
