"""Devices moved by something else than their wearer: by a vehicle, or by a hand; or lying on a table."""

from functools import partial

import numpy as np

from edgehar.motion.activities.gestures import sitting_or_standing
from edgehar.motion.draws import draw_angle, draw_log_uniform
from edgehar.motion.skeleton import Array, Movement, SegmentLengths
from edgehar.motion.waveforms import Drift, RandomTargets, Repetitions, impact_pulse, second_derivative


def riding(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Ride a vehicle, seated or standing: its bounce, the road's shaking, turns and brakes."""
    base = sitting_or_standing(body, rng, 0.75)
    # Bodies of cars bounce at 1 to 2 Hz, wheels and engine shake above 4 Hz; 0.1 to 1 m/s² rms reach the
    # seat (Griffin, Handbook of Human Vibration, 1990).
    bounce = [Drift(rng, 1.0 / rng.uniform(3.0, 6.0), draw_log_uniform(rng, 0.08, 0.6)) for _ in "xyz"]  # fmt: skip
    shake = [Drift(rng, 1.0 / rng.uniform(10.0, 40.0), draw_log_uniform(rng, 0.03, 0.4)) for _ in "xyz"]  # fmt: skip
    # It stands now and then: at lights, at stops.
    moving = Drift(rng, rng.uniform(4.0, 12.0), 1.2)
    brake, speed = Drift(rng, rng.uniform(1.5, 4.0), rng.uniform(0.2, 0.9)), rng.uniform(3.0, 15.0)
    turn, sway = Drift(rng, rng.uniform(3.0, 8.0), rng.uniform(0.1, 0.6)), draw_angle(rng, 0.3, 1.5)
    holes, deep = Repetitions(rng, 0.4, (0.5, rng.uniform(3.0, 20.0))), rng.uniform(0.5, 6.0)

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), holes(t)
        going = np.clip(1.0 + moving(t), 0.05, 1.0)
        rate = (turn(t + 0.05) - turn(t - 0.05)) / 0.1
        pose["yaw"] = pose.get("yaw", 0.0) + turn(t)
        pose["push_x"] = going * (0.5 * bounce[0](t) + 0.6 * shake[0](t) + brake(t))
        # In a bend the lateral acceleration is the speed times the turning; drivers keep it below 3 m/s².
        pose["push_y"] = going * (0.5 * bounce[1](t) + 0.6 * shake[1](t)) + 3.0 * np.tanh(speed * rate / 3.0)
        pose["push_z"] = going * (
            bounce[2](t) + shake[2](t) + deep * rep.size * impact_pulse(rep.since, 0.15)
        )
        for name, part in (("lean", brake), ("bend", bounce[1]), ("roll", bounce[0])):
            pose[name] = pose.get(name, 0.0) + sway * going * part(t + 0.1)
        return pose

    return movement


def on_table(_body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Lay the device down, no body at all: it lies still on one of its faces; a few tables are bumped."""
    still = _draw_resting_pose(rng)
    bumped = rng.random() < 0.25
    bumps, size, width = Repetitions(rng, 0.5, (2.0, 20.0)), rng.uniform(0.3, 8.0), rng.uniform(0.015, 0.05)

    def movement(t: Array) -> dict[str, Array]:
        pose = {name: np.full(t.shape, value) for name, value in still.items()} | {"unworn": np.ones(t.shape)}
        if bumped:
            rep = bumps(t)
            pose["push_z"] = size * rep.size * impact_pulse(rep.since, width)
        return pose

    return movement


def _draw_resting_pose(rng: np.random.Generator) -> dict[str, float]:
    """Draw which of the six faces points down, about, or on something uneven; angles in rad."""
    uneven = rng.normal(0.0, np.deg2rad(1.0 if rng.random() < 0.7 else 20.0), 2)
    tilt, turn = ((0, 0), (90, 0), (180, 0), (270, 0), (90, 90), (90, 270))[rng.integers(6)]
    return {
        "yaw": rng.uniform(-np.pi, np.pi),
        "tilt": float(np.deg2rad(tilt) + uneven[0]),
        "roll": float(uneven[1]),
        "turn": float(np.deg2rad(turn)),
    }


def handled(_body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Handle the device, no body: it is taken up, turned in the hand, laid down, put on."""
    moves = Repetitions(rng, rng.uniform(0.6, 1.8), (0.05, rng.uniform(0.2, 3.0)), spread=0.3)
    wide = rng.uniform(0.1, 0.8)
    start = _draw_resting_pose(rng)
    # Half a circle each way is any way up.
    turns = {name: RandomTargets(rng, -np.pi * wide, np.pi * wide) for name in ("yaw", "roll", "turn")}
    turns["tilt"] = RandomTargets(rng, -0.5 * np.pi * wide, 0.5 * np.pi * wide)
    offsets = {name: RandomTargets(rng, -reach, reach) for name, reach in (("push_x", 0.25), ("push_y", 0.25), ("push_z", 0.3))}  # fmt: skip
    # A hand trembles at 8 to 12 Hz (Lakie, Walsh and Wright, J. Physiology 353, 1984).
    tremor = Drift(rng, 0.05, draw_angle(rng, 0.05, 0.4))
    peak, laid = rng.uniform(0.0, 25.0), rng.random(512) < rng.uniform(0.0, 0.5)

    def movement(t: Array) -> dict[str, Array]:
        rep = moves(t)
        pose = {name: start[name] + target(rep) + tremor(t + 7.0 * i) for i, (name, target) in enumerate(turns.items())}  # fmt: skip
        pose["unworn"] = np.ones(t.shape)
        down = impact_pulse(rep.since - 0.9 * rep.duration, 0.03)
        for name, offset in offsets.items():
            pose[name] = second_derivative(partial(_offset_at, offset, moves), t)
        pose["push_z"] = pose["push_z"] + np.where(laid[rep.index], peak * rep.size * down, 0.0)
        return pose

    return movement


def _offset_at(offset: RandomTargets, moves: Repetitions, t: Array) -> Array:
    return offset(moves(t))
