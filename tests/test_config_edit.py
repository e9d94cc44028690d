"""Who wears which sensor where, written into a file that people wrote."""

import stat
from pathlib import Path

import pytest

from edgehar.config.edit import assign
from edgehar.config.read import load
from edgehar.config.schema import Config
from edgehar.errors import ConfigError

DOT = {"profile": "movella_dot", "address": "D4:CA:6E:F1:00:01"}
BELT = {"profile": "polar_h10", "address": "A0:9E:1A:00:00:02"}

KEYS = 'placement = "wrist_left", profile = "movella_dot", address = "D4:CA:6E:F1:00:01"'
OLD_KEYS = KEYS.replace("00:01", "00:07")

WRITTEN = """\
# our kitchen
[gateway]
id = "pi"            # not the host's name

[[wearer]]
id = "anna"

[[wearer.serial]]
placement = "chest"  # the strap
port = "/dev/ttyACM0"

# upstairs
[[wearer]]
id = "ben"
[wearer.simulator]
placements = ["wrist"]
"""

REPLAYED = WRITTEN.replace('[wearer.simulator]\nplacements = ["wrist"]', '[wearer.replay]\npath = "ben.ehr"')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edgehar.toml"


def put(path: Path, wearer: str, placement: str, sensor: dict[str, str]) -> str:
    return assign(path, wearer, placement, sensor, check=lambda _: None).lines


def test_a_new_file_is_begun(path: Path) -> None:
    lines = put(path, "anna", "wrist_left", DOT)
    [anna] = load(path).wearer
    assert (anna.id, [(s.placement, s.profile, s.address) for s in anna.ble]) == (
        "anna",
        [("wrist_left", "movella_dot", "D4:CA:6E:F1:00:01")],
    )
    assert lines in path.read_text()


def test_a_sensor_is_added_where_its_wearer_stands_and_the_rest_stays(path: Path) -> None:
    path.write_text(WRITTEN)
    lines = put(path, "anna", "wrist_left", DOT)
    assert path.read_text().replace(f"\n{lines}\n", "") == WRITTEN
    anna, ben = load(path).wearer
    assert [sensor.placement for sensor in anna.ble] == ["wrist_left"]
    assert not ben.ble


def test_what_was_worn_there_gives_way(path: Path) -> None:
    put(path, "anna", "chest", DOT)
    put(path, "anna", "wrist_left", {**DOT, "address": "D4:CA:6E:F1:00:07"})
    put(path, "anna", "chest", BELT)
    [anna] = load(path).wearer
    assert {sensor.placement: sensor.profile for sensor in anna.ble} == {
        "chest": "polar_h10",
        "wrist_left": "movella_dot",
    }
    assert path.read_text().count("[[wearer.ble]]") == 2


def test_a_sensor_that_is_worn_elsewhere_from_now_on_is_moved(path: Path) -> None:
    put(path, "anna", "chest", BELT)
    put(path, "ben", "wrist_left", DOT)
    put(path, "ben", "wrist_right", {**DOT, "address": "D4:CA:6E:F1:00:07"})
    put(path, "anna", "ankle_left", {**DOT, "address": DOT["address"].lower()})
    worn = {wearer.id: [sensor.placement for sensor in wearer.ble] for wearer in load(path).wearer}
    assert worn == {"anna": ["chest", "ankle_left"], "ben": ["wrist_right"]}


def test_a_remark_stays_above_what_it_is_about(path: Path) -> None:
    path.write_text(WRITTEN)
    put(path, "anna", "wrist_left", DOT)
    put(path, "anna", "ankle_left", {**BELT, "profile": "bangle"})
    put(path, "cleo", "chest", DOT)  # anna's wrist gives way
    put(path, "cleo", "wrist_left", BELT)  # and her ankle
    text = path.read_text()
    assert text.startswith(WRITTEN)
    assert text.count("[[wearer.ble]]") == 2


