"""The models of one configuration: one for motion sensors, one for cameras, each loaded when a wearer first needs it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from edgehar.config.read import decision_settings, model_pair
from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.daemon.wiring import profiles
from edgehar.errors import ModelError, about
from edgehar.pipeline import recognizer
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.joint_labels import joint_tree
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.manifest import ModelSpec
from edgehar.pipeline.modality import CAMERA, IMU, Modality, modality_of_profile
from edgehar.pipeline.recognizer import Recognizer

_Key = Literal["path", "camera"]

_KEYS: Mapping[_Key, Modality] = {"path": IMU, "camera": CAMERA}
"""Of [model], which name the models, and what each of them looks at; where both judge, the first leads."""


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
        needed = [modality_of_profile(profile) for profile in profiles(wearer)]
        return [self._load(key) for key, modality in _KEYS.items() if modality in needed]

    def _load(self, key: _Key) -> Recognizer:
        if key not in self._loaded:
            with about(f"model.{key}"):
                loaded = recognizer.load(model_pair(self._config, key), self._make)
                _check_modality(loaded.spec, key)
            self._loaded[key] = loaded
        return self._loaded[key]

    def settings(self, models: Iterable[Recognizer]) -> Settings:
        """Return the settings of a decision that rests on these models: the first one's, the configuration's over them."""
        first, *_ = models
        with about("decision"):
            return decision_settings(self._config, first.spec.decision)

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
    def tree(self) -> LabelTree:
        """All labels and their kinds."""
        return joint_tree(self._specs)


def _check_modality(spec: ModelSpec, key: _Key) -> None:
    expected = _KEYS[key]
    if spec.modality is not expected:
        raise ModelError(
            f"model.{key}: {spec.id} does not look at {expected.channels[0]} and the like; name a model that does, "
            f"such as {expected.shipped}"
        )
