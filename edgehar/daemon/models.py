"""The models of one configuration: one for motion sensors, one for cameras, each loaded when a wearer first needs it."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

from edgehar.config.read import decision_settings, model_pair
from edgehar.config.schema import Config, Wearer
from edgehar.daemon.wiring import profiles
from edgehar.devices.keypoints import PROFILE as KEYPOINTS
from edgehar.errors import about
from edgehar.pipeline import recognizer
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.joint_labels import joint_tree
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.recognizer import Recognizer

_Key = Literal["path", "camera"]

_KEYS: tuple[_Key, ...] = ("path", "camera")
"""Of [model], which name the models; where both judge, the first leads."""


class Models:
    """The models that the wearers of a configuration need, loaded; `make` is the class of a `Recognizer`."""

    def __init__(self, config: Config, make: Callable[[ModelSpec, Any], Recognizer]) -> None:
        """Load them; OperatorError says what does not fit."""
        self._config, self._make = config, make
        self._loaded: dict[_Key, Recognizer] = {}
        for i, wearer in enumerate(config.wearer):
            with about(f"wearer[{i}]"):
                self.of(wearer)

    def of(self, wearer: Wearer) -> list[Recognizer]:
        """Return the models for what somebody wears and is seen by."""
        needed = {"camera" if profile == KEYPOINTS else "path" for profile in profiles(wearer)}
        return [self._load(key) for key in _KEYS if key in needed]

    def _load(self, key: _Key) -> Recognizer:
        if key not in self._loaded:
            with about(f"model.{key}"):
                self._loaded[key] = recognizer.load(model_pair(self._config, key), self._make)
        return self._loaded[key]

    def settings(self, models: Iterable[Recognizer]) -> Settings:
        """Return the settings of a decision that rests on these models: the first one's, the configuration's over them."""
        first, *_ = models
        with about("decision"):
            settings = decision_settings(self._config, first.spec.decision)
        with about("decision.operating_point"):
            first.spec.check_point(settings.operating_point)
        return settings

    @property
    def _specs(self) -> list[ModelSpec]:
        return [self._loaded[key].spec for key in _KEYS if key in self._loaded]

    @property
    def id(self) -> str:
        """Names and versions, in one word."""
        return "+".join(spec.id for spec in self._specs)

    @property
    def sha256(self) -> str:
        """Digests of the networks, in one word."""
        return "+".join(spec.sha256 for spec in self._specs)

    @property
    def runtime(self) -> str:
        """Name and version of what runs the networks."""
        return next(iter(self._loaded.values())).runtime

    @property
    def has_points(self) -> bool:
        """True if any of them has operating points to choose from."""
        return any(spec.operating_points for spec in self._specs)

    @property
    def tree(self) -> LabelTree:
        """All labels and their kinds."""
        return joint_tree(self._specs)
