"""`python -m benchmarks.left_out DATA [KEY VALUE ...]`: values of a key of fine-tuning, on sets that are left out whole.

KEY is one of `models/imu_tcn.toml`, such as `tuning.unrecorded` (the default) or `synthetic.share`. For each value and
each group of sets of the same people the shipped recipe is fitted for `STEPS` to the other sets, and its answers to the
windows that were left out are scored as `edgehar-train finetune` scores them: macro-F1 of labels and of kinds, and the share
of the windows of something else that is told as what cannot be true. Fits are kept in `build/left_out`. One takes
about three minutes on two cores.
"""

import sys
from pathlib import Path

from msgspec.structs import replace

from edgehar.cli.recipe_arguments import opened_tuning
from edgehar.training import export, finetune_recipe, finetune_report
from edgehar.training.finetune_recipe import FinetuneRecipe

RECIPE = Path("models/imu_tcn.toml")
WORK = Path("build/left_out")
STEPS = 1000
GROUPS = (("wisdm_watch", "wisdm_phone"), ("selfback_wrist", "selfback_thigh"), ("dsads",))
"""Sets that are left out together, as the same people are in them."""
DEFAULT = ("tuning.unrecorded", "1", "0.3", "0.1", "0.03")


def changed(recipe: FinetuneRecipe, key: str, value: str) -> FinetuneRecipe:
    """Return the recipe with another value of a key, such as `tuning.batch`."""
    table, name = key.split(".")
    before = getattr(recipe, table)
    return replace(recipe, **{table: replace(before, **{name: type(getattr(before, name))(value)})})


def without(recipe: FinetuneRecipe, sets: tuple[str, ...]) -> FinetuneRecipe:
    """Return the recipe that is fitted to none of these sets."""
    recordings = tuple(
        replace(some, held_out=1.0) if some.set in sets else some for some in recipe.recordings
    )
    return replace(recipe, recordings=recordings)


def main(data: str, key: str = DEFAULT[0], *values: str) -> None:
    """Print the rows of the sets that are left out, for each group and value."""
    shipped = finetune_recipe.changed(finetune_recipe.load(RECIPE), steps=STEPS)
    for sets in GROUPS:
        for value in values or DEFAULT[1:]:
            recipe = without(changed(shipped, key, value), sets)
            name = f"{sets[0]} {key} {value}".replace(" ", "_").replace(".", "_")
            with opened_tuning(recipe, RECIPE, Path(data), WORK, workers=2) as opened:
                tuning = replace(opened, kept_as=name)
                content, spec, _ = tuning.pair()
                export.write_pair(WORK / name, content, spec)
                rows = [row for row in tuning.report(WORK / name) if row.name.startswith(sets)]
            print(f"{key} = {value}\n{finetune_report.text(rows)}", flush=True)


if __name__ == "__main__":
    main(*(sys.argv[1:]))
