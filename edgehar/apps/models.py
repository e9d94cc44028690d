"""`edgehar models`: what whoever chooses a model wants to know, on one screen of 80 columns and 28 lines."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from edgehar.apps.cards import Card
from edgehar.errors import OperatorError
from edgehar.personal.head import read
from edgehar.personal.heads import name_of
from edgehar.pipeline.model_spec import SEEN, ModelSpec
from edgehar.pipeline.operating_points import FALSE_STARTS_PER_HOUR
from edgehar.sources.camera.weights import MODEL, find_weights, variant_of
from edgehar.validation import printable

_COLUMNS = 80
_SCORES = 4
"""Rows of the evaluation that are shown."""


def summary(spec: ModelSpec, card: Card | None = None) -> Iterator[str]:
    """Yield lines: when it answers, what it tells of sensors worn where, where it comes from, how it scored, and its limits."""
    every, last = spec.hop / spec.rate_hz, spec.window / spec.rate_hz
    yield from _wrapped(f"{spec.name} {spec.version} answers every {every:g} s, from the last {last:g} s")
    yield from _wrapped(f"labels: {', '.join(spec.labels)}")
    if spec.text and spec.text.typed:
        typed = (f'{each.label} ("{printable(each.text)}")' for each in spec.text.typed)
        yield from _wrapped(f"of these typed, and never trained: {', '.join(typed)}")
    elif spec.text:
        yield from _wrapped("more labels can be typed: edgehar-train prototype")
    if spec.tree:
        kinds = (f"{node} ({', '.join(children)})" for node, children in spec.tree.items())
        yield from _wrapped(f"kinds of labels: {', '.join(kinds)}")
    yield "sensors, by where they are worn:"
    for (placements, labels), count in Counter((s.placements, s.labels) for s in spec.sensors).items():
        times = f"up to {count} of " if count > 1 else "one of " * (len(placements) > 1)
        yield from _wrapped(f"{times}{', '.join(placements)}: {_told(labels, spec)}", "  ")
    yield from _points(spec)
    if training_data := spec.provenance.get("training_data"):
        yield from _wrapped(f"training data: {training_data}")
    if scores := _main_scores(spec.metrics):
        rows = f"{len(scores)} of {len(spec.metrics)} rows"
        yield from _wrapped(
            f"macro-F1 on people it has not seen, the {rows} with the most windows: {', '.join(scores)}"
        )
    yield "--full prints the whole manifest"
    if card:
        yield from _wrapped(f"it must not be used for: {'; '.join(card.must_not).lower()}")
        yield f"card{f' of {card.base}, its base' if card.base else ''}: {card.path}"


def _points(spec: ModelSpec) -> Iterator[str]:
    """Yield what the operating points allow, and of how many of their thresholds recordings show it."""
    each = []
    for point, rate in FALSE_STARTS_PER_HOUR.items() if spec.operating_points else ():
        rated = [of for by_node in spec.operating_points[point].values() for of in by_node.values()]
        shown = sum(of.basis == "label" for of in rated)
        each.append(f"{point} {rate:g} (shown for {shown} of {len(rated)})")
    if each:
        yield from _wrapped(f"operating points, false starts per hour and label: {', '.join(each)}")


def _main_scores(metrics: dict[str, Any]) -> list[str]:
    """Word the macro-F1 of the rows with the most windows, in the manifest's order, of people it has not seen.

    Nothing forces a row to have any.
    """
    windows = {
        name: score["windows"]
        for name, score in metrics.items()
        if isinstance(score, dict)
        and isinstance(score.get("windows"), int)
        and isinstance(score.get("macro_f1"), float)
        and score.get("mark") != SEEN
    }
    most = sorted(windows, key=lambda name: -windows[name])[:_SCORES]
    return [f"{name} {metrics[name]['macro_f1']:.2f}" for name in windows if name in most]


def _told(labels: tuple[str, ...], spec: ModelSpec) -> str:
    """Say which labels sensors of these can tell, the shorter way."""
    missing = [label for label in spec.labels if label not in labels] if labels else []
    if not missing:
        return "all labels"
    few = len(missing) <= len(labels)
    return f"all but {', '.join(missing)}" if few else f"only {', '.join(labels)}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return wrap(
        text,
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def head_of(path: Path) -> dict[str, Any]:
    """Return what was taught, when, on which model and by which recordings; ModelError if the file is no head."""
    head = read(path)
    return {
        "head": name_of(path),
        "model": head.model,
        "model_sha256": head.model_sha256,
        "placements": list(head.placements),
        "taught_s": head.seconds,
        "new_labels": list(head.new_labels),
        "created": head.created,
        "recordings": [*head.recordings],
    }


def camera_weights() -> dict[str, Any]:
    """Return which weights of a camera's model are used and where they lie; OperatorError if there are none."""
    path = find_weights()
    variant = variant_of(path)
    return {
        "name": MODEL,
        "variant": variant.name,
        "path": str(path),
        "bytes": variant.bytes,
        "sha256": variant.sha256,
    }


def weights_line() -> str:
    """Return in one line whether a camera's weights are here."""
    try:
        weights = camera_weights()
    except OperatorError as error:
        return f"for a camera: {error}"
    return f"for a camera: {MODEL} ({weights['variant']}) is in {weights['path']}"
