from collections.abc import Sequence

import pytest
from conftest import ROOT
from hypothesis import given, strategies as st

from edgehar.errors import ConfigError
from edgehar.pipeline import manifest
from edgehar.pipeline.label_tree import LabelTree, misfits
from edgehar.training import recipe as recipes

LABELS = ("walking", "stairs_up", "stairs_down", "running", "sitting", "standing", "lying", "other")
TREE = {
    "still": ("sitting", "standing", "lying"),
    "on_foot": ("walking", "stairs"),
    "stairs": ("stairs_up", "stairs_down"),
}
TINY = (ROOT / "tests" / "tiny.toml").read_text()


def test_a_label_is_a_kind_of_all_above_it() -> None:
    tree = LabelTree(LABELS, TREE)
    assert tree.path("stairs_up") == ("stairs_up", "stairs", "on_foot")
    assert [tree.parent(node) for node in ("stairs_up", "stairs", "on_foot")] == ["stairs", "on_foot", None]
    assert tree.top("stairs_up") == "on_foot"
    assert tree.leaves("on_foot") == ("walking", "stairs_up", "stairs_down")
    assert tree.leaves("sitting") == ("sitting",)


@pytest.mark.parametrize("word", ["running", "other", "swimming", "no_signal"])
def test_what_is_below_nothing_is_its_own_top(word: str) -> None:
    assert LabelTree(LABELS, TREE).path(word) == (word,)


def test_without_a_tree_each_label_is_a_top() -> None:
    tree = LabelTree(LABELS, {})
    assert tree.nodes == LABELS
    assert [tree.top(label) for label in LABELS] == list(LABELS)


def test_the_shipped_model_tells_what_phones_tell() -> None:
    spec = manifest.read(manifest.find("imu_tcn"))
    tree = LabelTree(spec.labels, spec.tree)
    assert {tree.top(label) for label in spec.labels} >= {"still", "on_foot", "running", "cycling"}
    assert tree.top("standing") == "still"
    assert tree.top("stairs_down") == "on_foot"


MISFITS = {
    "a child that is nothing": ({"still": ["siting"]}, 'tree.still: expected labels .*got "siting"'),
    "a node named as a label": ({"walking": ["running"]}, "tree.walking: expected a name that is no label"),
    "a node named as an answer": ({"no_signal": ["lying"]}, "tree.no_signal: expected a name"),
    "other is a kind of nothing": (
        {"rest": ["lying", "other"]},
        'tree.rest: expected labels but .*got "other"',
    ),
    "two parents": ({"still": ["lying"], "abed": ["lying"]}, r'tree: expected each child once.*\["lying"\]'),
    "a child twice": ({"still": ["lying", "lying"]}, "tree: expected each child once"),
    "its own child": ({"still": ["still", "lying"]}, "tree.still: expected no node below itself"),
    "a circle": ({"a": ["b"], "b": ["c"], "c": ["a"]}, "tree.a: expected no node below itself"),
}


@pytest.mark.parametrize(("tree", "says"), MISFITS.values(), ids=MISFITS.keys())
def test_a_recipe_whose_tree_is_none_is_refused_in_one_line(
    tree: dict[str, Sequence[str]], says: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("recipe") / "wrong.toml"
    lines = [f"{node} = {list(children)!r}" for node, children in tree.items()]
    path.write_text("\n".join([TINY, "[tree]", *lines]))
    with pytest.raises(ConfigError, match=rf"^[^\n]*wrong\.toml: {says}[^\n]*$"):
        recipes.load(path)


names = st.sampled_from([*LABELS, "still", "on_foot", "stairs", "no_signal", "nothing"])


@given(st.dictionaries(names, st.lists(names, min_size=1, max_size=3).map(tuple), max_size=4))
def test_what_is_not_refused_is_a_tree(tree: dict[str, tuple[str, ...]]) -> None:
    if next(misfits(LABELS, tree), None):
        return
    built = LabelTree(LABELS, tree)
    for node in built.nodes:
        path = built.path(node)
        assert len(set(path)) == len(path)
        assert set(built.leaves(node)) <= set(built.leaves(path[-1]))
        assert built.leaves(node)
    tops = [node for node in built.nodes if built.parent(node) is None]
    assert sorted(label for top in tops for label in built.leaves(top)) == sorted(LABELS)
