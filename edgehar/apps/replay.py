"""`edgehar replay`: a recording through the pipeline, its events and how well they meet the truth."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings.scoring import TOLERANCE_S, Boundaries, score
from edgehar.sources.replay import Replay, open_recording
from edgehar.types import Activity, Event


async def replay_recording(
    path: Path,
    *,
    subject: str | None = None,
    placements: Sequence[str] | None = None,
    model: str = "imu_tcn",
    speed: float = 0.0,
    as_json: bool = False,
) -> None:
    """Print a recording's events as they are found, then how well they meet the truth, if it is known."""
    recording = open_recording(path, subject=subject, placements=placements)
    recognizer = load(find(model))
    header = recording.header
    pipeline = Pipeline(
        header.wearer, header.streams, recognizer, recognizer.spec.decision, epoch=header.epoch
    )
    events: list[Event] = []
    windows = Counter[str]()

    def show(items: Sequence[Activity | Event]) -> None:
        for item in items:
            if isinstance(item, Event):
                events.append(item)
                typer.echo(json.dumps(_json_row(item)) if as_json else _line(item))
            else:
                windows[item.state] += 1

    await Replay(recording, speed=speed).run(lambda t, stream, body: show(pipeline.push(t, stream, body)))
    show(pipeline.finish())
    hop_s = recognizer.spec.hop / recognizer.spec.rate_hz
    _print_time_in_states({state: n * hop_s for state, n in windows.most_common()}, as_json=as_json)
    if recording.truth:
        _print_score(score(events, recording.truth, recognizer.spec.labels), as_json=as_json)


def _json_row(event: Event) -> dict[str, Any]:
    return {
        "type": event.kind,
        "id": event.id,
        "label": event.label,
        "started_at_s": round(event.started_at, 3),
        "ended_at_s": None if event.ended_at is None else round(event.ended_at, 3),
        "detected_at_s": round(event.detected_at, 3),
        "confidence": round(event.confidence, 3),
    }


def _line(event: Event) -> str:
    if event.ended_at is None:
        return f"{event.started_at:9.1f} s  {event.label} began"
    return f"{event.ended_at:9.1f} s  {event.label} ended after {event.ended_at - event.started_at:.1f} s"


def _print_time_in_states(seconds: dict[str, float], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"type": "time_in_states_s", **{k: round(v, 2) for k, v in seconds.items()}}))
    else:
        typer.echo(
            "time in states: " + (", ".join(f"{k} {v:.0f} s" for k, v in seconds.items()) or "too short")
        )


def _print_score(scores: dict[str, Boundaries], *, as_json: bool) -> None:
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
        typer.echo(json.dumps({"type": "score", "tolerance_s": TOLERANCE_S, **rows}))
        return
    for kind, b in scores.items():
        typer.echo(
            f"{kind}: {b.right} right of {b.reported} reported and {b.true} true, within {TOLERANCE_S:.0f} s; "
            f"precision {_share(b.precision)}, recall {_share(b.recall)}"
        )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
