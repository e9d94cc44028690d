from pathlib import Path

import pytest
from conftest import ROOT

from edgehar.errors import ConfigError
from edgehar.training import recipe as recipes

TINY = (ROOT / "tests" / "tiny.toml").read_text()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("seed = 7", "seed = -7"), r">= 0 - at `\$\.seed`"),
        (('beside = "wrist"', 'beside = "hat"'), "no sensor before other_wrist is called hat"),
        (
            ('beside = "wrist"', 'beside = "other_wrist"'),
            "no sensor before other_wrist is called other_wrist",
        ),
        (('beside = "wrist"', 'beside = "trouser_pocket"'), "no sensor before other_wrist is called trouser"),
    ],
)
def test_what_could_not_be_simulated_is_refused(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    assert change[0] in TINY
    path = tmp_path / "wrong.toml"
    path.write_text(TINY.replace(*change))
    with pytest.raises(ConfigError, match=complaint):
        recipes.load(path)


def test_a_setting_of_an_older_decision_is_refused_with_what_does_its_work_now(tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    path.write_text(TINY + "[decision]\nsmoothing_s = 2.0\n")
    with pytest.raises(
        ConfigError, match=r"^[^\n]*`smoothing_s` - at `\$\.decision`; it gave way to likelihood"
    ):
        recipes.load(path)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "marked.toml"
    path.write_bytes(TINY.encode("utf-8-sig"))
    assert recipes.load(path) == recipes.load(ROOT / "tests" / "tiny.toml")


def test_another_file_of_the_model_is_no_recipe() -> None:
    network = ROOT / "models" / "imu_tcn.tflite"
    with pytest.raises(ConfigError, match=r"^[^\n]*imu_tcn\.tflite: expected a recipe in TOML[^\n]*$"):
        recipes.load(network)
