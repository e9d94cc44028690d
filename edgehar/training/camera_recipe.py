"""The recipe of a model that looks at people's keypoints: `modality = "camera"` in its file.

What a recipe says of labels, grid, network, fit and decision is as in `recipe`.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.pipeline import modality as modalities
from edgehar.pipeline.modality import Modality
from edgehar.pipeline.model_spec import TrainedOn
from edgehar.training.recipe_parts import Count, ModelRecipe, Positive, Share

Shares = dict[str, Share]
"""Shares of people, by activity; none where it is not named."""


class CameraSensor(Struct, frozen=True, forbid_unknown_fields=True):
    """The camera as a sensor of the model."""

    name: str
    placements: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Names of wearers' placements that feed it."""
    labels: tuple[str, ...] = ()
    """As of other sensors: the only one tells all."""


class Scenes(Struct, frozen=True, forbid_unknown_fields=True):
    """Places where people are filmed."""

    desk: Shares = field(default_factory=dict)
    """By a camera on the screen before them, which shows the upper half."""
    table: Shares = field(default_factory=dict)
    """Behind a table, or another thing that hides the legs."""
    bed: Shares = field(default_factory=dict)
    """On a bed, a sofa, a stool: higher than the movement has them."""
    treadmill: Share = 0.2
    """Share of who walks or runs and stays where they are."""
    held: Share = 0.25
    """Share of cameras that are held and follow."""


class Filming(Struct, frozen=True, forbid_unknown_fields=True):
    """Amount of movement that is made, and its way to a window."""

    windows: Count
    """Over all labels, equally many each."""
    bout_s: Positive
    """Length of one stretch by one person; long enough for a window."""
    frame_rates_hz: tuple[Positive, Positive]
    """Range of the pictures per second, drawn by logarithm."""
    lost_frames: Share
    """Largest share of lost pictures; drawn between none and this."""
    scenes: Scenes = Scenes()
    activities: dict[str, Annotated[tuple[str, ...], Meta(min_length=1)]] = field(default_factory=dict)
    """Activities of labels that are not one activity of `motion.activities.CATALOGUE`, equally often."""

    def of(self, label: str) -> tuple[str, ...]:
        """Return the activities of a label."""
        return self.activities.get(label, (label,))


class KeypointViews(Struct, frozen=True, forbid_unknown_fields=True):
    """Sides of a window that the network gets to see, drawn anew in each epoch; half of them mirrored."""

    tilt: Annotated[float, Meta(ge=0.0, le=45.0)]
    """Deviation of the turn of the picture, degrees."""
    stretch: Annotated[float, Meta(ge=1.0)]
    """Largest factor by which width grows or shrinks against height."""
    noise: Annotated[float, Meta(ge=0.0)]
    """Largest deviation of what each row of each keypoint is moved by, in torso lengths."""
    lost_joint: Share
    """Share of keypoints that are lost throughout."""
    lost_limb: Share
    """Share of windows without one arm, both feet, or both legs below the hips."""
    annotated: Share
    """Share of windows with the keypoints that people annotate, all certain: no eyes and ears."""
    held: Share = 0.0
    """Share of those that are of a shorter clip, held at both ends."""


class CameraRecipe(ModelRecipe, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that `edgehar-train build` needs for a model of a camera."""

    modality_name: Literal["camera"] = field(name="modality")
    sensors: Annotated[tuple[CameraSensor, ...], Meta(min_length=1, max_length=1)]
    synthesis: Filming
    views: KeypointViews

    @property
    def modality(self) -> Modality:
        """The kind of input that the model looks at."""
        return modalities.CAMERA

    @property
    def trained_on(self) -> TrainedOn:
        """The range of cameras that the movement is seen by, for the manifest."""
        return TrainedOn(self.synthesis.frame_rates_hz, self.synthesis.lost_frames)

    def problems(self) -> list[str]:
        """Name what contradicts the catalogue of movements or the rest of the recipe."""
        scenes = self.synthesis.scenes
        activities = [*self.activities, *scenes.desk, *scenes.table, *scenes.bed]
        return [
            *(f"no activity is called {name}" for name in activities if name not in CATALOGUE),
            *self.common_problems(),
        ]
