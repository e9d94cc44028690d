"""The wearers that are watched: begun, changed and gone while the daemon runs, each for itself."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable

from msgspec.structs import replace

from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.daemon.contract import of_sensors, refuse
from edgehar.daemon.control import WearerControl
from edgehar.daemon.models import Models
from edgehar.daemon.wearer import Publish, WearerFeed
from edgehar.daemon.wiring import make_shared_links, renew_claims
from edgehar.errors import about
from edgehar.pipeline.contract import Mismatch
from edgehar.pipeline.joint_labels import joint_tree
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.operating_points import Point
from edgehar.pipeline.taps import watch
from edgehar.pipeline.telling import check_told
from edgehar.types import OTHER

_LOGGER = logging.getLogger(__name__)


class Roster:
    """All wearers of one configuration, of which later ones may change the wearers alone."""

    def __init__(self, config: Config, models: Models, on_new: Callable[[WearerControl], None]) -> None:
        """Open nothing yet; OperatorError says what does not fit. `on_new` is called with each wearer before it runs."""
        self._config, self._models, self._on_new = config, models, on_new
        self.on_double_tap: Callable[[str], None] = lambda _: None
        """Called with the id of who tapped a sensor twice, if `tap` is on."""
        self._shared = make_shared_links(config)
        self.unwise: list[Mismatch] = []
        """Misfits of models and sensors that work all the same."""
        self.controls = [self._new_control(i, wearer, config) for i, wearer in enumerate(config.wearer)]
        """Those of now, in the order of the configuration."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """A lock for each id, held while its wearer runs: one that is gone or was changed may still be closing its links."""
        self._running: asyncio.TaskGroup | None = None
        self._publish: Publish = lambda _: None
        self._on_state: Callable[[], None] = lambda: None

    @property
    def is_running(self) -> bool:
        """True while any wearer runs."""
        return self._running is not None

    async def run(self, publish: Publish, on_state: Callable[[], None]) -> None:
        """Run all wearers until each has come to its own end, or `stop`.

        Args:
            publish: Takes every answer.
            on_state: Called when what is known of a wearer may have changed.
        """
        self._publish, self._on_state = publish, on_state
        self._warn_of_unwise()
        async with asyncio.TaskGroup() as self._running:
            for control in self.controls:
                self._start(control)
        self._running = None

    def stop(self) -> None:
        """End all wearers, so that `run` returns."""
        for task in self._tasks.values():
            task.cancel()

    def can_take(self, config: Config) -> bool:
        """Tell whether nothing but the wearers of a configuration is new, and no radio is wanted that there is not."""
        needs_radio = any(wearer.ble for wearer in config.wearer) and self._shared.radio is None
        return replace(config, wearer=self._config.wearer) == self._config and not needs_radio

    def take(self, config: Config, on_gone: Callable[[str], None]) -> tuple[int, int]:
        """Go by a configuration that `can_take` has allowed; wearers that are as they were go on untouched.

        OperatorError if it cannot be used; then nothing has changed. `on_gone` is called with each wearer who is
        gone, once they have ended. Return how many begin, and how many are gone.
        """
        assert self._running is not None
        before = dict(zip((wearer.id for wearer in self._config.wearer), self._config.wearer, strict=True))
        running = {control.id: control for control in self.controls}
        begun = {
            wearer.id: self._new_control(i, wearer, config)
            for i, wearer in enumerate(config.wearer)
            if wearer != before.get(wearer.id)
        }
        self._warn_of_unwise()
        gone = before.keys() - {wearer.id for wearer in config.wearer}
        self._config = config
        self.controls = [begun.get(wearer.id) or running[wearer.id] for wearer in config.wearer]
        for wearer_id in gone:
            self._tasks.pop(wearer_id).cancel()
            self._running.create_task(self._leave(wearer_id, on_gone), name=f"{wearer_id} leaves")
        for control in begun.values():
            self._start(control)
        self._renew_claims()
        return len(begun), len(gone)

    def _new_control(self, i: int, wearer: Wearer, config: Config) -> WearerControl:
        """Make what runs the i-th wearer; OperatorError says what does not fit."""
        with about(f"wearer[{i}]"):
            models = self._models.of(wearer)
        specs = [model.spec for model in models]
        settings, tree = self._models.settings(models), joint_tree(specs)
        with about(f"wearer[{i}].labels"):
            told = self._told(wearer, tree, config)
        point = wearer.operating_point or settings.operating_point
        with about(f"wearer[{i}].operating_point" if wearer.operating_point else "decision.operating_point"):
            models[0].spec.check_point(point)

        def make(point: Point) -> WearerFeed:
            chosen = replace(settings, operating_point=point)
            feed = WearerFeed(wearer, models, chosen, self._shared, told=told)
            if wearer.tap:
                watch(feed.pipeline, lambda _: self.on_double_tap(wearer.id))
            return feed

        with about(f"wearer[{i}]"):
            control = WearerControl(make, point)
        self.unwise += refuse(of_sensors(wearer, i, specs))
        return control

    def _told(self, wearer: Wearer, tree: LabelTree, config: Config) -> list[str]:
        """Return the labels that are told of a wearer, all if there are none; ConfigError if the models do not have them."""
        chosen = wearer.labels or config.model.labels
        chosen_here = [label for label in chosen if label in tree.nodes]
        if self._models.lacks_head:
            # A head that does not fit must end no daemon. `other` alone lets nothing be told that nobody chose.
            return chosen_here or [OTHER] * bool(chosen)
        check_told(tree, wearer.labels)
        # What another wearer's model tells is nothing to this one's, unless there is nothing else.
        return wearer.labels or chosen_here or config.model.labels

    def _start(self, control: WearerControl) -> None:
        """Run a wearer, once whoever had this id before has ended."""
        assert self._running is not None
        if before := self._tasks.get(control.id):
            before.cancel()
        self._on_new(control)
        self._tasks[control.id] = self._running.create_task(self._keep(control), name=control.id)

    async def _keep(self, control: WearerControl) -> None:
        async with self._turns[control.id]:
            await control.run(self._publish, self._on_state, self._renew_claims)

    async def _leave(self, wearer: str, on_gone: Callable[[str], None]) -> None:
        """Say that a wearer is gone once they have ended, unless they are back."""
        async with self._turns[wearer]:
            if all(control.id != wearer for control in self.controls):
                on_gone(wearer)

    def _warn_of_unwise(self) -> None:
        for misfit in self.unwise:
            _LOGGER.warning("%s", misfit.line)
        self.unwise = []

    def _renew_claims(self) -> None:
        sources = [source for control in self.controls for source in control.feed.sources]
        renew_claims(self._shared, self._config, sources)
