"""A first configuration: what stands in it, and how it gets to its place."""

import errno
import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from edgehar.config import credentials
from edgehar.config.first import PASSWORD_NAME, First, check_free, text_of, write_first
from edgehar.config.read import load, parse
from edgehar.config.schema import Bluetooth, Config, Gateway, HomeAssistant, Mqtt, Tls
from edgehar.config.worn import Ble, Serial, SimulatedWearer, Wearer
from edgehar.daemon.run import check
from edgehar.errors import ConfigError

SIMPLE = First(gateway="pi", mqtt=Mqtt(host="localhost"), wearer="anna", sensors=[], simulated="chest")
SIMULATED = Wearer("anna", simulator=SimulatedWearer(["chest"]))
SENSORS = (
    {"placement": "wrist_left", "profile": "movella_dot", "address": "D4:CA:6E:F1:00:01"},
    {"placement": "chest", "port": "/dev/ttyACM0", "baud": 9600},
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "edgehar.toml"


def content_of(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()} if folder.exists() else {}


def test_the_simplest_has_what_most_need_and_nothing_else() -> None:
    assert parse(text_of(SIMPLE)) == Config([SIMULATED], Gateway("pi"), Mqtt("localhost"))
    assert len(text_of(SIMPLE).splitlines()) < 20


@pytest.mark.parametrize("port", [1883, 8883])
def test_everything_that_is_answered_is_read_again(port: int) -> None:
    mqtt = Mqtt('pi"s', port, username='an"na \\', password_file="/x/sécret", tls=Tls(ca_file="/etc/ca.pem"))
    first = First("pi", replace(mqtt, host="pi.local"), "anna", SENSORS, "chest", True, "hci1")
    assert parse(text_of(first)) == Config(
        gateway=Gateway("pi"),
        mqtt=replace(mqtt, host="pi.local"),
        homeassistant=HomeAssistant(),
        bluetooth=Bluetooth("hci1"),
        wearer=[
            Wearer(
                "anna",
                serial=[Serial("chest", "/dev/ttyACM0", 9600)],
                ble=[Ble("wrist_left", "movella_dot", "D4:CA:6E:F1:00:01")],
            )
        ],
    )


def test_the_password_is_for_its_owner_alone_from_the_beginning(path: Path) -> None:
    mqtt = Mqtt(host="localhost", username="anna", password_file=f"./{PASSWORD_NAME}")
    before = os.umask(0)
    try:
        assert write_first(path, replace(SIMPLE, mqtt=mqtt), "s3cret", check=check) == []
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"edgehar.toml": 0o644, PASSWORD_NAME: 0o600}
    assert content_of(path.parent)[PASSWORD_NAME] == "s3cret\n"
    assert "s3cret" not in path.read_text()
    assert check(load(path))["password"] == "read"


def test_what_was_there_is_kept_each_time_the_password_too(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("# mine\n")
    secret = path.with_name(PASSWORD_NAME)
    secret.write_text("old\n")
    secret.chmod(0o600)
    mqtt = Mqtt(host="localhost", username="anna", password_file=f"./{PASSWORD_NAME}")
    kept = write_first(path, replace(SIMPLE, mqtt=mqtt), "new", check=check)
    assert [(file.name, file.read_text()) for file in kept] == [
        (f"{PASSWORD_NAME}.bak", "old\n"),
        ("edgehar.toml.bak", "# mine\n"),
    ]
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600
    [again] = write_first(path, SIMPLE, None, check=check)
    assert again.name == "edgehar.toml.bak1"
    assert secret.read_text() == "new\n"


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.toml")
    write_first(path, SIMPLE, None, check=check)
    assert path.is_symlink()
    assert load(tmp_path / "elsewhere.toml").gateway.id == "pi"


@pytest.mark.parametrize("error", [ConfigError("no"), KeyboardInterrupt("no")], ids=["refused", "Ctrl-C"])
def test_what_ends_it_early_leaves_everything_as_it_was(path: Path, error: BaseException) -> None:
    path.parent.mkdir()
    path.write_text("# mine\n")
    before = content_of(path.parent)

    def end(_: Config) -> None:
        assert len(content_of(path.parent)) == 3
        raise error

    mqtt = Mqtt(host="localhost", username="anna", password_file=f"./{PASSWORD_NAME}")
    with pytest.raises(type(error), match=str(error)):
        write_first(path, replace(SIMPLE, mqtt=mqtt), "s3cret", check=end)
    assert content_of(path.parent) == before


def test_a_place_where_no_file_can_be_is_refused_first(path: Path, tmp_path: Path) -> None:
    check_free(path, force=False)
    (tmp_path / "file").touch()
    for odd, force, words in (
        (tmp_path, False, "is a folder; name a file in it"),
        (tmp_path / "file", False, "is there already"),
        (tmp_path / "file" / "edgehar.toml", True, "cannot"),
        (tmp_path / ("x" * 300), False, "cannot be written: File name too long"),
    ):
        with pytest.raises(ConfigError, match=words):
            check_free(odd, force=force)
    check_free(tmp_path / "file", force=True)
    with pytest.raises(ConfigError, match="cannot be written"):
        write_first(tmp_path / "file" / "edgehar.toml", SIMPLE, None, check=check)


def test_a_secret_that_only_root_may_see_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "SERVICE_FOLDER", tmp_path)
    monkeypatch.setattr(credentials, "STORE", tmp_path / "store")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    # Root, as whom tests may run, may look everywhere.
    monkeypatch.setattr(Path, "exists", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    mqtt = Mqtt(host="localhost", username="anna", password_file=PASSWORD_NAME)
    config = credentials.by_hand(Config(wearer=[Wearer("anna")], mqtt=mqtt), tmp_path / "edgehar.toml")
    assert config.mqtt
    with pytest.raises(ConfigError, match=r"edgehar\.mqtt-password: cannot be read: Permission denied"):
        credentials.broker_password(config.mqtt)
