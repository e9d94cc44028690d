"""A head over a frozen network: what one wearer teaches it, and what stays as it was."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from msgspec import json
from msgspec.structs import replace

from edgehar.errors import ModelError, RecordingError
from edgehar.personal import background, head as heads
from edgehar.personal.fit import fit, teach
from edgehar.personal.head import Head
from edgehar.personal.judged import judge
from edgehar.personal.recognizer import personal
from edgehar.personal.takes import Take, read_take
from edgehar.pipeline import recognizer
from edgehar.pipeline.cut import cut
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import read
from edgehar.pipeline.recognizer import Recognizer
from edgehar.recordings import ehr
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.marks import Mark
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import FALLING, Event, Prediction, Stream

WRIST = ("wrist_left",)
TAUGHT = {"sitting": "sitting", "squats": "squatting", "throws": "throwing"}
"""Activity of the simulated body by the label it is taught under; the last two are no labels of the network."""
SECONDS = 20.0


def recorded(
    path: Path, done: Mapping[str, str], seed: int = 5, worn: Sequence[str] = WRIST, seconds: float = SECONDS
) -> Path:
    """Record one simulated wearer who does what stands for each label, with the label in the recording."""
    simulator = Simulator(placements=worn, script=[(does, seconds) for does in done.values()], seed=seed)
    begins = [(i * seconds, Mark("begin", label)) for i, label in enumerate(done)]
    with Writer(path, ehr.Header("mia", tuple(Stream(place) for place in worn), 0.0)) as writer:
        for t, stream, body in simulator.packets():
            while begins and begins[0][0] <= t:
                writer.mark(*begins.pop(0))
            writer.push(t, stream, body)
    return path


@pytest.fixture(scope="module")
def network() -> Recognizer:
    return recognizer.load(ROOT / "models" / "imu_tcn.json")


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    """The first half of the time that each is done; the wearer goes on as before."""
    whole = read_take(recorded(tmp_path_factory.mktemp("takes") / "a.ehr", TAUGHT, seconds=2 * SECONDS))
    return replace(whole, truth=[(start, start + SECONDS, label) for start, _, label in whole.truth])


@pytest.fixture(scope="module")
def head(network: Recognizer, take: Take) -> Head:
    return teach(network, [take], created="2026-12-01T10:00:00+00:00")


def answers(model: Recognizer, take: Take) -> list[Prediction]:
    return [p for window in cut(model.spec, take.tracks, 0.64) for p in model.push(window)]


def shares(model: Recognizer, take: Take) -> dict[str, float]:
    """Return by label the share of its windows that the model calls so."""
    labels, window_s = model.spec.labels, model.spec.window / model.spec.rate_hz
    right: dict[str, list[bool]] = {}
    for p in answers(model, take):
        assert p.probabilities is not None
        for start, end, label in take.truth:
            if start + 2.0 <= p.t - window_s and p.t <= end:
                right.setdefault(label, []).append(labels[int(p.probabilities.argmax())] == label)
    return {label: float(np.mean(each)) for label, each in right.items()}


def test_new_labels_are_told_while_the_wearer_goes_on(network: Recognizer, head: Head, take: Take) -> None:
    rest = replace(take, truth=[(start + SECONDS, end + SECONDS, label) for start, end, label in take.truth])
    assert head.new_labels == ("squats", "throws")
    before, told = shares(network, rest), shares(personal(network, head), rest)
    assert before["squats"] == before["throws"] == 0.0
    assert min(told.values()) > 0.8, told


@pytest.mark.parametrize("signs", [(1, -1, -1), (-1, -1, 1)])
def test_what_was_taught_is_told_when_the_sensor_is_worn_turned_over(
    network: Recognizer, head: Head, take: Take, signs: tuple[int, int, int]
) -> None:
    track = take.tracks["wrist_left"]
    turned = replace(track, values=track.values * np.array([*signs, *signs], track.values.dtype))
    rest = [(start + SECONDS, end + SECONDS, label) for start, end, label in take.truth]
    told = shares(personal(network, head), replace(take, tracks={"wrist_left": turned}, truth=rest))
    assert np.mean([*told.values()]) > 0.8, told


def test_the_probability_of_a_fall_and_its_evidence_are_the_networks_own(
    network: Recognizer, head: Head, tmp_path: Path
) -> None:
    falls = read_take(
        recorded(tmp_path / "f.ehr", {"walking": "walking", "fall": "falling"}, seed=7, seconds=8.0)
    )
    mine, fall = personal(network, head), network.spec.labels.index(FALLING)
    for before, after in zip(answers(network, falls), answers(mine, falls), strict=True):
        assert before.probabilities is not None
        assert after.probabilities is not None
        assert after.probabilities[fall] == before.probabilities[fall]
        assert after.probabilities.sum() == pytest.approx(1.0, abs=1e-5)
        assert (after.hop_accelerations, after.earlier_hops) == (
            before.hop_accelerations,
            before.earlier_hops,
        )


def test_the_pipeline_takes_a_personal_recognizer_and_reports_new_labels(
    network: Recognizer, head: Head
) -> None:
    mine = personal(network, head)
    settings = mine.spec.decision
    pipeline = Pipeline("mia", [Stream("wrist_left")], mine, settings)
    script = [("sitting", 30.0), ("squatting", 40.0), ("sitting", 30.0)]
    events: list[Event] = []
    for t, stream, body in Simulator(placements=WRIST, script=script, seed=5).packets():
        events += [e for e in pipeline.push(t, stream, body) if isinstance(e, Event)]
    assert "squats" in [e.label for e in events if e.kind == "activity_started"]
    assert "squats" in pipeline.told


def test_far_from_what_was_taught_the_network_speaks_alone(network: Recognizer, head: Head) -> None:
    mine = personal(network, head)
    far, p = np.full((1, len(head.whitening)), 50.0, np.float32), np.full((1, 15), 1 / 15, np.float32)
    assert mine.probabilities(far, np.zeros((1, head.statistics), np.float32), p)[0] == pytest.approx(
        [*p[0], 0.0, 0.0], abs=1e-4
    )


def test_known_labels_that_were_not_taught_stay_what_they_are(
    network: Recognizer, head: Head, tmp_path: Path
) -> None:
    others = {label: label for label in ("walking", "running", "cycling", "waving", "jumping")}
    rest = read_take(recorded(tmp_path / "r.ehr", others))
    before, after = shares(network, rest), shares(personal(network, head), rest)
    assert np.mean([*after.values()]) > np.mean([*before.values()]) - 0.1, (before, after)


def test_without_other_people_everything_is_taken_for_what_was_taught(
    network: Recognizer, take: Take, tmp_path: Path
) -> None:
    judged = judge(network, [take], 0.64)
    slots, seconds = network.spec.slots(WRIST), dict.fromkeys(TAUGHT, SECONDS)
    others = background.of(network.spec, slots)
    assert others
    labels = ("walking", "running", "jumping", "cycling")
    walk = read_take(recorded(tmp_path / "w.ehr", {label: label for label in labels}, seed=8))
    everywhere = [
        replace(fit(network.spec, slots, judged, seconds, some), reach=1e12) for some in (others, None)
    ]
    beside, alone = (np.mean([*shares(personal(network, each), walk).values()]) for each in everywhere)
    assert beside > alone + 0.1, (beside, alone)


@pytest.mark.parametrize("worn", [WRIST, ("wrist_left", "chest")])
def test_one_window_of_each_label_is_enough_to_teach(
    network: Recognizer, tmp_path: Path, worn: tuple[str, ...]
) -> None:
    brief = read_take(recorded(tmp_path / "s.ehr", TAUGHT, worn=worn, seconds=6.0))
    truth = [(start + 2.0, start + 5.2, label) for start, _, label in brief.truth]
    only = replace(brief, truth=truth)
    assert set(Counter(judge(network, [only], 0.64).label).values()) <= {1, 2}
    mine = personal(network, teach(network, [only]))
    told = [p.probabilities for p in answers(mine, brief) if p.probabilities is not None]
    assert np.isfinite(told).all()
    assert {mine.spec.labels[int(p.argmax())] for p in told} & {"squats", "throws"}


def test_placements_without_other_people_can_be_taught(network: Recognizer, tmp_path: Path) -> None:
    worn = ("wrist_left", "chest")
    assert background.of(network.spec, network.spec.slots(worn)) is None
    both = read_take(recorded(tmp_path / "b.ehr", {"squats": "squatting", "sitting": "sitting"}, worn=worn))
    told = shares(personal(network, teach(network, [both])), both)
    assert min(told.values()) > 0.8, told


@pytest.mark.parametrize("name", ["imu_tcn", "imu_tcn_synthetic"])
def test_each_shipped_model_of_motion_sensors_has_a_background_of_its_own(name: str) -> None:
    spec = read(ROOT / "models" / f"{name}.json")
    path = ROOT / "models" / f"{name}{background.SUFFIX}"
    assert path.stat().st_size < 1_000_000
    for sensor in spec.sensors:
        if not sensor.name.startswith("other_"):
            some = background.of(spec, spec.slots(sensor.placements[:1]))
            assert some, sensor.name
            assert some.truth.sum(axis=1) == pytest.approx(1.0)
            assert not some.truth[~some.may_be_true].any()
    assert background.read(path, replace(spec, sha256="0" * 64), spec.slots(WRIST)) is None


def test_of_what_was_taught_other_people_do_not_count(network: Recognizer) -> None:
    some, labels = background.of(network.spec, network.spec.slots(WRIST)), network.spec.labels
    assert some
    rest = some.beyond([labels.index("walking"), labels.index("running")])
    words = {group.rsplit(" ", 1)[1] for group in some.group.tolist()} - {
        group.rsplit(" ", 1)[1] for group in rest.group.tolist()
    }
    assert words == {"walking", "running"}


def test_the_statistics_of_a_background_are_those_of_its_windows(network: Recognizer, tmp_path: Path) -> None:
    slots = network.spec.slots(WRIST)
    some = background.of(network.spec, slots)
    assert some
    background.write(tmp_path / "a.npz", network.spec, {"0": some}, 1 / 64)
    again = background.read(tmp_path / "a.npz", network.spec, slots)
    assert again
    # A tail beyond four standard deviations is cut, as a head cuts it.
    low, high = (some.statistics.mean(axis=0) + sign * 4 * some.statistics.std(axis=0) for sign in (-1, 1))
    off = np.abs(again.statistics - np.clip(some.statistics, low, high))
    assert (off <= some.statistics.std(axis=0) * 8 / 255 + 1e-6).all()


def test_a_background_of_an_older_form_is_refused(network: Recognizer, tmp_path: Path) -> None:
    path = tmp_path / "old.background.npz"
    np.savez(path, model_sha256=np.array(network.spec.sha256), worn=np.array(["0"]))
    with pytest.raises(ModelError, match=r"old\.background\.npz: format: expected 2, got 1; install"):
        background.read(path, network.spec, network.spec.slots(WRIST))


def test_nobody_who_is_held_out_is_in_a_background(network: Recognizer) -> None:
    some = background.of(network.spec, network.spec.slots(WRIST))
    assert some
    held_out = {
        f"{name} {who}" for name, people in network.spec.provenance["held_out"].items() for who in people
    }
    people = {" ".join(group.split(" ")[:2]) for group in some.group.tolist()}
    assert len(people) > 20
    assert not people & held_out
    without = some.without("dsads 1 ").group.tolist()
    assert (
        0
        < len(some.group) - len(without)
        == sum(group.startswith("dsads 1 ") for group in some.group.tolist())
    )


def test_the_network_itself_is_not_changed(network: Recognizer, head: Head, take: Take) -> None:
    spec, before = network.spec, answers(network, take)
    personal(network, head)
    after = answers(network, take)
    assert network.spec is spec
    for a, b in zip(before, after, strict=True):
        assert np.array_equal(a.probabilities, b.probabilities)  # type: ignore[arg-type]


def test_teaching_twice_gives_the_same_file(
    network: Recognizer, take: Take, head: Head, tmp_path: Path
) -> None:
    heads.write(tmp_path / "a.head.json", head)
    heads.write(tmp_path / "b.head.json", teach(network, [take], created=head.created))
    assert (tmp_path / "a.head.json").read_bytes() == (tmp_path / "b.head.json").read_bytes()


def test_a_head_comes_back_from_its_file(network: Recognizer, head: Head, take: Take, tmp_path: Path) -> None:
    path = tmp_path / f"mia{heads.SUFFIX}"
    heads.write(path, head)
    again = heads.read(path)
    assert (again.labels, again.placements, again.seconds) == (
        head.labels,
        WRIST,
        dict.fromkeys(TAUGHT, SECONDS),
    )
    for a, b in zip(
        answers(personal(network, head), take), answers(personal(network, again), take), strict=True
    ):
        assert np.array_equal(a.probabilities, b.probabilities)  # type: ignore[arg-type]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trust": 9.0}, "sha256: expected"),
        ({"format": 7}, "format: expected 2, got 7"),
        ({"seconds": {"sitting": 3.0}}, "sha256: expected"),
    ],
)
def test_a_file_that_was_edited_is_refused(
    head: Head, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    path = tmp_path / "mia.head.json"
    heads.write(path, head)
    path.write_bytes(json.encode(json.decode(path.read_bytes()) | change))
    with pytest.raises(ModelError, match=words):
        heads.read(path)


def test_a_head_of_the_older_form_is_refused(head: Head, tmp_path: Path) -> None:
    path = tmp_path / "mia.head.json"
    heads.write(path, head)
    older = json.decode(path.read_bytes()) | {"format": 1, "center": [], "scale": []}
    path.write_bytes(json.encode(older))
    with pytest.raises(ModelError, match="format: expected 2, got 1; teach it again"):
        heads.read(path)


def test_a_head_of_other_statistics_is_refused(network: Recognizer, head: Head) -> None:
    fewer = replace(head, center=head.center[:-3], scale=head.scale[:-3], weights=head.weights[3:])
    with pytest.raises(ModelError, match="center: expected 119 statistics of wrist_left, got 116"):
        personal(network, fewer)


def test_a_torn_or_missing_file_is_refused(head: Head, tmp_path: Path) -> None:
    path = tmp_path / "mia.head.json"
    with pytest.raises(ModelError, match="cannot be read"):
        heads.read(path)
    heads.write(path, head)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ModelError, match="expected JSON"):
        heads.read(path)


def test_a_head_of_another_network_is_refused(head: Head) -> None:
    other = recognizer.load(ROOT / "models" / "imu_tcn_synthetic.json")
    with pytest.raises(ModelError, match=r"model_sha256: expected \w+ of imu_tcn_synthetic.*, got"):
        personal(other, head)


def test_other_placements_than_were_taught_are_refused(network: Recognizer, head: Head) -> None:
    mine = personal(network, head)
    with pytest.raises(
        ModelError, match="placements: expected wrist_left, with which it was taught, got chest"
    ):
        mine.slots(["chest"])


def test_takes_of_other_placements_are_refused(network: Recognizer, take: Take) -> None:
    moved = replace(take, name="b", tracks={"chest": replace(take.tracks["wrist_left"], placement="chest")})
    with pytest.raises(RecordingError, match=r"b: expected the placements of a\.ehr, wrist_left, got chest"):
        teach(network, [take, moved])


@pytest.mark.parametrize("label", [FALLING, "no_signal", "still", "unknown"])
def test_what_cannot_be_taught_is_refused(network: Recognizer, take: Take, label: str) -> None:
    with pytest.raises(ModelError, match=f'label "{label}" cannot be taught'):
        teach(network, [replace(take, truth=[(0.0, 20.0, label)])])


def test_a_label_shorter_than_a_window_is_refused(network: Recognizer, take: Take) -> None:
    brief = replace(take, truth=[(0.0, 20.0, "sitting"), (20.0, 22.0, "squats")])
    with pytest.raises(RecordingError, match=r"squats: expected at least 2\.56 s"):
        teach(network, [brief])


def test_a_recording_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="says nowhere what was done"):
        read_take(_unlabelled(tmp_path / "a.ehr"))


def _unlabelled(path: Path) -> Path:
    with Writer(path, ehr.Header("mia", (Stream("wrist_left"),), 0.0)) as writer:
        for item in Simulator(placements=WRIST, script=[("sitting", 4.0)], seed=1).packets():
            writer.push(*item)
    return path
