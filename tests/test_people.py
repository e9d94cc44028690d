"""Recordings of people as a fine-tuning recipe lists them: read, cut, split and shown."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from msgspec.structs import replace
from people_sets import simulate
from phones import ANDROID, FACE_UP, TURNING, event, recording

from edgehar.devices.sensor_server import ACCELEROMETER, GYROSCOPE
from edgehar.errors import ConfigError, RecordingError
from edgehar.motion.wearer import Wearer
from edgehar.pipeline import manifest
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.recordings.csv_files import Columns
from edgehar.recordings.ehr import Header, read
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.marks import Mark
from edgehar.training import people, people_windows
from edgehar.training.finetune_recipe import FinetuneRecipe, Recordings, Tuning, Variation
from edgehar.training.people_split import split
from edgehar.training.people_views import PeopleViews, relatives, shares, twins
from edgehar.training.people_windows import PeopleWindows
from edgehar.types import IMU_CHANNELS, STANDARD_GRAVITY, Stream

SPEC = manifest.read(manifest.find("imu_tcn"))
WRIST, OTHER_WRIST = (index for index, _ in enumerate(SPEC.sensors[:2]))
CSV = Columns("t", ("ax", "ay", "az"), label="did", acceleration_unit="g")
ME = Recordings(files="me.csv", placement="wrist", columns=CSV)


def recipe(*recordings: Recordings, **how: object) -> FinetuneRecipe:
    made = FinetuneRecipe("mine", "1", 5, "imu_tcn", recordings, Tuning(steps=1), held_out=0.3)
    return replace(made, **how)


def cut(made: FinetuneRecipe, folder: Path) -> PeopleWindows:
    return people_windows.cut(made, SPEC, folder, folder, 1, lambda *_: None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a set of six people with both wrists and chest, and another with some of them."""
    folder: Path = tmp_path_factory.mktemp("people")
    worn = ("wrist_left", "wrist_right", "chest")
    script = (("walking", 12.0), ("typing", 8.0), ("stairs_up_or_down", 6.0))
    did = (("walking", 12.0), ("sitting", 8.0), ("stairs_up", 6.0))
    names = [name for name, _ in script] * 6
    simulate(folder / "imu" / "worn.npz", did, worn, range(1, 7), activity=names)
    simulate(folder / "imu" / "fewer.npz", did[:1], ("chest",), (2, 3, 9))
    return folder


@pytest.fixture(scope="module")
def windows(folder: Path) -> PeopleWindows:
    return cut(recipe(Recordings(set="worn"), Recordings(set="fewer", only_people_of="worn")), folder)


def test_windows_are_cut_of_what_is_worn_with_all_that_may_be_true(windows: PeopleWindows) -> None:
    of_six = windows.source == 0
    assert ((windows.shown[of_six] >= 0).sum(axis=1) == 3).all()
    for label, expected in {
        "walking": {"walking"},
        "typing": {"sitting", "standing", "other"},
        "stairs_up_or_down": {"stairs_up", "stairs_down"},
    }.items():
        rows = windows.label == label
        assert rows.any()
        assert {SPEC.labels[i] for i in np.flatnonzero(windows.allowed[rows].all(axis=0))} == expected
    assert np.unique(windows.subject[~of_six]).tolist() == ["2", "3"]
    length = np.linalg.norm(windows.x[:, 0].astype(np.float32), axis=-1).mean(axis=1)
    assert np.median(length) == pytest.approx(STANDARD_GRAVITY, rel=0.1)


def test_what_a_label_may_be_can_be_said_by_the_recipe(folder: Path) -> None:
    some = Recordings(set="worn", labels={"typing": ("sitting",)})
    made = cut(recipe(some), folder)
    typing = made.allowed[made.label == "typing"]
    assert {SPEC.labels[i] for i in np.flatnonzero(typing.all(axis=0))} == {"sitting"}


def test_the_same_person_is_held_out_in_every_set(windows: PeopleWindows) -> None:
    made = recipe(Recordings(set="worn"), Recordings(set="worn_fewer"))
    chosen = split(made, windows, 2.56)
    for rows in (chosen.fitted, chosen.held_out):
        assert rows.any()
    people_held_out = np.unique(windows.subject[chosen.held_out])
    assert len(people_held_out) == 3  # two of the six, and one of the others who is in both
    assert not np.isin(windows.subject[chosen.fitted], people_held_out).any()


