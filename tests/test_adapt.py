"""The guide to fine-tuning says what its recipe can say."""

import re
from pathlib import Path

import pytest
from conftest import ROOT
from msgspec import Struct

from edgehar.recordings.csv_files import Columns
from edgehar.training import finetune_recipe
from edgehar.training.finetune_recipe import FinetuneRecipe, Recordings, Synthetic, Tuning, Variation

GUIDE = (ROOT / "models" / "adapt.md").read_text()


def test_the_recipe_that_the_readme_shows_is_one(tmp_path: Path) -> None:
    [shown] = re.findall(r"```toml\n(# mine\.toml\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "mine.toml").write_text(shown)
    recipe = finetune_recipe.load(tmp_path / "mine.toml")
    assert recipe.synthetic == Synthetic(share=0.25, windows=6000)
    assert [some.person for some in recipe.recordings] == ["me"]


@pytest.mark.parametrize(
    ("table", "prefix"),
    [
        (FinetuneRecipe, ""),
        (Recordings, ""),
        (Columns, ""),
        (Tuning, "tuning."),
        (Synthetic, "synthetic."),
        (Variation, "variation."),
    ],
)
def test_the_guide_explains_every_key(table: type[Struct], prefix: str) -> None:
    keys = re.findall(r"`\[{0,2}([a-z_.]+)", GUIDE)
    explained = {*keys, *(key.partition(".")[0] for key in keys)}
    assert {prefix + name for name in table.__struct_fields__} <= explained
