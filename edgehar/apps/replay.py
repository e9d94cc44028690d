"""`edgehar replay`: a recording through the pipeline, its events and how well they meet the truth."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from msgspec import structs

from edgehar.apps.playback import Playback, has_dates
from edgehar.pipeline.label_tree import LabelTree
from edgehar.publishers.payloads import iso_utc
from edgehar.recordings.labels import common_label
from edgehar.recordings.scoring import (
    TOLERANCE_S,
    Boundaries,
    Confusion,
    Segment,
    by_kind,
    confusion,
    confusion_by_kind,
    f1,
    score,
)
from edgehar.types import Activity, Event

BY_KIND = " by kind"
"""Marks a score for which `still` is right where somebody sits, and sitting where somebody stands."""


async def replay_recording(
    path: Path,
    *,
    subject: str | None = None,
    placements: Sequence[str] | None = None,
    model: str = "imu_tcn",
    head: Path | None = None,
    speed: float = 0.0,
    as_json: bool = False,
) -> None:
    """Print a recording's events as they are found, then how well they meet the truth, if it is known."""
    playback = Playback(path, subject=subject, placements=placements, model=model, head=head)
    recording, header, spec = playback.recording, playback.header, playback.spec
    windows = Counter[str]()
    # Of a set, which is small; a recording may go on for weeks.
    events: list[Event] = []
    answers: list[tuple[float, str]] = []

    def show(items: Sequence[Activity | Event]) -> None:
        for item in items:
            if isinstance(item, Event):
                row = _json_row(item, header.epoch)
                typer.echo(json.dumps(row) if as_json else _line(item, header.epoch))
                if recording.truth:
                    events.append(item)
            else:
                windows[item.state] += 1
                if recording.truth:
                    answers.append((item.t, item.state))

    await playback.run(show, speed=speed)
    hop_s = spec.hop / spec.rate_hz
    _print_time_in_states({state: n * hop_s for state, n in windows.most_common()}, as_json=as_json)
    if recording.truth:
        _print_scores(
            playback.pipeline.tree, playback.window_s, recording.truth, events, answers, as_json=as_json
        )
    if as_json and (unread := recording.packets.unread).first_offset is not None:
        typer.echo(json.dumps({"type": "unread", **structs.asdict(unread)}))


def _json_row(event: Event, epoch: float) -> dict[str, Any]:
    times = {
        "started_at": event.started_at,
        "ended_at": event.ended_at,
        "detected_at": event.detected_at,
    }
    dates = {key: None if t is None else iso_utc(epoch + t) for key, t in times.items()}
    return {
        "type": event.kind,
        "id": event.id,
        "label": event.label,
        **{f"{key}_s": None if t is None else round(t, 3) for key, t in times.items()},
        **(dates if has_dates(epoch) else {}),
        "confidence": round(event.confidence, 3),
    }


def _line(event: Event, epoch: float) -> str:
    if event.ended_at is None:
        return f"{_moment(event.started_at, epoch)}  {event.label} began"
    lasted_s = event.ended_at - event.started_at
    # What follows began as early, if it lasted for no time.
    how = f"ended after {lasted_s:.1f} s" if lasted_s else "was corrected"
    return f"{_moment(event.ended_at, epoch)}  {event.label} {how}"


def _moment(t: float, epoch: float) -> str:
    """Return a stream time as this place's date and time, where the recording has them."""
    if has_dates(epoch):
        return datetime.fromtimestamp(epoch + t, UTC).astimezone().isoformat(" ", "seconds")
    return f"{t:9.1f} s"


def _print_time_in_states(seconds: dict[str, float], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"type": "time_in_states_s", **{k: round(v, 2) for k, v in seconds.items()}}))
    else:
        typer.echo(
            "time in states: " + (", ".join(f"{k} {v:.0f} s" for k, v in seconds.items()) or "too short")
        )


def _print_scores(
    tree: LabelTree,
    window_s: float,
    truth: Sequence[Segment],
    events: Sequence[Event],
    answers: Sequence[tuple[float, str]],
    *,
    as_json: bool,
) -> None:
    """Print how well events and answers meet the truth, by label, and by kind where the model knows kinds."""
    kinds = [*dict.fromkeys(map(tree.top, tree.labels))]
    has_kinds = len(tree.nodes) > len(tree.labels)
    counts = confusion(answers, truth, window_s)
    _print_score(score(events, truth, tree.labels), "", as_json=as_json)
    if has_kinds:
        truth_by_kind = [(start, end, tree.top(common_label(label))) for start, end, label in truth]
        _print_score(score(by_kind(events, tree.top), truth_by_kind, kinds), BY_KIND, as_json=as_json)
    _print_confusion(counts, tree.labels, as_json=as_json)
    if has_kinds:
        _print_f1_by_kind(f1(confusion_by_kind(counts, tree.top), kinds), as_json=as_json)


def _print_score(scores: dict[str, Boundaries], by: str, *, as_json: bool) -> None:
    """Print how well starts and ends meet the truth; `by` is BY_KIND, or nothing where labels have to be right."""
    if as_json:
        rows = {
            kind: {
                "true": b.true,
                "reported": b.reported,
                "right": b.right,
                "precision": b.precision,
                "recall": b.recall,
            }
            for kind, b in scores.items()
        }
        kind = f"score{by}".replace(" ", "_")
        typer.echo(json.dumps({"type": kind, "tolerance_s": TOLERANCE_S, **rows}))
        return
    for kind, b in scores.items():
        typer.echo(
            f"{kind}{by}: {b.right} right of {b.reported} reported and {b.true} true, within {TOLERANCE_S:.0f} s; "
            f"precision {_share(b.precision)}, recall {_share(b.recall)}"
        )


def _print_confusion(counts: Confusion, labels: Sequence[str], *, as_json: bool) -> None:
    """Print windows by what was done (rows) and by the answer (columns), and F1 of each label of the model."""
    scores = f1(counts, labels)
    macro = sum(scores.values()) / len(scores) if scores else None
    if as_json:
        figures = {"windows": counts, "f1": scores, "macro_f1": macro}
        typer.echo(json.dumps({"type": "confusion", **figures}))
        return
    names = [
        *counts,
        *dict.fromkeys(state for row in counts.values() for state in row if state not in counts),
    ]
    numbers = {name: f"({i})" for i, name in enumerate(names, 1)}
    widest = max(map(len, names), default=0) + 5
    most = max((count for row in counts.values() for count in row.values()), default=0)
    wide = 1 + max([len(f"{most}"), *map(len, numbers.values())])
    typer.echo("\nwindows within one activity: rows what was done, columns the answer")
    typer.echo(" " * widest + "   F1 " + "".join(f"{number:>{wide}}" for number in numbers.values()))
    for name, number in numbers.items():
        cells = "".join(f"{counts.get(name, {}).get(answer) or '':>{wide}}" for answer in names)
        typer.echo(f"{number:>4} {name:{widest - 5}} {_share(scores.get(name)):>4} {cells}".rstrip())
    typer.echo(f"macro-F1 {_share(macro)}, the mean over the {len(scores)} labels that the model knows")


def _print_f1_by_kind(scores: dict[str, float], *, as_json: bool) -> None:
    macro = sum(scores.values()) / len(scores) if scores else None
    if as_json:
        typer.echo(json.dumps({"type": "f1_by_kind", "f1": scores, "macro_f1": macro}))
        return
    of_each = ", ".join(f"{kind} {_share(score)}" for kind, score in scores.items())
    typer.echo(f"macro-F1 by kind {_share(macro)}, where a label counts as its kind: {of_each}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
