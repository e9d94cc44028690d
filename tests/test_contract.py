"""A model's contract: what it was trained for beside a configuration, each misfit in a line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from msgspec.structs import replace
from sensors import AT_REST
from shell import run

from edgehar.config.read import parse
from edgehar.daemon import contract
from edgehar.daemon.daemon import Daemon
from edgehar.devices import PROFILES
from edgehar.errors import OperatorError
from edgehar.personal.head import Head, write
from edgehar.pipeline import manifest
from edgehar.pipeline.contract import Mismatch, too_slow
from edgehar.pipeline.intake import Intake
from edgehar.sources.simulated.simulator import Simulator
from edgehar.training import finetune_recipe
from edgehar.training.recipe import load_any
from edgehar.types import Stream

MODELS = ROOT / "models"


def wearing(*sensors: str, more: str = "") -> str:
    """Return a configuration of one who wears these, each `placement profile`."""
    tables = "".join(
        f'[[wearer.ble]]\nplacement = "{placement}"\nprofile = "{profile}"\naddress = "D4:CA:6E:F1:00:0{i}"\n'
        for i, (placement, profile) in enumerate(sensor.split() for sensor in sensors)
    )
    return f'{more}\n[[wearer]]\nid = "anna"\n{tables}'


def misfits(text: str) -> list[Mismatch]:
    return [*contract.mismatches(parse(text))]


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """Copy the shipped pair, so that another may be made of it."""
    for suffix in (".json", ".tflite"):
        shutil.copy(MODELS / f"imu_tcn{suffix}", tmp_path)
    return tmp_path / "imu_tcn.json"


def rewrite(pair: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Change a manifest, seal it, and return the table that names it."""
    raw = json.loads(pair.read_text())
    change(raw)
    pair.write_text(json.dumps(raw | {"manifest_sha256": manifest.seal(raw)}))
    return f'[model]\npath = "{pair}"'


