"""The way from a recipe to what a network learns from, by modality."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from edgehar.pipeline.modality import CAMERA, IMU
from edgehar.training import film, keypoint_views, synthesize
from edgehar.training.recipe_parts import ModelRecipe
from edgehar.types import FloatArray


class SimulatedWindows(Protocol):
    """Windows of simulated people, as their simulation keeps them."""

    @property
    def x(self) -> Any:
        """(n, ...)."""
        ...

    @property
    def label(self) -> NDArray[np.int64]:
        """(n,), index into the recipe's labels."""
        ...

    @property
    def activity(self) -> NDArray[np.int64]:
        """(n,), index into the recipe's activities."""
        ...


class ViewsOfWindows(Protocol):
    """Random views of such windows."""

    def __call__(self, rows: NDArray[np.int64]) -> FloatArray:
        """Return the model's input for these rows."""
        ...

    def windows(self, rows: NDArray[np.int64]) -> FloatArray:
        """Return what the sensors read in these rows."""
        ...


class Simulation(Struct, frozen=True):
    """Way from recipe to input in one modality; each takes its own recipe and windows."""

    dataset: Any
    """The class of its windows."""
    synthesize: Callable[..., SimulatedWindows]
    """Takes recipe, processes, progress and the name of the stage."""
    views: Callable[..., ViewsOfWindows]
    """Takes recipe, windows and a seed."""
    normalize: Callable[..., FloatArray]
    """Takes recipe or manifest, and what the sensors read."""
    source: str
    """Origin of the movements, for the manifest."""


_IMU = Simulation(
    synthesize.Dataset,
    synthesize.synthesize,
    synthesize.Views,
    synthesize.normalize,
    "synthetic only: the procedural body of edgehar.motion, no recordings of people; "
    "its ranges were set beside motionsense 1-6 and dsads 1-2",
)
_CAMERA = Simulation(
    film.Film,
    film.synthesize,
    keypoint_views.Views,
    keypoint_views.normalize,
    "synthetic only: the procedural body of edgehar.motion before a simulated camera and pose network, no recordings of "
    "people; chosen by what it is worth on rendered motion capture (CMU, UI-PRMD, React)",
)


def simulation_of(recipe: ModelRecipe) -> Simulation:
    """Return the simulation of a recipe's modality."""
    return {IMU.channels: _IMU, CAMERA.channels: _CAMERA}[recipe.modality.channels]
