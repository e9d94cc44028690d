"""edgehar.toml: every mistake is one line that says where it is and what to do."""

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from edgehar.config.credentials import broker_password
from edgehar.config.read import decision_settings, load, parse
from edgehar.config.schema import Mqtt, json_schema
from edgehar.daemon.run import check
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
        pytest.param("wearer = ", "edgehar.toml:1: not valid TOML", id="no toml"),
        pytest.param(
            GOOD.replace("localhost", "mqtt://127.0.0.1"),
            "edgehar.toml:6: mqtt.host: expected the name or address of a host and nothing else",
            id="a URL as host",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\nprefix = "%s"' % ("x" * 70_000)),
            "edgehar.toml:7: mqtt.prefix: expected at most 65035 bytes, got 70000",
            id="a prefix without end",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\nprefix = "a\\u0000"'),
            'edgehar.toml:7: mqtt.prefix: "a\\u0000" has a NUL character',
            id="NUL in the prefix",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\nprefix = "a\\u0001"'),
            'edgehar.toml:7: mqtt.prefix: "a\\u0001" has the character U+0001',
            id="a sign in the prefix that brokers refuse",
        ),
        *(
            pytest.param(
                GOOD.replace('"localhost"', f'"localhost"\nprefix = "{prefix}"'),
                "edgehar.toml:7: mqtt.prefix: expected the beginning of a topic, such as home/edgehar",
                id=f"the prefix {prefix}",
            )
            for prefix in ("a+", "a/#", "a//b", "/a", "$SYS", "a b", "")
        ),
        pytest.param(
            GOOD.replace("/dev/ttyACM0", "hwgrep://[("),
            "edgehar.toml:13: wearer[0].serial[0].port: ",
            id="a pattern that is none",
        ),
        pytest.param(
            GOOD + '[[wearer.phone]]\nplacement = "thigh"\nurl = "ws://sensor..local:8080"\n',
            'edgehar.toml:16: wearer[0].phone[0].url: "ws://sensor..local:8080": expected the name or address of a host',
            id="a phone without a host",
        ),
        pytest.param(
            GOOD + '[[wearer.phone]]\nplacement = "thigh"\nlisten = "localhost:8000"\n',
            'edgehar.toml:16: wearer[0].phone[0].listen: "localhost:8000": expected an address of this host',
            id="no address to listen on",
        ),
        pytest.param(
            GOOD + '[[wearer.phone]]\nplacement = "thigh"\ntopic = "a#"\n',
            "edgehar.toml:16: wearer[0].phone[0].topic: ",
            id="no topic",
        ),
        pytest.param(
            "wearer = [\n",
            "edgehar.toml:1: not valid TOML: Invalid value at the end of the file",
            id="an end too early",
        ),
        pytest.param(
            GOOD.replace('"anna"', "anna"),
            "edgehar.toml:9: not valid TOML: Invalid value at column 6; text stands in quotes",
            id="text without quotes",
        ),
        pytest.param("wearer = " + "[" * 50_000, "nested too deep", id="lists without end"),
        pytest.param("wearer = " + "{a=" * 50_000, "nested too deep", id="tables without end"),
        pytest.param(
            "decision." + "a." * 3000 + "a = 1\n" + GOOD,
            "edgehar.toml:1: [decision] has no key `a`",
            id="a deep key",
        ),
        pytest.param("x = 1" + "0" * 5000, "edgehar.toml: not valid TOML", id="a number of 5001 digits"),
        pytest.param(
            GOOD.replace('"anna"', '"\\u0000"'),
            "edgehar.toml:9: wearer[0].id: expected 1 to 64",
            id="NUL in a name",
        ),
        pytest.param(
            GOOD.replace('"/dev/ttyACM0"', '"/dev/\\u0000"'),
            'edgehar.toml:13: wearer[0].serial[0].port: "/dev/\\u0000" has a NUL character',
            id="NUL in a path",
        ),
        pytest.param(
            GOOD + '"\\u001b[2J" = 1\n',
            "[wearer[0].serial[0]] has no key `\\u001b[2J`",
            id="a key that commands",
        ),
        pytest.param(
            GOOD + "baud = nan\n",
            "edgehar.toml:14: wearer[0].serial[0].baud: expected a whole number from 1200 to 12000000, got nan",
            id="no number",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\nheartbeat_s = inf'),
            "edgehar.toml:7: mqtt.heartbeat_s: expected a number from 1 to 86400, got inf",
            id="infinity, of a key with bounds",
        ),
        pytest.param(
            '[[wearer]]\nid = "a"\n[wearer.replay]\npath = "x"\nspeed = inf\n',
            "edgehar.toml:5: wearer[0].replay.speed: expected a number of at least 0, got inf",
            id="infinity, of a key without",
        ),
        pytest.param(
            GOOD.replace('"localhost"', "2026-01-01"),
            "edgehar.toml:6: mqtt.host: expected text in quotes, and something in it, got 2026-01-01",
            id="a date",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\nversion = 3'),
            "mqtt.version: expected 4 or 5, got 3",
            id="choice",
        ),
        pytest.param(
            GOOD.replace("[mqtt]", "[[mqtt]]"),
            "edgehar.toml:5: mqtt: expected a table, which begins with [mqtt], got",
            id="a table in two brackets",
        ),
        pytest.param(
            GOOD.replace("[[wearer]]", "[wearer]").replace("[[wearer.serial]]", "[wearer.serial]"),
            "edgehar.toml:8: wearer: expected a list of tables, each of which begins with [[wearer]]",
            id="a table in one bracket",
        ),
        pytest.param(
            'wearer = [{id = "a"},\n  {id = "a b"}]\n',
            "edgehar.toml:2: wearer[1].id: expected",
            id="inline tables",
        ),
        pytest.param(
            GOOD + "[decision]\nthreshold = true\n",
            "edgehar.toml:15: decision.threshold: expected a number",
            id="decision type",
        ),
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
            "edgehar.toml:5: the file has no key `mqqt`; did you mean `mqtt`?",
            id="table",
        ),
        pytest.param(
            GOOD + "[decision]\ntreshold = 0.5\n",
            "[decision] has no key `treshold`; did you mean `threshold`?",
            id="decision",
        ),
        pytest.param(
            GOOD + "[decision]\npatience = 3\n",
            "edgehar.toml:15: [decision] has no key `patience`; it gave way to mean_stay_s",
            id="a key of an older decision",
        ),
        pytest.param(
            GOOD + "[decision]\nthreshold = 7\n",
            "edgehar.toml:15: decision.threshold: expected a number from 0.5 to 0.9999, got 7",
            id="decision bound",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\nport = "1883"'),
            'edgehar.toml:7: mqtt.port: expected a whole number from 1 to 65535, got "1883"',
            id="type",
        ),
        pytest.param(
            GOOD.replace('"localhost"', '"localhost"\npassword = "x"'),
            "did you mean `password_file`?",
            id="secret",
        ),
        pytest.param(GOOD.replace("anna", "an na"), "edgehar.toml:9: wearer[0].id", id="id in a topic"),
        pytest.param(
            '[gateway]\nid = "pi"\n', "edgehar.toml: expected at least one [[wearer]], got none", id="nobody"
        ),
        pytest.param('[[wearer]]\nid = "a"\n', "or one of", id="no source"),
        pytest.param(GOOD + '[wearer.replay]\npath = "x.ehr"\n', "or one of", id="two kinds of source"),
        pytest.param(GOOD + GOOD[GOOD.index("[[wearer]]") :], "two wearers are called `anna`", id="same id"),
        pytest.param(
            GOOD.replace('"anna"', '"request"'), "requests have the topic `request`", id="id of a topic"
        ),
        pytest.param(
            '[homeassistant]\n[[wearer]]\nid = "a"\nsimulator = { placements = ["wrist"] }\n',
            "edgehar.toml:1: [homeassistant] needs the broker that Home Assistant reads: give it as [mqtt]",
            id="home without broker",
        ),
        pytest.param(
            '[sparkplug]\ngroup = "p"\n[[wearer]]\nid = "a"\nsimulator = { placements = ["wrist"] }\n',
            "edgehar.toml:1: [sparkplug] needs the broker that the SCADA host reads: give it as [mqtt]",
            id="scada without broker",
        ),
        pytest.param(
            f"{GOOD}[sparkplug]\n",
            "edgehar.toml:14: [sparkplug] lacks the key `group`",
            id="scada without group",
        ),
        *(
            pytest.param(
                f'{GOOD}[sparkplug]\n{first}{key} = "a{odd}b"\n',
                f'sparkplug.{key}: expected a Sparkplug id: text without `+`, `/` and `#`, got "a{odd}b"',
                id=f"{key} with {odd}",
            )
            for first, key, odd in (
                ("", "group", "/"),
                ('group = "plant 1"\n', "edge_node", "+"),
                ('group = "plant 1"\n', "primary_host", "#"),
            )
        ),
        pytest.param(
            f'{GOOD}[sparkplug]\ngroup = "a\\u0001"\n',
            'edgehar.toml:15: sparkplug.group: "a\\u0001" has the character U+0001, which brokers refuse; leave it out',
            id="group with a control character",
        ),
        pytest.param(
            f'{GOOD}[sparkplug]\ngroup = "{"x" * 1001}"\n',
            "edgehar.toml:15: sparkplug.group: expected at most 1000 bytes, got 1001",
            id="group too long",
        ),
        pytest.param(
            f'{GOOD}[sparkplug]\ngroup = "STATE"\n',
            "edgehar.toml:15: sparkplug.group: hosts say on the topic `STATE` that they are online; take another name",
            id="group of a topic",
        ),
        pytest.param(
            GOOD + '[[wearer.serial]]\nplacement = "chest"\nport = "/dev/ttyACM0"\n',
            "named by two sensors",
            id="same port",
        ),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "movela_dot"\n',
            'edgehar.toml:16: wearer[0].ble[0].profile: no sensor profile is called "movela_dot"; did you mean `movella_dot`?',
            id="profile",
        ),
        pytest.param(
            GOOD + '[[wearer.ble]]\nplacement = "chest"\nprofile = "bangle"\naddress = "D4:CA"\n',
            "edgehar.toml:17: wearer[0].ble[0].address: expected six pairs of hexadecimal digits",
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
            'two sensors are called "B": nothing tells them apart',
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
            'edgehar.toml:17: two phones are reached by "0.0.0.0:8000"; give each its device',
            id="two phones on a port",
        ),
        pytest.param(
            GOOD.replace("[[wearer]]", '[mqtt.tls]\ncert_file = "c"\n[[wearer]]', 1),
            "key_file",
            id="half a certificate",
        ),
        pytest.param(
            GOOD + '[[wearer.camera]]\ndevice = "0"\n[[wearer]]\nid = "ben"\n'
            '[[wearer.camera]]\ndevice = "/dev/video0"\n',
            'edgehar.toml:19: the camera "/dev/video0" is named twice; one camera follows one person',
            id="a camera for two",
        ),
        pytest.param(
            GOOD + '[[wearer.camera]]\ndevice = "rtsp://a:secret@cam/1"\n[[wearer]]\nid = "ben"\n'
            '[[wearer.camera]]\ndevice = "rtsp://b:secret@cam/1"\n',
            'the camera "rtsp://cam/1" is named twice',
            id="a stream for two, with accounts",
        ),
        pytest.param(
            GOOD + '[[wearer.camera]]\ndevice = "0"\n[[wearer.camera]]\ndevice = "1"\n',
            "edgehar.toml:16: wearer `anna` has 2 cameras, and one is looked through; leave one",
            id="two cameras for one",
        ),
        pytest.param(
            GOOD + '[[wearer.camera]]\ndevice = "ftp://cam"\n',
            "edgehar.toml:15: wearer[0].camera[0].device: camera: a stream's address is expected",
            id="no camera's address",
        ),
        *(
            pytest.param(
                GOOD + f'[[wearer.camera]]\ndevice = "0"\nregion = {region}\n',
                f"edgehar.toml:16: wearer[0].camera[0].region{expected}",
                id=f"region {region}",
            )
            for region, expected in {
                '"all"': ': expected a list in brackets of 4, each a number from 0 to 1, got "all"',
                "[0, 0, 1]": ": expected a list in brackets of 4, each a number from 0 to 1, got [0,0,1]",
                '[0, "a", 1, 1]': '[1]: expected a number from 0 to 1, got "a"',
                "[0, 0, 2, 1]": "[2]: expected a number from 0 to 1, got 2",
                "[0, 0, nan, 1]": "[2]: expected a number from 0 to 1, got nan",
                "[0.5, 0, 0.6, 1]": ": expected left, top, width and height as shares of the picture, 0..1",
            }.items()
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


def test_the_password_comes_from_a_file_or_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    assert broker_password(Mqtt(host="h", password_file=str(tmp_path / "secret"))) == "s3cret"
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert broker_password(Mqtt(host="h", password_file="secret")) == "s3cret"
    with pytest.raises(
        ConfigError, match=r"mqtt\.password_file: .*absent: cannot be read.*LoadCredential=absent:"
    ):
        broker_password(Mqtt(host="h", password_file="absent"))


def test_events_are_kept_where_the_file_says_or_systemd_and_else_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, unnamed = (
        parse(
            f'[gateway]\n{key}\n[mqtt]\nhost = "h"\n[[wearer]]\nid = "a"\n[wearer.simulator]\nplacements = ["chest"]',
            str(tmp_path / "edgehar.toml"),
        )
        for key in ('state_dir = "kept"', "")
    )
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert check(named)["events"] == f"kept in {tmp_path}/kept"
    assert check(unnamed)["events"] == "kept in memory"
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/edgehar:/var/lib/more")
    assert check(unnamed)["events"] == "kept in /var/lib/edgehar"
    assert check(named)["events"] == f"kept in {tmp_path}/kept"
    assert not (tmp_path / "kept").exists()


def test_a_credential_is_awaited_where_only_the_service_can_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    config = parse(
        '[mqtt]\nhost = "h"\nusername = "u"\npassword_file = "mqtt-password"\n'
        '[[wearer]]\nid = "a"\n[wearer.simulator]\nplacements = ["wrist_left"]\n'
    )
    assert check(config)["password"] == "systemd credential mqtt-password, which the service will read"
    assert config.mqtt
    with pytest.raises(ConfigError, match=r"the service alone gets; .* such as \"\./mqtt-password\""):
        broker_password(config.mqtt)


@pytest.mark.parametrize(
    ("content", "password"),
    [
        pytest.param("s3cret", "s3cret", id="no line end"),
        pytest.param("\ufeffs3cret\r\n", "s3cret", id="as Notepad writes it"),
        pytest.param(" a b \n", " a b ", id="spaces are its own"),
    ],
)
def test_a_password_is_what_stands_in_the_file(tmp_path: Path, content: str, password: str) -> None:
    (tmp_path / "secret").write_bytes(content.encode())
    assert broker_password(Mqtt(host="h", password_file=f"{tmp_path}/secret")) == password


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"\n", "expected a password of 1 to 65535 bytes, got 0", id="empty"),
        pytest.param(
            b"x" * 65_536,
            "expected a password of 1 to 65535 bytes, got 65536",
            id="longer than MQTT has room",
        ),
        pytest.param(
            "ab\u00fc".encode("latin-1"), "line 1 is not UTF-8 text; save it as UTF-8", id="Latin-1"
        ),
    ],
)
def test_a_password_that_no_broker_takes_is_refused(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        broker_password(Mqtt(host="h", password_file=f"{tmp_path}/secret"))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(
            GOOD.replace("anna", "\u00e4nna").encode("latin-1"), "line 9 is not UTF-8", id="Latin-1"
        ),
        pytest.param(GOOD.encode("utf-16"), "line 1 is not UTF-8", id="UTF-16"),
    ],
)
def test_text_in_another_encoding_is_refused_by_line(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "edgehar.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"edgehar\.toml: cannot be read: {expected}"):
        load(tmp_path / "edgehar.toml")


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "edgehar.toml"
    path.write_text(GOOD, "utf-8-sig")
    assert load(path) == parse(GOOD)
    path.write_text(GOOD + "baude = 9600\n", "utf-8-sig")
    with pytest.raises(ConfigError, match=r"edgehar\.toml:14: "):
        load(path)


def test_a_relative_path_begins_at_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    path = tmp_path / "etc" / "edgehar.toml"
    path.write_text(
        '[mqtt]\nhost = "h"\nusername = "u"\npassword_file = "./pw"\n[mqtt.tls]\nca_file = "ca.pem"\n'
        '[model]\npath = "mine.json"\n[[wearer]]\nid = "a"\n[wearer.replay]\npath = "../walk.ehr"\n'
    )
    for folder, name in ((tmp_path, Path("etc/edgehar.toml")), (tmp_path / "etc", Path("edgehar.toml"))):
        monkeypatch.chdir(folder)
        config = load(name)
        assert config.mqtt
        assert config.mqtt.tls
        assert config.wearer[0].replay
        assert config.mqtt.password_file == str(tmp_path / "etc" / "pw")
        assert config.mqtt.tls.ca_file == str(tmp_path / "etc" / "ca.pem")
        assert config.model.path == str(tmp_path / "etc" / "mine.json")
        assert Path(config.wearer[0].replay.path).resolve() == tmp_path / "walk.ehr"


def test_a_shipped_models_name_is_no_path() -> None:
    assert parse(GOOD + '[model]\npath = "imu_tcn"\n').model.path == "imu_tcn"


def test_a_key_of_a_kind_of_placement_goes_over_the_models_and_leaves_the_others() -> None:
    parsed = parse(GOOD + "[decision.falls]\nwithin_s = 4\n[decision.falls.wrist]\nneeded = 3\n")
    falls = Settings().falls
    model = Settings(falls=replace(falls, suspicion=0.4, wrist=replace(falls.wrist, impact=9.0)))
    expected = replace(model.falls, within_s=4.0, wrist=replace(model.falls.wrist, needed=3.0))
    assert decision_settings(parsed, model).falls == expected


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("[decision.falls.wrist]\nneed = 3\n", r"[decision.falls.wrist] has no key `need`"),
        (
            "[decision.falls]\nsuspicion = 2\n",
            "decision.falls.suspicion: expected a number from 0 to 1, got 2",
        ),
        ("[decision.falls]\nankle = 2\n", "[decision.falls] has no key `ankle`"),
        ("[decision]\nfalls = 2\n", "decision.falls: expected a table, which begins with [decision.falls]"),
    ],
)
def test_mistakes_in_the_weights_of_falls_are_told_with_their_place(lines: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse(GOOD + lines)


def test_the_files_decision_keys_go_over_the_models() -> None:
    parsed = parse(GOOD + "[decision]\nmean_stay_s = 40\n")
    settings = decision_settings(parsed, Settings(mean_stay_s=20, threshold=0.7))
    assert (settings.mean_stay_s, settings.threshold) == (40, 0.7)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            '[decision]\noperating_point = "quite"\n',
            r'decision\.operating_point: .* got "quite"; did you mean `quiet`\?',
        ),
        ("[decision]\noperating_point = 7\n", "expected eager or normal or quiet, got 7"),
    ],
)
def test_an_unknown_operating_point_is_refused_with_a_suggestion(table: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(GOOD + table)


def test_an_operating_point_is_chosen_for_all_and_for_each_wearer() -> None:
    parsed = parse(
        '[decision]\noperating_point = "eager"\n'
        '[[wearer]]\nid = "anna"\noperating_point = "quiet"\nsimulator = {placements = ["chest"]}\n'
    )
    assert decision_settings(parsed, Settings()).operating_point == "eager"
    assert parsed.wearer[0].operating_point == "quiet"


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '[mqtt]\nhost = "a"\nport = 1\nhost = "b"\n',
            "edgehar.toml:4: not valid TOML: the key `host` is there twice; leave one of them",
            id="a key twice",
        ),
        pytest.param(
            "[mqtt]\nport =  # usual\n",
            "edgehar.toml:2: not valid TOML: the key `port` has no value; give one behind the `=`",
            id="no value",
        ),
        pytest.param(
            "[mqtt]\nport =\n\n", "edgehar.toml:2: not valid TOML: the key `port` has no", id="at the end"
        ),
        pytest.param(
            "[mqtt]\nx = [1,\n", "edgehar.toml:2: not valid TOML: Invalid value at the end", id="no bracket"
        ),
        pytest.param(
            "a = 1\n[a]\n", "edgehar.toml:2: not valid TOML: Cannot overwrite a value", id="table and key"
        ),
    ],
)
def test_mistakes_of_toml_are_told_in_plain_words(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert str(caught.value).startswith(expected)
