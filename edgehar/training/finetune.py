"""Fine-tuning: a pair that was pre-trained, and recordings of people, make a new pair."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar import __version__
from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.labels import common_label
from edgehar.training import (
    calibrate,
    export,
    finetune_fit,
    finetune_report,
    fit as fitting,
    people,
    people_windows,
    provenance,
    recipe as recipes,
    weights,
)
from edgehar.training.build import Build
from edgehar.training.cache import CachedArrays, cache_key, file_digests
from edgehar.training.calibrate import Calibration, Rounding
from edgehar.training.finetune_recipe import FinetuneRecipe
from edgehar.training.finetune_report import Row
from edgehar.training.people_split import split
from edgehar.training.people_views import PeopleViews
from edgehar.training.people_windows import PeopleWindows
from edgehar.training.progress import Progress
from edgehar.training.provenance import HELD_OUT, TUNED_ON, Person
from edgehar.training.synthesize import normalize
from edgehar.training.weights import Weights

FINETUNE_VERSION = 4
"""Raise it with any change that cuts other windows of the same recordings, or fits other weights to them."""
_CALIBRATED_ON = 6000
"""Views of people who are held out: round number."""
_HELD_OUT_VIEWS, _REPRESENTATIVE_VIEWS = 1_000_000, 1_000_001
"""Seeds of views, beyond those of the rounds."""


class Finetune(Struct, frozen=True):
    """One recipe in its work folder."""

    recipe: FinetuneRecipe
    path: Path
    """The recipe's file: what it names lies beside it."""
    data: Path | None
    """Folder that holds the sets."""
    folder: Path
    workers: int
    libraries: str
    progress: Progress
    random_start: bool = False
    """Start from weights as the seed draws them, which shows what the base is worth."""
    kept_as: str = "fit"
    """Name of the file in the work folder in which the state of the fit is kept."""

    @property
    def base(self) -> Path:
        """Path of the manifest of the pair to start from."""
        return self._beside if self._beside.is_file() else manifest.find(self.recipe.base)

    @property
    def _beside(self) -> Path:
        """Path at which a base beside the recipe is looked for, before shipped ones."""
        return self.path.parent / f"{self.recipe.base.removesuffix('.json')}.json"

    def spec(self) -> ModelSpec:
        """Return the manifest of the new pair, as far as it is known before any recording is read.

        ConfigError if it could not be one, or if the base has no such place.
        """
        base, new = manifest.read(self.base), self.recipe.new_labels
        if base.text:
            raise ConfigError(
                f"{self.path}: base: {base.id} shares a space with texts, which a fit would move, and what was typed with it; "
                "name another pair, such as imu_tcn, or teach this one by `edgehar personalize`"
            )
        before = {common_label(label): label for label in base.labels}
        for label in new:
            if same := before.get(common_label(label)):
                named = f", as {same}" if same != label else ""
                raise ConfigError(f"{self.path}: new_labels: {base.id} knows {label} already{named}")
        if len({common_label(label) for label in new}) < len(new):
            raise ConfigError(f"{self.path}: new_labels: expected each once, got {', '.join(new)}")
        for some in self.recipe.recordings:
            try:
                base.slots([some.placement] if some.placement else [])
            except ModelError as error:
                raise ConfigError(f"{self.path}: {some.name}: placement: {error}") from error
        spec = replace(
            base,
            name=self.recipe.name,
            version=self.recipe.version,
            labels=(*base.labels, *new),
            decision=self.recipe.decision or base.decision,
            temperature=1.0,
            provenance={},
            metrics={},
            operating_points={},  # of other weights
            # What the base learned of rates and losses the simulated people keep, and people are shown anew.
            trained_on=base.trained_on
            and replace(base.trained_on, no_gyroscope=self.recipe.variation.no_gyroscope),
            manifest_sha256="",
        )
        for problem in export.misfits(spec):
            raise ConfigError(f"{self.path}: {problem}")
        return spec

    def spec_of(self, windows: PeopleWindows) -> ModelSpec:
        """Return the same once windows are cut: a new label is told by the kinds of sensors that it was recorded with."""
        spec, new = self.spec(), set(self.recipe.new_labels)
        sensors = []
        for sensor in spec.sensors if new else ():
            of_kind = [i for i, other in enumerate(spec.sensors) if other.placements == sensor.placements]
            worn = (windows.shown[:, of_kind] >= 0).any(axis=1)
            recorded = new & {spec.labels[i] for i in np.flatnonzero(windows.allowed[worn].any(axis=0))}
            told = recorded | (set(sensor.labels) or set(spec.labels) - new)
            labels = tuple(label for label in spec.labels if label in told)
            sensors.append(replace(sensor, labels=() if labels == spec.labels else labels))
        return replace(spec, sensors=tuple(sensors) or spec.sensors)

    def sides(self, windows: PeopleWindows) -> tuple[PeopleWindows, PeopleWindows]:
        """Return the windows that are fitted to, and those of people or time held out: of nobody whom the base knows.

        Nor with a random start: it is compared on the same people.
        """
        spec = self.spec()
        chosen = split(self.recipe, windows, spec.window / spec.rate_hz, self._base_people())
        return windows.take(chosen.fitted), windows.take(chosen.held_out)

    def _base_people(self) -> frozenset[Person]:
        """Return whom the base was fitted to."""
        return provenance.persons(provenance.named(manifest.read(self.base), TUNED_ON))

    def check_apart(self, stem: Path) -> None:
        """Refuse to write a pair in the place of the base, or where the next run would take it for the base."""
        pair = stem.with_name(f"{stem.name}.json").resolve()
        if pair in (self.base.resolve(), self._beside.resolve()):
            what = "the base" if pair == self.base.resolve() else "where the recipe looks for its base first"
            raise ConfigError(
                f"{stem}.json is {what}; give the recipe another `name`, or --out another folder"
            )

    def windows(self) -> PeopleWindows:
        """Return the windows of all recordings, cut unless they are kept."""
        cached = CachedArrays(self.folder / "people.npz", self._windows_key())
        arrays = cached.load()
        if arrays is not None:
            return PeopleWindows(**arrays)
        cut = people_windows.cut(
            self.recipe, self.spec(), self.data, self.path.parent, self.workers, self.progress
        )
        cached.save({name: np.asarray(getattr(cut, name)) for name in PeopleWindows.__struct_fields__})
        return cut

    def synthetic(self) -> Build | None:
        """Return the build that simulates the other windows, if the recipe wants any."""
        wanted = self.recipe.synthetic
        if wanted is None or not wanted.share:
            return None
        beside = self.path.parent / wanted.recipe
        shipped = manifest.shipped() / wanted.recipe
        made = recipes.load(shipped if shipped.is_file() and not beside.is_file() else beside)
        if wanted.windows:
            made = replace(made, synthesis=replace(made.synthesis, windows=wanted.windows))
        spec = self.spec()
        for what, ours, theirs in (
            ("sensors", [sensor.name for sensor in spec.sensors], [sensor.name for sensor in made.sensors]),
            ("frames", spec.frames, made.frames),
            ("window", spec.window, made.window),
        ):
            if ours != theirs:
                raise ConfigError(
                    f"{self.path}: synthetic.recipe: {what}: expected {ours} as the base has, got {theirs}"
                )
        if more := [label for label in made.labels if label not in spec.labels]:
            raise ConfigError(
                f"{self.path}: synthetic.recipe: labels: expected those of {spec.id}, got also {', '.join(more)}"
            )
        return Build(made, self.folder, self.workers, self.libraries, self.progress)

    def progress_sentence(self, again: str = "the same command") -> str:
        """Say what the command `again` need not do again."""
        rounds = fitting.epochs(self.state())
        steps = self.recipe.tuning.steps
        done = [] if not rounds else [f"{min(rounds * finetune_fit.ROUND, steps)} of {steps} steps"]
        if not done and CachedArrays(self.folder / "people.npz", self._windows_key()).is_good():
            done = ["the windows of the recordings"]
        if not done:
            return "nothing was done yet that could be kept"
        return f"{done[0]} are kept in {self.folder}; {again} goes on from there"

    def pair(self) -> tuple[bytes, ModelSpec, Weights]:
        """Cut, fit, quantize, calibrate; return the network's bytes, its manifest and its float weights."""
        base, simulated = manifest.read(self.base), self.synthetic()
        start = weights.read(self.base, base)
        finetune_fit.check_frozen(self.recipe.tuning.frozen, start)
        windows = self.windows()
        spec, (fitted, held_out) = self.spec_of(windows), self.sides(windows)
        model = finetune_fit.fit(
            self.recipe,
            spec,
            start,
            fitted,
            (simulated.imu_recipe, simulated.imu_windows()) if simulated else None,
            self.state(),
            self.progress,
            random_start=self.random_start,
        )
        views = PeopleViews(self.recipe, spec, fitted, _REPRESENTATIVE_VIEWS)
        representative = normalize(spec, views.draw(self.recipe.tuning.representative)[0])
        content = export.to_int8(model, fitting.network(spec, start.network, batch=1), representative)
        spec = replace(spec, sha256=export.digest(content))
        temperature = None if self.random_start else base.temperature
        origin = self._provenance(fitted, held_out, model)
        if len(held_out.source):
            calibration, rounding = self._check(spec, held_out, model, content, temperature)
            temperature = calibration.temperature
            origin |= {
                "calibration": msgspec.to_builtins(calibration),
                "int8": msgspec.to_builtins(rounding),
            }
        spec = replace(spec, provenance=origin, temperature=temperature or 1.0)
        return content, spec, weights.of_model(model, start.network)

    def _check(
        self, spec: ModelSpec, held_out: PeopleWindows, model: Any, content: bytes, before: float | None
    ) -> tuple[Calibration, Rounding]:
        """Find the temperature of the int8 network and its distance from the float32 one, on who was held out.

        `before` is the temperature of the network that the fit started from, if it did.
        """
        x, allowed = PeopleViews(self.recipe, spec, held_out, _HELD_OUT_VIEWS).draw(_CALIBRATED_ON)
        export.write_pair(self.folder / "int8", content, spec)
        probabilities = calibrate.answers(recognizer.load(self.folder / "int8"), x)
        logits, mask = fitting.logits(model, normalize(spec, x)), calibrate.offered(spec, x)
        rounding = calibrate.rounding(logits, mask, probabilities, allowed)
        calibration = calibrate.calibrate(
            probabilities, allowed, before_tuning=before, windows=len(held_out.source)
        )
        return calibration, rounding

    def report(self, pair: Path) -> list[Row]:
        """Score the new pair, wherever it was written, and its base on the people who were held out."""
        _, held_out = self.sides(self.windows())
        base, tuned = recognizer.load(self.base), recognizer.load(pair)
        rows = []
        for row in finetune_report.rows(self.recipe, held_out, base, tuned):
            rows.append(row)
            self.progress(f"scoring, {row.name}", len(rows), len(rows) + 1)
        self.progress("scoring", len(rows), len(rows))
        return rows

    def _provenance(self, fitted: PeopleWindows, held_out: PeopleWindows, model: Any) -> dict[str, Any]:
        base, synthetic = manifest.read(self.base), self.recipe.synthetic
        tuned_on, apart = (provenance.people_of(self.recipe, each) for each in (fitted, held_out))
        if not self.random_start:
            tuned_on, apart = provenance.going_on(base, tuned_on, apart)
        return {
            "base": None if self.random_start else {"id": base.id, "sha256": base.sha256},
            "training_data": "recordings of people, named under tuned_on"
            + (", and simulated people" if synthetic and synthetic.share else ""),
            TUNED_ON: tuned_on,
            HELD_OUT: apart,
            "seed": self.recipe.seed,
            "steps": self.recipe.tuning.steps,
            "windows": len(fitted.source),
            "parameters": int(model.count_params()),
            "edgehar": __version__,
            "libraries": self.libraries,
        }

    def _windows_key(self) -> str:
        """Return the key of the windows: of the recordings' names and bytes, and of how they are cut."""
        spec, base = self.spec(), self.recipe
        names, paths = people.read_files(base.recordings, self.data, self.path.parent)
        files = list(zip(names, file_digests(paths), strict=True))
        cut = [msgspec.to_builtins(replace(some, weight=1.0, held_out=None)) for some in base.recordings]
        tables = {"recordings": cut, "hop_s": base.hop_s, "files": files, "labels": spec.labels}
        tables |= {"sensors": msgspec.to_builtins(spec.sensors), "grid": [spec.rate_hz, spec.window]}
        tables["min_coverage"] = spec.decision.min_coverage
        return cache_key(tables, f"finetune {FINETUNE_VERSION}", np.__version__)

    def state(self) -> CachedArrays:
        """Name the file in which the state of the fit is kept."""
        recipe = msgspec.to_builtins(replace(self.recipe, name="", version=""))
        recipe.pop("decision")
        base, simulated = manifest.read(self.base), self.synthetic()
        tables = {
            "recipe": recipe,
            "base": [base.sha256, base.manifest_sha256, *sorted(self._base_people())],
            "random_start": self.random_start,
            "windows": self._windows_key(),
            "synthetic": simulated.state().key if simulated else None,
        }
        key = cache_key(tables, f"finetune {FINETUNE_VERSION}", self.libraries)
        return CachedArrays(self.folder / f"{self.kept_as}.npz", key)
