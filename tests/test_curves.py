"""The picture of a study."""

from pathlib import Path

import numpy as np
from PIL import Image

from edgehar.evaluation.studies.curves import Axes, Line, draw, line
from edgehar.evaluation.studies.outcome import interval, outcome, value

AXES = Axes("share of the people", "macro-F1", {0.1: "10%", 1.0: "100%"}, logarithmic=True)
LINE = Line((0.1, 1.0), (0.4, 0.8), (0.3, 0.7), (0.5, 0.9))


def test_the_same_lines_are_the_same_bytes(tmp_path: Path) -> None:
    lines = {"random": LINE, "ours": Line((0.1, 1.0), (0.6, 0.8), (0.6, 0.8), (0.6, 0.8))}
    for name in ("one.png", "two.png"):
        draw({"dsads": lines, "wisdm": {"random": LINE}}, AXES, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert np.asarray(Image.open(tmp_path / "one.png").convert("L")).min() < 80


def test_nothing_to_draw_is_no_picture(tmp_path: Path) -> None:
    draw({}, AXES, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def test_a_figure_beside_its_interval_is_drawn(tmp_path: Path) -> None:
    people = np.array([f"{i:03}" for i in range(200) for _ in range(2)])
    label = np.repeat(np.arange(200), 2)
    # Half of each label, which one person shows, gets the next one's.
    answer = np.where(np.arange(400) % 2, (label + 1) % 200, label)
    beside = outcome([str(i) for i in range(200)], people, label, answer)
    low, _ = interval(beside) or (0.0, 0.0)
    assert low > value(beside)
    draw({"made": {"start": line([(1.0, beside)])}}, AXES, tmp_path / "beside.png")
    assert (tmp_path / "beside.png").is_file()
