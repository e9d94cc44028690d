"""What the network is measured against: a random forest on the same windows, and a network that never learned.

Both answer like `edgehar.pipeline.recognizer.Recognizer`, so that the same rows score all three.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from edgehar.errors import ConfigError
from edgehar.evaluation.datasets import read_set
from edgehar.evaluation.evaluate import each, line_of, pool, set_names
from edgehar.evaluation.fewshot import Shot, markdown as few_shots
from edgehar.evaluation.plan import Run, plan
from edgehar.evaluation.report import add, read_results
from edgehar.evaluation.results import Line
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.recognizer import Recognizer
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, Views
from edgehar.types import IMU_CHANNELS, FloatArray, Prediction, Window

TREES = 300
"""Round number; more change nothing."""
_LEAF = 5
"""Least windows in a leaf: round number, against trees that learn single windows by heart."""
_VIEWS = 4
"""Seed of the views that the forest is grown on."""
_AT_ONCE = 500
"""Windows."""
_BANDS_HZ = (0.3, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Edges of the energy bands: octaves around the step frequency, round numbers."""
_PAIRS = ((0, 1), (0, 2), (1, 2), (4, 5), (4, 6), (5, 6), (3, 7))
"""Signals whose correlation is a feature: axes of the same sensor, and the two norms."""
_TINY = 1e-6
_WIDTH = len(IMU_CHANNELS)

Array = NDArray[np.float64]
Integers = NDArray[np.int32]
Tick = Callable[[str, int, int], None]
"""Is told what is going on, how much is done, and of how much."""


def features(x: FloatArray, rate_hz: float) -> FloatArray:
    """(n, sensors * 119) statistics of network inputs (n, window, sensors * 6); zeros for what is not worn.

    Of each sensor's six axes and two norms: mean, standard deviation, least, quartiles, greatest, the
    frequency of most energy and the logarithm of the energy in six bands; and seven correlations.
    """
    parts = [_features(x[i : i + _AT_ONCE], rate_hz) for i in range(0, len(x), _AT_ONCE)]
    return np.concatenate(parts)


def _features(x: FloatArray, rate_hz: float) -> FloatArray:
    n, window, _ = x.shape
    axes = x.reshape(n, window, -1, 2, 3)
    norms = np.linalg.norm(axes, axis=-1, keepdims=True)
    # (n, sensors, 8, window): three axes and norm of acceleration, then of angular rate.
    signals = np.concatenate([axes, norms], axis=-1).reshape(n, window, -1, 8).transpose(0, 2, 3, 1)
    mean = signals.mean(axis=-1, keepdims=True)
    moved = signals - mean
    spread = moved.std(axis=-1, keepdims=True)
    ordered = np.quantile(signals, (0.0, 0.25, 0.5, 0.75, 1.0), axis=-1).transpose(1, 2, 3, 0)
    found = [mean, spread, ordered, *_spectrum(moved, rate_hz)]
    correlations = [(moved[:, :, i] * moved[:, :, k]).mean(axis=-1) for i, k in _PAIRS]
    spreads = [(spread[:, :, i] * spread[:, :, k])[..., 0] for i, k in _PAIRS]
    related = np.stack(correlations, axis=-1) / (np.stack(spreads, axis=-1) + _TINY)
    each = np.concatenate(found, axis=-1).reshape(n, axes.shape[2], -1)
    return np.concatenate([each, related], axis=-1).reshape(n, -1).astype(np.float32)


def _spectrum(moved: FloatArray, rate_hz: float) -> list[FloatArray]:
    """Frequency of most energy, Hz, 0 where nothing moves, and log energy in each band."""
    energy = np.abs(np.fft.rfft(moved, axis=-1)) ** 2 / moved.shape[-1]
    hz = np.fft.rfftfreq(moved.shape[-1], 1.0 / rate_hz)
    top = hz[energy.argmax(axis=-1)] * (energy.max(axis=-1) > _TINY)
    edges = np.searchsorted(hz, _BANDS_HZ).tolist()
    bands = [energy[..., a:b].sum(axis=-1) for a, b in zip(edges, [*edges[1:], len(hz)], strict=True)]
    return [top[..., None], np.log10(1.0 + np.stack(bands, axis=-1) / _TINY)]


