import pytest

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.label_tree import LabelTree
from edgehar.pipeline.telling import Telling

LABELS = ("walking", "stairs_up", "stairs_down", "sitting", "standing", "falling", "other")
TREE = LabelTree(
    LABELS,
    {
        "still": ("sitting", "standing"),
        "on_foot": ("walking", "stairs"),
        "stairs": ("stairs_up", "stairs_down"),
    },
)
SETTINGS = Settings(threshold=0.7, kind_threshold=0.9, held_threshold=0.5)


def belief(**shares: float) -> list[float]:
    """Return the belief in each label; what is not given is `other`."""
    return [shares.get(label, 1 - sum(shares.values()) if label == "other" else 0.0) for label in LABELS]


@pytest.mark.parametrize(
    ("shares", "held", "told"),
    [
        ({"sitting": 0.8}, "other", "sitting"),
        ({"sitting": 0.6, "standing": 0.37}, "other", "still"),
        ({"sitting": 0.5, "standing": 0.37}, "other", "other"),
        ({"stairs_up": 0.5, "stairs_down": 0.45}, "other", "stairs"),
        ({"stairs_up": 0.4, "walking": 0.55}, "other", "on_foot"),
        ({"sitting": 0.4, "walking": 0.4}, "other", "other"),
        ({"sitting": 0.6, "standing": 0.37}, "sitting", "sitting"),
        ({"sitting": 0.45, "standing": 0.5}, "sitting", "still"),
        ({"sitting": 0.75, "standing": 0.2}, "still", "sitting"),
        ({"sitting": 0.3, "standing": 0.3}, "still", "still"),
        ({"sitting": 0.2, "standing": 0.2}, "still", "other"),
        ({"sitting": 0.55, "walking": 0.45}, "stairs", "other"),
        ({"stairs_up": 0.55, "walking": 0.4}, "stairs_up", "stairs_up"),
        ({"walking": 0.6}, "no_signal", "other"),
        ({}, "sitting", "other"),
    ],
)
def test_the_finest_that_is_certain_enough_is_told(shares: dict[str, float], held: str, told: str) -> None:
    assert Telling(TREE, SETTINGS).choose(belief(**shares), held) == told


def test_what_is_certain_takes_over_from_what_is_held_however_deep_that_is() -> None:
    telling = Telling(TREE, Settings(held_threshold=0.1))
    assert telling.choose(belief(stairs_up=0.15, falling=0.84), "stairs_up") == "falling"
    assert telling.choose(belief(stairs_up=0.15, sitting=0.84), "stairs_up") == "sitting"
    assert telling.choose(belief(stairs_up=0.2, falling=0.7), "stairs_up") == "stairs_up"


def test_what_is_less_likely_than_other_is_not_told_however_eager_the_settings() -> None:
    eager = Telling(TREE, Settings(threshold=0.5, kind_threshold=0.5, held_threshold=0.2))
    assert eager.choose(belief(sitting=0.5), "other") == "other"
    assert eager.choose(belief(sitting=0.51), "other") == "sitting"


@pytest.mark.parametrize(
    ("label", "told"),
    [("sitting", "still"), ("stairs_up", "on_foot"), ("falling", "falling"), ("other", None)],
)
def test_what_is_below_a_node_that_is_wanted_is_told_as_it(label: str, told: str | None) -> None:
    telling = Telling(TREE, SETTINGS, ["still", "on_foot", "falling"])
    assert telling.finest(label) == told
    assert telling.choose(belief(**{label: 1.0}), "other") == (told or "other")


def test_what_is_below_nothing_that_is_wanted_is_other() -> None:
    telling = Telling(TREE, SETTINGS, ["sitting"])
    assert telling.choose(belief(standing=1.0), "other") == "other"
    assert telling.choose(belief(sitting=0.6, standing=0.4), "other") == "other"
    assert "standing" not in telling
    assert telling.nearest(belief(standing=1.0)) == ("other", 1.0)
    nearest, share = telling.nearest(belief(standing=0.3, walking=0.2, sitting=0.4))
    assert nearest == "other"
    assert share == pytest.approx(0.6)


def test_of_a_kind_the_likelier_labels_are_named() -> None:
    telling, now = Telling(TREE, SETTINGS), belief(sitting=0.37, standing=0.6)
    assert telling.likely("still", now) == [("standing", 0.6), ("sitting", 0.37)]
    assert telling.likeliest("still", now) == ("standing", 0.6)
    assert telling.likeliest("standing", now) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stil", 'labels: the model tells no "stil"; did you mean `still`?'),
        ("other", 'labels: the model tells no "other"'),
        ("€", "it tells walking, stairs_up, "),
    ],
)
def test_a_name_that_the_model_does_not_tell_is_refused_with_a_suggestion(name: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Telling(TREE, SETTINGS, ["sitting", name])
    assert says in str(raised.value)


def test_other_alone_lets_nothing_else_be_told() -> None:
    telling = Telling(TREE, SETTINGS, ["other"])
    assert telling.choose(belief(sitting=0.99), "other") == "other"
    assert "sitting" not in telling