@pytest.mark.parametrize("portion", [0.01, 0.5, 1.0])
def test_a_portion_of_the_people_is_part_of_every_larger_one(windows: PeopleWindows, portion: float) -> None:
    made = recipe(Recordings(set="worn", held_out=0.0), Recordings(set="fewer", held_out=0.0))
    everybody = split(made, windows, 2.56)
    some = split(replace(made, portion=portion), windows, 2.56)
    assert everybody.fitted.all()
    assert not everybody.held_out.any()
    subjects = np.unique(windows.subject[some.fitted & (windows.source == 0)])
    assert len(subjects) == max(1, round(6 * portion))
    smaller = split(replace(made, portion=portion / 2), windows, 2.56)
    assert not (smaller.fitted & ~some.fitted).any()


def test_of_one_person_the_end_of_each_label_is_held_out(tmp_path: Path) -> None:
    simulate(tmp_path / "imu" / "me.npz", (("walking", 40.0), ("running", 40.0)))
    made = recipe(Recordings(set="me"))
    cut_of_me = cut(made, tmp_path)
    chosen = split(made, cut_of_me, 2.56)
    for label in ("walking", "running"):
        rows = cut_of_me.label == label
        last_fitted = cut_of_me.t[rows & chosen.fitted].max()
        first_held_out = cut_of_me.t[rows & chosen.held_out].min()
        assert first_held_out - last_fitted >= 2.56 - 1e-6
        assert (rows & chosen.held_out).sum() == pytest.approx(0.3 * rows.sum(), abs=2)


def test_a_view_shows_no_sensor_that_was_not_worn_and_keeps_the_force_of_gravity(
    windows: PeopleWindows,
) -> None:
    made = recipe(Recordings(set="worn"), Recordings(set="fewer"))
    x, allowed = PeopleViews(made, SPEC, windows, 1).draw(400)
    worn = np.asarray(x.any(axis=(2, 3, 4)))
    counts = worn.sum(axis=1)
    assert set(counts.tolist()) <= {1, 2, 3}
    assert (counts == 1).mean() > 0.4
    never = (windows.shown < 0).all(axis=0)
    assert not (worn & never).any()
    # The second wrist of a kind is worn beside the first only.
    assert (worn[:, WRIST] | ~worn[:, OTHER_WRIST]).all()
    assert allowed.any(axis=1).all()
    length = np.linalg.norm(x[worn][:, 0], axis=-1).mean(axis=1)
    assert np.median(length) == pytest.approx(STANDARD_GRAVITY, rel=0.15)


def test_views_without_variation_are_the_recorded_windows(windows: PeopleWindows) -> None:
    plain = Variation(flipped=0.0, tilt_deg=0.0, turned=0.0, no_gyroscope=0.0, rattle=0.0, gain=1.0)
    made = recipe(Recordings(set="fewer"), variation=plain)
    of_chest = of_the_second_set(windows)
    x, _ = PeopleViews(made, SPEC, of_chest, 1).draw(20)
    [chest] = np.flatnonzero((of_chest.shown >= 0).any(axis=0))
    recorded = of_chest.x[of_chest.shown[:, chest]].astype(np.float32)
    for view in x[:, chest]:
        assert is_among(view, recorded)


def test_what_is_turned_onto_its_faces_is_half_of_the_time_of_the_other_side(windows: PeopleWindows) -> None:
    plain = Variation(flipped=1.0, tilt_deg=0.0, turned=0.0, no_gyroscope=0.0, rattle=0.0, gain=1.0)
    of_chest = of_the_second_set(windows)
    x, _ = PeopleViews(recipe(Recordings(set="fewer"), variation=plain), SPEC, of_chest, 1).draw(60)
    [chest] = np.flatnonzero((of_chest.shown >= 0).any(axis=0))
    recorded = of_chest.x[of_chest.shown[:, chest]].astype(np.float32)
    faces = [np.array(signs, np.float32) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))]
    straight = [any(is_among(view * face, recorded) for face in faces) for view in x[:, chest]]
    assert 0.2 < np.mean(straight) < 0.8


def of_the_second_set(windows: PeopleWindows) -> PeopleWindows:
    some = windows.take(windows.source == 1)
    return replace(some, source=np.zeros_like(some.source))


