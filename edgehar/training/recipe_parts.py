"""Parts that recipes of all modalities have in common."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Protocol

from msgspec import Meta, Struct, field

from edgehar.pipeline import label_tree
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.modality import Modality
from edgehar.pipeline.model_spec import Normalization, TrainedOn
from edgehar.training.tcn import Network
from edgehar.validation import shown

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, Meta(gt=0.0)]
Count = Annotated[int, Meta(ge=1)]


class Fit(Struct, frozen=True, forbid_unknown_fields=True):
    """Course of the fit."""

    epochs: Count
    batch: Count
    learning_rate: Positive
    """At the start; falls along a cosine to a hundredth."""
    label_smoothing: Share
    representative: Count = 800
    """Synthetic windows from which the ranges of the int8 activations are taken."""


class Making(Protocol):
    """Part of a recipe that says how much movement is made, and of what."""

    @property
    def windows(self) -> int:
        """Windows over all labels."""
        ...

    @property
    def bout_s(self) -> float:
        """Length of one stretch by one person, s."""
        ...

    @property
    def activities(self) -> Mapping[str, tuple[str, ...]]:
        """Activities of labels that are not one activity."""
        ...

    def of(self, label: str) -> tuple[str, ...]:
        """Return the activities of a label."""
        ...


class ModelRecipe(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A recipe without what its modality asks for."""

    name: str
    version: str
    seed: Annotated[int, Meta(ge=0)]
    labels: Annotated[tuple[str, ...], Meta(min_length=2)]
    rate_hz: Positive
    window: Count
    hop: Count
    frames: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Frames of axes in which the network sees each sensor."""
    normalization: Normalization
    """The same that will stand in the manifest."""
    network: Network
    fit: Fit
    tree: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Inner nodes of the `pipeline.label_tree` and their children: labels, or nodes."""
    alike: dict[str, str] = field(default_factory=dict)
    """Labels of other models, and what this one calls them, for the manifest."""
    decision: Settings = Settings()
    """Settings that the manifest will give the decision."""

    sensors: Any
    synthesis: Any
    views: Any

    @property
    def modality(self) -> Modality:
        """The kind of input that the model looks at."""
        raise NotImplementedError

    @property
    def trained_on(self) -> TrainedOn:
        """The range of sensors that the movement is seen by, for the manifest."""
        raise NotImplementedError

    @property
    def activities(self) -> tuple[str, ...]:
        """Activities of all labels."""
        return tuple(activity for label in self.labels for activity in self.synthesis.of(label))

    def shares(self) -> Iterator[tuple[int, int, int]]:
        """Yield index of the label, index of the activity, and how many windows of it."""
        index = 0
        for label, name in enumerate(self.labels):
            activities = self.synthesis.of(name)
            for _ in activities:
                yield label, index, -(-self.synthesis.windows // (len(self.labels) * len(activities)))
                index += 1

    def common_problems(self) -> list[str]:
        """Name labels that are none, misfits of the tree, and bouts that are too short."""
        labels = [*self.synthesis.activities, *(label for sensor in self.sensors for label in sensor.labels)]
        problems = [f"no label is called {label}" for label in labels if label not in self.labels]
        problems += [
            f"{key}: expected {expected}, got {shown(got)}"
            for key, expected, got in label_tree.misfits(self.labels, self.tree)
        ]
        if self.synthesis.bout_s < (self.window + 2 * self.hop) / self.rate_hz:
            problems.append("synthesis.bout_s is shorter than a window and two hops")
        return problems
