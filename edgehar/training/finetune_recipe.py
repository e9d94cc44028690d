"""The recipe of a model that is fine-tuned on recordings of people: one TOML file, read beside those recordings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.recordings.csv_files import Columns
from edgehar.training.recipe import Count, Positive, Share, decode, read
from edgehar.types import NO_STATES, OTHER

_WITHOUT_EFFECT = {
    "set": ("placement", "person", "label", "columns"),
    ".ehr": ("placement", "columns", "only_people_of"),
    ".csv": ("only_people_of",),
}
"""Keys of recordings that would be passed over, by their form."""


class Recordings(Struct, frozen=True, forbid_unknown_fields=True):
    """Some recordings, all of one form: a set of the common form, or files."""

    set: str = ""
    """Name of a set below the folder of `--data`."""
    files: str = ""
    """Pattern of `.ehr` or `.csv` files, beside the recipe: `me/*.csv`."""
    placement: str = ""
    """Placement of the sensor of a CSV file."""
    person: str = ""
    """Person who wore it; else each file is a person of its own, by its path from the recipe without its ending."""
    label: str = ""
    """Label of the whole file, where the files do not say; else `NAME.labels.csv` beside `NAME.ehr` says it."""
    columns: Columns | None = None
    """Columns of a CSV file."""
    labels: dict[str, Annotated[tuple[str, ...], Meta(min_length=1)]] = {}
    """Labels of the model that a label of these recordings may be: several, if it is known by half."""
    only_people_of: str = ""
    """Name of another set: of this one only people who are in that one too."""
    held_out: Share | None = None
    """Share of these people who are not fitted to; else the recipe's."""
    weight: Positive = 1.0
    """Frequency with which its windows are shown, beside those of other recordings of the same size."""

    @property
    def name(self) -> str:
        """Name for people."""
        return self.set or self.files


class Variation(Struct, frozen=True, forbid_unknown_fields=True):
    """Other ways in which the same people might have worn other sensors, drawn anew for each view of a window."""

    flipped: Share = 1.0
    """Share of sensors that are worn any of the four ways in which their faces can lie; half as many windows are also
    turned into those of the other side of the body. At 0 neither."""
    tilt_deg: Annotated[float, Meta(ge=0.0)] = 10.0
    """Deviation of a small turn about each axis."""
    turned: Share = 0.1
    """Share of sensors in any orientation."""
    no_gyroscope: Share = 0.25
    rattle: Share = 0.15
    """Largest noise, as a share of each channel's own deviation."""
    gain: Annotated[float, Meta(ge=1.0)] = 1.2
    """Largest factor by which a sensor's deviation from its mean is made larger or smaller."""


class Synthetic(Struct, frozen=True, forbid_unknown_fields=True):
    """Simulated windows among the recorded ones, so that nothing is forgotten that no recording shows."""

    share: Share
    """Share of each batch."""
    recipe: str = "imu_tcn_synthetic.toml"
    """Path of the recipe that simulates them, from this one's folder; else one that is shipped."""
    windows: Count | None = None
    """Number of windows that are made; else as many as their recipe says."""


class Tuning(Struct, frozen=True, forbid_unknown_fields=True):
    """Course of the fit."""

    steps: Count
    batch: Count = 256
    learning_rate: Positive = 1e-3
    """At the start; falls along a cosine to a hundredth."""
    label_smoothing: Share = 0.05
    unrecorded: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.1
    """Prior, in recorded windows, of a label that no recording shows where these sensors are worn, beside 1 of the others.
    At 1 the fit learns that there is no such label; the smaller, the less of it is unlearned, and the oftener it is
    told where it is not done."""
    frozen: tuple[str, ...] = ()
    """Layers that keep the weights of the base: `stem0`, `stem1`, ..., `fuse`, `0`, `1`, ..., `hidden`."""
    representative: Count = 800
    """Windows from which the ranges of the int8 activations are taken."""


