"""The recipe of a model: one TOML file that, with its seed, fixes everything about it."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct, field

from edgehar.decision import Settings
from edgehar.errors import ConfigError
from edgehar.manifest import Normalization
from edgehar.motion.activities import CATALOGUE
from edgehar.motion.imu import SITES
from edgehar.training.tcn import Network
from edgehar.types import IMU_CHANNELS

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Count = Annotated[int, Meta(ge=1)]


class Sensor(Struct, frozen=True, forbid_unknown_fields=True):
    """A sensor of the model."""

    name: str
    placements: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Names of wearers' placements that feed it."""
    sites: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Where the simulated body wears it: keys of `motion.imu.SITES`, equally often."""


class Synthesis(Struct, frozen=True, forbid_unknown_fields=True):
    """How much movement is made, and what happens to it on its way to a window."""

    windows: Count
    """Over all labels, equally many each."""
    bout_s: Positive
    """Length of one stretch by one person; long enough for a window."""
    source_rates_hz: Annotated[tuple[Positive, ...], Meta(min_length=1)]
    """Rates of the sensors, one drawn per sensor and person."""
    packet_loss: Share
    """Largest share of lost packets; drawn per sensor between none and this."""


class Views(Struct, frozen=True, forbid_unknown_fields=True):
    """What of a window the network gets to see, drawn anew in each epoch."""

    favourite: str
    """The sensor that is worn alone most often."""
    favourite_alone: Share
    other_alone: Share
    """Share in which one of the others is alone; the rest are random subsets."""
    no_gyroscope: Share
    rare: dict[str, Share] = field(default_factory=dict)
    """Labels that seldom occur with the favourite alone, and the share of such examples that stays."""


class Fit(Struct, frozen=True, forbid_unknown_fields=True):
    """How the network is fitted."""

    epochs: Count
    batch: Count
    learning_rate: Positive
    """At the start; falls along a cosine to a hundredth."""
    label_smoothing: Share
    representative: Count = 800
    """Synthetic windows from which the ranges of the int8 activations are taken."""


class Recipe(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that `edgehar-train build` needs."""

    name: str
    version: str
    seed: int
    labels: Annotated[tuple[str, ...], Meta(min_length=2)]
    rate_hz: Positive
    window: Count
    hop: Count
    sensors: Annotated[tuple[Sensor, ...], Meta(min_length=1)]
    normalization: Normalization
    """As it will stand in the manifest."""
    synthesis: Synthesis
    views: Views
    network: Network
    fit: Fit
    decision: Settings = Settings()
    """What the manifest will tell the decision."""

    @property
    def channels(self) -> int:
        """Columns of the model's input."""
        return len(self.sensors) * len(IMU_CHANNELS)


def load(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        ConfigError: one line that names the file and what is wrong.
    """
    try:
        recipe = msgspec.toml.decode(path.read_bytes(), type=Recipe)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: {error}") from error
    for problem in _problems(recipe):
        raise ConfigError(f"{path}: {problem}")
    return recipe


def _problems(recipe: Recipe) -> list[str]:
    names = [sensor.name for sensor in recipe.sensors]
    sites = [site for sensor in recipe.sensors for site in sensor.sites]
    found = [f"no activity is called {label}" for label in recipe.labels if label not in CATALOGUE]
    found += [f"no site is called {site}" for site in sites if site not in SITES]
    if recipe.views.favourite not in names:
        found.append(f"views.favourite: no sensor is called {recipe.views.favourite}")
    if recipe.views.favourite_alone + recipe.views.other_alone > 1.0:
        found.append("views: favourite_alone and other_alone exceed 1 together")
    if recipe.synthesis.bout_s < (recipe.window + 2 * recipe.hop) / recipe.rate_hz:
        found.append("synthesis.bout_s is shorter than a window and two hops")
    return found
