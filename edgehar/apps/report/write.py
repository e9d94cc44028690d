"""From a recording to a page on disk."""

import hashlib
import platform
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from edgehar import __version__
from edgehar.apps.playback import Playback
from edgehar.apps.report import sections
from edgehar.apps.report.collect import Collected
from edgehar.apps.report.lanes import painter
from edgehar.apps.report.looks import Looks
from edgehar.apps.report.markup import Markup, element, joined
from edgehar.apps.report.page import DOCTYPE, page
from edgehar.apps.report.rows import Calendar, Row, lasted, percent, plain, rows
from edgehar.apps.report.sections import Fact
from edgehar.apps.report.truth_section import against_truth
from edgehar.apps.whole_file import require_replaceable, write_whole
from edgehar.recordings.ehr import read
from edgehar.types import NO_SIGNAL, NOT_WORN, OTHER

Moments = Sequence[tuple[float, str, str]]
"""Stream time, s, kind and words."""


async def write_report(
    path: Path,
    out: Path,
    *,
    subject: str | None = None,
    placements: Sequence[str] | None = None,
    model: str = "imu_tcn",
    head: Path | None = None,
    command: Sequence[str] = (),
) -> dict[str, Any]:
    """Replay a recording and write its page; return what it is about. OperatorError says what does not fit.

    `command` is what the page says it was made by.
    """
    began = time.monotonic()
    require_replaceable(out, "a page", DOCTYPE.encode())
    playback = Playback(path, subject=subject, placements=placements, model=model, head=head)
    collected = Collected(playback)
    await playback.run(collected.take)
    collected.finish()
    moments = _moments(path)
    took_s = time.monotonic() - began
    written = compose(path, playback, collected, moments, shlex.join(command), took_s)
    write_whole(out, written.encode())
    truth = collected.truth
    return {
        "page": str(out),
        "bytes": len(written.encode()),
        "recording_s": round(collected.end - collected.begin, 1),
        "took_s": round(time.monotonic() - began, 1),
        "told": {state: round(s, 1) for state, s in sorted(collected.seconds.items(), key=lambda i: -i[1])},
        "uncertain_s": round(collected.doubts.seconds, 1),
        "macro_f1": None if truth is None or truth.macro_f1 is None else round(truth.macro_f1, 3),
    }


def compose(
    path: Path, playback: Playback, collected: Collected, moments: Moments, command: str, took_s: float
) -> str:
    """Return the page of what was collected; `took_s` is how long that took, s."""
    begin, end = collected.begin, max(collected.end, collected.begin + 1.0)
    times = Calendar(playback.header.epoch, begin, is_long=end - begin > 90_000)
    truth = collected.truth
    seconds = collected.seconds
    states = sorted(seconds, key=lambda state: -seconds[state])
    states += [label for *_, label in truth.segments] if truth else []
    states += [span.state for span in collected.spans.all]
    looks = Looks(states, collected.tree)
    drawn = painter(collected, looks, times, moments)
    parts = [
        sections.activities(seconds, looks),
        sections.timeline(drawn, rows(times, begin, end), Row(begin, end)),
        against_truth(truth, playback.window_s) if truth else Markup(""),
        sections.doubts(drawn, end - begin),
        sections.absences(drawn),
        sections.moments(drawn),
        sections.sensors(drawn),
        sections.made(_made(path, playback, command, took_s)),
    ]
    wearer = playback.header.wearer
    head = _head(wearer, times, collected)
    return page(f"{wearer}: what was done", joined([head, element("main", joined(parts))]), looks)


def _head(wearer: str, times: Calendar, collected: Collected) -> Markup:
    begin, end = collected.begin, collected.end
    when = f"{times.clock(begin)} to {times.clock(end)}, {lasted(end - begin)}"
    date = times.date(begin)
    worn = ", ".join(plain(stream.placement) for stream in collected.streams)
    return element(
        "header",
        element("p", "edgehar report", class_="eyebrow"),
        element("h1", wearer),
        element("p", f"{date}, {when}" if date else when, class_="when"),
        element("p", f"Sensors: {worn}", class_="when"),
        sections.facts(_facts(collected)),
    )


def _facts(collected: Collected) -> list[Fact]:
    seconds = collected.seconds
    total = sum(seconds.values())
    named = {k: s for k, s in seconds.items() if k not in {OTHER, NO_SIGNAL, NOT_WORN}}
    most = max(named, key=lambda state: named[state], default=None)
    health = [intake.health() for intake in collected.pipeline.intakes]
    lost, came = sum(each["lost"] for each in health), sum(each["packets"] for each in health)
    entries = [
        Fact("mostly", "no activity" if most is None else f"{plain(most)}, {percent(named[most] / total)}"),
        Fact("stretches", f"{len(collected.spans.all):,}"),
        Fact(
            "uncertain",
            f"{lasted(collected.doubts.seconds)}, {percent(collected.doubts.seconds / total if total else None)}",
        ),
        Fact("packets lost", percent(lost / (lost + came) if came else None, 2)),
    ]
    if collected.falls:
        entries.append(Fact("falls told", f"{len(collected.falls)}"))
    if collected.truth and collected.truth.macro_f1 is not None:
        entries.append(Fact("macro-F1", f"{collected.truth.macro_f1:.2f}"))
        entries.append(Fact("right by label or kind", percent(collected.truth.right_by_kind)))
    return entries


def _made(path: Path, playback: Playback, command: str, took_s: float) -> list[Fact]:
    header, models = playback.header, playback.models
    entries = [Fact("by", command)] if command else []
    entries.append(Fact("recording", f"{path.name}, sha256 {_digest(path)}"))
    if header.created:
        entries.append(Fact("recorded by", header.created))
    for model in models:
        spec = model.spec
        seal = f", manifest {spec.manifest_sha256}" if spec.manifest_sha256 else ""
        entries.append(Fact("model", f"{spec.id}, network {spec.sha256}{seal}"))
    entries.append(Fact("decided by", "the settings that the model brings"))
    entries.append(
        Fact(
            "software",
            f"edgehar {__version__}, {models[0].runtime}, NumPy {np.__version__}, Python {platform.python_version()}",
        )
    )
    now = datetime.now(UTC).astimezone()
    entries.append(Fact("made", f"{now:%Y-%m-%d %H:%M %Z}, in {lasted(took_s)}"))
    if unread := playback.recording.packets.unread.in_words():
        entries.append(Fact("could not be read", unread))
    return entries


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _moments(path: Path) -> Moments:
    """Return what somebody marked; nobody can mark anything in a set."""
    if path.suffix == ".npz":
        return []
    return [
        (t, "moment", f"marked, {mark.note}" if mark.note else "marked")
        for t, mark in read(path).marks()
        if mark.kind == "moment"
    ]
