"""Falls that were told, against the false alarms of everyday movement."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, strategies as st
from msgspec import json
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.evaluation import falls
from edgehar.evaluation.falls import (
    ALONE,
    DECISION,
    REFRACTORY_S,
    SHOWN_THRESHOLDS,
    THRESHOLDS,
    Falls,
    Watch,
    operating_points,
    point,
    watch,
    watches,
    wilson,
    without_echoes,
)
from edgehar.evaluation.unseen import Recordings
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import recognizer
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings.datasets import Trial
from edgehar.types import Samples


@pytest.fixture
def model() -> Recognizer:
    return recognizer.load(ROOT / "models" / "imu_tcn.json")


def test_one_fall_raises_one_alarm() -> None:
    times = [5.0, 6.0, 9.0, 15.0, 24.0]
    assert without_echoes(times) == [5.0, 15.0]
    assert without_echoes(times, refractory_s=9.0) == [5.0, 15.0, 24.0]
    assert without_echoes([]) == []


_numbers = count(100)


def watch_of(
    *,
    is_fall: bool,
    at: Sequence[float],
    source: str = "weda wrist",
    hours: float = 1.0,
    alone: float = 0.0,
    number: int | None = None,
) -> Watch:
    """Watch with times of the decision's alarms, and one of single windows up to a threshold; a trial of its own."""
    raised = {f"{ALONE} {t:g}": [6.0] if t <= alone else [] for t in THRESHOLDS}
    activity = "fall_slip" if is_fall else "clapping"
    trial = (source.split(maxsplit=1)[0], 1, activity, next(_numbers) if number is None else number)
    return Watch(source, trial, activity, is_fall, hours, 5.0, {DECISION: list(at), **raised})


def test_an_alarm_counts_for_a_fall_only_if_it_is_near_or_behind_its_peak() -> None:
    times = ((6.0,), (3.5,), (1.0,), (), (5.0 + REFRACTORY_S + 1.0,))
    scored = point([watch_of(is_fall=True, at=at) for at in times], DECISION)
    assert (scored.detected, scored.falls, scored.missed) == (2, 5, {"fall_slip": 3})
    assert scored.median_s == pytest.approx(-0.25)
    assert scored.total.bound_per_hour is None


def test_false_alarms_are_counted_on_everyday_movement_alone() -> None:
    everyday = watch_of(is_fall=False, at=(1.0, 15.0), hours=4.0)
    scored = point([watch_of(is_fall=True, at=(1.0, 15.0)), everyday], DECISION)
    assert (scored.total.alarms, scored.total.per_hour, scored.raised) == (2, 0.5, {"clapping": 2})


def test_there_is_a_row_for_every_kind_of_placement_and_for_every_set() -> None:
    rows = operating_points(
        [
            watch_of(is_fall=True, at=(6.0,), source="weda wrist", alone=0.9),
            watch_of(is_fall=False, at=(6.0,), source="dsads wrist_left", hours=2.0, number=1),
            watch_of(is_fall=False, at=(6.0,), source="dsads wrist_right", hours=2.0, number=1),
            watch_of(is_fall=False, at=(), source="dsads wrist_left", hours=1.0, number=2),
            watch_of(is_fall=False, at=(), source="dsads wrist_left", hours=1.0, number=2),
            watch_of(is_fall=True, at=(), source="acted_hip", alone=0.5),
        ]
    )
    assert [name for name in rows if name.startswith("every ")] == ["every wrist", "every hip"]
    assert (rows["every wrist"].hours, rows["every wrist"].decided.total.per_hour) == (4.0, 0.25)
    assert rows["every wrist"].decided.detected == rows["weda wrist"].decided.detected == 1
    assert rows["dsads wrist_right"].decided.total.alarms == 1
    assert rows["acted_hip"].decided.detected == 0
    assert [w.detected for w in rows["acted_hip"].windows] == [int(t <= 0.5) for t in THRESHOLDS]


def test_tables_show_what_was_told_missed_and_raised() -> None:
    scores = operating_points(
        [
            *(watch_of(is_fall=True, at=(6.5,) if i < 3 else (), source="weda_fall wrist") for i in range(4)),
            watch_of(is_fall=False, at=(6.0,), hours=2.0, source="weda_fall wrist"),
            watch_of(is_fall=False, at=(), hours=2.0, source="other wrist"),
        ]
    )
    lines = falls.short(scores).splitlines()
    row = next(line for line in lines if line.startswith("| weda_fall wrist"))
    assert "| weda_fall wrist\\* | set never seen | 2.00 | 3/4 = 75.0 % | 30 to 95 % | 0.50 |" in row
    assert "| 1.50, 1.50 |" in row
    assert row.count("|") == 2 + 7 + len(SHOWN_THRESHOLDS)
    assert next(line for line in lines if line.startswith("| other")).startswith(
        "| other wrist | set never seen | 2.00 |  |"
    )
    whole = falls.markdown(scores)
    assert "weda_fall wrist: missed fall_slip 1; false alarms in clapping 1." in whole
    assert json.decode(json.encode(scores), type=Falls) == scores


@given(st.integers(1, 400), st.data())
def test_the_interval_of_a_share_holds_it(tries: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, tries))
    low, high = wilson(hits, tries)
    assert 0.0 <= low <= round(hits / tries, 4) <= high <= 1.0


def test_without_any_set_of_falls_nothing_is_scored(model: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="weda_fall"):
        list(watches(model, Recordings(tmp_path)))


def test_a_model_without_the_label_says_so(model: Recognizer) -> None:
    model.spec = replace(model.spec, labels=tuple(f"{label}_" for label in model.spec.labels))
    assert falls.falls(model, Recordings(ROOT)) is None
    assert "at no placement" in falls.markdown(None) == falls.short(None)


def fallen(seed: int, placement: str) -> Trial:
    """Let somebody stand, who falls 3 s later, and lies there."""
    wearer = Wearer(seed, [placement])
    parts = [
        wearer.perform(activity, seconds)[0] for activity, seconds in (("standing", 6.0), ("falling", 12.0))
    ]
    t, x = (np.concatenate([getattr(part, name) for part in parts]) for name in ("t", "x"))
    track = Samples(placement, t, x, parts[0].channels)
    return Trial(1, "fall_slip", 1, {placement: track}, [(0.0, float(t[-1]), "fall_slip")])


@pytest.mark.parametrize("placement", ["waist", "chest", "wrist_left"])
def test_falls_of_the_simulated_body_are_told_at_every_placement(model: Recognizer, placement: str) -> None:
    watched = [watch(model, "body", fallen(seed, placement), placement) for seed in range(8)]
    assert all(8.0 < w.peak_s < 10.0 for w in watched)
    row = operating_points(watched)[f"body {placement}"]
    assert row.decided.detected >= 7
    alone = [p.detected for p in row.windows]
    assert alone == sorted(alone, reverse=True)
    assert alone[0] == 8