def is_among(view: np.ndarray, recorded: np.ndarray) -> bool:
    return bool((np.abs(recorded - view).max(axis=(1, 2, 3)) < 1e-4).any())


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_one_seed_draws_the_same_views(windows: PeopleWindows, seed: int) -> None:
    made = recipe(Recordings(set="worn"), Recordings(set="fewer"))
    first, second = (PeopleViews(made, SPEC, windows, seed).draw(8) for _ in range(2))
    assert first[0].tobytes() == second[0].tobytes()
    assert first[1].tobytes() == second[1].tobytes()


def test_rare_labels_and_small_sets_are_shown_more_often_than_their_share(windows: PeopleWindows) -> None:
    made = recipe(Recordings(set="worn"), Recordings(set="fewer", weight=2.0))
    drawn = shares(made, windows)
    assert drawn.sum() == pytest.approx(1.0)
    walking, stairs = (
        drawn[(windows.source == 0) & (windows.label == label)] for label in ("walking", "stairs_up_or_down")
    )
    assert stairs.mean() > walking.mean()
    assert stairs.sum() < walking.sum()
    plain = shares(recipe(Recordings(set="worn"), Recordings(set="fewer")), windows)
    assert drawn[windows.source == 1].sum() > plain[windows.source == 1].sum()


def test_labels_of_one_kind_stand_for_each_other_and_sensors_of_one_kind_are_twins() -> None:
    near = relatives(SPEC)
    sitting, lying, running = (SPEC.labels.index(name) for name in ("sitting", "lying", "running"))
    assert near[sitting, lying]
    assert not near[sitting, running]
    names = [sensor.name for sensor in SPEC.sensors]
    assert [(names[a], names[b]) for a, b in twins(SPEC)] == [
        ("wrist", "other_wrist"),
        ("lower_leg", "other_leg"),
    ]


def test_a_csv_file_is_a_person_with_the_labels_of_its_column(tmp_path: Path) -> None:
    rows = [f"{i / 50},0,0,1,{'jogging' if i < 100 else ''}" for i in range(400)]
    (tmp_path / "me.csv").write_text("\n".join(["t,ax,ay,az,did", *rows]))
    some = Recordings(files="*.csv", placement="wrist", columns=CSV)
    [stretch] = people.read(some, None, tmp_path)
    assert (stretch.subject, list(stretch.tracks)) == ("me", ["wrist"])
    [(start, end, label)] = stretch.truth
    assert (start, label) == (0.0, "running")
    assert end == pytest.approx(2.0)


def test_an_unknown_label_wants_to_be_new_or_something_that_the_model_knows(tmp_path: Path) -> None:
    simulate(tmp_path / "imu" / "hands.npz", (("walking", 6.0),), ("wrist",), activity=["tape_box"])
    some = Recordings(set="hands")
    as_other = cut(recipe(some), tmp_path)
    assert {SPEC.labels[i] for i in np.flatnonzero(as_other.allowed.all(axis=0))} == {"other"}
    without_other = replace(SPEC, labels=tuple(label for label in SPEC.labels if label != "other"))
    with pytest.raises(ConfigError, match="hands: the model does not know tape_box, and has no 'other'"):
        people_windows.cut(recipe(some), without_other, tmp_path, tmp_path, 1, lambda *_: None)


def did(folder: Path, *script: tuple[str, float]) -> None:
    """Write one person's CSV with the labels of a script, each a walk of so many seconds."""
    wearer = Wearer(7, ["wrist_left"])
    rows = ["t,ax,ay,az,did"]
    for label, seconds in script:
        [track] = wearer.perform("walking", seconds)
        rows += [
            f"{(len(rows) + i) / 50},{x},{y},{z},{label}"
            for i, (x, y, z) in enumerate(track.x[:, :3] / STANDARD_GRAVITY)
        ]
    (folder / "me.csv").write_text("\n".join(rows))


def labels_of(windows: PeopleWindows, spec: ModelSpec, label: str) -> set[str]:
    """Return what may be true in all windows that are mostly of a label."""
    return {spec.labels[i] for i in np.flatnonzero(windows.allowed[windows.label == label].all(axis=0))}