def test_a_new_wearer_comes_before_the_remark_of_the_next_table(path: Path) -> None:
    model = '\n# the model\n[model]\npath = "imu_tcn"\n'
    path.write_text(WRITTEN + model)
    put(path, "cleo", "chest", BELT)
    text = path.read_text()
    assert text.startswith(WRITTEN)
    assert text.endswith(model)


def test_a_new_wearer_comes_after_all_remarks_at_the_end(path: Path) -> None:
    path.write_text(WRITTEN + "\n# [bluetooth]\n")
    put(path, "cleo", "chest", BELT)
    assert path.read_text().startswith(WRITTEN + "\n# [bluetooth]\n\n[[wearer]]\n")


def test_a_new_wearer_comes_last(path: Path) -> None:
    path.write_text(WRITTEN + '\n[model]\npath = "imu_tcn"\n')
    put(path, "cleo", "chest", BELT)
    assert [wearer.id for wearer in load(path).wearer] == ["anna", "ben", "cleo"]
    assert load(path).model.path == "imu_tcn"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("wearer", ["anna", "cleo"])
@pytest.mark.parametrize(
    "table", ['[[wearer.serial]]\nplacement = "waist"\nport = "/dev/x"\n', '[mqtt]\nhost = "pi"\n']
)
def test_tables_of_one_array_may_stand_apart(path: Path, table: str, wearer: str, end: str) -> None:
    sensor = '# {0}\n[[wearer.ble]]\nplacement = "{0}"\nprofile = "bangle"\naddress = "C0:FF:EE:00:00:0{1}"\n'
    first, second = sensor.format("chest", 1), sensor.format("wrist_right", 2)
    text = f'[[wearer]]\nid = "anna"\n{first}{table}{second}'.replace("\n", end)
    path.write_text(text, newline="")
    put(path, wearer, "wrist_left", DOT)
    written = path.read_bytes().decode()
    assert written.startswith(text)
    assert written.count("\r") == (written.count("\n") if end == "\r\n" else 0)
    placements = {worn_by.id: [worn.placement for worn in worn_by.ble] for worn_by in load(path).wearer}
    assert placements[wearer][-1] == "wrist_left"


