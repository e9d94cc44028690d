"""`python -m benchmarks.loss [DATA]`: what lost and doubled packets do to the answers, on people's recordings.

Every packet of the people decided on goes through the whole pipeline, each sensor's over a link of its own
that delivers every 30 ms and loses single packets or stretches of time, or sends all twice. Beside sensors
of the project's own wire format stand WitMotion's frames, without clock and number: nobody sees what of them
was lost. Scored are windows that lie wholly in one activity. A table for each kind of sensors tells all that was
measured, the last one what a user asks: how often is something judged, and are the answers right.
"""

import heapq
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import repeat
from operator import itemgetter
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.evaluation.markdown import table
from edgehar.evaluation.metrics import score
from edgehar.evaluation.plan import DECIDED_ON, LABELS
from edgehar.evaluation.truth import truth_of
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.recordings.false_starts import SETTLED_S
from edgehar.recordings.labels import common_label
from edgehar.recordings.npz import NpzTrack, read_npz
from edgehar.recordings.scoring import Segment
from edgehar.sources.simulated.faults import Faults, inject
from edgehar.types import NO_SIGNAL, Activity, Event, Item, Prediction, Stream, Window
from edgehar.wire.protocol import Data, decode

DATA = Path("../shared/data")
MODEL = "imu_tcn"
RADIO = Faults(connection_interval_s=0.03, jitter_s=0.002)
HEAD = (
    "the link",
    "coverage",
    "windows judged",
    "sensors left out",
    "`no_signal`",
    "macro-F1 of judged",
    "macro-F1 of decided",
    "false starts per hour",
    "clock restarts per hour",
    "behind arrival, 95 %, s",
)


def one_by_one(loss: float) -> Faults:
    """Lose every packet or not, whatever became of the one before."""
    return replace(RADIO, loss=loss, burst=1 / (1 - loss))


def bursts(seconds: float) -> Faults:
    """Lose all that comes for so long, a tenth of all time."""
    return replace(RADIO, disconnect_for_s=seconds, disconnect_every_s=9 * seconds)


PLAIN, TWICE = "as sent", "all twice"
LOSSES = {f"{loss:.0%} lost": one_by_one(loss) for loss in (0.01, 0.05, 0.2, 0.4)}
BURSTS = {f"10% lost, {seconds:g} s at a time": bursts(seconds) for seconds in (0.2, 0.5, 1.0, 2.0)}
DOUBLED = {TWICE: RADIO, f"20% lost, {TWICE}": LOSSES["20% lost"]}
LINKS: Mapping[str, Faults] = {PLAIN: RADIO, **LOSSES, **BURSTS, **DOUBLED}


class Sensors(Struct, frozen=True):
    """Sensors that are worn, and the way their rows travel."""

    title: str
    data: str
    profile: str
    samples: int
    """Those of a packet."""
    links: tuple[str, ...] = tuple(LINKS)


SENSORS = (
    Sensors("One sensor with clock and numbers, 10 samples a packet", "motionsense", "edgehar", 10),
    Sensors("Five sensors with clock and numbers, 5 samples a packet", "dsads", "edgehar", 5),
    Sensors("One sensor without clock and numbers, 10 samples a packet", "motionsense", "witmotion", 10),
    Sensors(
        "One sensor without clock and numbers, 1 sample a packet",
        "motionsense",
        "witmotion",
        1,
        (PLAIN, *LOSSES, TWICE),
    ),
)


class Judged(Struct, frozen=True, eq=False):
    """One window that lies wholly in one activity."""

    person: str
    true: str
    predicted: str | None
    """The arg-max; None if it was not judged."""
    state: str
    coverage: float
    """Mean of the sensors, 0..1."""
    left_out: float
    """Share of the sensors."""


class Heard(Struct, frozen=True, eq=False):
    """One person's recording, as the pipeline took it."""

    windows: list[Judged]
    false_starts: int
    restarts: float
    """Restarts of a sensor's clock, mean."""
    behind_s: list[float]
    """Time before its arrival that the last sample of a packet is said to have been taken."""
    hours: float


