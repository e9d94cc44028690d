"""What an evaluation measures beside the rows: each measurement under its name, with its table."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from edgehar.errors import ModelError, RecordingError
from edgehar.evaluation import alarms, events, falls, fewshot
from edgehar.pipeline.recognizer import Recognizer


class Further(Struct, frozen=True):
    """One measurement."""

    title: str
    measure: Callable[[Recognizer, Path], Any]
    """Of the folder that holds imu/*.npz; RecordingError or ModelError where it cannot be made."""
    kind: Any
    """Type of what it finds."""
    table: Callable[[Any], str]
    """What it found, in Markdown."""


FURTHER = {
    "few_shot": Further(
        "A few windows of the wearer: macro-F1 on motionsense, with a head over the frozen embedding",
        fewshot.few_shot,
        list[fewshot.Shot],
        fewshot.markdown,
    ),
    "events": Further(
        "Events of the decision on recordings with transitions",
        events.event_scores,
        events.EventScores,
        events.markdown,
    ),
    "falls": Further(
        "Falls at the wrist, and false alarms on everyday movement",
        falls.falls,
        falls.Falls | None,
        falls.markdown,
    ),
    "alarms": Further(
        "False alarms on people who do none of the activities",
        alarms.false_alarms,
        dict[str, alarms.Null],
        alarms.markdown,
    ),
}


def find(name: str, recognizer: Recognizer, folder: Path) -> Any:
    """What is found, in plain types; a sentence where it cannot be measured."""
    try:
        return msgspec.to_builtins(FURTHER[name].measure(recognizer, folder))
    except (RecordingError, ModelError) as error:
        return str(error)


def tables(more: dict[str, Any]) -> dict[str, str]:
    """By title, the table of each measurement that was made."""
    return {
        one.title: one.table(msgspec.convert(more[name], one.kind))
        for name, one in FURTHER.items()
        if name in more
    }
