"""Fine-tuning: a pair that was pre-trained, and recordings of people, make a new pair."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar import __version__
from edgehar.errors import ConfigError
from edgehar.pipeline import manifest, recognizer
from edgehar.pipeline.manifest import ModelSpec
from edgehar.training import (
    calibrate,
    export,
    finetune_fit,
    finetune_report,
    fit as fitting,
    people,
    people_windows,
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
from edgehar.training.synthesize import normalize
from edgehar.training.weights import Weights

FINETUNE_VERSION = 1
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
        beside = self.path.parent / f"{self.recipe.base.removesuffix('.json')}.json"
        return beside if beside.is_file() else manifest.find(self.recipe.base)

    def spec(self) -> ModelSpec:
        """Return the manifest of the new pair, as far as it is known before any fit."""
        base, new = manifest.read(self.base), self.recipe.new_labels
        if twice := set(new) & set(base.labels):
            raise ConfigError(f"{self.path}: new_labels: {base.id} knows {', '.join(sorted(twice))} already")
        worn = {some.placement for some in self.recipe.recordings}
        sensors = tuple(
            replace(sensor, labels=(*sensor.labels, *new))
            if new and sensor.labels and worn & {"", *sensor.placements}
            else sensor
            for sensor in base.sensors
        )
        return replace(
            base,
            name=self.recipe.name,
            version=self.recipe.version,
            labels=(*base.labels, *new),
            sensors=sensors,
            decision=self.recipe.decision or base.decision,
            temperature=1.0,
            provenance={},
            metrics={},
            operating_points={},  # of other weights
            manifest_sha256="",
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
            ("labels", sorted(set(made.labels) - set(spec.labels)), []),
        ):
            if ours != theirs:
                raise ConfigError(
                    f"{self.path}: synthetic.recipe: {what}: expected {ours} as the base has, got {theirs}"
                )
        return Build(made, self.folder, self.workers, self.libraries, self.progress)

    def progress_sentence(self) -> str:
        """Say what the same command need not do again."""
        rounds = fitting.epochs(self.state())
        done = [] if not rounds else [f"{rounds * finetune_fit.ROUND} of {self.recipe.tuning.steps} steps"]
        if not done and CachedArrays(self.folder / "people.npz", self._windows_key()).is_good():
            done = ["the windows of the recordings"]
        if not done:
            return "nothing was done yet that could be kept"
        return f"{done[0]} are kept in {self.folder}; the same command goes on from there"

    def pair(self) -> tuple[bytes, ModelSpec, Weights]:
        """Cut, fit, quantize, calibrate; return the network's bytes, its manifest and its float weights."""
        spec, simulated = self.spec(), self.synthetic()
        start = weights.read(self.base, manifest.read(self.base))
        windows = self.windows()
        chosen = split(self.recipe, windows, spec.window / spec.rate_hz)
        fitted, held_out = windows.take(chosen.fitted), windows.take(chosen.held_out)
        model = finetune_fit.fit(
            self.recipe,
            spec,
            start,
            fitted,
            (simulated.recipe, simulated.windows()) if simulated else None,
            self.state(),
            self.progress,
            random_start=self.random_start,
        )
        views = PeopleViews(self.recipe, spec, fitted, _REPRESENTATIVE_VIEWS)
        representative = normalize(spec, views.draw(self.recipe.tuning.representative)[0])
        content = export.to_int8(model, finetune_fit.network(spec, start.network, batch=1), representative)
        spec = replace(spec, sha256=export.digest(content))
        provenance = self._provenance(fitted, held_out, model)
        if len(held_out.source):
            calibration, rounding = self._check(spec, held_out, model, content)
            spec = replace(spec, temperature=calibration.temperature)
            provenance |= {
                "calibration": msgspec.to_builtins(calibration),
                "int8": msgspec.to_builtins(rounding),
            }
        return content, replace(spec, provenance=provenance), weights.of_model(model, start.network)

    def _check(
        self, spec: ModelSpec, held_out: PeopleWindows, model: Any, content: bytes
    ) -> tuple[Calibration, Rounding]:
        """Find the temperature of the int8 network and its distance from the float32 one, on who was held out."""
        x, allowed = PeopleViews(self.recipe, spec, held_out, _HELD_OUT_VIEWS).draw(_CALIBRATED_ON)
        export.write_pair(self.folder / "int8", content, spec)
        probabilities = calibrate.answers(recognizer.load(self.folder / "int8"), x)
        logits, mask = fitting.logits(model, normalize(spec, x)), calibrate.offered(spec, x)
        rounding = calibrate.rounding(logits, mask, probabilities, allowed)
        return calibrate.calibrate(probabilities, allowed), rounding

    def report(self, pair: Path) -> list[Row]:
        """Score the new pair, wherever it was written, and its base on the people who were held out."""
        spec, windows = self.spec(), self.windows()
        held_out = windows.take(split(self.recipe, windows, spec.window / spec.rate_hz).held_out)
        base, tuned = recognizer.load(self.base), recognizer.load(pair)
        rows = []
        for row in finetune_report.rows(self.recipe, held_out, base, tuned):
            rows.append(row)
            self.progress(f"scoring, {row.name}", len(rows), len(rows) + 1)
        self.progress("scoring", len(rows), len(rows))
        return rows

    def _provenance(self, fitted: PeopleWindows, held_out: PeopleWindows, model: Any) -> dict[str, Any]:
        base = manifest.read(self.base)
        return {
            "base": None if self.random_start else {"id": base.id, "sha256": base.sha256},
            "training_data": "recordings of people, named under tuned_on"
            + (", and simulated people" if self.recipe.synthetic else ""),
            "tuned_on": self.people_of(fitted),
            "held_out": self.people_of(held_out),
            "seed": self.recipe.seed,
            "steps": self.recipe.tuning.steps,
            "windows": len(fitted.source),
            "parameters": int(model.count_params()),
            "edgehar": __version__,
            "libraries": self.libraries,
        }

    def people_of(self, windows: PeopleWindows) -> dict[str, list[str | int]]:
        """Name the people of each source; those of sets by their numbers."""
        people: dict[str, list[str | int]] = {}
        for index, some in enumerate(self.recipe.recordings):
            names = np.unique(windows.subject[windows.source == index]).tolist()
            people[some.name] = sorted(int(name) for name in names) if some.set else sorted(names)
        return people

    def _windows_key(self) -> str:
        """Return the key of the windows: of the recordings' bytes, and of how they are cut."""
        spec, base = self.spec(), self.recipe
        files = file_digests(
            path for some in base.recordings for path in people.files_of(some, self.data, self.path.parent)
        )
        cut = [msgspec.to_builtins(replace(some, weight=1.0, held_out=None)) for some in base.recordings]
        tables = {"recordings": cut, "hop_s": base.hop_s, "files": files, "labels": spec.labels}
        tables |= {"sensors": msgspec.to_builtins(spec.sensors), "grid": [spec.rate_hz, spec.window]}
        return cache_key(tables, f"finetune {FINETUNE_VERSION}", np.__version__)

    def state(self) -> CachedArrays:
        """Name the file in which the state of the fit is kept."""
        recipe = msgspec.to_builtins(replace(self.recipe, name="", version=""))
        recipe.pop("decision")
        start = None if self.random_start else manifest.read(self.base).sha256
        tables = {"recipe": recipe, "base": start, "windows": self._windows_key()}
        key = cache_key(tables, f"finetune {FINETUNE_VERSION}", self.libraries)
        return CachedArrays(self.folder / f"{self.kept_as}.npz", key)