class Trees(Struct, frozen=True, eq=False):
    """A forest as arrays: all nodes of all trees; a leaf is its own child."""

    roots: Integers
    """(trees,), index of a node."""
    feature: Integers
    threshold: FloatArray
    """(nodes,); up to it the left child follows."""
    left: Integers
    right: Integers
    share: FloatArray
    """(nodes, labels), of the windows that came to this node."""

    def probabilities(self, x: FloatArray) -> FloatArray:
        """(labels,), the mean of all trees for the features of one window."""
        node = self.roots
        while True:
            goes_left = x[self.feature[node]] <= self.threshold[node]
            after = np.where(goes_left, self.left[node], self.right[node])
            if np.array_equal(after, node):
                return np.asarray(self.share[node].mean(axis=0), np.float32)
            node = after


class Forest(Recognizer):
    """Answers from statistics of a window, by the same rules as the recognizer from the window itself."""

    def __init__(self, spec: ModelSpec, trees: Trees) -> None:
        self.spec, self._trees = spec, trees
        width = len(spec.sensors)
        self._largest = np.tile(np.array(spec.normalization.clip, np.float32), width)
        self._scale = np.tile(np.array(spec.normalization.scale, np.float32), width)

    def push(self, window: Window) -> list[Prediction]:
        """Judge one window by the sensors that are not missing; without probabilities if all are."""
        w = window
        coverage, probabilities = max(w.coverage, default=0.0), None
        if len(w.excluded_sensors) < len(w.coverage):
            coverage = sorted(w.coverage)[len(w.excluded_sensors)]
            probabilities = self._told(w)
        return [
            Prediction(
                w.t_end,
                probabilities,
                None,
                coverage,
                w.peak_to_peak,
                w.excluded_sensors,
                w.is_fresh,
                self.fall_evidence(w),
            )
        ]

    def _told(self, window: Window) -> FloatArray:
        x = np.clip(window.x, -self._largest, self._largest) / self._scale
        for sensor in window.excluded_sensors:
            x[:, sensor * _WIDTH : (sensor + 1) * _WIDTH] = 0.0
        found = self._trees.probabilities(features(x[None], self.spec.rate_hz)[0])
        mask = np.zeros(len(found), np.float32)
        mask[list(self.spec.offered(i for i in window.worn if i not in window.excluded_sensors))] = 1.0
        # Where no tree names anything that is offered, all of it is as likely.
        told = (found + _TINY) * mask
        return np.asarray(told / told.sum(), np.float32)


def load(path: Path) -> Recognizer:
    """The forest of `NAME.npz` and `NAME.json`, or else the network of a pair."""
    if path.suffix != ".npz":
        return recognizer.load(path)
    with np.load(path) as file:
        trees = Trees(**{name: file[name] for name in Trees.__struct_fields__})
    return Forest(manifest.read(path.with_suffix(".json")), trees)


def grow(recipe: Recipe, data: Dataset, workers: int, trees: int = TREES) -> Trees:
    """Grow a forest on one view of each window, drawn as for an epoch of the network; same seed, same trees.

    Raises:
        ConfigError: without scikit-learn.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415  # loads in seconds
    except ImportError as error:
        raise ConfigError(f"a forest needs scikit-learn: pip install 'edgehar[train]' ({error})") from error

    forest = RandomForestClassifier(
        trees, min_samples_leaf=_LEAF, n_jobs=workers, random_state=recipe.seed % 2**32
    )
    forest.fit(views(recipe, data), data.label)
    return _flat([tree.tree_ for tree in forest.estimators_], len(recipe.labels), forest.classes_)


def views(recipe: Recipe, data: Dataset) -> FloatArray:
    """Features of one view of each window in the device's axes, a few windows at a time."""
    draw = Views(replace(recipe, frames=("device",)), data, seed=_VIEWS)
    rows = np.arange(len(data.x))
    parts = [features(draw(rows[i : i + _AT_ONCE]), recipe.rate_hz) for i in range(0, len(rows), _AT_ONCE)]
    return np.concatenate(parts)


