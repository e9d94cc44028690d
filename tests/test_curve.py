"""The curve of people: what is taken of the fits, and how it is shown."""

import shutil
import struct
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from test_finetune import folder, libraries, tuning

from edgehar.cli import train as cli
from edgehar.errors import ConfigError
from edgehar.evaluation import curve
from edgehar.evaluation.curve import Point
from edgehar.evaluation.plan import GESTURES_ROW
from edgehar.evaluation.unseen import NEVER, OTHERS
from edgehar.pipeline.model_spec import SEEN
from edgehar.training import finetune_recipe

__all__ = ["folder", "libraries"]
"""Fixtures: a tiny base, a recipe that fine-tunes it, and two sets."""

MARKS = {
    "life wrist": OTHERS,
    "life chest": OTHERS,
    "walks wrist": NEVER,
    "home wrist": SEEN,
    GESTURES_ROW: NEVER,
}


def point(portion: float, seed: int, *, is_random_start: bool, f1: float) -> Point:
    fine = {
        "life wrist": f1,
        "life chest": f1 - 0.2,
        "walks wrist": f1 / 2,
        "home wrist": 1.0,
        GESTURES_ROW: 0.0,
    }
    return Point(portion, seed, is_random_start, 500, round(100 * portion), fine, fine, MARKS)


POINTS = [
    point(portion, seed, is_random_start=is_random_start, f1=f1 + 0.02 * seed - 0.2 * is_random_start)
    for portion, f1 in ((1.0, 0.8), (0.01, 0.5))
    for seed in (1, 2, 3)
    for is_random_start in (False, True)
]


def test_seeds_are_means_over_collections_of_people_whom_no_fit_has_seen() -> None:
    others = curve.means(POINTS, OTHERS)
    assert list(others) == [False, True]
    assert list(others[False]) == [0.01, 1.0]
    assert others[False][1.0].seeds == pytest.approx((0.72, 0.74, 0.76))
    assert others[True][1.0].mean == pytest.approx(0.54)
    # Student's t of two degrees of freedom, 4.303, times 0.02 over the root of three.
    assert others[False][1.0].margin == pytest.approx(4.303 * 0.02 / 3**0.5, abs=1e-4)
    assert curve.means(POINTS, NEVER)[False][0.01].mean == pytest.approx(0.27)


def test_one_seed_has_no_interval_and_no_rows_have_no_mean() -> None:
    first = [point for point in POINTS if point.seed == 1]
    assert curve.means(first, OTHERS)[False][1.0].margin == 0.0
    assert curve.means([], OTHERS) == {}


def test_the_table_has_a_line_for_each_portion() -> None:
    head, _, *lines = curve.markdown(POINTS).splitlines()
    assert head.startswith(
        "| macro-F1, 3 seeds, 500 steps | people | other people of the same sets, pre-trained |"
    )
    assert [line.split(" | ")[:2] for line in lines] == [["| 1%", "1"], ["| 100%", "100"]]
    assert "0.740 ± 0.050" in lines[1]


def test_the_picture_is_the_same_of_the_same_points(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        curve.draw(POINTS, tmp_path / name)
    content = (tmp_path / "one.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">2I", content[16:24]) == (900, 360)
    assert content == (tmp_path / "two.png").read_bytes()
    assert len(content) < 100_000


@pytest.mark.timeout(900)
def test_every_fit_is_kept_and_scored_on_people_whom_no_fit_has_seen(
    folder: Path, libraries: str, tmp_path: Path
) -> None:
    recipe = finetune_recipe.load(folder / "mine.toml")
    brief = replace(recipe, synthetic=None, tuning=replace(recipe.tuning, steps=4, representative=20))
    tuned = tuning(folder, tmp_path, libraries, brief)
    points = list(curve.points(tuned, folder, 1, [0.5]))
    assert [(made.portion, made.is_random_start) for made in points] == [
        (1.0, False),
        (0.5, False),
        (1.0, True),
        (0.5, True),
    ]
    assert points[0].people == points[2].people > points[1].people
    assert points[0].marks["walks trouser_pocket"] == OTHERS
    assert all(0.0 <= made.fine["walks trouser_pocket"] <= 1.0 for made in points)
    again = replace(tuned, progress=lambda *_: pytest.fail("made anew"))
    assert list(curve.points(again, folder, 1, [0.5])) == points
    # Scores of some sets take nothing from those of all; other recordings are scored anew.
    fewer = next(curve.points(tuned, folder, 1, [0.5], ["hands"]))
    assert fewer.fine
    assert not any("walks" in row for row in fewer.fine)
    assert list(curve.points(again, folder, 1, [0.5])) == points
    (tmp_path / "other" / "imu").mkdir(parents=True)
    shutil.copy(folder / "imu" / "walks.npz", tmp_path / "other" / "imu")
    other = next(curve.points(tuned, tmp_path / "other", 1, [0.5]))
    assert {*other.fine} == {row for row in points[0].fine if row.startswith("walks")}


def test_what_cannot_be_drawn_or_written_shows_before_the_fits(
    folder: Path,
    libraries: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del libraries
    for file in (*folder.glob("tiny.*"), *folder.glob("*.toml")):
        shutil.copy(file, tmp_path)
    for ending in (".json", ".tflite"):  # a pair of the recipe's name that nobody has scored
        shutil.copy(folder / f"tiny{ending}", tmp_path / f"mine{ending}")
    work = tmp_path / "work"
    arguments = ["curve", str(tmp_path / "mine.toml"), "--data", str(folder), "--work", str(work)]
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 78
    assert "a network that was not scored yet; run `edgehar-train evaluate" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 3
    assert "the package `matplotlib` " in capsys.readouterr().err
    assert not list(work.glob("*.npz"))


@pytest.mark.parametrize("word", ["0", "-1", "1.5", "nan", "half"])
def test_what_is_no_share_is_refused(word: str) -> None:
    assert curve.portion("0.3") == 0.3
    with pytest.raises(ConfigError, match=f"--portions: expected shares above 0, up to 1, got '{word}'"):
        curve.portion(word)
