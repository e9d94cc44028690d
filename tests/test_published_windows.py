"""Windows out of published recordings whose times are uneven, and files that are damaged anywhere."""

from collections.abc import Callable
from pathlib import Path

import archives
import numpy as np
import pytest
from msgspec.structs import replace

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.published.windows import Cut, cut_windows
from edgehar.recordings.published import lara, mmfit, openpack, opportunity, pamap2
from edgehar.recordings.published.form import Labels, PublishedRecording

CUT = Cut(("a", "b"), ("x",), window=50, step=25, label_at="end", rate_hz=50.0, longest_gap_s=0.5)


def _recording(t: np.ndarray) -> PublishedRecording:
    """Make one whose only value is its time, a for the first 2 s, then b."""
    labels = Labels(("a", "b"), (t >= 2.0).astype(np.int16))
    return PublishedRecording(
        "made", "1", 30.0, t, ("x",), t[:, None].astype(np.float32), {"activity": labels}
    )


def test_rows_are_brought_to_even_times() -> None:
    jitter = np.random.default_rng(0).uniform(-0.01, 0.01, 121)
    t = np.arange(121) / 30 + jitter
    t -= t[0]
    cut = cut_windows(_recording(t), CUT)
    assert cut.rows[:, 0] == pytest.approx(np.arange(len(cut.rows)) / 50, abs=1e-5)
    assert cut.begin.tolist() == list(range(0, len(cut.rows) - 49, 25))
    assert cut.label.tolist() == [int((b + 49) / 50 >= 2.0) for b in cut.begin]


def test_samples_that_are_not_later_are_left_out() -> None:
    t = np.arange(121) / 30
    straight = cut_windows(_recording(t), CUT)
    back = np.insert(t, [40, 40, 90], [0.2, 0.1, t[89]])
    recording = _recording(back)
    assert (cut_windows(recording, CUT).rows == straight.rows).all()


@pytest.mark.parametrize(("gap_s", "lost"), [(0.45, 0), (0.6, 3)])
def test_a_window_with_a_long_gap_is_left_out(gap_s: float, lost: int) -> None:
    t = np.concatenate([np.arange(61) / 30, 2.0 + gap_s + np.arange(61) / 30])
    cut = cut_windows(_recording(t), CUT)
    assert cut.lost == lost
    x = cut.rows[cut.begin[:, None] + np.arange(50), 0]
    assert np.isfinite(x).all()
    assert np.diff(x, axis=1) == pytest.approx(np.full((len(x), 49), 0.02), abs=1e-5)


@pytest.mark.parametrize(("label_at", "label"), [("end", 1), ("middle", 0), ("mode", 0)])
def test_a_window_is_called_as_the_study_does(label_at: str, label: int) -> None:
    """One of two seconds begins at 0.6 s of them: 1.4 s are a, 0.6 s are b."""
    t = np.arange(79) / 30
    shifted = replace(_recording(t + 0.6), t=t)
    cut = cut_windows(shifted, replace(CUT, window=100, label_at=label_at))
    assert cut.label[0] == label


Write = Callable[[Path], object]
FORMS: dict[str, tuple[Write, Callable[[Path, str], PublishedRecording], str]] = {
    "pamap2": (lambda folder: archives.pamap2(folder / "a.dat", [(4, 0.2), (0, 0.1)]), pamap2.read, "a.dat"),
    "opportunity": (
        lambda folder: archives.opportunity(folder / "S1-ADL1.dat", [(1, 0, 0.2)]),
        opportunity.read,
        "S1-ADL1.dat",
    ),
    "mbientlab": (
        lambda folder: archives.lara(folder / "S07/L01_S07_R01.csv", [(1, 0.3)], 30),
        lara.read_mbientlab,
        "S07/L01_S07_R01.csv",
    ),
    "motionminers": (
        lambda folder: archives.lara(folder / "S07/L01_S07_R01.csv", [(1, 0.3)], 27),
        lara.read_motionminers,
        "S07/L01_S07_R01.csv",
    ),
    "openpack": (
        lambda folder: archives.openpack(folder, "U0101", "S0100", [(100, 1.0)]),
        openpack.read,
        "U0101/atr/atr01/S0100.csv",
    ),
    "mmfit": (
        lambda folder: archives.mmfit(folder, "w00", [(500, 510, "squats")], 0.3),
        mmfit.read,
        "w00/w00_sw_l_acc.npy",
    ),
}


def _read_or_error(
    read: Callable[[Path, str], PublishedRecording], folder: Path, file: str
) -> tuple[PublishedRecording | None, str]:
    try:
        return read(folder, file), ""
    except RecordingError as error:
        return None, str(error)


@pytest.mark.parametrize("name", FORMS)
def test_damage_anywhere_is_refused_or_read_and_never_crashes(tmp_path: Path, name: str) -> None:
    write, read, file = FORMS[name]
    write(tmp_path)
    whole = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(60):
        path = list(whole)[rng.integers(len(whole))]
        damaged = bytearray(whole[path])
        first = int(rng.integers(len(damaged)))
        match rng.integers(3):
            case 0:
                del damaged[first:]
            case 1:
                damaged[first : first + 20] = rng.integers(0, 256, 20, np.uint8).tobytes()
            case _:
                damaged[first:first] = damaged[: int(rng.integers(200))]
        path.write_bytes(damaged)
        recording, error = _read_or_error(read, tmp_path, file)
        refused += str(tmp_path) in error
        assert recording is None or not np.isinf(recording.x).any()
        path.write_bytes(whole[path])
    assert refused > 20
    assert len(read(tmp_path, file).x) > 0