@pytest.mark.parametrize(
    ("text", "wearer", "sensor", "expected"),
    [
        pytest.param("wearer = ", "anna", DOT, "not valid TOML", id="no TOML"),
        pytest.param(REPLAYED, "ben", DOT, "wearer `ben` needs sensors", id="a recorded wearer"),
        pytest.param(WRITTEN, "an na", DOT, "wearer[2].id", id="an id that is none"),
        pytest.param(WRITTEN, "\U0001f600", DOT, "wearer[2].id", id="an id of a sign that JSON halves"),
        pytest.param(
            '[wearer]\nid = "anna"\n',
            "anna",
            DOT,
            "wearer: expected a list of tables",
            id="a table of wearers",
        ),
        pytest.param('wearer = ["anna"]\n', "anna", DOT, "wearer[0]: expected", id="a wearer that is a text"),
        pytest.param(
            '[[wearer]]\nid = "anna"\n[wearer.ble]\nplacement = "chest"\n',
            "anna",
            DOT,
            "wearer[0].ble: expected a list of tables",
            id="a table of sensors",
        ),
        pytest.param(
            '[[wearer]]\nid = "anna"\n[mqtt]\nhost = "pi"\n[[wearer]]\nid = "ben"\n',
            "anna",
            DOT,
            'add by hand: [[wearer.ble]] / placement = "wrist_left"',
            id="another table between two wearers",
        ),
        pytest.param(
            '[[wearer]]\nid = "dora"\n[[wearer.ble]]\nplacement = "chest"\nprofile = "movella_dot"\n'
            'address = "D4:CA:6E:F1:00:01"\n',
            "anna",
            DOT,
            "is the only sensor of dora",
            id="another's only one",
        ),
    ],
)
def test_a_file_that_cannot_be_added_to_stays_as_it_is(
    path: Path, text: str, wearer: str, sensor: dict[str, str], expected: str
) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        put(path, wearer, "wrist_left", sensor)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            'wearer = [{ id = "anna" }] # all\n',
            f'wearer = [{{ id = "anna", ble = [{{ {KEYS} }}]}}] # all\n',
            id="an inline wearer without sensors",
        ),
        pytest.param(
            f'wearer = [\n  {{ id = "anna", ble = [{{ {OLD_KEYS} }}] }}, # upstairs\n]\n',
            f'wearer = [\n  {{ id = "anna", ble = [{{ {KEYS} }}] }}, # upstairs\n]\n',
            id="an inline wearer with a sensor at that place",
        ),
        pytest.param(
            'wearer = [\n  { id = "ben" }, # downstairs\n]\n',
            f'wearer = [\n  {{ id = "ben" }}, # downstairs\n  {{ id = "anna", ble = [{{ {KEYS} }}] }},\n]\n',
            id="a new wearer among inline ones",
        ),
        pytest.param(
            'wearer = [\r\n  { id = "ben" },\r\n]\r\n',
            f'wearer = [\r\n  {{ id = "ben" }},\r\n  {{ id = "anna", ble = [{{ {KEYS} }}] }},\r\n]\r\n',
            id="line ends of inline tables",
        ),
        pytest.param(
            '[[wearer]]\nid = "anna"\nble = [\n  { placement = "chest", profile = "bangle" }, # strap\n]\n',
            '[[wearer]]\nid = "anna"\nble = [\n  { placement = "chest", profile = "bangle" }, # strap\n'
            f"  {{ {KEYS} }},\n]\n",
            id="inline sensors of a wearer's table",
        ),
        pytest.param(
            'gateway.id = "pi" # dotted\n\n[[wearer]]\nid = "anna"\n',
            'gateway.id = "pi" # dotted\n\n[[wearer]]\nid = "anna"\n\n[[wearer.ble]]\n'
            + KEYS.replace(", ", "\n")
            + "\n",
            id="dotted keys",
        ),
    ],
)
def test_inline_tables_and_dotted_keys_are_added_to_as_they_are(path: Path, before: str, after: str) -> None:
    before = before.replace('id = "ben"', 'id = "ben", simulator.placements = ["wrist"]')
    after = after.replace('id = "ben"', 'id = "ben", simulator.placements = ["wrist"]')
    path.write_text(before, newline="")
    lines = put(path, "anna", "wrist_left", DOT)
    assert path.read_bytes().decode() == after
    assert lines in after


@pytest.mark.parametrize(
    "simulated",
    [
        'simulator = { placements = ["wrist"] }\n',
        "simulator.seed = 2\nsimulator.placements = ['wrist']\n",
        '\n[wearer.simulator]  # to try things out\nplacements = ["wrist"]\n',
    ],
    ids=["inline", "dotted", "table"],
)
@pytest.mark.parametrize(
    "others", ["", '# upstairs\n[[wearer]]\nid = "cleo"\n' + WRITTEN.split('id = "ben"')[1]]
)
def test_a_simulation_gives_way_to_a_sensor_and_the_rest_stays(
    path: Path, simulated: str, others: str
) -> None:
    before = '[mqtt]\nhost = "pi"  # here\n\n[[wearer]]\nid = "anna"  # a pseudonym\n'
    path.write_text(before + simulated + others)
    gave_way = assign(path, "anna", "wrist_left", DOT, check=lambda _: None).gave_way
    assert gave_way == ["the simulation of anna"]
    written = path.read_text()
    assert written.startswith(before)
    assert written.endswith(others)
    assert "\n\n\n" not in written
    anna, *_ = load(path).wearer
    assert anna.simulator is None
    assert [worn.address for worn in anna.ble] == [DOT["address"]]