def cut_csv(
    folder: Path, *new: str, base: ModelSpec = SPEC, **how: object
) -> tuple[PeopleWindows, ModelSpec]:
    spec = replace(base, labels=(*base.labels, *new))
    made = recipe(replace(ME, **how), new_labels=new)
    return people_windows.cut(made, spec, None, folder, 1, lambda *_: None), spec


@pytest.mark.parametrize(
    ("new", "written", "means"),
    [
        ("typing", "typing", {"typing"}),
        ("Tape_Box", "tape_box", {"Tape_Box"}),
        ("tape_box", "Tape_Box", {"tape_box"}),
    ],
)
def test_a_new_label_stands_for_itself_in_large_or_small_letters(
    tmp_path: Path, new: str, written: str, means: set[str]
) -> None:
    did(tmp_path, ("walking", 8.0), (written, 8.0))
    windows, spec = cut_csv(tmp_path, new)
    assert labels_of(windows, spec, written.lower()) == means
    assert labels_of(windows, spec, "walking") == {"walking"}


def test_a_new_label_that_no_window_shows_is_refused(tmp_path: Path) -> None:
    did(tmp_path, ("walking", 8.0), ("tape_box", 8.0))
    with pytest.raises(
        ConfigError, match="new_labels: no window shows 'tape_bx'; the recordings say tape_box, walking"
    ):
        cut_csv(tmp_path, "tape_bx")


def test_labels_of_recordings_are_those_of_the_model(tmp_path: Path) -> None:
    did(tmp_path, ("walking", 8.0), ("Tape_Box", 8.0))
    with pytest.raises(
        ConfigError, match=r"labels\.tape: the model has no label 'sittin'; did you mean `sitting`\?"
    ):
        cut_csv(tmp_path, labels={"tape": ("sittin",)})
    windows, spec = cut_csv(tmp_path, labels={"Tape_Box": ("sitting", "standing")})
    assert labels_of(windows, spec, "tape_box") == {"sitting", "standing"}


def test_labels_of_files_that_are_fitted_as_other_are_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    did(tmp_path, ("walking", 8.0), ("tape_box", 8.0), ("typing", 4.0), ("unheard_of", 6.0))
    cut_csv(tmp_path)
    [record] = caplog.records
    assert record.getMessage() == (
        "me.csv: fitted as `other`, as the model does not know them: tape_box, unheard_of; list them under "
        "`new_labels`, or say in `labels` of the recordings what they may be"
    )
    caplog.clear()
    cut_csv(tmp_path, "unheard_of", labels={"tape_box": ("other",)})
    assert not caplog.records


def test_a_key_of_labels_that_no_window_says_is_refused(tmp_path: Path) -> None:
    did(tmp_path, ("walking", 8.0), ("tape_box", 8.0))
    with pytest.raises(
        ConfigError, match=r"me\.csv: labels\.tape_bx: no window says it; did you mean `tape_box`\?"
    ):
        cut_csv(tmp_path, labels={"tape_bx": ("standing",)})


def test_a_label_of_all_rows_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    did(tmp_path, ("walking", 8.0))
    columns = replace(CSV, label=None)
    with pytest.raises(
        ConfigError,
        match=r"me\.csv: label: the model has no label 'walkin'; did you mean `walking`\? else list it under",
    ):
        cut_csv(tmp_path, columns=columns, label="walkin")
    ways: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
        ((), {"label": "Jogging"}),
        ((), {"label": "typing"}),
        ((), {"label": "other"}),
        (("Walkin",), {"label": "walkin"}),
        ((), {"label": "walkin", "labels": {"walkin": ("walking", "other")}}),
    )
    for new, how in ways:
        assert cut_csv(tmp_path, *new, columns=columns, **how)[0].allowed.any(axis=1).all()


def test_files_of_one_name_in_several_folders_are_several_people(tmp_path: Path) -> None:
    for name in ("anna", "ben"):
        (tmp_path / name).mkdir()
        did(tmp_path / name, ("walking", 8.0))
    windows = cut(recipe(replace(ME, files="*/me.csv")), tmp_path)
    assert np.unique(windows.subject).tolist() == ["anna/me", "ben/me"]


