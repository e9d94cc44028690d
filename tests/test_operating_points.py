"""Operating points in a manifest, and the thresholds that the decision takes from them."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from msgspec.structs import replace

from edgehar.apps.models import summary
from edgehar.config.read import parse
from edgehar.daemon.daemon import Daemon
from edgehar.errors import ConfigError, ModelError, OperatorError
from edgehar.evaluation.plan import decision_of
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.operating_points import POINTS, SEVERAL, OperatingPoints, Rated, worn_as
from edgehar.training.export import write_manifest
from edgehar.types import Activity, Prediction

NAMES = ("wrist", "chest")


def rated(threshold: float) -> Rated:
    return Rated(threshold, 12.5, 0.24, "label")


def fitted(**walking: float) -> OperatingPoints:
    """Return thresholds of walking by worn sensor, the same at all points but that quieter ones have more."""
    return {
        point: {worn: {"walking": rated(share + 0.01 * i)} for worn, share in walking.items()}
        for i, point in enumerate(reversed(POINTS))
    }


@pytest.fixture
def spec() -> ModelSpec:
    spec = manifest.read(ROOT / "models" / "imu_tcn.json")
    settings = replace(spec.decision, threshold=None, kind_threshold=None)
    return replace(spec, decision=settings, operating_points=fitted(wrist=0.6, several=0.9))


def test_a_sensor_alone_goes_by_its_name_and_more_are_several() -> None:
    assert worn_as(NAMES, ("wrist_left", None)) == "wrist"
    assert worn_as(NAMES, ("wrist_left", "chest")) == SEVERAL


def test_thresholds_are_those_of_what_is_worn_and_of_the_point(spec: ModelSpec) -> None:
    assert spec.thresholds(spec.slots(["wrist_left"]), "eager") == {"walking": 0.6}
    assert spec.thresholds(spec.slots(["wrist_left"]), "quiet") == {"walking": pytest.approx(0.62)}
    assert spec.thresholds(spec.slots(["wrist_left", "chest"]), "normal") == {"walking": 0.91}
    assert spec.thresholds(spec.slots(["waist"]), "normal") == {}


def first_told(spec: ModelSpec, placements: list[str], excluded: Mapping[int, float] = {}) -> float:
    """Return the belief, as told, with which walking is told first, while windows lean to it."""
    shares = np.full(len(spec.labels), 0.3 / (len(spec.labels) - 1), np.float32)
    shares[spec.labels.index("walking")] = 0.7
    decision = decision_of(spec, placements)
    for k in range(400):
        [*_, answer] = decision.push(Prediction(0.64 * k, shares, None, 1.0, 5.0, excluded))
        assert isinstance(answer, Activity)
        if answer.label == "walking":
            return answer.confidence
    return 1.0


def test_the_decision_waits_for_the_threshold_of_what_is_worn(spec: ModelSpec) -> None:
    alone, both = first_told(spec, ["wrist_left"]), first_told(spec, ["wrist_left", "chest"])
    assert 0.61 <= alone < 0.8
    assert both >= 0.91
    assert first_told(spec, ["wrist_left", "chest"], excluded={4: 0.2}) == both


def test_a_threshold_set_by_hand_wins(spec: ModelSpec) -> None:
    by_hand = replace(spec, decision=replace(spec.decision, threshold=0.95))
    assert first_told(by_hand, ["wrist_left"]) >= 0.95


def test_a_manifest_keeps_its_points_sealed(spec: ModelSpec, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", spec)
    file = tmp_path / "m.json"
    assert manifest.read(file).operating_points == spec.operating_points
    assert '"walking": [0.6, 12.5, 0.24, "label"]' in file.read_text(), "one line each"
    file.write_text(file.read_text().replace("[0.6, 12.5", "[0.5, 12.5"))
    with pytest.raises(ModelError, match="manifest_sha256"):
        manifest.read(file)


def test_an_older_pair_decides_as_before_and_has_no_other_point(spec: ModelSpec, tmp_path: Path) -> None:
    write_manifest(tmp_path / "m", spec)
    raw = json.loads((tmp_path / "m.json").read_text())
    del raw["operating_points"], raw["decision"]["operating_point"]
    raw["decision"] |= {"threshold": 0.8, "kind_threshold": 0.95}
    (tmp_path / "m.json").write_text(json.dumps(raw | {"manifest_sha256": manifest.seal(raw)}))
    older = manifest.read(tmp_path / "m.json")
    assert older.operating_points == {}
    assert older.decision.threshold == 0.8
    assert older.thresholds(older.slots(["wrist"]), "normal") == {}
    with pytest.raises(
        ConfigError, match=r'operating_point = "quiet": .* has no operating points; .*operate'
    ):
        older.thresholds(older.slots(["wrist"]), "quiet")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda points: points.pop("eager"), "operating_points: expected all of quiet, normal, eager"),
        (
            lambda points: points["quiet"].update(nose={}),
            'operating_points.quiet.nose: expected "several", or',
        ),
        (
            lambda points: points["quiet"]["wrist"].update(flying=[0.5, 1.0, 3.0, "placement"]),
            r'operating_points.quiet.wrist: expected labels of the model, or nodes of its tree, got \["flying"\]',
        ),
        (
            lambda points: points["quiet"]["wrist"].update(walking=[1.5, 1.0, 3.0, "placement"]),
            "operating_points.*expected float <= 1",
        ),
        (lambda points: points["quiet"]["wrist"].update(walking=[0.5]), "operating_points.*expected"),
    ],
)
def test_points_that_do_not_fit_are_refused_in_one_line(
    spec: ModelSpec, tmp_path: Path, change: Any, says: str
) -> None:
    write_manifest(tmp_path / "m", spec)
    raw = json.loads((tmp_path / "m.json").read_text())
    change(raw["operating_points"])
    (tmp_path / "m.json").write_text(json.dumps(raw | {"manifest_sha256": ""}))
    with pytest.raises(ModelError, match=says) as raised:
        manifest.read(tmp_path / "m.json")
    assert "\n" not in str(raised.value)


def daemon(model: Path, decision: str = "", wearer: str = "") -> Daemon:
    text = f'[model]\npath = "{model}"\n[decision]\n{decision}\n[[wearer]]\nid = "anna"\n{wearer}\n'
    return Daemon(parse(text + 'simulator = {placements = ["wrist_left"]}\n'))


def test_the_daemon_decides_by_the_configured_point_and_refuses_a_model_without(
    spec: ModelSpec, tmp_path: Path
) -> None:
    stem = tmp_path / "m"
    shutil.copy(ROOT / "models" / "imu_tcn.tflite", tmp_path / "m.tflite")
    write_manifest(stem, spec)
    daemon(stem.with_suffix(".json"), 'operating_point = "eager"', 'operating_point = "quiet"')
    write_manifest(stem, replace(spec, operating_points={}))
    daemon(stem.with_suffix(".json"), 'operating_point = "normal"')
    daemon(stem.with_suffix(".json"), 'operating_point = "eager"', 'operating_point = "normal"')
    for key, tables in (
        ("decision.operating_point", ('operating_point = "eager"', "")),
        ("wearer[0].operating_point", ("", 'operating_point = "eager"')),
    ):
        with pytest.raises(OperatorError, match="has no operating points") as raised:
            daemon(stem.with_suffix(".json"), *tables)
        assert raised.value.key == key


def test_a_models_summary_names_its_points_on_one_screen(spec: ModelSpec) -> None:
    lines = list(summary(spec))
    text = " ".join(line.strip() for line in lines)
    assert "false starts per hour and label: quiet 0.1 (shown for 2 of 2), normal" in text
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert not any("operating" in line for line in summary(replace(spec, operating_points={})))