def trained_on(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda raw: raw["trained_on"].update(values)


def test_what_fits_gives_no_line() -> None:
    assert misfits(wearing("wrist_left movella_dot", "trouser_pocket witmotion")) == []


@pytest.mark.parametrize("name", ["imu_tcn_synthetic", "pose_tcn"])
def test_a_shipped_manifest_says_of_sensors_what_its_recipe_does(name: str) -> None:
    assert manifest.read(MODELS / name).trained_on == load_any(MODELS / f"{name}.toml").trained_on


def test_what_is_fine_tuned_has_its_bases_rates_and_its_own_share_without_gyroscopes() -> None:
    base, recipe = load_any(MODELS / "imu_tcn_synthetic.toml"), finetune_recipe.load(MODELS / "imu_tcn.toml")
    expected = replace(base.trained_on, no_gyroscope=recipe.variation.no_gyroscope)
    assert manifest.read(MODELS / "imu_tcn").trained_on == expected


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_has_a_gyroscope_where_its_stream_has(name: str) -> None:
    profile = PROFILES[name]
    reader = profile.reader("d")
    packets = [p for i, body in AT_REST[name] for p in reader.push(profile.body_prefix(i) + body)]
    channels = {channel for packet in packets for channel in packet.channels}
    assert profile.has_gyroscope == ("gyr_x" in channels)


def test_a_place_that_the_model_does_not_know_is_refused() -> None:
    [misfit] = misfits(wearing("forehead movella_dot"))
    assert (misfit.key, misfit.field, misfit.is_refused) == ("wearer[0].ble[0]", "placement", True)
    assert "wrist_left" in misfit.trained_with
    assert "forehead" in misfit.configured


def test_a_third_wrist_is_refused_with_what_has_its_place() -> None:
    [misfit] = misfits(wearing("wrist_left movella_dot", "wrist_right movella_dot", "wrist witmotion"))
    assert misfit.key == "wearer[0].ble[2]"
    assert "has wrist_left, wrist_right in it" in misfit.trained_with


@pytest.mark.parametrize(
    ("lowest", "told"),
    [
        pytest.param(10.0, [], id="as fast as trained"),
        pytest.param(12.5, [False], id="slower"),
        pytest.param(20.0, [False], id="half as fast"),
        pytest.param(20.1, [True], id="slower than half"),
    ],
)
def test_a_sensor_slower_than_half_of_what_was_trained_is_refused(
    lowest: float, told: list[bool], pair: Path
) -> None:
    table = rewrite(pair, trained_on(rates_hz=[lowest, 100.0]))
    rated = misfits(wearing("wrist_left pinetime", more=table))
    assert {misfit.field for misfit in rated} <= {"rate_hz"}
    assert [misfit.is_refused for misfit in rated] == told


def test_a_sensor_without_gyroscope_is_refused_by_a_model_that_never_missed_one(pair: Path) -> None:
    table = rewrite(pair, trained_on(no_gyroscope=0.0))
    [misfit] = misfits(wearing("wrist_left bangle", "chest movella_dot", more=table))
    assert (misfit.key, misfit.field, misfit.is_refused) == ("wearer[0].ble[0]", "gyroscope", True)


def test_an_older_manifest_warns_of_what_it_does_not_say(pair: Path) -> None:
    table = rewrite(pair, lambda raw: raw.pop("trained_on"))
    told = misfits(wearing("wrist_left pinetime", "chest movella_dot", more=table))
    assert [(misfit.field, misfit.is_refused) for misfit in told] == [
        ("rate_hz", False),
        ("gyroscope", False),
    ]
    assert all("manifest" in misfit.trained_with for misfit in told)


def test_labels_that_the_model_does_not_tell_are_refused_of_all_and_of_one() -> None:
    text = wearing("wrist_left witmotion", more='[model]\nlabels = ["still", "hammering"]')
    told = misfits(text.replace('id = "anna"', 'id = "anna"\nlabels = ["siting"]'))
    assert [misfit.key for misfit in told] == ["model.labels", "wearer[0].labels"]
    assert told[1].mend == "did you mean `sitting`?"


def test_an_operating_point_is_refused_by_a_model_that_has_none() -> None:
    more = '[model]\npath = "imu_tcn_synthetic"\n[decision]\noperating_point = "quiet"'
    [misfit] = misfits(wearing("wrist_left witmotion", more=more))
    assert (misfit.key, misfit.field) == ("decision.operating_point", "operating_point")


def test_a_pair_of_a_later_edgehar_is_unwise(pair: Path) -> None:
    table = rewrite(pair, lambda raw: raw["provenance"].update(edgehar="99.0"))
    [misfit] = misfits(wearing("wrist_left witmotion", more=table))
    assert (misfit.field, misfit.is_refused) == ("edgehar", False)


def head(path: Path, sha256: str) -> Path:
    """Write a head that was taught one new label over a network of this digest."""
    ones = np.ones(2, np.float32)
    taught = Head(
        model="imu_tcn@0.5.0", model_sha256=sha256, slots=("wrist_left",), seconds={"hammering": 9.0},
        new_labels=("hammering",), created="2026-12-01T10:00:00Z", trust=0.5, new_opinion=-2.0, center=ones, scale=ones,
        whitening=np.ones((2, 2), np.float32), means=np.ones((1, 2), np.float32), weights=np.ones((3, 16), np.float32),
        reach=3.0,
    )  # fmt: skip
    write(path, taught)
    return path


def test_what_a_wearer_taught_is_told_and_a_head_of_another_network_is_refused(tmp_path: Path) -> None:
    network = manifest.read(MODELS / "imu_tcn").sha256
    for digest, fields in ((network, []), ("0" * 64, ["head"])):
        path = head(tmp_path / "anna.1.head.json", digest)
        keys = f'id = "anna"\nhead = "{path}"\nlabels = ["hammering", "still"]'
        told = misfits(wearing("wrist_left witmotion").replace('id = "anna"', keys))
        assert [misfit.field for misfit in told] == fields
    path.write_text("{}")
    [misfit, *_] = [
        misfit
        for misfit in misfits(wearing("wrist_left witmotion").replace('id = "anna"', keys))
        if misfit.field == "head"
    ]
    assert misfit.key == "wearer[0].head"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(lambda raw: raw["units"].update(acc="g"), "units: expected", id="units"),
        pytest.param(lambda raw: raw.update(frames=["east"]), "frames: expected", id="frames"),
        pytest.param(lambda raw: raw.update(format=2), "format: expected 1, got 2", id="format"),
        pytest.param(trained_on(rates_hz=[50, 20]), "trained_on.rates_hz: expected the lowest", id="rates"),
    ],
)
def test_verify_refuses_a_pair_of_other_units_frames_or_form(
    change: Callable[[dict[str, Any]], object], complaint: str, pair: Path
) -> None:
    rewrite(pair, change)
    code, _, message = run("models", "verify", str(pair))
    assert code == 78
    assert complaint in message


