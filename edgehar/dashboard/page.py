"""Content of the page: composed once for all who look, at most every FRAME_S, and not at all when nobody does."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import msgspec

from edgehar import __version__
from edgehar.config.read import state_folder
from edgehar.config.schema import Config
from edgehar.daemon.control import WearerControl
from edgehar.daemon.daemon import Daemon
from edgehar.dashboard.colours import hue
from edgehar.dashboard.history import TIMELINE_S, History
from edgehar.dashboard.pictures import HasPicture, Pictures
from edgehar.dashboard.recorder import Recorder, Recorders
from edgehar.dashboard.strips import BEHIND_S, COLUMNS_HZ, Strips
from edgehar.dashboard.viewers import Viewer, Viewers
from edgehar.devices.keypoints import PROFILE as KEYPOINTS
from edgehar.errors import ConfigError, OperatorError
from edgehar.types import NOT_WORN, OTHER, Activity, Event
from edgehar.validation import shown
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

FRAME_S = 0.2
"""Strips are sent this often, s."""

STATE_S = 0.9
"""A state that has not changed is sent again after so long, s."""

LEAST_S = 0.02
"""Changes within so long are sent together, s."""

REST = 4.0
"""After a frame the page does nothing for so many times as long as that took: however many are watched, the sensors come first."""


class Page:
    """The page of one daemon; takes its answers as a publisher does."""

    def __init__(self, daemon: Daemon, config: Config) -> None:
        self._daemon, self._config = daemon, config
        self.history = History()
        self.recorders = Recorders(state_folder(config.gateway), self._note)
        self.viewers = Viewers(self._begin, self._end)
        self._strips: dict[str, Strips] = {}
        self._pictures = Pictures()
        self._working: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._state_at = 0.0
        self._warn = WarnOnce(_LOGGER)
        daemon.on_double_tap(self._mark_tapped)

    def push(self, item: Activity | Event) -> None:
        """Show an answer at once if it is new, else with the next frame."""
        if self.history.push(item):
            self.touch()

    def touch(self) -> None:
        """Have the state sent at once."""
        self._changed.set()

    def control(self, wearer: str) -> WearerControl | None:
        """Return a wearer's control; None if nobody has this id."""
        return next((control for control in self._daemon.controls if control.id == wearer), None)

    def recorder(self, wearer: str) -> Recorder:
        """Return a wearer's recorder; ConfigError says why there can be none."""
        if control := self.control(wearer):
            return self.recorders.of(control)
        raise ConfigError(f"nobody here is called {shown(wearer)}")

    def mark(self, wearer: str, by: str = "button") -> None:
        """Mark this moment in the recording, or keep its seconds where that is asked for; OperatorError if it cannot be."""
        recorder, control = self.recorder(wearer), self.control(wearer)
        keeper = control.keeper if control and not recorder.running else None
        if keeper and keeper.mark(time.monotonic(), by):
            self._note(wearer, "This moment was marked, and its seconds are kept")
        else:
            recorder.mark(by)

    def note_correction(self, wearer: str, label: str) -> None:
        """Say in the event log what was done instead."""
        self._note(wearer, f"Corrected: it was {label}; the seconds are kept to learn from")

    def welcome(self, viewer: Viewer) -> None:
        """Offer what never changes to somebody who has just come, and have all that is known now sent."""
        models = self._daemon.models
        tree = models.tree
        hello = {
            "type": "hello",
            "version": __version__,
            "gateway": self._config.gateway.id,
            "model": models.id,
            "runtime": models.runtime,
            "kinds": {node: tree.path(node)[1:] for node in tree.nodes},
            "hues": {node: hue(node, tree) for node in tree.nodes},
            "timeline_s": TIMELINE_S,
            "strip_hz": COLUMNS_HZ,
        }
        viewer.offer("hello", _encoded(hello))
        self.viewers.join(viewer)
        self.touch()

    async def state(self) -> dict[str, Any]:
        """Return all that the page shows but strips and pictures; sensors are heard meanwhile."""
        mqtt, broker = self._daemon.mqtt, self._config.mqtt
        wearers, figures = await self._of_each(self._wearer), self._daemon.figures.gateway()
        return {
            "type": "state",
            "now": time.time(),
            "uptime_s": figures["uptime_s"],
            "rss_mb": figures["rss_mb"],
            "broker": {
                "state": self._daemon.broker.removeprefix("broker "),
                "address": f"{broker.host}:{broker.port}" if broker else None,
                "waiting": mqtt.waiting if mqtt else 0,
            },
            "wearers": [*wearers.values()],
            "events": list(self.history.events),
        }

    async def _of_each(self, compose: Callable[[WearerControl], Any]) -> dict[str, Any]:
        """Compose something of every wearer, by their ids; between two of them sensors are heard."""
        parts = {}
        for control in self._daemon.controls:
            parts[control.id] = compose(control)
            await asyncio.sleep(0)
        return parts

    def _wearer(self, control: WearerControl) -> dict[str, Any]:
        activity, now = self.history.newest.get(control.id), time.monotonic()
        # The clock of a recording stands where it has come to.
        its_now = activity.t if activity and not control.feed.is_live else now
        return {
            "id": control.id,
            "behind_s": round(now - its_now, 1),
            "activity": self._activity(activity) if activity else None,
            "paused": control.is_paused,
            "can_pause": control.feed.is_live,
            "obstacle": self.recorders.obstacle(control),
            "recording": self.recorders.running(control),
            "labels": [name for name in control.feed.pipeline.tree.labels if name != OTHER],
            "timeline": self.history.timeline(control.id, its_now),
            "sensors": self._sensors(control, now),
        }

    def _activity(self, activity: Activity) -> dict[str, Any]:
        return {
            "state": activity.state,
            "confidence": round(activity.confidence, 3),
            "likeliest": activity.likeliest,
            "since": self.history.since(activity),
            "reason": activity.reason,
            "remarks": activity.remarks,
        }

    def _sensors(self, control: WearerControl, now: float) -> list[dict[str, Any]]:
        health, problems = control.feed.health()["sensors"], control.problems(now)
        activity = self.history.newest.get(control.id)
        idle = "not worn" if activity and activity.state == NOT_WORN else None
        strips, end = self._strips.get(control.id), self._end_of(control)
        sensors = []
        for i, stream in enumerate(control.feed.streams):
            figures, is_camera = health[stream.placement], stream.profile == KEYPOINTS
            sensors.append(
                {key: figures[key] for key in ("up", "packets", "lost", "battery", "skew_ppm", "age_s")}
                | {
                    "placement": stream.placement,
                    "is_camera": is_camera,
                    "has_picture": is_camera and _camera_of(control) is not None,
                    "problem": problems.get(stream.placement) or (None if is_camera else idle),
                    "rate_hz": strips.of[i].rate_hz(end) if strips else None,
                }
            )
        return sensors

    async def picture(self, control: WearerControl) -> bytes | None:
        """Return the newest frame of a wearer's camera, as JPEG; None in privacy mode, or where there is none."""
        camera = _camera_of(control)
        return await self._pictures.newest(camera) if camera else None

    def _mark_tapped(self, wearer: str) -> None:
        """Mark the moment at which a wearer tapped a sensor twice, or say why it is not."""
        try:
            self.mark(wearer, "tap")
        except OperatorError as error:
            self._warn(f"tap {wearer}", "%s: a double tap is not marked: %s", wearer, error)
            self._note(wearer, f"A double tap is not marked: {error}")

    def _note(self, wearer: str, text: str) -> None:
        self.history.note(wearer, text, time.time())
        self.touch()

    def _begin(self) -> None:
        self._working = asyncio.create_task(self._work(), name="page")

    def _end(self) -> None:
        if self._working:
            self._working.cancel()
        self._working = None
        for strips in self._strips.values():
            strips.close()
        self._strips.clear()

    async def _work(self) -> None:
        """Send frames as long as anybody looks; a fault costs a frame and is logged."""
        while True:
            began = time.monotonic()
            try:
                await self._send()
            except Exception as error:  # noqa: BLE001 - whatever it is, the sensors go on
                self._warn.log_fault("page", error, "the page waits for the next frame")
            await asyncio.sleep(max(LEAST_S, REST * (time.monotonic() - began)))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FRAME_S - LEAST_S):
                    await self._changed.wait()

    async def _send(self) -> None:
        now = time.monotonic()
        if self._changed.is_set() or now - self._state_at > STATE_S:
            self._changed.clear()
            self._state_at = now
            self._watch_all()
            self.viewers.offer("state", _encoded(await self.state()))
        strips = await self._of_each(self._strips_of)
        self.viewers.offer("strips", _encoded({"type": "strips", "wearers": strips}))

    def _watch_all(self) -> None:
        """Have all pipelines of now hand over samples; forget who is watched no more."""
        controls = {control.id: control for control in self._daemon.controls}
        for gone in (self._strips.keys() | self.history.newest.keys()) - controls.keys():
            self.history.forget(gone)
            if strips := self._strips.pop(gone, None):
                strips.close()
        for control in controls.values():
            pipeline, strips = control.feed.pipeline, self._strips.get(control.id)
            if strips is None or strips.pipeline is not pipeline:
                self._strips[control.id] = Strips(pipeline)

    def _strips_of(self, control: WearerControl) -> list[dict[str, Any]]:
        strips, end = self._strips.get(control.id), self._end_of(control)
        return [
            {"lines": strip.encoded(end)} if (joints := strip.joints(end)) is None else {"joints": joints}
            for strip in (strips.of if strips else ())
        ]

    def _end_of(self, control: WearerControl) -> float:
        """Return the stream time at which strips end, s: now, or where a recording has come to."""
        if control.feed.is_live:
            return time.monotonic() - BEHIND_S
        strips = self._strips.get(control.id)
        return strips.newest if strips else 0.0


def _camera_of(control: WearerControl) -> HasPicture | None:
    """Return the camera that sees a wearer, if one does."""
    return next((source for source in control.feed.sources if isinstance(source, HasPicture)), None)


def _encoded(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
