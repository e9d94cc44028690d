"""What the page shows: composed once for all who look, at most every FRAME_S, and not at all when nobody does."""

import asyncio
import contextlib
import logging
import time
from typing import Any

import msgspec

from edgehar import __version__
from edgehar.config.read import state_folder
from edgehar.config.schema import Config
from edgehar.daemon.control import WearerControl
from edgehar.daemon.daemon import Daemon
from edgehar.dashboard.history import TIMELINE_S, History
from edgehar.dashboard.pictures import HasPicture, Pictures
from edgehar.dashboard.recorder import Recorder, Recorders
from edgehar.dashboard.strips import BEHIND_S, COLUMNS_HZ, Strips
from edgehar.dashboard.viewers import Viewer, Viewers
from edgehar.errors import ConfigError
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

    def welcome(self, viewer: Viewer) -> None:
        """Offer what never changes, and all that is known now, to somebody who has just come."""
        models = self._daemon.models
        hello = {
            "type": "hello",
            "version": __version__,
            "gateway": self._config.gateway.id,
            "model": models.id,
            "runtime": models.runtime,
            "kinds": {node: models.tree.path(node)[1:] for node in models.tree.nodes},
            "timeline_s": TIMELINE_S,
            "strip_hz": COLUMNS_HZ,
        }
        viewer.offer("hello", _encoded(hello))
        viewer.offer("state", _encoded(self.state()))
        self.viewers.join(viewer)

    def state(self) -> dict[str, Any]:
        """Return all that the page shows but strips and pictures."""
        mqtt, broker = self._daemon.mqtt, self._config.mqtt
        health, now = self._daemon.health(), time.monotonic()
        return {
            "type": "state",
            "now": time.time(),
            "uptime_s": health["uptime_s"],
            "rss_mb": health["rss_mb"],
            "broker": {
                "state": self._daemon.broker.removeprefix("broker "),
                "address": f"{broker.host}:{broker.port}" if broker else None,
                "waiting": mqtt.waiting if mqtt else 0,
            },
            "wearers": [self._wearer(c, health["wearers"][c.id], now) for c in self._daemon.controls],
            "events": list(self.history.events),
        }

    def _wearer(self, control: WearerControl, health: dict[str, Any], now: float) -> dict[str, Any]:
        activity = self.history.newest.get(control.id)
        recording = self.recorders.running(control)
        return {
            "id": control.id,
            "activity": self._activity(activity) if activity else None,
            "paused": control.is_paused,
            "can_pause": control.feed.is_live,
            "obstacle": self.recorders.obstacle(control),
            "recording": {"label": recording[0], "since": recording[1]} if recording else None,
            "labels": [name for name in control.feed.pipeline.tree.labels if name != OTHER],
            "timeline": self.history.timeline(control.id, time.time()),
            "sensors": self._sensors(control, health["sensors"], now),
        }

    def _activity(self, activity: Activity) -> dict[str, Any]:
        return {
            "state": activity.state,
            "confidence": round(activity.confidence, 3),
            "likeliest": activity.likeliest,
            "since": self.history.since(activity),
            "reason": activity.reason,
        }

    def _sensors(self, control: WearerControl, health: dict[str, Any], now: float) -> list[dict[str, Any]]:
        problems = control.problems(now)
        activity = self.history.newest.get(control.id)
        idle = "not worn" if activity and activity.state == NOT_WORN else None
        strips = self._strips.get(control.id)
        return [
            {
                "placement": placement,
                "problem": problems.get(placement) or idle,
                "up": health[placement]["up"],
                "rate_hz": strips.of[i].rate_hz(self._end_of(control)) if strips else None,
                "packets": health[placement]["packets"],
                "lost": health[placement]["lost"],
                "battery": health[placement]["battery"],
                "skew_ppm": health[placement]["skew_ppm"],
                "has_picture": self.camera(control, i) is not None,
            }
            for i, placement in enumerate(control.feed.placements)
        ]

    def camera(self, control: WearerControl, stream: int = 0) -> HasPicture | None:
        """Return the camera among a wearer's sources that brings a stream, if one does."""
        sources = control.feed.sources
        source = sources[stream if len(sources) == len(control.feed.placements) else 0]
        return source if isinstance(source, HasPicture) else None

    async def picture(self, control: WearerControl) -> bytes | None:
        """Return the newest frame of a wearer's camera, as JPEG; None in privacy mode, or where there is none."""
        placements = range(len(control.feed.placements))
        camera = next((camera for i in placements if (camera := self.camera(control, i))), None)
        return await self._pictures.newest(camera) if camera else None

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
            try:
                self._send()
            except Exception as error:  # noqa: BLE001 - whatever it is, the sensors go on
                self._warn.log_fault("page", error, "the page waits for the next frame")
            await asyncio.sleep(LEAST_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FRAME_S - LEAST_S):
                    await self._changed.wait()

    def _send(self) -> None:
        now = time.monotonic()
        if self._changed.is_set() or now - self._state_at > STATE_S:
            self._changed.clear()
            self._state_at = now
            self._watch_all()
            self.viewers.offer("state", _encoded(self.state()))
        self.viewers.offer("strips", _encoded(self._strips_frame()))

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

    def _strips_frame(self) -> dict[str, Any]:
        wearers = {}
        for control in self._daemon.controls:
            strips, end = self._strips.get(control.id), self._end_of(control)
            wearers[control.id] = [
                {"lines": strip.encoded(end)} if (joints := strip.joints(end)) is None else {"joints": joints}
                for strip in (strips.of if strips else ())
            ]
        return {"type": "strips", "wearers": wearers}

    def _end_of(self, control: WearerControl) -> float:
        """Return the stream time at which strips end, s: now, or where a recording has come to."""
        if control.feed.is_live:
            return time.monotonic() - BEHIND_S
        strips = self._strips.get(control.id)
        return strips.newest if strips else 0.0


def _encoded(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()
