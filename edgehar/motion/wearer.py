"""The wearer: one body with its own habits and sensors, performing one activity after another."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.imu import (
    RATE,
    SITES,
    Hardware,
    PlacedSensor,
    draw_hardware,
    draw_mountings,
    place_sensor,
    read_sensor,
)
from edgehar.motion.poses import interpolate
from edgehar.motion.skeleton import SIDES, Array, Figure, Movement, segment_lengths
from edgehar.motion.waveforms import minimum_jerk
from edgehar.types import IMU_CHANNELS, Samples

# The longest memory of a mounting's ringing is 0.4 s; twice filtered.
_PAST = 160
_AHEAD = 12


def draw_body_height(rng: np.random.Generator) -> float:
    """Draw the height of an adult of either sex, m."""
    return float(np.clip(rng.normal(1.70, 0.10), 1.45, 2.0))


def blend(before: Movement, after: Movement, start: float, seconds: float) -> Movement:
    """Go from one movement into another within `seconds` of start, smooth to the second derivative."""

    def movement(t: Array) -> dict[str, Array]:
        u = np.clip((t - start) / seconds, 0.0, 1.0)
        if u[0] == 1.0:
            return after(t)
        if u[-1] == 0.0:
            return before(t)
        return interpolate(before(t), after(t), minimum_jerk(u, 0.0, 1.0))

    return movement


def _starting_at(movement: Movement, start: float) -> Movement:
    """Let a movement, whose own time begins at 0, begin at `start`."""
    return lambda t: movement(t - start)


class _Sensor(Struct, frozen=True, eq=False):
    """Worn sensor: its place, mounting, hardware and noise."""

    placed: PlacedSensor
    mounting: Array
    device: Hardware
    noise: np.random.Generator


class Wearer:
    """Person wearing sensors at the given placements, all determined by the seed.

    Args:
        seed: the same seed gives the same bytes.
        placements: such as `wrist_left` or `trouser_pocket`.
        rate_hz: samples per second.
        height: of the body, m; None draws one.
    """

    def __init__(
        self, seed: int, placements: Sequence[str], rate_hz: float = 50.0, height: float | None = None
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._lengths = segment_lengths(draw_body_height(self._rng) if height is None else height)
        self._rate, self._next = rate_hz, 0
        self._sensors = {placement: self._attach(placement) for placement in placements}
        self._activity: str | None = None
        self._settled = 0.0
        self._movement = self._current = CATALOGUE["standing"](self._lengths, self._rng)

    def _attach(self, placement: str) -> _Sensor:
        name, side = placement, SIDES[self._rng.integers(2)]
        for candidate in SIDES:
            if placement.endswith(f"_{candidate}"):
                name, side = placement.removesuffix(f"_{candidate}"), candidate
        site = SITES[_SITE_OF.get(name, name)]
        return _Sensor(
            placed=place_sensor(site, side, self._lengths, self._rng),
            mounting=draw_mountings(site, self._rng, 1)[0],
            device=draw_hardware(self._rng),
            noise=self._rng.spawn(1)[0],
        )

    @property
    def t(self) -> float:
        """Time of the next sample, s since this wearer began."""
        return self._next / self._rate

    def perform(self, activity: str, seconds: float) -> list[Samples]:
        """Do an activity for so many seconds and return what each sensor measured, in SI units.

        Going on with the activity of the last call is one stretch; a new one begins with a transition.

        Raises:
            KeyError: if there is no such activity in `activities.CATALOGUE`.
        """
        if activity != self._activity:
            self._begin(activity)
        elif self.t - _PAST / RATE > self._settled:
            # The transition is over: what came before may be forgotten.
            self._movement = self._current
        count = round(seconds * self._rate)
        t = (self._next + np.arange(count)) / self._rate
        self._next += count
        return self._measure(t) if count else []

    def _begin(self, activity: str) -> None:
        new = _starting_at(CATALOGUE[activity](self._lengths, self._rng), self.t)
        before = self._current if self.t - _PAST / RATE > self._settled else self._movement
        seconds = 2.5 if "lying" in {activity, self._activity} else 1.2
        if self._activity is None:
            self._movement = new
        else:
            self._movement = blend(before, new, self.t, seconds)
            self._settled = self.t + seconds
        self._current, self._activity = new, activity

    def _measure(self, t: Array) -> list[Samples]:
        first = int(np.floor(t[0] * RATE)) - _PAST
        fine = np.arange(first, int(np.ceil(t[-1] * RATE)) + _AHEAD) / RATE
        pose = self._movement(fine)
        figure = Figure(self._lengths, pose, len(fine))
        samples = []
        for placement, sensor in self._sensors.items():
            truth = (
                np.concatenate(read_sensor(figure, pose, sensor.placed), axis=1).reshape(-1, 2, 3)
                @ sensor.mounting
            )
            # The inner band ends well below half the rate; a straight line between rows is enough.
            even = [np.interp(t, fine[1:-1], column) for column in truth.reshape(-1, 6).T]
            x = sensor.device.measure(np.stack(even, axis=1), sensor.noise).astype(np.float32)
            samples.append(Samples(placement, t, x, IMU_CHANNELS))
        return samples


_SITE_OF = {
    "thigh": "trouser_pocket",
    "hip": "waist",
    "pelvis": "waist",
    "lower_back": "waist",
    "shank": "lower_leg",
}

PLACES = (*SITES, *_SITE_OF)
"""Placements, each of which may have a side behind it."""
