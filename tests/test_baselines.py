from pathlib import Path

import msgspec
import pytest
from conftest import ROOT

from edgehar.errors import ConfigError
from edgehar.evaluation import baselines
from edgehar.evaluation.baselines import BaselineScores
from edgehar.evaluation.metrics import Score
from edgehar.evaluation.results import Line
from edgehar.pipeline import manifest


def test_the_short_table_has_the_rows_of_many_windows() -> None:
    score = Score(99, 1, 0.5, 0.5, None, 0.5, {}, {})
    few = Line(("wrist",), 3, score, score, "set never seen", is_headline=True)
    many = msgspec.structs.replace(few, everybody=msgspec.structs.replace(few.everybody, windows=1000))
    scores = {"random_forest": BaselineScores({"a wrist": few, "b wrist": many})}
    head, _, row = baselines.short(scores, {"b wrist": 0.75}).splitlines()
    assert head.endswith("| the model | random_forest |")
    assert row == "| b wrist | 0.750 | 0.500 |"
    assert len(baselines.markdown(scores, {}).splitlines()) == 4


def test_the_models_column_comes_from_its_manifest(tmp_path: Path) -> None:
    assert not baselines.model_macro_f1(tmp_path / "imu_tcn")
    model = baselines.model_macro_f1(ROOT / "models" / "imu_tcn")
    metrics = manifest.read(ROOT / "models" / "imu_tcn.json").metrics["motionsense trouser_pocket"]
    assert model["motionsense trouser_pocket"] == metrics["macro_f1"]


def test_broken_results_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ConfigError, match=r"results\.json: no results of"):
        baselines.publish(tmp_path / "imu_tcn", tmp_path, {})