class Overheard(Recognizer):
    """Recognizer that keeps the windows' coverage and its answers."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.spec, self._recognizer = recognizer.spec, recognizer
        self.heard: list[tuple[tuple[float, ...], Prediction]] = []

    def push(self, window: Window) -> list[Prediction]:
        """Judge as the recognizer does."""
        made = self._recognizer.push(window)
        self.heard += [(window.coverage, prediction) for prediction in made]
        return made

    def label(self, prediction: Prediction) -> str | None:
        """Return the arg-max."""
        p = prediction.probabilities
        return None if p is None else self.spec.labels[int(np.argmax(p))]


def sent(track: NpzTrack, sensors: Sensors) -> Iterator[Item]:
    """Send all packets over a perfect link."""
    for t, stream, body in track:
        if sensors.profile == "edgehar":
            yield t, stream, body
        elif isinstance(item := decode(body), Data):
            # WitMotion's full scale is the same; the angles behind the six counts are not read.
            yield t, stream, b"".join(b"\x55\x61" + row.tobytes() + bytes(6) for row in item.counts)


def received(items: list[Item], link: str) -> Iterator[Item]:
    """Deliver what comes of it, by arrival."""
    streams = sorted({stream for _, stream, _ in items})
    ways = [
        inject(replace(LINKS[link], seed=stream), [item for item in items if item[1] == stream])
        for stream in streams
    ]
    for item in heapq.merge(*ways, key=itemgetter(0)):
        yield item
        if link in DOUBLED:
            yield item


def hear(ear: Overheard, track: NpzTrack, sensors: Sensors, link: str) -> Heard:
    """Send one person's packets through the pipeline."""
    spec, person = ear.spec, track.header.wearer
    tree = LabelTree(spec.labels, spec.tree)
    streams = [Stream(stream.placement, sensors.profile) for stream in track.header.streams]
    pipeline = Pipeline(person, streams, ear, spec.decision)
    published: list[Activity | Event] = []
    behind: dict[tuple[int, float], float] = {}
    for t, stream, body in received(list(sent(track, sensors)), link):
        published += pipeline.push(t, stream, body)
        for clock in pipeline.intakes[stream].clocks.values():
            newest = clock._newest  # noqa: SLF001 - nothing else shows it
            behind.setdefault((stream, newest), t - newest)
    truth = [(start, end, common_label(label)) for start, end, label in track.truth]
    activities = [answer for answer in published if isinstance(answer, Activity)]
    windows = []
    for activity, (coverage, prediction) in zip(activities, ear.heard, strict=True):
        begin = activity.t - spec.window / spec.rate_hz
        true = truth_of(truth, begin, activity.t, greater_part=False)
        if true in LABELS[sensors.data]:
            left_out = len(prediction.excluded_sensors) / len(coverage)
            label = ear.label(prediction)
            windows.append(Judged(person, true, label, activity.state, float(np.mean(coverage)), left_out))
    return Heard(
        windows,
        false_starts=sum(isinstance(answer, Event) and is_false(tree, truth, answer) for answer in published),
        restarts=float(np.mean([intake.health()["clock_restarts"] for intake in pipeline.intakes])),
        behind_s=list(behind.values()),
        hours=truth[-1][1] / 3600,
    )


def is_false(tree: LabelTree, truth: list[Segment], event: Event) -> bool:
    """Tell whether it begins what is not done nor a kind of what is done, and was not till just now."""
    t = event.detected_at
    return event.kind == "activity_started" and not any(
        label in tree.leaves(event.label) and start < t <= end + SETTLED_S for start, end, label in truth
    )


def measured(folder: Path, sensors: Sensors, link: str) -> tuple[str, ...]:
    """Return the cells of `HEAD`, over all people decided on."""
    people = []
    for subject in sorted(DECIDED_ON[sensors.data]):
        path = folder / "imu" / f"{sensors.data}.npz"
        track = read_npz(path, subject=subject, samples_per_packet=sensors.samples)
        people.append(hear(Overheard(model()), track, sensors, link))
    windows = [window for person in people for window in person.windows]
    hours = sum(person.hours for person in people)
    return (
        link,
        f"{np.mean([w.coverage for w in windows]):.1%}",
        f"{np.mean([w.predicted is not None for w in windows]):.1%}",
        f"{np.mean([w.left_out for w in windows]):.1%}",
        f"{np.mean([w.state == NO_SIGNAL for w in windows]):.1%}",
        macro_f1([(w.person, w.true, w.predicted) for w in windows if w.predicted]),
        macro_f1([(w.person, w.true, w.state) for w in windows if w.state != NO_SIGNAL]),
        f"{sum(person.false_starts for person in people) / hours:.0f}",
        f"{sum(person.restarts for person in people) / hours:.0f}",
        f"{np.percentile(np.concatenate([person.behind_s for person in people]), 95):.2f}",
    )


def in_short(rows: Mapping[tuple[Sensors, str], Sequence[str]]) -> str:
    """Set windows judged and macro-F1 of decided side by side; nothing where a link was not tried."""
    judged, decided = HEAD.index("windows judged"), HEAD.index("macro-F1 of decided")

    def cell(sensors: Sensors, link: str) -> str:
        row = rows.get((sensors, link))
        return f"{row[judged]} {row[decided]}" if row else ""

    head = ["windows judged, macro-F1 of decided", *(sensors.title for sensors in SENSORS)]
    return table(head, [[link, *(cell(sensors, link) for sensors in SENSORS)] for link in LINKS])


def macro_f1(rows: list[tuple[str, str, str]]) -> str:
    """Score (person, true, predicted); nothing where nothing was predicted."""
    return f"{score(*np.array(rows, np.str_).T).macro_f1:.3f}" if rows else ""


@cache
def model() -> Recognizer:
    """Load the model, once in each process."""
    return load(find(MODEL))


def main(folder: Path = DATA) -> None:
    """Print a table for each kind of sensors, and one of all."""
    tried = [(sensors, link) for sensors in SENSORS for link in sensors.links]
    with ProcessPoolExecutor() as pool:
        rows = dict(zip(tried, pool.map(measured, repeat(folder), *zip(*tried, strict=True)), strict=True))
    for sensors in SENSORS:
        print(f"{sensors.title} ({sensors.data}):\n")
        print(f"{table(HEAD, [rows[sensors, link] for link in sensors.links])}\n")
    print(in_short(rows))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
