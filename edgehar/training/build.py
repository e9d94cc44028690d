"""The build of a model pair from a recipe, by way of the work folder: what was made once is not made again."""

import logging
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from edgehar import __version__, native_stderr
from edgehar.errors import ConfigError
from edgehar.pipeline import recognizer
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.training import calibrate, export, fit as fitting, weights
from edgehar.training.cache import CachedArrays, fit_key, simulation_key
from edgehar.training.calibrate import Calibration, Rounding
from edgehar.training.progress import Progress
from edgehar.training.recipe import Recipe
from edgehar.training.recipe_parts import ModelRecipe
from edgehar.training.simulations import SimulatedWindows, simulation_of
from edgehar.training.synthesize import STRANGERS_VIEWS, Dataset
from edgehar.training.weights import Weights

_DRAWS = 2
"""Views of each window of strangers: round number."""
_START = (
    rb"WARNING: All log messages before absl::InitializeLog.*\n|I0000 .* oneDNN custom operations are on.*\n"
)
"""Lines of TensorFlow on processors with instructions for networks, whatever its level of logging is."""


class Build(Struct, frozen=True):
    """One recipe in its work folder."""

    recipe: ModelRecipe
    folder: Path
    workers: int
    """Processes that simulate."""
    libraries: str
    """Those that fit, with their versions."""
    progress: Progress
    digest: str | None = None
    """sha256 of the recipe's file, if it came from one."""

    @property
    def imu_recipe(self) -> Recipe:
        """The recipe, if it is one of worn sensors; ConfigError if not: so far a camera's is only built."""
        if not isinstance(self.recipe, Recipe):
            raise ConfigError(f"{self.recipe.name}: a recipe of cameras, which this is not done with")
        return self.recipe

    def windows(self) -> SimulatedWindows:
        """Return the windows to fit to, simulated unless they are kept."""
        return self._simulated("windows", self.recipe)

    def imu_windows(self) -> Dataset:
        """Return the windows of a recipe of worn sensors; ConfigError as of `imu_recipe`."""
        assert self.imu_recipe
        windows = self.windows()
        assert isinstance(windows, Dataset)
        return windows

    def strangers(self) -> SimulatedWindows:
        """Return windows of people whom the fit never meets."""
        return self._simulated("strangers", calibrate.strangers_recipe(self.recipe))

    def _simulated(self, name: str, recipe: ModelRecipe) -> SimulatedWindows:
        cached, simulation = self._cached(name, recipe), simulation_of(recipe)
        arrays = cached.load()
        if arrays is not None:
            kept: SimulatedWindows = simulation.dataset(**arrays)
            return kept
        data = simulation.synthesize(recipe, self.workers, self.progress, f"simulating {name}")
        cached.save(
            {field: np.asarray(getattr(data, field)) for field in simulation.dataset.__struct_fields__}
        )
        return data

    def _cached(self, name: str, recipe: ModelRecipe) -> CachedArrays:
        """Name the file in which simulated windows are kept."""
        return CachedArrays(self.folder / f"{name}.npz", simulation_key(recipe))

    def state(self) -> CachedArrays:
        """Name the file in which the state of the fit is kept."""
        key = fit_key(self.recipe, simulation_key(self.recipe), self.libraries)
        return CachedArrays(self.folder / "fit.npz", key)

    def progress_sentence(self, again: str = "the same command", *, fits: bool = True) -> str:
        """Say what the command `again`, which goes on with the recipe's fit if it `fits`, need not do again."""
        epochs = fitting.epochs(self.state()) if fits else 0
        if epochs:
            done = f"{epochs} of {self.recipe.fit.epochs} epochs"
        elif self._cached("windows", self.recipe).is_good():
            done = "the simulated windows"
        else:
            return "nothing was done yet that could be kept"
        return f"{done} are kept in {self.folder}; {again} goes on from there"

    def pair(self) -> tuple[bytes, ModelSpec, Weights]:
        """Simulate, fit, quantize, calibrate; return the network's bytes, its manifest and its float weights."""
        data = self.windows()
        model = fitting.fit(self.recipe, data, self.progress, self.state())
        single = fitting.network(self.recipe, self.recipe.network, batch=1)
        content = export.to_int8(model, single, fitting.representative(self.recipe, data))
        calibration, rounding = self.check(model, content)
        provenance = self._provenance(model, len(data.x)) | {
            "calibration": msgspec.to_builtins(calibration),
            "int8": msgspec.to_builtins(rounding),
        }
        spec = export.describe(self.recipe, content, provenance, calibration.temperature)
        return content, spec, weights.of_model(model, self.recipe.network)

    def check(self, model: Any, content: bytes) -> tuple[Calibration, Rounding]:
        """Find the temperature of the int8 network and its distance from the float32 one, on strangers."""
        recipe, others = calibrate.strangers_recipe(self.recipe), self.strangers()
        rows = np.tile(np.arange(len(others.x)), _DRAWS)
        simulation = simulation_of(recipe)
        x, label = simulation.views(recipe, others, STRANGERS_VIEWS).windows(rows), others.label[rows]
        spec = export.describe(self.recipe, content, {})
        export.write_pair(self.folder / "int8", content, spec)
        probabilities = calibrate.answers(recognizer.load(self.folder / "int8"), x)
        logits, mask = fitting.logits(model, simulation.normalize(recipe, x)), calibrate.offered(spec, x)
        rounding = calibrate.rounding(logits, mask, probabilities, label)
        return calibrate.calibrate(probabilities, label), rounding

    def _provenance(self, model: Any, windows: int) -> dict[str, Any]:
        return {
            "training_data": simulation_of(self.recipe).source,
            "seed": self.recipe.seed,
            "windows": windows,
            "parameters": int(model.count_params()),
            "edgehar": __version__,
            "libraries": self.libraries,
        } | ({"recipe_sha256": self.digest} if self.digest else {})


def fitting_libraries() -> str:
    """Name the libraries that fit, with versions; ImportError before minutes of simulation if a build lacks one."""
    # TensorFlow's C++ side reports each start on stderr, in the middle of the progress bar; --verbose lets it.
    is_verbose = logging.getLogger().isEnabledFor(logging.DEBUG)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if is_verbose else "2")
    with nullcontext() if is_verbose else native_stderr.without(_START):
        import keras  # noqa: PLC0415  # loads in seconds; only a build needs it
        import scipy.optimize  # noqa: PLC0415, F401  # finds the temperature, after the whole fit
        import tensorflow as tf  # noqa: PLC0415

    return f"tensorflow {tf.__version__}, keras {keras.__version__}"
