"""The plan of the study "transfer from video poses": which fits there are, what matters most first.

All numbers were chosen before anybody was scored: rates of learning and steps on simulated wrists alone.
"""

import hashlib
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from edgehar.training.recipe_parts import Count, Positive
from edgehar.training.studies.pretrain import Pretraining
from edgehar.training.studies.published_tcn import CONVS
from edgehar.training.studies.transfer import PARTS, PUBLISHED, SMALL, Course

RANDOM, OURS, OURS_ALL = "random start", "ours", "ours, all objectives"
"""Starts that are no set of poses; those are called `SET KIND`."""
LONG, OURS_LONG = "random start, longer", "ours, longer"
LONGER, TIMES = {LONG: RANDOM, OURS_LONG: OURS}, 4
"""Starts that are these, and have so many times the steps: what a start lacks may be time alone."""
FIVE_UNITS = "dsads, five units"
LAYERS_PORTION = 0.3
FEW = (0.1, 0.3)
"""Portions at which gains are told."""
Portion = Annotated[float, Meta(gt=0.0, le=1.0)]


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Plan of the fits; the defaults are those of docs/studies.md."""

    targets: tuple[str, ...] = ("selfback wrist", "selfback thigh", "dsads wrist", "wisdm wrist")
    """Names of `targets.TARGETS`."""
    portions: tuple[Portion, ...] = (0.1, 0.3, 0.5, 0.75, 1.0)
    """Shares of the people who are not tested."""
    seeds: Count = 5
    """Fits of each cell, each with a fold of its own."""
    source: str = "penn synth"
    """The poses that stand for the published way wherever one is enough."""
    other_sources: tuple[str, ...] = (
        "penn pose", "penn synth_cubic", "jhmdb synth", "jhmdb pose", "jhmdb synth_cubic",
        "cad60 synth", "cad60 pose", "ntu synth", "ntu pose",
    )  # fmt: skip
    other_targets: tuple[str, ...] = ("selfback wrist", "dsads wrist")
    """Targets on which those are compared."""
    published_targets: tuple[str, ...] = ("selfback wrist", "dsads wrist")
    """Targets that the published network is fitted to, too."""
    layers_target: str = "selfback wrist"
    """Target on which it is tried which layers to transfer, frozen or not."""
    parts: bool = True
    """Fit the tCNN-IMU to all five units of dsads."""
    archives: tuple[str, ...] = (
        "pamap2", "opportunity locomotion", "opportunity gesture", "lara mbientlab", "lara motionminers",
    )  # fmt: skip
    """Names of `published.sets.PUBLISHED`."""
    windows: Count = 12_000
    """Windows of a target, about, evenly of each person and label."""
    clips: Count = 4000
    """Clips of a set of poses, at most."""
    source_window_s: Positive = 1.0
    simulated: Count = 12_000
    """Windows of simulated people, for the published network."""
    small: Course = Course(200, 64, 4e-3)
    published: Course = Course(150, 32, 3e-4)
    small_source: Course = Course(800, 64, 4e-3)
    published_source: Course = Course(400, 32, 3e-4)
    ours: Pretraining = Pretraining(windows=20_000, steps=1000)
    """Course of our own pre-training, as of the study of text, pose and IMU; site and objectives are this study's."""

    def courses(self, network: str) -> tuple[Course, Course]:
        """Return the courses of a network's fits: on a target, and on a source."""
        return (
            (self.small, self.small_source) if network == SMALL else (self.published, self.published_source)
        )

    def course(self, network: str, start: str) -> Course:
        """Return the course of the fit to a target."""
        course = self.courses(network)[0]
        return replace(course, steps=TIMES * course.steps) if start in LONGER else course

    def origin(self, network: str, start: str) -> tuple[object, ...]:
        """Return all that says what a start has learned."""
        start = LONGER.get(start, start)
        if start == RANDOM:
            return ()
        if is_joint(network, start):
            return (self.ours,)
        of_source = (self.simulated,) if start == OURS else (self.clips, self.source_window_s)
        return (*of_source, self.courses(network)[1])