def _flat(trees: list[Any], labels: int, classes: Integers) -> Trees:
    """scikit-learn's trees, one behind the other."""
    counts = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *counts[:-1]])
    own, first = np.arange(sum(counts)), np.repeat(roots, counts)
    left = np.concatenate([tree.children_left for tree in trees])
    right = np.concatenate([tree.children_right for tree in trees])
    share = np.zeros((len(own), labels), np.float32)
    share[:, classes] = np.concatenate([tree.value[:, 0] for tree in trees])
    return Trees(
        roots=roots.astype(np.int32),
        feature=np.maximum(np.concatenate([tree.feature for tree in trees]), 0).astype(np.int32),
        threshold=_not_above(np.concatenate([tree.threshold for tree in trees])),
        left=np.where(left < 0, own, left + first).astype(np.int32),
        right=np.where(right < 0, own, right + first).astype(np.int32),
        share=share / share.sum(axis=1, keepdims=True),
    )


def _not_above(threshold: Array) -> FloatArray:
    """As float32 that splits float32 features at the same place."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


class Found(Struct, frozen=True):
    """What one baseline reached."""

    lines: dict[str, Line]
    """By row of the evaluation, the plain and the turned ones."""
    few_shot: list[Shot] = []
    """With a head over its embedding, if it has one."""


def score(path: Path, folder: Path, only: Sequence[str], workers: int, tick: Tick) -> Found:
    """Score the baseline of `path` on the rows of the evaluation, without its sweeps."""
    spec = manifest.read(path.with_suffix(".json"))
    sets = {name: read_set(folder, name) for name in set_names(folder, only)}
    planned = [row for row in plan(spec, sets).rows if not row.of]
    jobs: list[Run | str] = list(dict.fromkeys(run for row in planned for run in row.runs))
    if path.suffix != ".npz" and "motionsense" in sets:
        jobs.append("few_shot")
    del sets
    found: dict[Run | str, Any] = {}
    for job, one in each(path, folder, jobs, workers, load):
        found[job] = one
        tick(f"scoring {path.stem}", len(found), len(jobs))
    lines = {}
    for row in planned:
        pooled = pool([found[run] for run in row.runs], row.labels)
        if len(pooled.true):
            lines[row.name] = line_of(spec, row, pooled)
    return Found(lines, msgspec.convert(found.get("few_shot", []), list[Shot]))


def markdown(found: Mapping[str, Found], lines: Mapping[str, Line]) -> str:
    """A table of macro-F1: the model's `lines`, if there are such, beside each baseline's."""
    columns = {"the model": lines} if lines else {}
    columns |= {name: one.lines for name, one in found.items()}
    rows = dict.fromkeys(row for one in found.values() for row in one.lines)
    table = [
        f"| macro-F1 | {' | '.join(columns)} |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for row in rows:
        cells = [f"{of[row].everybody.macro_f1:.3f}" if row in of else "" for of in columns.values()]
        table.append(f"| {row} | {' | '.join(cells)} |")
    shots = [
        f"{name}, a few windows of the wearer:\n\n{few_shots(one.few_shot)}"
        for name, one in found.items()
        if one.few_shot
    ]
    return "\n\n".join(["\n".join(table), *shots])


def publish(stem: Path, found: Mapping[str, Found], *, write: bool) -> str:
    """The table; with `write` also into the `results.json` and `README.md` of the model `stem`, where there are such."""
    results = read_results(stem.with_name("results.json"))
    table = markdown(found, results.lines if results else {})
    if write:
        add(stem, "baselines", found, table)
    return table
