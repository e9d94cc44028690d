from typing import Any

import msgspec
import pytest
from decisions import decision

from edgehar.errors import ConfigError
from edgehar.pipeline.decision_settings import Settings


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(enter=0.4, stay=0.4), r"stay = 0\.4 must be less than enter = 0\.4"),
        (Settings(no_signal_after_s=0.5), r"no_signal_after_s = 0\.5 must be longer"),
        (Settings(fall_within_s=1.9), r"fall_within_s = 1\.9 must be 0 or at least 1\.92"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(settings: Settings, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        decision(settings, labels=("walking", "lying", "falling"), placements=("wrist",))


@pytest.mark.parametrize(
    "raw", [{"enter": 1.1}, {"patience": 0}, {"dwell_s": -1}, {"enter": "high"}, {"Enter": 0.5}]
)
def test_settings_out_of_bounds_or_unknown_are_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(raw, Settings)


def test_every_setting_has_a_sentence_a_unit_and_bounds() -> None:
    keys = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"]
    assert len(keys) == 15
    for key, schema in keys.items():
        assert schema["description"].endswith("."), key
        assert {"unit", "minimum", "maximum", "default"} <= schema.keys(), key
        assert (schema["unit"] == "s") is key.endswith("_s"), key
