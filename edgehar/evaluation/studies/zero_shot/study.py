"""Zero-shot by text: movements told by their names alone, by a network that never saw them done.

All numbers were chosen before anybody was scored.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.evaluation.studies import targets
from edgehar.evaluation.studies.outcome import Outcome, outcome, pooled
from edgehar.evaluation.studies.results import Results
from edgehar.evaluation.studies.targets import Target
from edgehar.pipeline import recognizer
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.datasets import read_set, set_files
from edgehar.training.cache import cache_key
from edgehar.training.dataset_windows import windows
from edgehar.training.progress import Progress
from edgehar.training.recipe_parts import Count, Positive
from edgehar.training.studies import text_pair
from edgehar.training.studies.pretrain import Pretraining
from edgehar.training.studies.text_pair import TextPair, unit
from edgehar.training.synthesize import normalize
from edgehar.training.texts import embeddings, label_text
from edgehar.types import FALLING, OTHER, FloatArray

VERSION = 1
"""Raise it with any change that gives other figures."""
FLOAT, INT8, SHUFFLED, WORDS = "float", "int8", "int8, texts shuffled", "words of its own labels"
WAYS = (FLOAT, INT8, SHUFFLED, WORDS)
"""By the cosine in the joint space, in three ways; or by that of sentences to the words of the labels that it was trained with, as much
of each as it is probable (ConSE: Norouzi et al., ICLR 2014)."""
_ELSEWHERE = {"stress_predict": "wrist", "ha24_watch": "wrist_right"}
_AT_ONCE = 256
_SEED = 53

Indices = NDArray[np.int64]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Plan of the fit and of its scores; the defaults are those of docs/studies.md."""

    pretraining: Pretraining = Pretraining()
    head_steps: Count = 600
    """Steps of the head for simulated labels."""
    targets: tuple[str, ...] = ("utd wrist", "wisdm wrist", "dsads wrist")
    """Names of `targets.TARGETS`."""
    shuffles: Count = 20
    """Times that texts are dealt out to labels at random."""
    elsewhere: Mapping[str, str] = field(default_factory=lambda: dict(_ELSEWHERE))
    """Sets in which nobody does what is typed, and the sensor of each."""
    typed: tuple[str, ...] = (
        "ironing", "vacuuming", "sweeping the floor", "mopping the floor", "washing dishes", "chopping vegetables", "stirring a pot",
        "cleaning a window", "hammering", "sawing wood", "painting a wall", "carrying a heavy box", "playing the guitar", "swimming",
    )  # fmt: skip
    """Texts that are typed there, each alone."""
    hop_s: Positive = 7.68
    """From one window of them to the next."""


class Share(Struct, frozen=True):
    """Share of windows that a text takes which was typed alone."""

    windows: int
    mean: float
    """Mean of its probability."""
    told: float
    """Share of the windows of which it is the likeliest label."""


class Entry(Struct, frozen=True):
    """Figures on one set."""

    outcomes: dict[str, Outcome] = {}
    """By way."""
    commonest: dict[str, str] = {}
    """The commonest answer to each label, int8."""
    done: dict[str, Share] = {}
    """By typed label, while it is done."""
    not_done: dict[str, Share] = {}
    """By typed label or text, while something else is done."""


def check(settings: Settings) -> None:
    """Refuse settings that name no target; ConfigError says which there are."""
    for name in settings.targets:
        if name not in targets.TARGETS:
            raise ConfigError(f"targets: expected some of {', '.join(targets.TARGETS)}; got {name!r}")


def open_results(out: Path) -> Results[Entry]:
    """Open the figures of the study below the folder of studies.md."""
    return Results(out / "studies" / "zero_shot.json", Entry, VERSION)


def key(settings: Settings, name: str) -> str:
    """Return the key of a set among the figures; other settings have other keys."""
    built = msgspec.to_builtins(settings)
    parts = {field: value for field, value in built.items() if field not in {"targets", "elsewhere"}}
    if (placement := settings.elsewhere.get(name)) != _ELSEWHERE.get(name):
        parts["placement"] = placement
    return f"{name}, {cache_key(parts)[:8]}"


def run(
    settings: Settings,
    data: Path,
    results: Results[Entry],
    work: Path,
    workers: int,
    progress: Progress,
    *,
    always: bool = False,
) -> TextPair | None:
    """Make the pair, score it on all sets that are missing, and return it.

    Where none is missing nothing is made, unless it is `always`.

    Raises:
        RecordingError: before anything is made, if the data folder lacks one that is missing.
        ConfigError: if nobody wore a sensor there.
    """
    names = [*settings.targets, *settings.elsewhere]
    if not always and all(key(settings, name) in results for name in names):
        return None
    _check_data(settings, data, [name for name in names if key(settings, name) not in results])
    made = text_pair.make(settings.pretraining, settings.head_steps, data, work, workers, progress)
    text_pair.write(work / text_pair.NAME, made)
    judge = Judge(made, work / text_pair.NAME)
    for done, name in enumerate(names):
        progress("scoring", done, len(names))
        if key(settings, name) not in results:
            scored = (
                _of_target(settings, judge, targets.read_target(data, name))
                if name in settings.targets
                else _elsewhere(settings, judge, data, name)
            )
            results.keep(key(settings, name), scored)
    progress("scoring", len(names), len(names))
    return made


