"""edgehar.toml: every mistake is one line that says where it is and what to do."""

import json
from pathlib import Path

import pytest

from edgehar.config.read import broker_password, decision_settings, load, origins, parse
from edgehar.config.schema import Mqtt, json_schema
from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings

GOOD = """
[gateway]
id = "pi"

[mqtt]
host = "localhost"

[[wearer]]
id = "anna"

[[wearer.serial]]
placement = "wrist_left"
port = "/dev/ttyACM0"
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("wearer = ", "not valid TOML", id="no toml"),
        pytest.param(
            GOOD.replace("host", "hosst"),
            "edgehar.toml:6: [mqtt] has no key `hosst`; did you mean `host`?",
            id="typo",
        ),
        pytest.param(
            GOOD + "baude = 9600\n", "has no key `baude`; did you mean `baud`?", id="typo in a list"
        ),
        pytest.param(
            GOOD + '[mqtt.tls]\nca-file = "a"\n',
            "edgehar.toml:15: [mqtt.tls] has no key `ca-file`; did you mean `ca_file`?",
            id="typo in a table of a table",
        ),
        pytest.param(
            GOOD.replace("[mqtt]", "[mqqt]"),
            "[top level] has no key `mqqt`; did you mean `mqtt`?",
            id="table",
        ),
        pytest.param(
            GOOD + "[decision]\nentre = 0.5\n",
            "[decision] has no key `entre`; did you mean `enter`?",
            id="decision",
        ),
        pytest.param(
            GOOD + "[decision]\nenter = 7\n",
            "decision.enter: expected float <= 1.0, got 7",
            id="decision bound",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\nport = "1883"'),
            'edgehar.toml:7: mqtt.port: expected int, got "1883"',
            id="type",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\npassword = "x"'),
            "did you mean `password_file`?",
            id="secret",
        ),
        pytest.param(GOOD.replace("anna", "an na"), "edgehar.toml:9: wearer[0].id", id="id in a topic"),
        pytest.param('[gateway]\nid = "pi"\n', "lacks the key `wearer`", id="nobody"),
        pytest.param('[[wearer]]\nid = "a"\n', "or one of", id="no source"),
        pytest.param(GOOD + '[wearer.replay]\npath = "x.ehr"\n', "or one of", id="two kinds of source"),
        pytest.param(GOOD + GOOD[GOOD.index("[[wearer]]") :], "two wearers are called `anna`", id="same id"),
        pytest.param(
            GOOD + '[[wearer.serial]]\nplacement = "chest"\nport = "/dev/ttyACM0"\n',
            "named by two sensors",
            id="same port",
        ),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "movela_dot"\n',
            "no sensor profile is called `movela_dot`; did you mean `movella_dot`?",
            id="profile",
        ),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "bangle"\naddress = "D4:CA"\n',
            "edgehar.toml:17: wearer[0].ble[0].address: expected str matching regex",
            id="no Bluetooth address",
        ),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "bangle"\n'
            '[[wearer.ble]]\nplacement = "wrist"\nprofile = "bangle"\n',
            "a bangle and a bangle of any name: nothing tells them apart; give each its address",
            id="twins",
        ),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "polar_h10"\n'
            '[[wearer.ble]]\nplacement = "wrist"\nprofile = "polar_verity"\n',
            "a polar_h10 and a polar_verity of any name: nothing tells them apart",
            id="kin",
        ),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "bangle"\nname = "B"\n'
            '[[wearer.ble]]\nplacement = "wrist"\nprofile = "bluest"\nname = "B"\n',
            "two sensors are called 'B': nothing tells them apart",
            id="namesakes",
        ),
        pytest.param(GOOD.replace('"anna"', '"anna\\n"'), "wearer[0].id", id="an id with a line break"),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "bangle"\naddress = "d4:ca:6e:f1:00:01"\n'
            '[[wearer.ble]]\nplacement = "wrist"\nprofile = "bluest"\naddress = "D4:CA:6E:F1:00:01"\n',
            "the address D4:CA:6E:F1:00:01 is named by two sensors",
            id="same address",
        ),
        pytest.param(
            GOOD + '[[wearer.phone]]\nplacement = "thigh"\n',
            "the phone at `thigh` needs exactly one of url, listen and topic",
            id="a phone that is nowhere",
        ),
        pytest.param(
            GOOD + '[[wearer.phone]]\nplacement = "thigh"\nurl = "ws://x:1"\ndevice = "a"\n',
            "the phone at `thigh` has a device, which goes with listen or topic",
            id="a device too many",
        ),
        pytest.param(
            GOOD.replace('[mqtt]\nhost = "localhost"\n', "")
            + '[[wearer.phone]]\nplacement = "thigh"\ntopic = "sensor-logger"\n',
            "there is no [mqtt] to say which broker",
            id="a topic without a broker",
        ),
        pytest.param(
            GOOD + '[[wearer.phone]]\nplacement = "thigh"\nlisten = "0.0.0.0:8000"\n'
            '[[wearer.phone]]\nplacement = "chest"\nlisten = "0.0.0.0:8000"\n',
            "two phones are reached by 0.0.0.0:8000; give each its device",
            id="two phones on a port",
        ),
        pytest.param(
            GOOD.replace("[[wearer]]", '[mqtt.tls]\ncert_file = "c"\n[[wearer]]', 1),
            "key_file",
            id="half a certificate",
        ),
    ],
)
def test_a_mistake_is_one_line_that_says_where(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read: No such file"):
        load(Path("nowhere.toml"))


def test_the_shipped_example_is_valid() -> None:
    example = Path(__file__).parents[1] / "deploy" / "edgehar.toml"
    assert load(example).wearer[0].id == "anna"


def test_the_password_comes_from_a_file_or_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    assert broker_password(Mqtt(host="h", password_file=str(tmp_path / "secret"))) == "s3cret"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert broker_password(Mqtt(host="h", password_file="secret")) == "s3cret"
    with pytest.raises(ConfigError, match=r"mqtt\.password_file: .*absent cannot be read"):
        broker_password(Mqtt(host="h", password_file="absent"))


def test_the_files_decision_keys_go_over_the_models() -> None:
    parsed = parse(GOOD + "[decision]\npatience = 4\n")
    settings = decision_settings(parsed, Settings(patience=2, enter=0.7))
    assert (settings.patience, settings.enter) == (4, 0.7)


def test_every_key_of_the_schema_has_a_sentence() -> None:
    whole = json_schema()
    bare = [
        f"{name}.{key}"
        for name, table in whole["$defs"].items()
        for key, value in table.get("properties", {}).items()
        if "description" not in json.dumps(value) and "$ref" not in json.dumps(value)
    ]
    assert not bare
    assert {"Config", "Settings", "Mqtt", "Serial", "Ble", "Phone"} <= whole["$defs"].keys()


def test_every_effective_key_knows_where_it_comes_from() -> None:
    where = {path: origin for path, _, origin in origins(parse(GOOD), GOOD, Settings())}
    assert where["mqtt.host"] == "file"
    assert where["mqtt.port"] == "default"
    assert where["wearer[0].serial[0].port"] == "file"
    assert where["decision.enter"] == "model"
