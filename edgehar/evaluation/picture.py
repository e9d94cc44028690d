"""Pictures of an evaluation: confusions of several rows in one."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from edgehar.evaluation.metrics import Score
from edgehar.training.files import write_whole

_COLUMNS = 4
_PANEL_INCH = 3.3
_DPI = 90
_LEVELS = 16


def draw(scores: Mapping[str, Score], path: Path) -> None:
    """Write a PNG with a panel for each score: rows are true, shares of a row are shades.

    The same scores give the same bytes with the same matplotlib; of no scores there is no picture.
    ImportError without matplotlib, ConfigError if the file cannot be written.
    """
    if not scores:
        return
    figure_class, canvas_class, image = libraries()
    rows = math.ceil(len(scores) / _COLUMNS)
    figure = figure_class(
        figsize=(_COLUMNS * _PANEL_INCH, rows * _PANEL_INCH), dpi=_DPI, layout="constrained"
    )
    axes = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for ax in axes[len(scores) :]:
        ax.set_axis_off()
    for ax, (name, score) in zip(axes, scores.items(), strict=False):
        _panel(ax, name, score)
    save(figure, canvas_class, image, path)


def save(figure: Any, canvas_class: Any, image: Any, path: Path) -> None:
    """Write a grey figure, with what `libraries` returned, as a PNG; ConfigError if it cannot be written."""
    canvas = canvas_class(figure)
    canvas.draw()
    # All is grey: one channel of few levels takes a quarter of the bytes.
    grey = image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, 0]).quantize(_LEVELS)
    write_whole(path, lambda new: grey.save(new, format="PNG", optimize=True))


def _panel(ax: Any, name: str, score: Score) -> None:
    true = list(score.confusion)
    answers = [*true, *sorted({label for of in score.confusion.values() for label in of} - set(true))]
    counts = np.array([[of.get(label, 0) for label in answers] for of in score.confusion.values()], float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    ax.imshow(shares, cmap="Greys", vmin=0.0, vmax=1.0, aspect="auto")
    for i, j in zip(*np.nonzero(shares >= 0.005), strict=True):
        shade = "white" if shares[i, j] > 0.5 else "black"
        ax.text(j, i, f"{100 * shares[i, j]:.0f}", ha="center", va="center", color=shade, fontsize=6)
    ax.set_xticks(range(len(answers)), answers, rotation=90, fontsize=6)
    ax.set_yticks(range(len(true)), true, fontsize=6)
    ax.set_title(f"{name}\nmacro-F1 {score.macro_f1:.3f}, percent of the true", fontsize=7)


def libraries() -> tuple[Any, Any, Any]:
    """Return figure, canvas and image, apart from any display and from pyplot's state; ImportError without matplotlib."""
    import matplotlib as mpl  # noqa: PLC0415  # slow to load, and only the picture needs it
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415  # comes with matplotlib

    mpl.rcParams["font.family"] = "DejaVu Sans"  # ships with matplotlib: the same everywhere
    return Figure, FigureCanvasAgg, Image
