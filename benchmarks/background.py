"""`python -m benchmarks.background imu_tcn DATA`: make `models/imu_tcn.background.npz` for `edgehar personalize`.

Draws, of each set that may be trained on, placement and activity, windows of some of the people whom
`imu_tcn` was tuned on (those it holds out stay unseen), and lets the model judge them. Where no such set has a
placement, simulated people do the activities. A minute.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from edgehar.evaluation.plan import offered
from edgehar.motion.wearer import Wearer
from edgehar.personal.background import SUFFIX, Background, worn_sensors, write
from edgehar.personal.judged import judge
from edgehar.personal.takes import Take
from edgehar.pipeline import recognizer
from edgehar.pipeline.manifest import read
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial, read_set
from edgehar.recordings.labels import possible_labels
from edgehar.training.provenance import TUNED_ON, named
from edgehar.types import FALLING, OTHER, Samples

PEOPLE, WINDOWS = 6, 4
"""People of each activity of a set and placement, and windows of each of them; round numbers, as many as a small file takes."""
HOUR_LONG = {"stress_predict": 12}
"""Windows of each person of a set that has one kind of activity alone."""
WORN = {
    "wisdm_watch": (("wrist",),),
    "wisdm_phone": (("trouser_pocket",),),
    "dsads": (
        ("wrist_left",),
        ("chest",),
        ("knee_left",),
        ("wrist_left", "wrist_right"),
        ("knee_left", "knee_right"),
        ("wrist_left", "wrist_right", "chest", "knee_left", "knee_right"),
    ),
    "sp_sw_har": (("wrist_left",), ("trouser_pocket_left",)),
    "selfback_wrist": (("wrist",),),
    "selfback_thigh": (("thigh",),),
    "stress_predict": (("wrist",),),
}
SIMULATED = ("waist",)
UNNAMED = (
    "arm_work",
    "fidgeting",
    "handled",
    "standing_about",
    "bending",
    "squatting",
    "lunging",
    "jumping_jacks",
)
"""Activities of simulated people that no label has."""
SECONDS = 12.0
EXCERPT_S = 20.0
LEAST_S = 3.2
"""A window and a hop."""


def real(
    network: Recognizer, trials: Sequence[Trial], name: str, people: Sequence[int]
) -> Iterator[tuple[str, Background]]:
    """Yield the drawn windows of a set, by what is worn."""
    rng = np.random.default_rng(20261201)
    for worn in WORN[name]:
        recorded = [t for t in trials if t.subject in people and set(worn) <= set(t.tracks)]
        for word in sorted({label for trial in recorded for *_, label in trial.truth}):
            doing = [trial for trial in recorded if word in {label for *_, label in trial.truth}]
            who = rng.permutation(sorted({trial.subject for trial in doing}))
            for person in who[: None if name in HOUR_LONG else PEOPLE].tolist():
                takes = [
                    take
                    for trial in doing
                    if trial.subject == person
                    for take in excerpts(trial, worn, word, HOUR_LONG.get(name, 2), rng)
                ]
                count = HOUR_LONG.get(name, WINDOWS)
                if few := drawn(network, takes, f"{name} {person} {word}", word, count, rng):
                    yield worn_sensors(network.spec.slots(worn)), few


def excerpts(
    trial: Trial, worn: Sequence[str], word: str, count: int, rng: np.random.Generator
) -> Iterator[Take]:
    """Yield some short parts of what lasts long, in which somebody does what the word says."""
    spans = [(begin, end) for begin, end, label in trial.truth if label == word]
    for begin, end in spans if len(spans) > 1 else spans * count:
        start = float(rng.uniform(begin, max(begin, end - EXCERPT_S)))
        stop = min(end, start + EXCERPT_S)
        tracks = {place: part(trial.tracks[place], start, stop) for place in worn}
        if stop - start > LEAST_S and all(len(track.t) > 1 for track in tracks.values()):
            yield Take(tracks, [(0.0, stop - start, word)], trial.activity)


def part(track: Samples, start: float, stop: float) -> Samples:
    """Return a part of a track, its times from its begin."""
    rows = slice(*np.searchsorted(track.t, (start, stop)).tolist())
    return replace(track, t=track.t[rows] - start, values=track.values[rows])


def drawn(
    network: Recognizer, takes: Sequence[Take], group: str, word: str, count: int, rng: np.random.Generator
) -> Background | None:
    """Return so many windows of what one person did; None without takes."""
    if not takes:
        return None
    told = offered(network.spec, [*takes[0].tracks])
    may = np.isin(network.spec.labels, possible_labels(word, told))
    if not may.any():
        may = np.isin(network.spec.labels, [OTHER])
    judged = judge(network, takes, network.spec.hop / network.spec.rate_hz)
    rows = rng.permutation(len(judged.label))[:count]
    many = np.full(len(rows), group)
    arrays = judged.embedding[rows], judged.statistics[rows], judged.probability[rows]
    return Background(*arrays, np.tile(may, (len(rows), 1)), many)


def simulated(network: Recognizer, place: str) -> Iterator[tuple[str, Background]]:
    """Yield windows of simulated people who do all that a sensor there can tell, and more."""
    spec, rng = network.spec, np.random.default_rng(20261201)
    [sensor] = [sensor for sensor in spec.sensors if place in sensor.placements]
    words = [label for label in sensor.labels or spec.labels if label not in (OTHER, FALLING)]
    for seed in range(PEOPLE):
        for word in (*words, *UNNAMED):
            wearer = Wearer(1000 + seed, [place])
            [track] = wearer.perform(word, SECONDS)
            take = Take({place: track}, [(0.0, SECONDS, word)], "simulated")
            few = drawn(network, [take], f"simulated {seed} {word}", word, WINDOWS, rng)
            if few:
                yield worn_sensors(spec.slots([place])), few


def tuned_people(spec: ModelSpec, name: str) -> list[int]:
    """Return the people of a set whom the shipped model was fitted to."""
    return [who for who in named(spec, TUNED_ON)[name] if isinstance(who, int)]


def main(model: str, data: str) -> None:
    """Make the background of one of the shipped models for motion sensors."""
    network, tuned = recognizer.load(Path("models") / f"{model}.json"), read(Path("models/imu_tcn.json"))
    parts: dict[str, list[Background]] = {}
    for name in WORN:
        for worn, part in real(network, read_set(Path(data), name), name, tuned_people(tuned, name)):
            parts.setdefault(worn, []).append(part)
        print(name, {worn: sum(len(p.group) for p in each) for worn, each in parts.items()}, flush=True)
    for place in SIMULATED:
        for worn, part in simulated(network, place):
            parts.setdefault(worn, []).append(part)
    joined = {worn: join(each) for worn, each in parts.items()}
    values = np.concatenate([part.embedding.ravel() for part in joined.values()])
    step = float(values[values > 0].min())
    assert np.allclose(values / step, np.rint(values / step), atol=1e-2), "the embedding has no step"
    path = Path("models") / f"{model}{SUFFIX}"
    write(path, network.spec, joined, step)
    print(path, path.stat().st_size, {worn: len(part.group) for worn, part in joined.items()})


def join(parts: Sequence[Background]) -> Background:
    """Return several as one."""
    return Background(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in Background.__struct_fields__)
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