class FinetuneRecipe(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that `edgehar-train finetune` needs."""

    name: str
    version: str
    seed: Annotated[int, Meta(ge=0)]
    base: str
    """Name of a shipped model, or path of a pair, with its float weights beside it."""
    recordings: Annotated[tuple[Recordings, ...], Meta(min_length=1)]
    tuning: Tuning
    variation: Variation = Variation()
    synthetic: Synthetic | None = None
    decision: Settings | None = None
    """Settings that the manifest will give the decision; else the base's."""
    new_labels: tuple[str, ...] = ()
    """Labels that the base does not know, in the words of the recordings; large or small letters are the same."""
    held_out: Share = 0.2
    """Share of the people, or of one person's time, that is not fitted to: report and temperature come from it."""
    portion: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
    """Share of the other people who are fitted to; of each source at least one."""
    hop_s: Positive = 1.28
    """From one window to the next, s."""


def load(path: Path) -> FinetuneRecipe:
    """Read a recipe; ConfigError is one line that names the file and what is wrong."""
    content = read(path)
    if {"synthesis", "base"} & _keys(content) == {"synthesis"}:
        raise ConfigError(f"{path}: a recipe that simulates people: `edgehar-train build`")
    recipe = decode(content, path, FinetuneRecipe)
    for problem in _problems(recipe):
        raise ConfigError(f"{path}: {problem}")
    return recipe


def is_finetuned(path: Path) -> bool:
    """Tell whether a file is a recipe of fine-tuning, by its `base`; one that cannot be read is none."""
    return "base" in _keys(read(path))


def _keys(content: bytes) -> set[str]:
    """Return the keys at the top of a TOML file; none of one that is none."""
    try:
        return set(msgspec.toml.decode(content.decode("utf-8-sig")))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return set()


def changed(
    recipe: FinetuneRecipe,
    *,
    portion: float | None = None,
    synthetic: float | None = None,
    frozen: tuple[str, ...] | None = None,
    seed: int | None = None,
    steps: int | None = None,
) -> FinetuneRecipe:
    """Return a recipe with other values of what studies vary; None leaves what it says. ConfigError if it says none."""
    if portion is not None:
        if not portion:
            raise ConfigError("--portion: expected a share above 0, up to 1, got 0")
        recipe = replace(recipe, portion=portion)
    if seed is not None:
        recipe = replace(recipe, seed=seed)
    if steps is not None:
        recipe = replace(recipe, tuning=replace(recipe.tuning, steps=steps))
    if frozen is not None:
        recipe = replace(recipe, tuning=replace(recipe.tuning, frozen=frozen))
    if synthetic is not None:
        if recipe.synthetic is None and synthetic:
            raise ConfigError("--synthetic: the recipe names none that simulates; add `synthetic.recipe`")
        if recipe.synthetic is not None:
            recipe = replace(recipe, synthetic=replace(recipe.synthetic, share=synthetic))
    return recipe


def _problems(recipe: FinetuneRecipe) -> Iterator[str]:
    if not recipe.name.strip(".") or set(recipe.name) & {"/", "\\"}:
        yield f"name: expected the name of a file, without a folder, got {recipe.name!r}"
    for i, some in enumerate(recipe.recordings):
        yield from (f"recordings[{i}]{problem}" for problem in _problems_of(some))
    if OTHER in recipe.new_labels:
        yield f"new_labels: {OTHER!r} is no activity; every model that knows it brings it along"
    for label in {*NO_STATES}.intersection(map(str.lower, recipe.new_labels)):
        yield f"new_labels: Home Assistant takes {label!r} for no answer at all; name what is done"


def _problems_of(some: Recordings) -> Iterator[str]:
    """Yield what is wrong with some recordings, behind their name in the recipe."""
    if bool(some.set) == bool(some.files):
        yield ": expected `set` or `files`, one of the two"
        return
    if some.files and not some.files.endswith((".ehr", ".csv")):
        yield f".files: expected a pattern that ends in .ehr or .csv, got {some.files!r}"
        return
    if Path(some.files).is_absolute():
        yield f".files: expected a pattern beside the recipe, as in `me/*.csv`, got {some.files!r}"
    for key in _WITHOUT_EFFECT["set" if some.set else some.files[-4:]]:
        if getattr(some, key):
            yield f".{key}: says nothing of {'a set' if some.set else f'{some.files[-4:]} files'}; leave it out"
    if some.files.endswith(".csv") and not (some.columns and some.placement):
        yield ": a CSV file needs `columns` and `placement`"
    if some.files.endswith(".csv") and some.columns and not (some.label or some.columns.label):
        yield ": nothing says what was done; give `label`, or `columns.label`"
    if some.label and some.columns and some.columns.label:
        yield ".label: `columns.label` says it row by row; leave one of the two out"
