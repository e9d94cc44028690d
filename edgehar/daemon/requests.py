"""Requests that others may make of the daemon over MQTT, and its answers.

    <root>/request/<verb>           payload, JSON                                       what it does
    pause                           {"wearer", "paused": true, "for_s": null}           closes the wearer's links, or opens them again
    recalibrate                     {"wearer"}                                          forgets what was learnt of the sensors
    sensitivity                     {"wearer", "operating_point"}                       chooses how sure an answer must be
    correct                         {"wearer", "label", "at": null, "event": null}      keeps the seconds of a wrong state, with what was done
    reload                          {}                                                  reads the configuration again

Without a wearer it is for all. The answer goes to <root>/response/<verb>, or where MQTT 5 says that the sender reads it:
`{"status": "ok"}`, or `{"status": "error", "error": "..."}`, with the request's `transaction`, whatever that is.
What was retained is nobody's wish of now, and is refused.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from edgehar.brokers.mqtt import Received
from edgehar.config.names import Name
from edgehar.daemon.control import WearerControl
from edgehar.errors import ConfigError, OperatorError, one_line
from edgehar.pipeline.operating_points import Point
from edgehar.publishers.mqtt import Mqtt
from edgehar.validation import did_you_mean, shown
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

LONGEST_PAUSE_S = 7 * 86_400


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Anything that is asked for; the answer has its transaction."""

    transaction: Any = None


class _Transaction(Struct, frozen=True):
    transaction: Any = None


class Pause(Request, frozen=True, kw_only=True):
    """Stop watching, or go on."""

    wearer: Name | None = None
    paused: bool = True
    for_s: Annotated[float, Meta(gt=0, le=LONGEST_PAUSE_S)] | None = None


class Recalibrate(Request, frozen=True, kw_only=True):
    """Begin anew."""

    wearer: Name | None = None


class Sensitivity(Request, frozen=True, kw_only=True):
    """Choose an operating point."""

    operating_point: Point
    wearer: Name | None = None


class Correct(Request, frozen=True, kw_only=True):
    """Say what was done instead of what was told; what is told stays as it is."""

    wearer: Name
    label: Name
    at: datetime | None = None
    """With a zone; unset, and without an event: now."""
    event: str | None = None
    """Id of an event."""


class Reload(Request, frozen=True, kw_only=True):
    """Read the configuration again."""


VERBS: dict[str, type[Request]] = {
    "pause": Pause,
    "recalibrate": Recalibrate,
    "sensitivity": Sensitivity,
    "correct": Correct,
    "reload": Reload,
}


class Requests:
    """Doer of what is asked for over one broker."""

    def __init__(
        self,
        mqtt: Mqtt,
        obey: Callable[[Request], None],
    ) -> None:
        """Listen from the next connection on.

        Args:
            mqtt: Hears requests and carries answers.
            obey: Does what is asked for; OperatorError if it cannot be done.
        """
        self._mqtt, self._obey = mqtt, obey
        self._warn = WarnOnce(_LOGGER, most=100)
        mqtt.listen(f"{mqtt.root}/request/+", self.take)

    def take(self, message: Received) -> None:
        """Do what a message asks for, and answer it."""
        verb = message.topic.rpartition("/")[2]
        answer: dict[str, Any] = {"status": "ok"} | _transaction(message)
        try:
            self._obey(_read(verb, message))
        except OperatorError as error:
            answer |= {"status": "error", "error": one_line(str(error))}
            self._warn((verb, str(error)), "%s: %s", message.topic, error)
        self._mqtt.answer(message, f"response/{verb}", msgspec.json.encode(answer))


def obey(request: Request, controls: Sequence[WearerControl], reload: Callable[[], None]) -> None:
    """Do what is asked of the wearers of now, or `reload`; OperatorError if it cannot be done."""
    if isinstance(request, Reload):
        reload()
        return
    wearer: str | None = getattr(request, "wearer", None)
    chosen = [control for control in controls if wearer in (None, control.id)]
    if wearer and not chosen:
        here = ", ".join(control.id for control in controls)
        hint = did_you_mean(wearer, [control.id for control in controls], f"here are {here:.200}")
        raise ConfigError(f"nobody here is called {shown(wearer)}; {hint}")
    if wearer is None and isinstance(request, Sensitivity):
        # Models without operating points keep nobody from choosing another of those that have them.
        chosen = [control for control in chosen if control.feed.points] or chosen
    elif wearer is None:
        chosen = [control for control in chosen if control.feed.is_live]  # not recordings
    for control in chosen:
        _obey(request, control)


def _obey(request: Request, control: WearerControl) -> None:
    """Do what is asked of one wearer; OperatorError if it cannot be done."""
    match request:
        case Pause(paused=True):
            control.pause(request.for_s)
        case Pause():
            control.resume()
        case Recalibrate():
            control.begin_anew()
        case Sensitivity():
            control.choose(request.operating_point)
        case Correct():
            control.correct(request.label, at=_unix(request.at), event=request.event)


def _unix(at: datetime | None) -> float | None:
    """Return a time as Unix time, s; ConfigError if it lacks its zone."""
    if at is not None and at.tzinfo is None:
        raise ConfigError(
            f"at: expected a time with its zone, such as 2026-05-04T08:15:03Z, got {at.isoformat()}"
        )
    return None if at is None else at.timestamp()


def _transaction(message: Received) -> dict[str, Any]:
    """Return the `transaction` of a request, also of one that is wrong otherwise; nothing if it has none."""
    try:
        transaction = msgspec.json.decode(message.payload, type=_Transaction).transaction
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {} if transaction is None else {"transaction": transaction}


def _read(verb: str, message: Received) -> Request:
    if verb not in VERBS:
        raise ConfigError(f"nothing is called {shown(verb)}; there are {', '.join(VERBS)}")
    if message.is_retained:
        raise ConfigError(
            "a retained request is refused, as it would be obeyed at every start; do not retain it"
        )
    try:
        return msgspec.json.decode(message.payload or b"{}", type=VERBS[verb])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{error}, in {shown(message.payload.decode(errors='replace'))}") from error
