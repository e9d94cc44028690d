"""The models of one configuration: one for motion sensors, one for cameras, each loaded when a wearer first needs it."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from edgehar.config.read import decision_settings, model_pair
from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.daemon.contract import KEYS, Key, refuse
from edgehar.daemon.wiring import streams_of
from edgehar.errors import ModelError, about
from edgehar.personal.heads import load_head
from edgehar.pipeline import contract, recognizer
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.joint_labels import joint_tree
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.modality import IMU, modality_of_profile
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer

_LOGGER = logging.getLogger(__name__)


class Models:
    """The models that the wearers of a configuration need, loaded; `make` is the class of a `Recognizer`."""

    def __init__(
        self,
        config: Config,
        make: Callable[[ModelSpec, Any], Recognizer],
        *,
        heads_must_fit: bool = False,
    ) -> None:
        """Load them; OperatorError says what does not fit.

        A head that does not fit is a warning, and its wearer has the model as it is, but where `heads_must_fit`.
        """
        self._config, self._make, self._heads_must_fit = config, make, heads_must_fit
        self._loaded: dict[Key, Recognizer] = {}
        self._headed: dict[tuple[str | None, ...], Recognizer | None] = {}
        """By wearer, file and what is worn, the model with a head; None: the head does not fit."""
        for i, wearer in enumerate(config.wearer):
            with about(f"wearer[{i}]"):
                self.of(wearer)

    def of(self, wearer: Wearer) -> list[Recognizer]:
        """Return the models for what somebody wears and is seen by."""
        streams = streams_of(wearer)
        needed = [modality_of_profile(stream.profile) for stream in streams]
        models = [self._load(key) for key, modality in KEYS.items() if modality in needed]
        worn = [s.placement for s in streams if modality_of_profile(s.profile) is IMU]
        return [
            self._with_head(wearer, model, worn) if model.spec.modality is IMU else model for model in models
        ]

    @property
    def lacks_head(self) -> bool:
        """True if a head does not fit, so that labels may be named that nothing tells any more."""
        return None in self._headed.values()

    def _with_head(self, wearer: Wearer, model: Recognizer, worn: Sequence[str]) -> Recognizer:
        """Return the model with a wearer's head on it, if there is one; of one that does not fit it is said once."""
        key = wearer.id, wearer.head, *worn
        for former in [each for each in self._headed if each[0] == wearer.id and each != key]:
            del self._headed[former]
        if wearer.head is None:
            return model
        if key not in self._headed:
            try:
                self._headed[key] = load_head(model, Path(wearer.head), worn)
            except ModelError as error:
                if self._heads_must_fit:
                    raise
                self._headed[key] = None
                _LOGGER.warning("%s: %s; goes on with %s as it is", wearer.id, error, model.spec.id)
        return self._headed[key] or model

    def _load(self, key: Key) -> Recognizer:
        if key not in self._loaded:
            with about(f"model.{key}"):
                loaded = recognizer.load(model_pair(self._config, key), self._make)
                refuse(contract.of_modality(loaded.spec, f"model.{key}", KEYS[key]))
            self._loaded[key] = loaded
        return self._loaded[key]

    def settings(self, models: Iterable[Recognizer]) -> Settings:
        """Return the settings of a decision that rests on these models: the first one's, the configuration's over them."""
        first, *_ = models
        with about("decision"):
            return decision_settings(self._config, first.spec.decision)

    @property
    def _specs(self) -> list[ModelSpec]:
        return [self._loaded[key].spec for key in KEYS if key in self._loaded]

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
        """All labels and their kinds, also those that wearers have taught."""
        return joint_tree([*self._specs, *(model.spec for model in self._headed.values() if model)])