def test_verify_says_each_misfit_in_a_line_and_as_json(tmp_path: Path) -> None:
    path = tmp_path / "edgehar.toml"
    path.write_text(wearing("forehead movella_dot", "wrist_left pinetime"))
    code, out, _ = run("models", "verify", "imu_tcn", "--config", str(path))
    assert code == 78
    lines = [line for line in out.splitlines() if line.startswith(("refused: ", "unwise: "))]
    assert [line.split(": ")[:3] for line in lines] == [
        ["refused", "wearer[0].ble[0]", "placement"],
        ["unwise", "wearer[0].ble[1]", "rate_hz"],
    ]
    code, out, _ = run("models", "verify", "imu_tcn", "--config", str(path), "--json")
    told = json.loads(out)
    assert (code, told["verified"], told["judges_for"]) == (78, False, ["anna"])
    assert {"key", "field", "model", "trained_with", "configured", "mend", "line"} <= told["refused"][
        0
    ].keys()


def test_verify_of_what_is_only_unwise_ends_well_and_of_nobodys_model_says_so(tmp_path: Path) -> None:
    path = tmp_path / "edgehar.toml"
    path.write_text(wearing("wrist_left pinetime"))
    code, out, _ = run("models", "verify", "imu_tcn", "--config", str(path))
    assert code == 0
    assert "verified: True" in out
    _, out, _ = run("models", "verify", "pose_tcn", "--config", str(path))
    assert "judges_for: nobody in this configuration" in out


def test_verify_of_no_configuration_names_the_file(tmp_path: Path) -> None:
    code, _, message = run("models", "verify", "imu_tcn", "--config", str(tmp_path / "none.toml"))
    assert code == 78
    assert "none.toml: cannot be read" in message


def test_the_daemon_refuses_what_cannot_work_and_config_check_tells_what_is_unwise(
    pair: Path, tmp_path: Path
) -> None:
    table = rewrite(pair, trained_on(no_gyroscope=0.0))
    with pytest.raises(OperatorError, match=r"gyroscope: imu_tcn@.* throughout; this is a Bangle") as raised:
        Daemon(parse(wearing("wrist_left bangle", more=table)))
    assert raised.value.key == "wearer[0].ble[0]"
    path = tmp_path / "edgehar.toml"
    path.write_text(wearing("wrist_left pinetime"))
    code, out, _ = run("config", "check", "--config", str(path), "--json")
    assert code == 0
    [line] = json.loads(out)["unwise"]
    assert "20 to 100 Hz; this is a PineTime with InfiniTime of 10 Hz" in line


def test_a_sensor_that_says_itself_how_slow_it_is_has_a_problem() -> None:
    spec = manifest.read(MODELS / "imu_tcn")
    assert too_slow(spec, 12.5) is None
    assert too_slow(spec, 5.0) == "takes 5 samples per second, and imu_tcn@0.5.0 needs at least 10"
    intake = Intake(Stream("wrist_left"))
    for t, _, body in Simulator(placements=["wrist_left"], script=[("walking", 2.0)]).packets():
        intake.push(t, body)
    assert intake.rate_hz == 50.0
