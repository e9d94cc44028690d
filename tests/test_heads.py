"""The heads of a wearer on disk."""

from pathlib import Path

import pytest
from labelled import record

from edgehar.errors import ModelError
from edgehar.personal.fit import teach
from edgehar.personal.head import Head, write
from edgehar.personal.heads import KEPT, Heads, load_head
from edgehar.personal.takes import read_take
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import Recognizer, load


@pytest.fixture(scope="module")
def network() -> Recognizer:
    return load(find("imu_tcn"))


@pytest.fixture(scope="module")
def head(network: Recognizer, tmp_path_factory: pytest.TempPathFactory) -> Head:
    path = tmp_path_factory.mktemp("recordings") / "day.ehr"
    record(path, [("walking", 8), ("arm_work", 8)], {"arm_work": "tape_box"})
    return teach(network, [read_take(path)])


def test_each_has_the_next_number_also_after_one_was_taken_back(head: Head, tmp_path: Path) -> None:
    heads = Heads(tmp_path / "heads", "anna")
    first, second = heads.add(head, None), heads.add(head, None)
    assert heads.before(second) == [first]
    heads.take_back(second)
    third = heads.add(head, first)
    assert [path.name for path in heads.paths()] == ["anna.1.head.json", "anna.3.head.json"]
    assert heads.before(third) == [first]
    assert heads.before(first) == heads.before(tmp_path / "hers.head.json") == []


def test_so_many_are_kept_and_always_the_one_in_use(head: Head, tmp_path: Path) -> None:
    heads = Heads(tmp_path, "anna")
    first = heads.add(head, None)
    for _ in range(KEPT + 3):
        heads.add(head, first)
    assert len(heads.paths()) == KEPT + 1
    assert first in heads.paths()


def test_nobody_elses_are_touched(head: Head, tmp_path: Path) -> None:
    write(tmp_path / "anna.b.1.head.json", head)
    write(tmp_path / "ben.7.head.json", head)
    assert Heads(tmp_path, "anna").add(head, None).name == "anna.1.head.json"
    assert [path.name for path in Heads(tmp_path, "ben").paths()] == ["ben.7.head.json"]


def test_the_id_names_network_and_head(network: Recognizer, head: Head, tmp_path: Path) -> None:
    model = load_head(network, Heads(tmp_path, "anna").add(head, None), ["wrist_right"])
    assert model.spec.id == f"{network.spec.id}+anna.1"
    assert "tape_box" in model.spec.labels
    assert "tape_box" not in network.spec.labels


def test_what_is_worn_elsewhere_is_refused_by_the_files_name(
    network: Recognizer, head: Head, tmp_path: Path
) -> None:
    path = Heads(tmp_path, "anna").add(head, None)
    with pytest.raises(ModelError, match=r"anna\.1\.head\.json: .*expected wrist_right.*got waist"):
        load_head(network, path, ["waist"])


def test_a_folder_that_cannot_be_made_is_one_error(head: Head, tmp_path: Path) -> None:
    (tmp_path / "heads").write_text("a file")
    with pytest.raises(ModelError, match="heads: cannot be made"):
        Heads(tmp_path / "heads", "anna").add(head, None)
