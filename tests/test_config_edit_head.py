"""A wearer's head, written into edgehar.toml."""

from pathlib import Path

import pytest

from edgehar.config.edit_head import set_head
from edgehar.config.read import load
from edgehar.config.schema import Config
from edgehar.errors import ConfigError, ModelError

TEXT = """# the house
[[wearer]]
id = "anna"  # not her name

[[wearer.ble]]
placement = "wrist_left"  # not the right one
profile = "witmotion"

# who else
[[wearer]]
id = "ben"
simulator = {placements = ["waist"]}
# end
"""


def accept(_: Config) -> None:
    """Take any configuration."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edgehar.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize("wearer", ["anna", "ben"])
def test_a_head_comes_changes_and_goes_and_all_else_stays(file: Path, wearer: str) -> None:
    for name in ("a.1", "a.2"):
        head = file.parent / "heads" / f"{name}.head.json"
        set_head(file, wearer, head, check=accept)
        assert [each.head for each in load(file).wearer if each.id == wearer] == [str(head)]
        line = f'head = "heads/{name}.head.json"\n'
        assert sorted(file.read_text().splitlines()) == sorted([*TEXT.splitlines(), line.strip()])
    set_head(file, wearer, None, check=accept)
    assert file.read_text() == TEXT


BEN = """[[wearer]]
id = "ben"
simulator = {placements = ["waist"]}
"""
FORMS = [
    '[[wearer]]\nid = "anna"\n[wearer.simulator]\nplacements = ["waist"]\n\n# end',
    '\t[[wearer]]\r\n\tid="anna"\r\n\t[wearer.simulator]\r\n\tplacements = ["waist"]',
    '[[wearer]]\nsimulator = {placements = ["waist"]}\nid = "anna"',
    f'{BEN}\n[gateway]\nid = "gw"\n{BEN.replace("ben", "anna")}',
]


@pytest.mark.parametrize("text", FORMS)
def test_what_comes_and_goes_leaves_every_byte_as_it_was(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    head = file.parent / "a.head.json"
    set_head(file, "anna", head, check=accept)
    assert [each.head for each in load(file).wearer if each.id == "anna"] == [str(head)]
    set_head(file, "anna", None, check=accept)
    assert file.read_bytes() == text.encode()


def test_a_wearer_in_a_single_line_has_a_head_in_it(file: Path) -> None:
    file.write_text('wearer = [{id = "anna", simulator = {placements = ["waist"]}}]\n')
    before, head = load(file), file.parent / "a.head.json"
    set_head(file, "anna", head, check=accept)
    assert load(file).wearer[0].head == str(head)
    set_head(file, "anna", None, check=accept)
    assert load(file) == before


def test_what_would_be_refused_is_not_written(file: Path) -> None:
    def refuse(_: Config) -> None:
        raise ModelError("no such head")

    with pytest.raises(ModelError, match="no such head"):
        set_head(file, "anna", file.parent / "x.head.json", check=refuse)
    assert file.read_text() == TEXT


def test_nobody_of_that_name_is_refused(file: Path) -> None:
    with pytest.raises(ConfigError, match="nobody is called carl"):
        set_head(file, "carl", None, check=accept)


def test_a_file_that_cannot_be_changed_says_what_to_write(file: Path) -> None:
    # tomlkit draws tables of an array together that others lie between, and a line more would lie within the name.
    text = '[[wearer]]\nid = """\nanna"""\nsimulator = {placements = ["waist"]}\n[gateway]\nid = "gw"\n[[wearer]]\nid = "ben"\n'
    text += 'simulator = {placements = ["waist"]}\n'
    file.write_text(text)
    with pytest.raises(ConfigError, match=r'in \[\[wearer\]\] anna: add head = "a.head.json"'):
        set_head(file, "anna", file.parent / "a.head.json", check=accept)
    assert file.read_text() == text
