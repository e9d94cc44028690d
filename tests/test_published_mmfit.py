"""MM-Fit as it is published: a watch of a workout, its sets, and poses."""

from collections.abc import Callable
from pathlib import Path

import archives
import numpy as np
import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.published.targets import read_published, read_wrist
from edgehar.recordings.published.mmfit import FOLDER, read

FILE = "w05/w05_sw_l_acc.npy"
GYR = "w05/w05_sw_l_gyr.npy"
LABELS = "w05/w05_labels.csv"
SETS = [(530, 559, "squats"), (590, 619, "jumping_jacks")]


def test_a_watch_is_read_at_the_times_of_its_accelerometer(tmp_path: Path) -> None:
    x = archives.mmfit(tmp_path, "w05", SETS, 5.0)
    recording = read(tmp_path, FILE)
    assert recording.columns[:4] == (
        "wrist_left.acc_x",
        "wrist_left.acc_y",
        "wrist_left.acc_z",
        "wrist_left.gyr_x",
    )
    assert recording.x[:, :3] == pytest.approx(x[:, :3], rel=1e-5)
    # The gyroscope samples 2 ms later: a fifth of the sample before and four of this one, and nothing before its first.
    between = 0.2 * x[:-1, 3:] + 0.8 * x[1:, 3:]
    assert recording.x[1:, 3:] == pytest.approx(between, rel=1e-3, abs=1e-3)
    assert np.isnan(recording.x[0, 3:]).all()
    # Workouts 0 and 5 are of one person.
    assert recording.person == "2"
    assert recording.t == pytest.approx(0.01 * np.arange(500), abs=1e-6)


def test_what_is_outside_of_a_set_is_null(tmp_path: Path) -> None:
    archives.mmfit(tmp_path, "w05", SETS, 5.0)
    words = read(tmp_path, FILE).labels["activity"].of_rows()
    frame = np.floor(0.3 * np.arange(500)) + 500
    expected = np.full(500, "null", dtype="U32")
    for first, last, word in SETS:
        expected[(frame >= first) & (frame <= last)] = word
    assert words.tolist() == expected.tolist()
    assert set(words.tolist()) == {"null", "squats", "jumping_jacks"}


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def _pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def _with(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    return lambda path: np.save(path, change(np.load(path)))


def _a_year_late(array: np.ndarray) -> np.ndarray:
    array[6:, 1] += 3e10
    return array


def _too_large(array: np.ndarray) -> np.ndarray:
    array[6, 4] = 1e300
    return array


def _without_time(array: np.ndarray) -> np.ndarray:
    array[6, 1] = np.nan
    return array


@pytest.mark.parametrize("file", [FILE, GYR])
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut_off, "expected an array of numbers as NumPy writes it, got something else or a part of one"),
        (lambda path: path.write_bytes(b""), "expected an array of numbers as NumPy writes it"),
        (lambda path: path.write_text("1,2,3"), "expected an array of numbers as NumPy writes it"),
        (_pickled, "expected an array of numbers as NumPy writes it"),
        (
            _with(lambda array: array[:, :4]),
            r"expected \(rows, 5\), frame, time .*, got an array of shape \(500, 4\)",
        ),
        (_with(lambda array: array[:1]), r"got an array of shape \(1, 5\)"),
        (_with(lambda array: array.astype("U8")), "expected numbers, got an array of .* type <U8"),
        (_with(_without_time), r"row 7: expected frame, time and three axes, got \[501.0, nan"),
        (_with(_too_large), r"row 7: expected frame, time and three axes, got \[.* 1e\+300\]"),
        (Path.unlink, "no such file; unpack the whole archive there"),
    ],
    ids=[
        "cut off",
        "empty",
        "text",
        "objects",
        "narrow",
        "one row",
        "words",
        "no time",
        "too large",
        "missing",
    ],
)
def test_a_wrong_array_is_refused_by_name(
    tmp_path: Path, file: str, spoil: Callable[[Path], None], message: str
) -> None:
    archives.mmfit(tmp_path, "w05", SETS, 5.0)
    spoil(tmp_path / file)
    with pytest.raises(RecordingError, match=message) as error:
        read(tmp_path, FILE)
    assert file in str(error.value)


def test_a_time_far_from_the_others_is_refused(tmp_path: Path) -> None:
    archives.mmfit(tmp_path, "w05", SETS, 5.0)
    _with(_a_year_late)(tmp_path / FILE)
    with pytest.raises(
        RecordingError, match=r"sw_l_acc\.npy: line 7: expected a time in ms within a day of the first"
    ):
        read(tmp_path, FILE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("530,559,10,sleeping\n", "line 1: .* got '530, 559, 10, sleeping'"),
        ("530,559,10,squats\n590,60", "line 2: expected first and last frame"),
        ("a,b,c,squats\n", "line 1: expected first and last frame"),
        ("559,530,10,squats\n", "line 1: expected first and last frame"),
        ("", "expected a line for each set of an exercise, got an empty file"),
        (None, "No such file"),
    ],
)
def test_wrong_sets_are_refused(tmp_path: Path, content: str | None, message: str) -> None:
    archives.mmfit(tmp_path, "w05", SETS, 5.0)
    (tmp_path / LABELS).unlink()
    if content is not None:
        (tmp_path / LABELS).write_text(content)
    with pytest.raises(RecordingError, match=rf"w05_labels\.csv: .*{message}|w05_labels\.csv: {message}"):
        read(tmp_path, FILE)


def test_a_workout_that_is_none_of_the_set_is_refused(tmp_path: Path) -> None:
    archives.mmfit(tmp_path, "w21", SETS, 1.0)
    with pytest.raises(RecordingError, match="expected a workout from w00 to w20"):
        read(tmp_path, "w21/w21_sw_l_acc.npy")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    for i in range(21):
        # 12 s are frames 500 to 859: 6 s of squats, then 6 s of nothing.
        archives.mmfit(data / FOLDER, f"w{i:02}", [(500, 679, "squats")], 12.0, i)
    return data


def test_workouts_are_parted_as_published(data: Path) -> None:
    target = read_published(data, "mm-fit")
    assert target is not None
    people = {part: set(target.person[target.part == part].tolist()) for part in set(target.part.tolist())}
    assert people == {"train": set("01567"), "validation": set("018"), "test": set("2349")}
    assert target.x.shape[1:] == (250, 6)
    assert len(target.labels) == 11
    # A window is called after its middle: those that begin before 3.5 s are squats.
    first = target.recording == 0
    words = [target.labels[i] for i in target.label[first]]
    assert words == ["squats"] * words.count("squats") + ["null"] * words.count("null")
    assert words.count("squats") == pytest.approx(3.5 / 0.2, abs=1)


def test_a_wrist_comes_with_the_null_class(data: Path) -> None:
    target = read_wrist(data, "mm-fit")
    assert target is not None
    assert target.labels == ("null", "squats")
    assert target.people() == [str(i) for i in range(10)]
    assert target.x.shape[1:] == (2, 128, 3)
    assert target.x[:, 0, :, 2].mean() == pytest.approx(9.81, abs=0.5)


def test_a_watch_without_angular_rate_is_refused(tmp_path: Path) -> None:
    archives.mmfit(tmp_path / FOLDER, "w05", SETS, 5.0)
    _with(lambda array: np.add(array, [0, 1e9, 0, 0, 0]))(tmp_path / FOLDER / GYR)
    with pytest.raises(
        RecordingError, match=r"w05_sw_l_acc\.npy: not two samples of acceleration and angular rate at once"
    ):
        read_wrist(tmp_path, "mm-fit")
