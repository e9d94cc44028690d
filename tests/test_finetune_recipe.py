"""A recipe of fine-tuning: what it may say, and what it says to no effect."""

from pathlib import Path

import pytest

from edgehar.errors import ConfigError
from edgehar.training import finetune_recipe

COLUMNS = 'columns = { time = "t", acceleration = ["x", "y", "z"], label = "did" }\n'
CSV = f'files = "me/*.csv"\nplacement = "wrist"\n{COLUMNS}'


def written(folder: Path, recordings: str, more: str = "", name: str = "mine") -> Path:
    path = folder / "mine.toml"
    head = f'name = "{name}"\nversion = "1"\nseed = 1\nbase = "imu_tcn"\n{more}'
    path.write_text(f"{head}\n[tuning]\nsteps = 4\n[[recordings]]\n{recordings}")
    return path


@pytest.mark.parametrize(
    "recordings", ['set = "dsads"', 'files = "me/*.ehr"\nlabel = "walking"\nperson = "me"', CSV]
)
def test_each_form_of_recordings_is_read(tmp_path: Path, recordings: str) -> None:
    assert finetune_recipe.load(written(tmp_path, recordings)).recordings[0].name


@pytest.mark.parametrize(
    ("recordings", "complaint"),
    [
        ('set = "dsads"\nlabel = "walking"', r"recordings\[0\]\.label: says nothing of a set; leave it out"),
        ('set = "dsads"\nperson = "me"', r"\.person: says nothing of a set"),
        (f'set = "dsads"\n{COLUMNS}', r"\.columns: says nothing of a set"),
        ('files = "*.ehr"\nplacement = "waist"', r"\.placement: says nothing of \.ehr files; leave it out"),
        ('files = "*.ehr"\nonly_people_of = "dsads"', r"\.only_people_of: says nothing of \.ehr files"),
        (f'{CSV}only_people_of = "dsads"', r"\.only_people_of: says nothing of \.csv files"),
        (
            'files = "/home/me/*.ehr"',
            r"\.files: expected a pattern beside the recipe, .* got '/home/me/\*\.ehr'",
        ),
        ('files = "me/*.txt"', r"\.files: expected a pattern that ends in \.ehr or \.csv, got 'me/\*\.txt'"),
        (
            f'{CSV}label = "walking"',
            r"\.label: `columns\.label` says it row by row; leave one of the two out",
        ),
        ('set = "dsads"\nfiles = "*.ehr"', "expected `set` or `files`, one of the two"),
    ],
)
def test_what_recordings_cannot_mean_is_refused(tmp_path: Path, recordings: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        finetune_recipe.load(written(tmp_path, recordings))


@pytest.mark.parametrize("name", ["a/b", "a\\\\b", "", ".", ".."])
def test_a_name_is_that_of_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="name: expected the name of a file, without a folder, got "):
        finetune_recipe.load(written(tmp_path, 'set = "dsads"', name=name))


def test_a_portion_is_of_somebody(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`float` > 0\.0 - at `\$\.portion`"):
        finetune_recipe.load(written(tmp_path, 'set = "dsads"', "portion = 0.0"))
    recipe = finetune_recipe.load(written(tmp_path, 'set = "dsads"', "portion = 0.3"))
    with pytest.raises(ConfigError, match="--portion: expected a share above 0, up to 1, got 0"):
        finetune_recipe.changed(recipe, portion=0.0)
    assert finetune_recipe.changed(recipe, portion=0.5).portion == 0.5
    assert finetune_recipe.changed(recipe, steps=40).tuning.steps == 40


def test_a_new_label_that_home_assistant_takes_for_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="new_labels: Home Assistant takes 'unknown' for no answer at all"):
        finetune_recipe.load(written(tmp_path, 'set = "dsads"', 'new_labels = ["Unknown"]'))
