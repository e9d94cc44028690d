"""Reminders: who changes what is simulated or shown raises a version, or stale work folders and figures are used on.

The figures are spreads by channel to three digits, so that other processors agree on them.
"""

import msgspec
import numpy as np
import pytest
from conftest import ROOT
from numpy.typing import NDArray

from edgehar.evaluation.studies.clips import study as clips
from edgehar.evaluation.studies.clips.footage import FOOTAGE_VERSION
from edgehar.evaluation.studies.joint import study as joint
from edgehar.evaluation.studies.transfer import starts
from edgehar.evaluation.studies.zero_shot import study as zero_shot
from edgehar.pipeline import manifest
from edgehar.training import recipe as recipes
from edgehar.training.cache import SIMULATION_VERSION, cache_key, file_digests
from edgehar.training.recipe import Recipe
from edgehar.training.studies import simulated_source
from edgehar.training.studies.pretrain import PRETRAINING_VERSION
from edgehar.training.studies.triples import TRIPLES_VERSION
from edgehar.training.synthesize import FOREST_VIEWS, Dataset, Views, bout
from edgehar.training.texts import WORDS

SIMULATED = {
    "walking": [3.341, 4.496, 2.962, 0.9726, 0.8285, 1.105],
    "running": [11.99, 10.85, 10.93, 2.75, 1.581, 2.873],
    "lying": [5.747, 5.16, 5.696, 0.01642, 0.02087, 0.01372],
}
"""By activity, of acc_x to gyr_z in the bouts of four people: standard deviation, m/s² and rad/s."""
SHOWN = {
    "device": [0.4796, 0.5336, 0.2434, 1.225, 1.393, 0.6856],
    "level": [0.1711, 0.08295, 0.566, 0.4837, 0.2374, 1.872],
}
"""The same of a batch of views, scaled as the network has them, by the axes they are shown in."""

STUDIES = ("555c301d05d1", [2, 1, 1, 1])
"""Digest of what the studies' figures rest on, and their versions: transfer, joint, zero-shot, clips."""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return recipes.load(ROOT / "tests" / "tiny.toml")


def spread(x: NDArray[np.floating]) -> list[float]:
    """Return the standard deviation of each channel of (rows, channels), to four digits."""
    return [float(f"{value:.4g}") for value in x.astype(np.float64).std(axis=0)]


def test_who_simulates_other_windows_raises_the_version(recipe: Recipe) -> None:
    simulated = {
        activity: spread(
            np.concatenate([bout(recipe, activity, seed).x for seed in range(4)])
            .transpose(0, 1, 3, 2, 4)
            .reshape(-1, 6)
        )
        for activity in SIMULATED
    }
    for activity, figures in SIMULATED.items():
        assert simulated[activity] == pytest.approx(figures, rel=2e-3), (
            "other windows are simulated than before: raise SIMULATION_VERSION in edgehar/training/cache.py, "
            f"then take over {simulated}"
        )


def test_who_shows_other_views_raises_both_versions(recipe: Recipe) -> None:
    rng, rows = np.random.default_rng(5), np.arange(48)
    sensors = len(recipe.sensors)
    noise = rng.standard_normal((len(rows), sensors, 2, recipe.window, 3))
    x = (noise * (1.0, 4.0, 2.0) + (0.0, 9.0, 2.0)).astype(np.float16)
    data = Dataset(x, rows % 3, rows % 3, np.zeros((len(rows), sensors), np.int64))
    batch = Views(recipe, data, seed=FOREST_VIEWS)(rows).reshape(-1, 12)
    shown = {"device": spread(batch[:, :6]), "level": spread(batch[:, 6:])}
    for axes, figures in SHOWN.items():
        assert shown[axes] == pytest.approx(figures, rel=2e-3), (
            "other views are shown than before: raise FIT_VERSION in edgehar/training/cache.py and FOREST_VERSION in "
            f"edgehar/evaluation/forest.py, then take over {shown}"
        )


def test_who_changes_what_the_studies_rest_on_raises_their_versions() -> None:
    recipe = msgspec.to_builtins(simulated_source.base_recipe())
    parts = (
        "labels",
        "rate_hz",
        "window",
        "hop",
        "frames",
        "normalization",
        "network",
        "sensors",
        "synthesis",
        "views",
    )
    rests_on = cache_key(
        {name: recipe[name] for name in parts}
        | {"words": file_digests([WORDS]), "clips": msgspec.to_builtins(clips.Settings())},
        f"simulation {SIMULATION_VERSION}, triples {TRIPLES_VERSION}, pre-training {PRETRAINING_VERSION}, footage {FOOTAGE_VERSION}",
        manifest.read(manifest.find("pose_tcn")).sha256,
    )[:12]
    versions = [study.VERSION for study in (starts, joint, zero_shot, clips)]
    assert (rests_on, versions) == STUDIES, (
        "figures of studies that were kept (docs/studies/*.json) would pass for those of another simulation, pre-training, network, wording or "
        f"setting: raise VERSION of the studies that it changes, then take over {rests_on, versions}"
    )