def _check_data(settings: Settings, data: Path, names: Sequence[str]) -> None:
    for name in names:
        if name in settings.targets:
            set_files(data, targets.TARGETS[name].set)
            continue
        placement = settings.elsewhere[name]
        worn = sorted({each for trial in read_set(data, name) for each in trial.tracks})
        if placement not in worn:
            raise ConfigError(f"elsewhere.{name}: expected one of {', '.join(worn)}, got {placement!r}")


class Judge:
    """The pair, by its float network and by its int8 one."""

    def __init__(self, made: TextPair, pair: Path) -> None:
        self.spec, self._model, self._projection = made.spec, made.model, made.projection
        self._int8 = recognizer.load(pair)
        assert made.spec.text
        self._trained = np.stack([each.numbers for each in made.spec.text.trained])
        self._temperature = made.spec.text.temperature

    def float_embeddings(self, x: FloatArray) -> FloatArray:
        """Return the float network's embeddings (n, SPACE), of unit length, of windows (n, 2, rows, 3) in SI units."""
        shown = normalize(self.spec, x[:, None])
        parts = [
            np.asarray(self._model.predict_on_batch(shown[i : i + _AT_ONCE])["embedding"])
            for i in range(0, len(shown), _AT_ONCE)
        ]
        return unit(np.concatenate(parts))

    def int8(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the int8 network's probabilities (n, labels) and embeddings (n, SPACE), of unit length."""
        return text_pair.embedded(self._int8, x[:, None])

    def vectors(self, texts: Sequence[str]) -> FloatArray:
        """Return texts as points of the joint space, (n, SPACE), of unit length."""
        return unit(embeddings(texts) @ self._projection)

    def typed(self, text: str, p: FloatArray, embedding: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Return what a text that is typed alone takes of each window, (n,), and of which it is the likeliest label.

        As `pipeline.prototypes.Mixture` does.
        """
        vectors = np.concatenate([self._trained, self.vectors([text])])
        powers = np.exp((embedding @ vectors.T - 1.0) / self._temperature)
        share = powers[:, -1] / powers.sum(axis=1)
        falling = self.spec.labels.index(FALLING)
        fall = p[:, falling]
        rest = p * (1.0 - share[:, None])
        rest[:, falling] = fall
        taken = share * (1.0 - fall)
        return taken, taken > rest.max(axis=1)


def _of_target(settings: Settings, judge: Judge, target: Target) -> Entry:
    p, embedding = judge.int8(target.x)
    texts = [label_text(label) for label in target.labels]
    vectors = judge.vectors(texts)
    answers = {
        FLOAT: (judge.float_embeddings(target.x) @ vectors.T).argmax(axis=1),
        INT8: (embedding @ vectors.T).argmax(axis=1),
        WORDS: (_words(judge.spec, p) @ embeddings(texts).T).argmax(axis=1),
    }
    outcomes = {
        way: outcome(target.labels, target.person, target.label, each) for way, each in answers.items()
    }
    outcomes[SHUFFLED] = pooled([*_shuffled(settings, target, embedding @ vectors.T)])
    done, not_done = {}, {}
    for label, text in zip(target.labels, texts, strict=True):
        if label not in judge.spec.labels:
            is_done = target.label == target.labels.index(label)
            taken, told = judge.typed(text, p, embedding)
            done[label], not_done[label] = _share(taken, told, is_done), _share(taken, told, ~is_done)
    return Entry(outcomes, _commonest(target, answers[INT8]), done, not_done)


def _words(spec: ModelSpec, p: FloatArray) -> FloatArray:
    """Return where the labels lie among sentences in the mean of their probabilities, (n, WIDTH); `other` has no words."""
    named = [i for i, label in enumerate(spec.labels) if label != OTHER]
    return p[:, named] @ embeddings([label_text(spec.labels[i]) for i in named])


def _shuffled(settings: Settings, target: Target, cosines: FloatArray) -> Iterator[Outcome]:
    rng = np.random.default_rng(_SEED)
    for _ in range(settings.shuffles):
        dealt = rng.permutation(len(target.labels))
        yield outcome(target.labels, target.person, target.label, cosines[:, dealt].argmax(axis=1))


def _commonest(target: Target, answer: Indices) -> dict[str, str]:
    counts = [
        np.bincount(answer[target.label == i], minlength=len(target.labels))
        for i in range(len(target.labels))
    ]
    return {label: target.labels[int(of.argmax())] for label, of in zip(target.labels, counts, strict=True)}


def _elsewhere(settings: Settings, judge: Judge, data: Path, name: str) -> Entry:
    x = _windows(judge.spec, data, name, settings.elsewhere[name], settings.hop_s)
    p, embedding = judge.int8(x)
    every = np.ones(len(x), np.bool_)
    not_done = {text: _share(*judge.typed(text, p, embedding), every) for text in settings.typed}
    return Entry(not_done=not_done)


def _windows(spec: ModelSpec, data: Path, name: str, placement: str, hop_s: float) -> FloatArray:
    rows = [
        window.x.reshape(spec.window, 2, 3).transpose(1, 0, 2).astype(np.float32)
        for trial in read_set(data, name)
        if placement in trial.tracks
        for window in windows(spec, {placement: trial.tracks[placement]}, hop_s=hop_s)
    ]
    return np.stack(rows)


def _share(taken: FloatArray, told: NDArray[np.bool_], rows: NDArray[np.bool_]) -> Share:
    return Share(
        windows=int(rows.sum()),
        mean=round(float(taken[rows].mean()), 4),
        told=round(float(told[rows].mean()), 4),
    )
