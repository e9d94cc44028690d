"""A configuration as it counts: where each key comes from, and TOML that reads in again."""

import tomllib
from pathlib import Path

import msgspec
import pytest
from configurations import EVERYTHING

from edgehar.config.read import decision_settings, leading_model, parse
from edgehar.config.show import as_toml, origins
from edgehar.pipeline.decision_settings import Settings

MODEL = Settings(mean_stay_s=30, threshold=0.7)

SEEN = """
[[wearer.camera]]
device = "rtsp://192.168.1.8/stream"
region = [0.0, 0.25, 0.5, 0.75]
picture = true
"""

ALL_ELSE = """
[gateway]
id = "pi"
[mqtt]
host = "localhost"
username = "an \\"odd\\" \\\\ name"
password_file = "./secret"
[mqtt.tls]
[decision]
threshold = 0.65
[[wearer]]
id = "anna"
labels = ["still", "walking"]
[wearer.replay]
path = "walk.ehr"
subject = "\\u001b[2J"
placements = ["chest", "wrist_left"]
[[wearer]]
id = "ben"
simulator = {placements = ["wrist_left"], loss = 1e-05, seed = 7}
"""


@pytest.mark.parametrize("text", [EVERYTHING + SEEN, ALL_ELSE], ids=["sensors", "all else"])
def test_what_is_shown_reads_in_again_and_counts_the_same(text: str, tmp_path: Path) -> None:
    config = parse(text, str(tmp_path / "edgehar.toml"))
    shown = as_toml(config, text, MODEL)
    elsewhere = parse(shown, "/etc/other.toml")
    assert msgspec.structs.replace(elsewhere, decision={}) == msgspec.structs.replace(config, decision={})
    assert decision_settings(elsewhere, Settings()) == decision_settings(config, MODEL)


def test_what_is_not_from_the_file_says_so() -> None:
    lines = as_toml(parse(ALL_ELSE), ALL_ELSE, MODEL).splitlines()
    assert 'id = "pi"' in lines
    assert "port = 1883  # default" in lines
    assert "threshold = 0.65" in lines
    assert "mean_stay_s = 30.0  # model" in lines
    assert "loss = 1e-05" in lines


@pytest.mark.parametrize(
    ("worn", "key"),
    [
        ('[[wearer.camera]]\ndevice = "0"\n', "camera"),
        (
            '[[wearer.camera]]\ndevice = "0"\n[[wearer.serial]]\nport = "/dev/ttyACM0"\nplacement = "wrist"\n',
            "path",
        ),
        ('[wearer.simulator]\nplacements = ["wrist"]\n', "path"),
    ],
    ids=["a camera", "a camera and a sensor", "simulated"],
)
def test_the_settings_are_those_of_the_model_that_leads(worn: str, key: str) -> None:
    assert leading_model(parse(f'[[wearer]]\nid = "a"\n{worn}')) == key
    sensors = '[[wearer]]\nid = "b"\n[wearer.simulator]\nplacements = ["wrist"]\n'
    assert leading_model(parse(f'[[wearer]]\nid = "a"\n{worn}{sensors}')) == "path"


def test_no_secret_is_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret")
    text = as_toml(parse(ALL_ELSE, str(tmp_path / "edgehar.toml")), ALL_ELSE, MODEL)
    assert f'password_file = "{tmp_path}/secret"' in text
    assert "s3cret" not in text


def test_every_effective_key_knows_where_it_comes_from() -> None:
    where = {path: origin for path, _, origin in origins(parse(ALL_ELSE), ALL_ELSE, MODEL)}
    assert where["mqtt.host"] == "file"
    assert where["mqtt.port"] == "default"
    assert where["wearer[0].replay.path"] == "file"
    assert where["wearer[1].simulator.seed"] == "file"
    assert where["decision.threshold"] == "file"
    assert where["decision.mean_stay_s"] == "model"


def test_every_table_of_the_file_is_in_what_is_shown() -> None:
    shown = tomllib.loads(as_toml(parse(ALL_ELSE), ALL_ELSE, MODEL))
    assert shown["mqtt"]["tls"] == {}
    assert [wearer["id"] for wearer in shown["wearer"]] == ["anna", "ben"]


def test_an_account_in_a_url_is_not_shown() -> None:
    text = '[[wearer]]\nid = "a"\n[[wearer.camera]]\ndevice = "rtsp://me:p@ss@cam.lan/s?token=abc&n=2"\n'
    shown = as_toml(parse(text), text, MODEL)
    assert 'device = "rtsp://cam.lan/s?token=...&n=2"' in shown
    values = [value for path, value, _ in origins(parse(text), text, MODEL) if path.endswith("device")]
    assert values == ["rtsp://cam.lan/s?token=...&n=2"]
