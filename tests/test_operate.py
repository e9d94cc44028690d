"""Fit of operating points, on courses whose right thresholds are known."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings as hypothesis_settings, strategies as st
from msgspec.structs import replace
from people_sets import simulate

from edgehar.cli import train as cli
from edgehar.evaluation import operate_report
from edgehar.evaluation.courses import Course
from edgehar.evaluation.exposure import Exposure, exposure, false_starts
from edgehar.evaluation.operate import FOLDS, apart, fit, rated, with_points
from edgehar.pipeline import manifest
from edgehar.pipeline.operating_points import POINTS, Point
from edgehar.training.export import write_manifest

LABELS = ("walking", "sitting", "standing", "other")
SHIPPED = manifest.read(ROOT / "models" / "imu_tcn.json")
SPEC = replace(
    SHIPPED,
    rate_hz=1.0,
    window=72,
    hop=36,
    labels=LABELS,
    tree={"still": ("sitting", "standing")},
    sensors=tuple(
        replace(sensor, labels=()) for sensor in SHIPPED.sensors if sensor.name in {"wrist", "chest"}
    ),
)
HOP_S = SPEC.hop / SPEC.rate_hz
PER_HOUR = round(3600 / HOP_S)
"""Windows: few, so that days take no time."""


def peaks(
    *shares: float, label: str = "walking", hours: float, done: str = "typing", worn: str = "wrist"
) -> Course:
    """Return a course of that long in which the belief in a label rises to each share in turn, for six windows."""
    windows = round(hours * PER_HOUR)
    beliefs = np.zeros((windows, len(LABELS)))
    column, other = LABELS.index(label), LABELS.index("other")
    for i, share in enumerate(shares):
        first = 20 + 20 * i
        rise = beliefs[first : first + 6, column]
        rise[:] = np.minimum(share, [0.3, 0.5, 0.7, 0.9, 0.97, 1.0])[: len(rise)]
    beliefs[:, other] = 1.0 - beliefs.sum(axis=1)
    possible = np.tile(
        [label == done or (done == "typing" and label == "other") for label in LABELS], (windows, 1)
    )
    times = np.array([5.0 + HOP_S * i for i in range(windows)])
    truth = [(0.0, float(times[-1]), done)]
    return Course(f"a {hours}", worn, LABELS, times, beliefs, np.arange(windows) == 0, possible, truth)


def fitted(*courses: Course) -> dict[Point, dict[tuple[str, str], float]]:
    return {point: each.thresholds for point, each in fit(exposure(SPEC, courses)).items()}


def test_the_lowest_threshold_that_keeps_the_rate_is_taken() -> None:
    # 30 h: 15 and 60 false starts are allowed.
    shares = [0.805 + 0.0015 * i for i in range(80)]
    thresholds = fitted(peaks(*shares, hours=30.0))
    allowed_at: dict[Point, int] = {"normal": 15, "eager": 60}
    for point, allowed in allowed_at.items():
        highest = sorted(shares, reverse=True)
        assert highest[allowed] < thresholds[point]["wrist", "walking"] <= highest[allowed - 1]


def test_what_never_begins_falsely_is_told_as_soon_as_it_is_likely() -> None:
    thresholds = fitted(peaks(0.8, 0.9, 0.9, 0.9, hours=30.0))
    assert thresholds["normal"]["wrist", "sitting"] == thresholds["normal"]["wrist", "walking"] == 0.8
    # The quiet point waits for more, whatever these people did.
    assert thresholds["quiet"]["wrist", "sitting"] == thresholds["quiet"]["wrist", "walking"] == 0.98
    assert thresholds["quiet"]["wrist", "still"] == 0.95


def test_a_true_start_raises_nothing() -> None:
    thresholds = fitted(peaks(*[0.95] * 80, hours=30.0, done="walking"), peaks(hours=30.0))
    assert [thresholds[point]["wrist", "walking"] for point in POINTS] == [0.98, 0.8, 0.8]


def test_what_no_threshold_could_avoid_raises_none() -> None:
    surest = exposure(SPEC, []).surest
    thresholds = fitted(peaks(*[1.0] * 20, *[0.85] * 20, hours=30.0))
    assert thresholds["normal"]["wrist", "walking"] == pytest.approx(0.8501)
    almost = fitted(peaks(*[surest - 1e-6] * 80, hours=30.0))
    assert almost["normal"]["wrist", "walking"] == surest < 1.0


def test_a_kind_is_false_only_if_none_of_its_labels_may_be_true() -> None:
    sitting = fitted(peaks(*[0.95] * 80, label="standing", hours=30.0, done="sitting"), peaks(hours=30.0))
    assert sitting["normal"]["wrist", "standing"] > 0.95
    assert sitting["normal"]["wrist", "still"] == 0.8


def test_few_hours_are_counted_for_all_labels_of_the_placement_together_and_it_is_told() -> None:
    # 10 h: one false start of walking is allowed at quiet, and no other label has any: walking gets theirs.
    exposed = exposure(SPEC, [peaks(*[0.985] * 3, hours=10.0)])
    points = fit(exposed)
    made = rated(exposed, points)
    assert points["quiet"].thresholds["wrist", "walking"] == 0.98
    quiet, eager = made["quiet"]["wrist"]["walking"], made["eager"]["wrist"]["walking"]
    assert (quiet.basis, eager.basis) == ("placement", "label")
    assert quiet.hours == eager.hours == pytest.approx(10.0, rel=0.01)
    assert quiet.at_most_per_hour == eager.at_most_per_hour == pytest.approx(0.78, abs=0.01)


def test_a_placement_without_recordings_gets_the_median_of_the_others_and_without_others_the_default() -> (
    None
):
    exposed = exposure(SPEC, [peaks(*[0.9] * 80, hours=30.0)])
    made = rated(exposed, fit(exposed))
    elsewhere = made["normal"]["chest"]["walking"]
    assert (elsewhere.basis, elsewhere.at_most_per_hour) == ("elsewhere", None)
    assert elsewhere.threshold == made["normal"]["wrist"]["walking"].threshold
    nothing = exposure(SPEC, [])
    default = rated(nothing, fit(nothing))["normal"]["wrist"]
    assert (default["walking"].basis, default["walking"].threshold) == ("default", 0.8)
    assert default["still"].threshold == 0.95


rises = st.lists(
    st.tuples(st.sampled_from(LABELS[:3]), st.lists(st.floats(0.3, 1.0), max_size=60), st.floats(1.0, 12.0)),
    min_size=1,
    max_size=4,
)


def total(exposed: Exposure, thresholds: dict[tuple[str, str], float], worn: str) -> int:
    return sum(len(each) for (of, _), each in false_starts(exposed, thresholds).items() if of == worn)


@hypothesis_settings(deadline=None, max_examples=30)
@given(rises, st.sampled_from(["typing", "sitting", "walking"]))
def test_a_quieter_point_never_begins_falsely_oftener_than_a_more_eager_one(
    script: Sequence[tuple[str, list[float], float]], done: str
) -> None:
    courses = [
        peaks(*shares, label=label, hours=hours, done=done, worn=("wrist", "chest")[i % 2])
        for i, (label, shares, hours) in enumerate(script)
    ]
    exposed = exposure(SPEC, courses)
    points = fit(exposed)
    for worn in ("wrist", "chest"):
        quiet, normal, eager = (total(exposed, points[point].thresholds, worn) for point in POINTS)
        assert quiet <= normal <= eager
    for key in exposed.hours:
        least, middle, most = (points[point].thresholds[key] for point in reversed(POINTS))
        assert least <= middle <= most


def test_what_one_person_does_is_told_them_falsely_by_the_points_of_the_others() -> None:
    loud = replace(peaks(*[0.9] * 80, hours=30.0), person="dsads_chest 1")
    too = replace(loud, person="dsads_watch 1")  # the same person: in the same part
    quiet = [replace(peaks(hours=30.0), person=f"dsads_chest {i}") for i in range(2, 2 + FOLDS)]
    exposed = exposure(SPEC, [loud, too, *quiet])
    parts = list(apart(exposed))
    people = [{course.person for course in part.courses} for part, _ in parts]
    assert sorted(name for part in people for name in part) == sorted(
        course.person for course in exposed.courses
    )
    [(part, points)] = [each for each in parts if any(course is loud for course in each[0].courses)]
    assert any(course is too for course in part.courses)
    assert points["normal"].thresholds["wrist", "walking"] == 0.8
    others = operate_report.on_others(parts)
    assert (
        others["wrist"]["normal"].false_per_hour
        == others[""]["normal"].false_per_hour
        == pytest.approx(160 / 180, rel=0.01)
    )
    table = operate_report.totals(exposed, fit(exposed), parts)
    [line] = [row for row in table.splitlines() if row.startswith("| all |")]
    # Of each point, of all and of points fitted to others; then 0.9 and 0.98 for all.
    told = ["0.0, 0%", "0.0, 0%", "0.0, 0%", "0.9, 0%", "0.9, 0%", "0.9, 0%", "0.9, 0%", "0.0, 0%"]
    assert line.strip("| ").split(" | ")[2:] == told


def test_the_manifest_gets_the_points_for_the_thresholds_that_held_everywhere(tmp_path: Path) -> None:
    exposed = exposure(SPEC, [peaks(*[0.9] * 80, hours=30.0)])
    points = fit(exposed)
    write_manifest(tmp_path / "m", with_points(exposed, points, frozenset({("dsads", 1)})))
    spec = manifest.read(tmp_path / "m.json")
    assert spec.decision.threshold is None
    assert spec.provenance["operating_points_fitted_on"] == {"dsads": [1]}
    slots = spec.slots(["wrist_left"])
    for point in POINTS:
        assert spec.thresholds(slots, point)["walking"] == points[point].thresholds["wrist", "walking"]


def test_the_report_tells_rates_misses_and_onsets(tmp_path: Path) -> None:
    walking = peaks(0.95, hours=1.0, done="walking")
    missed = peaks(0.3, hours=1.0, done="sitting")
    exposed = exposure(SPEC, [walking, missed, peaks(*[0.85] * 30, hours=30.0)])
    points = fit(exposed)
    observed = operate_report.observe(exposed, points["normal"].thresholds)
    assert (observed["wrist", "walking"].activities, observed["wrist", "walking"].missed) == (1, 0)
    assert observed["wrist", "walking"].delays == [pytest.approx(5.0 + 23 * HOP_S)]
    assert (observed["wrist", "still"].activities, observed["wrist", "still"].missed) == (1, 1)
    assert observed["wrist", ""].activities == 2
    [line] = [row for row in operate_report.markdown(exposed, points).splitlines() if "| walking |" in row]
    assert "| 0.8501 | 0.0 (≤ 0.1) | 0% |" in line
    made = operate_report.trades(exposed, points)
    eager = made["wrist"].points["eager"]
    assert eager.false_per_hour == pytest.approx(30 / 32, rel=0.01)
    assert eager.missed == 0.5
    assert eager.onset_s == pytest.approx(5.0 + 23 * HOP_S)
    operate_report.draw(made, tmp_path / "det.png")
    assert (tmp_path / "det.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_writes_the_manifest_a_table_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for suffix in (".json", ".tflite"):
        shutil.copy(ROOT / "models" / f"imu_tcn{suffix}", tmp_path / f"mine{suffix}")
    model, work = tmp_path / "mine.json", tmp_path / "work"
    spec = replace(manifest.read(model), provenance={"tuned_on": {"dsads": [1]}}, operating_points={})
    write_manifest(tmp_path / "mine", spec)
    simulate(tmp_path / "imu" / "dsads.npz", [("walking", 30.0), ("sitting", 30.0)], ["chest"])
    command = ["operate", f"{model}", "--data", f"{tmp_path}", "--work", f"{work}", "--workers", "1"]
    for extra in (["--no-write"], []):
        with pytest.raises(SystemExit) as ended:
            cli.main([*command, *extra])
        assert ended.value.code == 0
        assert "| chest | walking | 0.0 | 1 |" in capsys.readouterr().out
        assert (manifest.read(model).operating_points == {}) is bool(extra)
    assert manifest.read(model).operating_points["quiet"]["chest"]["walking"].basis == "default"
    assert sorted(path.name for path in work.iterdir()) == [".gitignore", "det.png", "operating_points.md"]