def test_both_sides_of_a_boundary_may_be_true_whoever_knows_them(tmp_path: Path) -> None:
    did(tmp_path, ("unheard_of", 4.3), ("walking", 8.0))
    windows, spec = cut_csv(tmp_path)
    may_be = [{spec.labels[i] for i in np.flatnonzero(row)} for row in windows.allowed]
    assert may_be[0] == {"other"}
    assert {"other", "walking"} in may_be
    assert may_be[-1] == {"walking"}
    assert {"walking"} not in [
        row for row, label in zip(may_be, windows.label, strict=True) if label != "walking"
    ]


def test_of_many_short_labels_the_longest_counts(tmp_path: Path) -> None:
    did(
        tmp_path, *[("running", 0.6), ("waving", 0.5), ("walking", 0.5), ("jumping", 0.5), ("lying", 0.5)] * 2
    )
    windows, spec = cut_csv(tmp_path)
    assert windows.allowed.any(axis=1).all()
    assert {spec.labels[i] for i in np.flatnonzero(windows.allowed[0])} == {"running"}


def test_a_hop_below_a_row_of_the_grid_is_refused_and_others_are_rounded_to_rows(tmp_path: Path) -> None:
    did(tmp_path, ("walking", 12.0))
    with pytest.raises(
        ConfigError, match=r"hop_s: expected at least 0\.02 s, a row of imu_tcn's grid, got 0\.005"
    ):
        cut(recipe(ME, hop_s=0.005), tmp_path)
    assert np.diff(cut(recipe(ME, hop_s=0.509), tmp_path).t) == pytest.approx(0.5)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "imu").mkdir()
    with pytest.raises(ConfigError, match="--data takes the folder"):
        list(people.read(Recordings(set="walks"), None, tmp_path))
    with pytest.raises(RecordingError, match=r"walks\.npz: no such file"):
        list(people.read(Recordings(set="walks"), tmp_path, tmp_path))
    columns = [f"hat.{channel}" for channel in IMU_CHANNELS]
    simulate(tmp_path / "imu" / "hats.npz", (("walking", 6.0),), columns=columns)
    with pytest.raises(ConfigError, match=r"hats: no window of 2\.56 s with a label, worn where imu_tcn"):
        cut(recipe(Recordings(set="hats")), tmp_path)
    with pytest.raises(ConfigError, match=r"expected a pattern beside the recipe \(Non-relative"):
        list(people.read(Recordings(files=f"{tmp_path}/*.ehr"), None, tmp_path))


def recorded(path: Path, profile: str, bodies: Iterable[bytes], wearer: str = "wearer") -> Path:
    with Writer(path, Header(wearer, (Stream("wrist_left", profile),), 1.7e9)) as writer:
        for i, body in enumerate(bodies):
            writer.push(0.01 * i, 0, body)
    return path


def apart(kinds: Sequence[str]) -> list[bytes]:
    """Return what a phone sends each 10 ms, one kind at a time, whose rate of turn grows by 1 rad/s each second."""
    bodies = []
    for i in range(2000):
        kind, t = kinds[i % len(kinds)], 0.01 * i
        values = (0.0, 0.0, STANDARD_GRAVITY) if kind == ACCELEROMETER else (t, 2.0 * t, 0.0)
        bodies.append(event(kind, i * 10_000_000, values))
    return bodies


@pytest.mark.parametrize("first", [ACCELEROMETER, GYROSCOPE])
def test_acceleration_and_rate_of_turn_that_came_apart_stand_side_by_side(tmp_path: Path, first: str) -> None:
    kinds = (first, GYROSCOPE if first == ACCELEROMETER else ACCELEROMETER)
    recorded(tmp_path / "anna.ehr", "sensor_server", apart(kinds))
    [stretch] = people.read(Recordings(files="*.ehr", label="walking"), None, tmp_path)
    track = stretch.tracks["wrist_left"]
    # The reader holds the last message until the next.
    assert (track.channels, len(track.t)) == (IMU_CHANNELS, 999)
    assert (np.diff(track.t) > 0.0).all()
    assert track.x[:, 2] == pytest.approx(STANDARD_GRAVITY, abs=1e-4)
    # Ends are held, between them lies a straight line: a sample of each kind is 20 ms from the next.
    assert track.x[5:-5, 3] == pytest.approx(track.t[5:-5], abs=0.03)
    assert track.x[5:-5, 4] == pytest.approx(2.0 * track.t[5:-5], abs=0.06)