def test_who_gave_way_is_told_in_words(path: Path) -> None:
    def gave_way(wearer: str, placement: str, sensor: dict[str, str]) -> list[str]:
        return assign(path, wearer, placement, sensor, check=lambda _: None).gave_way

    assert gave_way("anna", "wrist_left", DOT) == []
    assert gave_way("anna", "wrist_left", DOT) == []
    assert gave_way("anna", "wrist_left", BELT) == [
        "movella_dot D4:CA:6E:F1:00:01, worn by anna at wrist_left"
    ]
    assert gave_way("anna", "ankle", DOT) == []
    assert gave_way("ben", "chest", BELT) == ["polar_h10 A0:9E:1A:00:00:02, worn by anna at wrist_left"]
    assert [[sensor.placement for sensor in wearer.ble] for wearer in load(path).wearer] == [
        ["ankle"],
        ["chest"],
    ]


@pytest.mark.parametrize(
    "before", [WRITTEN, 'wearer = [{ id = "anna", serial = [{ placement = "chest", port = "p" }] }]\n']
)
def test_a_sensor_on_a_port_is_worn_and_gives_way_like_any(path: Path, before: str) -> None:
    path.write_text(before)
    put(path, "anna", "chest", {"port": "/dev/ttyACM1"})
    put(path, "anna", "ankle", {"port": "/dev/ttyACM2"})
    anna, *_ = load(path).wearer
    assert [(s.placement, s.port) for s in anna.serial] == [
        ("chest", "/dev/ttyACM1"),
        ("ankle", "/dev/ttyACM2"),
    ]
    put(path, "anna", "chest", BELT)
    put(path, "anna", "wrist", {"port": "/dev/ttyACM2"})
    anna, *_ = load(path).wearer
    assert [(s.placement, s.port) for s in anna.serial] == [("wrist", "/dev/ttyACM2")]
    assert [s.placement for s in anna.ble] == ["chest"]
    assert "our kitchen" in path.read_text() or before != WRITTEN


def test_what_cannot_be_run_is_not_written(path: Path) -> None:
    def refuse(_: Config) -> None:
        raise ConfigError("no such placement")

    with pytest.raises(ConfigError, match="no such placement"):
        assign(path, "anna", "tail", DOT, check=refuse)
    assert not path.exists()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("remark", ["", "\x85\u2028remark"])
def test_lines_end_as_they_did(path: Path, end: str, remark: str) -> None:
    before = WRITTEN.replace("the strap", f"the strap{remark}").replace("\n", end)
    path.write_text(before, "utf-8", newline="")
    lines = put(path, "anna", "wrist_left", DOT)
    after = path.read_bytes().decode("utf-8")
    assert after.replace(end + lines.replace("\n", end) + end, "") == before


def test_a_link_to_a_file_stays_one(path: Path, tmp_path: Path) -> None:
    path.symlink_to("elsewhere.toml")
    (tmp_path / "elsewhere.toml").write_text(WRITTEN)
    put(path, "anna", "wrist_left", DOT)
    assert path.is_symlink()
    assert load(tmp_path / "elsewhere.toml").wearer[0].ble


def test_a_file_keeps_its_permissions(path: Path) -> None:
    path.write_text(WRITTEN)
    path.chmod(0o640)
    put(path, "anna", "wrist_left", DOT)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere/edgehar\.toml: cannot be written: No such file"):
        put(tmp_path / "nowhere" / "edgehar.toml", "anna", "chest", DOT)


def test_the_only_sensor_of_somebody_else_is_not_taken(path: Path) -> None:
    path.write_text(WRITTEN)
    wanted = r"/dev/ttyACM0 is the only sensor of anna: first give anna another one, or take that \[\[wearer\]\] out of"
    with pytest.raises(ConfigError, match=wanted):
        put(path, "ben", "chest", {"port": "/dev/ttyACM0"})
    assert path.read_text() == WRITTEN
    put(path, "anna", "wrist_left", DOT)
    put(path, "ben", "chest", {"port": "/dev/ttyACM0"})
    anna, ben = load(path).wearer
    assert (len(anna.serial), len(anna.ble), len(ben.serial)) == (0, 1, 1)
