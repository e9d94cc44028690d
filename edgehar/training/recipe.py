"""The recipe of a model: one TOML file that, with its seed, fixes everything about it."""

import re
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from edgehar.errors import ConfigError
from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.imu import SITES
from edgehar.pipeline import modality as modalities
from edgehar.pipeline.decision_settings import REPLACED
from edgehar.pipeline.modality import Modality
from edgehar.pipeline.model_spec import TrainedOn
from edgehar.training.camera_recipe import CameraRecipe
from edgehar.training.frames import FRAMES
from edgehar.training.recipe_parts import Count, ModelRecipe, Positive, Share

__all__ = ["Count", "Positive", "Recipe", "Share", "decode", "load", "load_any", "parse", "parse_any", "read"]

Form = TypeVar("Form")


class Sensor(Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor of the model."""

    name: str
    placements: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Names of wearers' placements that feed it."""
    sites: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Places on the simulated body: keys of `motion.imu.SITES`, equally often."""
    labels: tuple[str, ...] = ()
    """Labels that it can tell apart on its own; empty: all."""
    beside: str | None = None
    """The sensor before it of whose kind it is the second, worn on the other side of the body."""
    alone: Share = 0.0
    """Share of examples in which it is the only one worn."""


class Synthesis(Struct, frozen=True, forbid_unknown_fields=True):
    """Amount of movement that is made, and its way to a window."""

    windows: Count
    """Over all labels, equally many each."""
    bout_s: Positive
    """Length of one stretch by one person; long enough for a window."""
    source_rates_hz: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    """Rates of the sensors, one drawn per sensor and person."""
    packet_loss: Share
    """Largest share of lost packets; drawn per sensor between none and this."""
    activities: dict[str, Annotated[tuple[str, ...], Meta(min_length=1)]] = field(default_factory=dict)
    """Activities of labels that are not one activity of `motion.activities.CATALOGUE`, equally often."""

    def of(self, label: str) -> tuple[str, ...]:
        """Return the activities of a label."""
        return self.activities.get(label, (label,))


class Views(Struct, frozen=True, forbid_unknown_fields=True):
    """Sides of a window that the network gets to see, drawn anew in each epoch."""

    no_gyroscope: Share
    rattle: Share
    """Largest noise that cloth, straps and loose phones add, as a share of each channel's own deviation."""
    gain: Annotated[float, Meta(ge=1.0)] = 1.0
    """Largest factor by which a sensor's deviation from its mean is made larger or smaller."""
    free: Share = 0.0
    """Share of sensors that are mounted in any orientation, beyond what their sites say of habits."""
    by_hand: tuple[str, ...] = ()
    """Activities that only a sensor on a wrist can tell: whoever wears none may as well sit or stand."""


class Recipe(ModelRecipe, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that `edgehar-train build` needs for a model of worn sensors."""

    sensors: Annotated[tuple[Sensor, ...], Meta(min_length=1)]
    synthesis: Synthesis
    views: Views

    @property
    def modality(self) -> Modality:
        """The kind of input that the model looks at."""
        return modalities.IMU

    @property
    def trained_on(self) -> TrainedOn:
        """The range of sensors that the movement is seen by, for the manifest."""
        rates = self.synthesis.source_rates_hz
        return TrainedOn((min(rates), max(rates)), self.synthesis.packet_loss, self.views.no_gyroscope)


def load(path: Path) -> Recipe:
    """Read a recipe of worn sensors.

    Raises:
        ConfigError: one line that names the file and what is wrong.
    """
    return parse(read(path), path)


def load_any(path: Path) -> Recipe | CameraRecipe:
    """Read a recipe of whatever modality; ConfigError as of `load`."""
    return parse_any(read(path), path)


def parse_any(content: bytes, path: Path) -> Recipe | CameraRecipe:
    """Return the recipe that a file holds: that of a camera says so by its `modality`; ConfigError as of `load`."""
    if "modality" not in decode(content, path, dict):
        return parse(content, path)
    recipe = decode(content, path, CameraRecipe)
    for problem in recipe.problems():
        raise ConfigError(f"{path}: {problem}")
    return recipe


def read(path: Path) -> bytes:
    """Return what is in the file; ConfigError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error


def parse(content: bytes, path: Path) -> Recipe:
    """Return the recipe that a file holds; ConfigError as of `load`."""
    recipe = decode(content, path, Recipe)
    for problem in _problems(recipe):
        raise ConfigError(f"{path}: {problem}")
    return recipe


def decode(content: bytes, path: Path, form: type[Form]) -> Form:
    """Return what a TOML file holds, as of this form; ConfigError is one line that names the file and what is wrong."""
    try:
        return msgspec.toml.decode(content.decode("utf-8-sig"), type=form)
    except msgspec.DecodeError as error:
        key = next((key for key in REPLACED if f"field `{key}` - at `$.decision`" in str(error)), "")
        hint = f"; it gave way to {REPLACED[key]}" if key else _keys(str(error), form)
        raise ConfigError(f"{path}: {error}{hint}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: expected a recipe in TOML, got something else ({error})") from error


def _keys(message: str, form: Any) -> str:
    """Return a hint at the keys that there are, where one at the top is none."""
    is_top = re.search(r"unknown field `[^`]*`$", message)
    return f"; expected some of {', '.join(form.__struct_fields__)}" if is_top else ""


def _problems(recipe: Recipe) -> list[str]:
    names = [sensor.name for sensor in recipe.sensors]
    sites = [site for sensor in recipe.sensors for site in sensor.sites]
    activities = [*recipe.activities, *recipe.views.by_hand]
    problems = [f"no activity is called {name}" for name in activities if name not in CATALOGUE]
    problems += [f"no site is called {site}" for site in sites if site not in SITES]
    problems += [f"no frame is called {frame}" for frame in recipe.frames if frame not in FRAMES]
    problems += recipe.common_problems()
    for i, sensor in enumerate(recipe.sensors):
        if sensor.beside is not None and sensor.beside not in names[:i]:
            problems.append(f"beside: no sensor before {sensor.name} is called {sensor.beside}")
    if sum(sensor.alone for sensor in recipe.sensors) > 1.0:
        problems.append("sensors: the shares of `alone` exceed 1 together")
    return problems