def test_a_phone_that_sends_both_in_one_message_keeps_both(tmp_path: Path) -> None:
    recorded(tmp_path / "anna.ehr", "sensor_logger", recording(20, ANDROID))
    [stretch] = people.read(Recordings(files="*.ehr", label="walking"), None, tmp_path)
    assert stretch.tracks["wrist_left"].channels == IMU_CHANNELS
    assert stretch.tracks["wrist_left"].x[-1] == pytest.approx((*FACE_UP, *TURNING), abs=1e-3)


def test_a_sensor_that_sends_no_acceleration_is_refused(tmp_path: Path) -> None:
    path = recorded(tmp_path / "anna.ehr", "sensor_server", apart([GYROSCOPE]))
    with pytest.raises(RecordingError) as caught:
        list(people.read(Recordings(files="*.ehr", label="walking"), None, tmp_path))
    assert str(caught.value).startswith(f"{path}: wrist_left: expected acc_x, acc_y, acc_z, got gyr_x, gyr_y")


def test_each_ehr_file_is_a_person_unless_one_is_named(tmp_path: Path) -> None:
    for name in ("anna", "ben"):
        recorded(tmp_path / f"{name}.ehr", "sensor_logger", recording(3, ANDROID))
    some = Recordings(files="*.ehr", label="walking")
    assert [stretch.subject for stretch in people.read(some, None, tmp_path)] == ["anna", "ben"]
    of_me = replace(some, person="me")
    assert [stretch.subject for stretch in people.read(of_me, None, tmp_path)] == ["me", "me"]


@pytest.mark.parametrize(
    "content",
    [
        '0,1,jogging\n1.5,2,"lying"\n',
        "start,end,label\n0,1,jogging\n\n1.5,2,lying\n",
        "Start; End; Label\n0;1;jogging\n1.5;2;lying\n",
    ],
)
def test_labels_beside_a_recording_are_read(tmp_path: Path, content: str) -> None:
    recorded(tmp_path / "anna.ehr", "sensor_logger", recording(10, ANDROID))
    (tmp_path / "anna.labels.csv").write_text(content)
    [stretch] = people.read(Recordings(files="*.ehr"), None, tmp_path)
    assert stretch.truth == [(0.0, 1.0, "running"), (1.5, 2.0, "lying")]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"start,end,label\n0,20,m\xe4h\n", "expected CSV in UTF-8"),
        (b'start,end,label\n0,20,"' + b"x" * 200_000, "expected CSV in UTF-8"),
        (b"start,end,label\n0,9,walking\n20,0,walking\n", "line 3: expected lines of start,end,label"),
        (b"start,end,label\n0,nan,walking\n", "line 2: expected lines of start,end,label"),
        (b"start,end,label\n0,9,\n", "line 2: expected lines of start,end,label"),
        (b"0,9\n", "line 1: expected lines of start,end,label"),
        (b"0,9,walking\nstart,end,label\n", "line 2: expected lines of start,end,label"),
    ],
)
def test_labels_beside_a_recording_that_do_not_fit_are_named_by_their_line(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    recorded(tmp_path / "anna.ehr", "sensor_logger", recording(3, ANDROID))
    file = tmp_path / "anna.labels.csv"
    file.write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        list(people.read(Recordings(files="*.ehr"), None, tmp_path))
    assert str(caught.value).startswith(f"{file}: {complaint}")


def test_a_recording_says_itself_what_was_done(tmp_path: Path) -> None:
    path = tmp_path / "anna.ehr"
    recorded(path, "sensor_logger", recording(10, ANDROID))
    some = Recordings(files="*.ehr")
    with pytest.raises(
        RecordingError, match=r"anna\.ehr: says nowhere what was done; record it with `--label-"
    ):
        list(people.read(some, None, tmp_path))
    times = [t for t, _, body in read(path) if body]
    with Writer(path, read(path).header) as writer:
        writer.mark(times[-1] - 3.0, Mark("begin", "Jogging"))
        writer.mark(times[-1] - 1.0, Mark("end"))
    [stretch] = people.read(some, None, tmp_path)
    [(start, end, label)] = stretch.truth
    assert label == "running"
    assert end - start == pytest.approx(2.0)
    (tmp_path / "anna.labels.csv").write_text("0,1,lying\n")
    [stretch] = people.read(some, None, tmp_path)
    assert stretch.truth == [(0.0, 1.0, "lying")]
