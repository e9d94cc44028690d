from typing import Any

import msgspec
import pytest
from decisions import decision

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings
from edgehar.pipeline.fall_settings import FallSettings


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            Settings(threshold=0.4, held_threshold=0.5),
            r"held_threshold = 0\.5 must be at most threshold = 0\.4",
        ),
        (
            Settings(kind_threshold=0.4, held_threshold=0.5),
            r"held_threshold = 0\.5 must be at most kind_threshold = 0\.4",
        ),
        (Settings(no_signal_after_s=0.5), r"no_signal_after_s = 0\.5 must be longer"),
        (Settings(falls=FallSettings(within_s=1.2)), r"falls\.within_s = 1\.2 must be 0 or at least 1\.28"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(settings: Settings, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        decision(settings, labels=("walking", "lying", "falling"), placements=("wrist",))


@pytest.mark.parametrize(
    "raw",
    [
        {"threshold": 1.1},
        {"mean_stay_s": 0},
        {"likelihood_power": 0},
        {"threshold": "high"},
        {"Threshold": 0.5},
        {"patience": 3},
    ],
)
def test_settings_out_of_bounds_or_unknown_are_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(raw, Settings)


def test_every_setting_has_a_sentence_a_unit_and_bounds() -> None:
    tables = msgspec.json.schema(Settings)["$defs"]
    keys = tables["Settings"]["properties"]
    assert keys.pop("falls")["description"].endswith(".")
    assert keys.pop("operating_point")["description"].endswith(".")
    assert len(keys) == 9
    inner = tables["FallSettings"]["properties"]
    for kind in ("waist", "chest", "wrist"):
        assert "FallWeights" in str(inner.pop(kind))
    for key, schema in (keys | inner | tables["FallWeights"]["properties"]).items():
        assert schema["description"].endswith("."), key
        assert {"minimum", "maximum"} <= schema.get("anyOf", [schema])[0].keys(), key
        assert (schema["unit"] == "s") is key.endswith("_s"), key
    assert all("default" in schema for schema in (keys | inner).values())


def test_a_threshold_that_is_set_wins_over_the_operating_points() -> None:
    fitted = {"walking": 0.6, "still": 0.7}
    by_hand = Settings(threshold=0.9)
    assert by_hand.thresholds("walking", fitted, is_kind=False) == (0.9, 0.1)
    assert by_hand.thresholds("still", fitted, is_kind=True) == (0.7, 0.1)
    assert Settings(kind_threshold=0.5).thresholds("still", fitted, is_kind=True) == (0.5, 0.1)


def test_where_nothing_is_set_or_fitted_a_plain_threshold_counts() -> None:
    assert Settings().thresholds("walking", {"still": 0.7}, is_kind=False) == (0.8, 0.1)
    assert Settings().thresholds("still", {"walking": 0.7}, is_kind=True) == (0.95, 0.1)


def test_nothing_is_told_from_less_than_it_is_held_by() -> None:
    held = Settings(held_threshold=0.75)
    assert held.thresholds("walking", {"walking": 0.6}, is_kind=False) == (0.75, 0.75)