class Cell(Struct, frozen=True):
    """One fit."""

    network: str
    target: str
    portion: float
    start: str
    seed: int
    layers: int = len(CONVS)
    """Convolutions that are transferred, of a published network."""
    frozen: bool = False

    def key(self, settings: Settings) -> str:
        """Return the name of its figures in the study's file; other settings of this fit are another name."""
        how = f"{self.layers} layers{' frozen' if self.frozen else ''}"
        parts = (self.network, self.target, f"{self.portion:g}", self.start, how, f"seed {self.seed}")
        course = settings.course(self.network, self.start)
        return _key(parts, settings.windows, course, *settings.origin(self.network, self.start))


def is_joint(network: str, start: str) -> bool:
    """Tell whether a start is our own pre-training, that of the study of text, pose and IMU."""
    return network == SMALL and LONGER.get(start, start) in {OURS, OURS_ALL}


def source_key(settings: Settings, network: str, source: str) -> str:
    """Return the name of the figures of what a pre-training is worth on held-out clips."""
    start = OURS if source.startswith(OURS) else source
    return _key(("source", network, source), *settings.origin(network, start))


def _key(parts: tuple[str, ...], *settings: object) -> str:
    digest = hashlib.sha256(msgspec.json.encode(settings)).hexdigest()[:8]
    return f"{' | '.join(parts)} @{digest}"


def plan(settings: Settings) -> list[Cell]:
    """List all fits, each once, what matters most first."""
    return list(dict.fromkeys(_ordered(settings)))


def _ordered(of: Settings) -> Iterator[Cell]:
    few = [portion for portion in of.portions if portion in FEW]
    more = [portion for portion in of.portions if portion not in FEW]
    for target in of.targets:
        yield from _cells(of, SMALL, target, few, (RANDOM, LONG, of.source, OURS, OURS_ALL, OURS_LONG))
    for target in of.published_targets:
        yield from _cells(of, PUBLISHED, target, few, (RANDOM, of.source, OURS))
    yield from _layers(of)
    for target in of.targets:
        yield from _cells(of, SMALL, target, more, (RANDOM, of.source, OURS, OURS_ALL))
    for target in of.other_targets:
        yield from _cells(of, SMALL, target, few, of.other_sources)
    for archive in of.archives:
        yield from _archive(of, archive)
    if of.parts:
        yield from _cells(of, PARTS, FIVE_UNITS, [LAYERS_PORTION], (RANDOM, of.source))
    for target in of.targets:
        yield from _cells(of, SMALL, target, of.portions[-1:], tuple(LONGER))


def _archive(of: Settings, archive: str) -> Iterator[Cell]:
    networks = (PUBLISHED, SMALL) if archive.startswith("opportunity") else (PUBLISHED, PARTS, SMALL)
    for network in networks:
        # Channels of many sensors at once are no sensor that we simulate.
        starts = (RANDOM, of.source) if network == SMALL else (RANDOM, of.source, OURS)
        yield from _cells(of, network, archive, of.portions, starts)


def _cells(of: Settings, network: str, target: str, portions: list[float] | tuple[float, ...], starts: tuple[str, ...]) -> Iterator[Cell]:  # fmt: skip
    for portion in portions:
        for start in starts:
            for seed in range(of.seeds):
                yield Cell(network, target, portion, start, seed)


def _layers(of: Settings) -> Iterator[Cell]:
    """List the fits that show which layers to transfer, seed by seed; freezing all four is among them as the published trap."""
    for seed in range(of.seeds):
        yield Cell(PUBLISHED, of.layers_target, LAYERS_PORTION, RANDOM, seed)
        for frozen in (False, True):
            for layers in range(1, len(CONVS) + 1):
                yield Cell(PUBLISHED, of.layers_target, LAYERS_PORTION, of.source, seed, layers, frozen)
