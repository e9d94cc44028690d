"""From a recipe to a model pair, by way of the work folder: what was made once is not made again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from edgehar import __version__
from edgehar.evaluation import baselines
from edgehar.pipeline import recognizer
from edgehar.pipeline.manifest import ModelSpec
from edgehar.training import cache as work, calibrate, export, fit as fitting
from edgehar.training.calibrate import Calibration, Rounding
from edgehar.training.recipe import Recipe
from edgehar.training.synthesize import Dataset, Views, normalize, synthesize

Say = Callable[[str, int, int], None]
"""Hears of a stage, of how much of it is done, and how much there is to do."""

_DRAWS = 2
"""Views of each window of strangers: round number."""
_SOURCE = (
    "synthetic only: the procedural body of edgehar.motion, no recordings of people; "
    "its ranges were set beside motionsense 1-6 and dsads 1-2"
)
_CHECK = 3
"""Seed of their views."""


class Build(Struct, frozen=True):
    """One recipe in its work folder."""

    recipe: Recipe
    folder: Path
    workers: int
    """Processes that simulate."""
    versions: str
    """Of the libraries that fit."""
    say: Say
    digest: str | None = None
    """sha256 of the recipe's file, if it came from one."""

    def windows(self) -> Dataset:
        """The windows to fit to, simulated unless they are kept."""
        return self._simulated("windows", self.recipe)

    def strangers(self) -> Dataset:
        """Windows of people whom the fit never meets."""
        return self._simulated("strangers", calibrate.strangers(self.recipe))

    def _simulated(self, name: str, recipe: Recipe) -> Dataset:
        kept = self._kept(name, recipe)
        done, total = 0, recipe.synthesis.windows

        def tick(windows: int) -> None:
            nonlocal done
            done += windows
            self.say(f"simulating {name}", min(done, total), total)

        arrays = kept.load()
        if arrays is not None:
            return Dataset(**arrays)
        data = synthesize(recipe, self.workers, tick)
        kept.save({field: np.asarray(getattr(data, field)) for field in Dataset.__struct_fields__})
        return data

    def _kept(self, name: str, recipe: Recipe) -> work.Kept:
        """Where simulated windows are kept."""
        return work.Kept(self.folder / f"{name}.npz", work.key_of_data(recipe))

    def state(self) -> work.Kept:
        """Where the state of the fit is kept."""
        key = work.key_of_fit(self.recipe, work.key_of_data(self.recipe), self.versions)
        return work.Kept(self.folder / "fit.npz", key)

    def forget(self) -> None:
        """Start over."""
        for path in self.folder.glob("*.npz"):
            path.unlink()

    def kept(self, again: str = "the same command", *, fits: bool = True) -> str:
        """What the command `again`, which goes on with the recipe's fit if it `fits`, need not do again, in words."""
        epochs = fitting.epochs(self.state()) if fits else 0
        if epochs:
            what = f"{epochs} of {self.recipe.fit.epochs} epochs"
        elif self._kept("windows", self.recipe).is_good():
            what = "the simulated windows"
        else:
            what = ""
        if what:
            return f"{what} are kept in {self.folder}; {again} goes on from there"
        return "nothing was done yet that could be kept"

    def pair(self) -> tuple[bytes, ModelSpec]:
        """Simulate, fit, quantize, calibrate: the network's bytes and its manifest."""
        data = self.windows()
        total = fitting.steps(self.recipe, len(data.x))

        def tick(done: int, accuracy: float) -> None:
            self.say(f"fitting, {accuracy:.1%} of the epoch right", done, total)

        model = fitting.fit(self.recipe, data, tick, self.state())
        content = export.to_int8(model, self.recipe, fitting.representative(self.recipe, data))
        provenance = self._provenance(model, len(data.x))
        found, rounding = self.check(model, content)
        provenance |= {
            "calibration": msgspec.to_builtins(found),
            "int8": msgspec.to_builtins(rounding),
        }
        return content, export.describe(self.recipe, content, provenance, found.temperature)

    def check(self, model: Any, content: bytes) -> tuple[Calibration, Rounding]:
        """Temperature of the int8 network and its distance from the float32 one, on strangers."""
        recipe, others = calibrate.strangers(self.recipe), self.strangers()
        rows = np.tile(np.arange(len(others.x)), _DRAWS)
        x, label = Views(recipe, others, seed=_CHECK).windows(rows), others.label[rows]
        spec = export.describe(self.recipe, content, {})
        export.write_pair(self.folder / "int8", content, spec)
        found = calibrate.answers(recognizer.load(self.folder / "int8"), x)
        mask = calibrate.offered(spec, x)
        compared = calibrate.rounding(fitting.logits(model, normalize(recipe, x)), mask, found, label)
        return calibrate.calibrate(found, label), compared

    def forest(self) -> Path:
        """The file of a random forest on the same windows, grown unless it is kept."""
        data = self.windows()
        path = self.folder / "random_forest.npz"
        kept = work.Kept(path, work.key_of_forest(self.recipe, work.key_of_data(self.recipe)))
        if kept.load() is None:
            self.say(f"growing {baselines.TREES} trees", 0, 1)
            trees = baselines.grow(self.recipe, data, self.workers)
            kept.save({field: getattr(trees, field) for field in baselines.Trees.__struct_fields__})
            self.say(f"growing {baselines.TREES} trees", 1, 1)
        export.write_manifest(path.with_suffix(""), export.describe(self.recipe, path.read_bytes(), {}))
        return path

    def untrained(self) -> Path:
        """The manifest of a pair that never learned, exported like the one that did."""
        data = self.windows()
        model, stem = fitting.untrained(self.recipe), self.folder / "untrained"
        content = export.to_int8(model, self.recipe, fitting.representative(self.recipe, data))
        export.write_pair(stem, content, export.describe(self.recipe, content, {}))
        return stem.with_name("untrained.json")

    def _provenance(self, model: Any, windows: int) -> dict[str, Any]:
        return {
            "training_data": _SOURCE,
            "seed": self.recipe.seed,
            "windows": windows,
            "parameters": int(model.count_params()),
            "edgehar": __version__,
            "libraries": self.versions,
        } | ({"recipe_sha256": self.digest} if self.digest else {})
