"""The measurements of an evaluation beside the rows: each under its name, with its tables."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from edgehar.errors import ModelError, RecordingError
from edgehar.evaluation import alarms, events, falls, fewshot
from edgehar.evaluation.unseen import Recordings
from edgehar.pipeline.recognizer import Recognizer


class Measurement(Struct, frozen=True):
    """One way to measure, and how its result is shown."""

    title: str
    measure: Callable[[Recognizer, Recordings], Any]
    """RecordingError or ModelError where it cannot be made."""
    kind: Any
    """Type of the result."""
    table: Callable[[Any], str]
    """The whole result in Markdown."""
    short: Callable[[Any], str]
    """The few lines of it that a reader needs."""


MEASUREMENTS = {
    "few_shot": Measurement(
        "A few windows of the wearer: macro-F1 on motionsense, with a head over the frozen embedding",
        fewshot.few_shot,
        list[fewshot.Shot],
        fewshot.markdown,
        fewshot.short,
    ),
    "events": Measurement(
        "Events of the decision on recordings with transitions",
        events.event_scores,
        events.EventScores,
        events.markdown,
        events.short,
    ),
    "falls": Measurement(
        "Falls by placement, and false alarms on everyday movement",
        falls.falls,
        falls.Falls | None,
        falls.markdown,
        falls.short,
    ),
    "alarms": Measurement(
        "False alarms on people who do none of the activities",
        alarms.false_alarms,
        dict[str, alarms.Null],
        alarms.markdown,
        alarms.short,
    ),
}


def measure(name: str, recognizer: Recognizer, recordings: Recordings) -> Any:
    """Return the result in plain types; a sentence where it cannot be measured."""
    try:
        return msgspec.to_builtins(MEASUREMENTS[name].measure(recognizer, recordings))
    except (RecordingError, ModelError) as error:
        return str(error)


def tables(more: dict[str, Any], *, short: bool = False) -> dict[str, str]:
    """Return, by title, the table of each measurement that was made."""
    return {
        way.title: (way.short if short else way.table)(msgspec.convert(more[name], way.kind))
        for name, way in MEASUREMENTS.items()
        if name in more
    }
