"""What moves the sensors is not the wearer: a vehicle, a table, a hand that holds the device."""

from functools import partial

import numpy as np

from edgehar.motion.activities.gestures import seated_or_not
from edgehar.motion.skeleton import Array, Movement, Segments
from edgehar.motion.waveforms import Drift, Hops, Repeats, accelerate, knock


def riding(body: Segments, rng: np.random.Generator) -> Movement:
    """Seated or standing in a vehicle: its bounce, the road's shaking, turns and brakes."""
    base = seated_or_not(body, rng, 0.75)
    # Bodies of cars bounce at 1 to 2 Hz, wheels and engine shake above 4 Hz; 0.1 to 1 m/s² rms reach the
    # seat (Griffin, Handbook of Human Vibration, 1990).
    bounce = [Drift(rng, 1.0 / rng.uniform(3.0, 6.0), float(np.exp(rng.uniform(*np.log((0.08, 0.6)))))) for _ in "xyz"]  # fmt: skip
    shake = [Drift(rng, 1.0 / rng.uniform(10.0, 40.0), float(np.exp(rng.uniform(*np.log((0.03, 0.4)))))) for _ in "xyz"]  # fmt: skip
    # It stands now and then: at lights, at stops.
    moving = Drift(rng, rng.uniform(4.0, 12.0), 1.2)
    brake, speed = Drift(rng, rng.uniform(1.5, 4.0), rng.uniform(0.2, 0.9)), rng.uniform(3.0, 15.0)
    turn, sway = Drift(rng, rng.uniform(3.0, 8.0), rng.uniform(0.1, 0.6)), np.deg2rad(rng.uniform(0.3, 1.5))
    holes, deep = Repeats(rng, 0.4, (0.5, rng.uniform(3.0, 20.0))), rng.uniform(0.5, 6.0)

    def movement(t: Array) -> dict[str, Array]:
        pose, beat = base(t), holes(t)
        going = np.clip(1.0 + moving(t), 0.05, 1.0)
        rate = (turn(t + 0.05) - turn(t - 0.05)) / 0.1
        pose["yaw"] = pose.get("yaw", 0.0) + turn(t)
        pose["push_x"] = going * (0.5 * bounce[0](t) + 0.6 * shake[0](t) + brake(t))
        # In a bend the lateral acceleration is the speed times the turning; drivers keep it below 3 m/s².
        pose["push_y"] = going * (0.5 * bounce[1](t) + 0.6 * shake[1](t)) + 3.0 * np.tanh(speed * rate / 3.0)
        pose["push_z"] = going * (bounce[2](t) + shake[2](t) + deep * beat.size * knock(beat.since, 0.15))
        for name, part in (("lean", brake), ("bend", bounce[1]), ("roll", bounce[0])):
            pose[name] = pose.get(name, 0.0) + sway * going * part(t + 0.1)
        return pose

    return movement


def on_table(_body: Segments, rng: np.random.Generator) -> Movement:
    """No body at all: the device lies still on one of its faces; a few tables are bumped."""
    still = _some_way_up(rng)
    bumped = rng.random() < 0.25
    bumps, size, width = Repeats(rng, 0.5, (2.0, 20.0)), rng.uniform(0.3, 8.0), rng.uniform(0.015, 0.05)

    def movement(t: Array) -> dict[str, Array]:
        pose = {name: np.full(t.shape, value) for name, value in still.items()} | {"unworn": np.ones(t.shape)}
        if bumped:
            beat = bumps(t)
            pose["push_z"] = size * beat.size * knock(beat.since, width)
        return pose

    return movement


def _some_way_up(rng: np.random.Generator) -> dict[str, float]:
    """One of the six faces down, about, or on something uneven."""
    uneven = rng.normal(0.0, np.deg2rad(1.0 if rng.random() < 0.7 else 20.0), 2)
    tilt, turn = ((0, 0), (90, 0), (180, 0), (270, 0), (90, 90), (90, 270))[rng.integers(6)]
    return {
        "yaw": rng.uniform(-np.pi, np.pi),
        "tilt": float(np.deg2rad(tilt) + uneven[0]),
        "roll": float(uneven[1]),
        "turn": float(np.deg2rad(turn)),
    }


def handled(_body: Segments, rng: np.random.Generator) -> Movement:
    """No body: the device is taken up, turned in the hand, laid down, put on."""
    moves = Repeats(rng, rng.uniform(0.6, 1.8), (0.05, rng.uniform(0.2, 3.0)), spread=0.3)
    wide = rng.uniform(0.1, 0.8)
    start = _some_way_up(rng)
    # Half a circle each way is any way up.
    turns = {name: Hops(rng, -np.pi * wide, np.pi * wide) for name in ("yaw", "roll", "turn")}
    turns["tilt"] = Hops(rng, -0.5 * np.pi * wide, 0.5 * np.pi * wide)
    places = {name: Hops(rng, -reach, reach) for name, reach in (("push_x", 0.25), ("push_y", 0.25), ("push_z", 0.3))}  # fmt: skip
    # A hand trembles at 8 to 12 Hz (Lakie, Walsh and Wright, J. Physiology 353, 1984).
    tremor = Drift(rng, 0.05, np.deg2rad(rng.uniform(0.05, 0.4)))
    peak, laid = rng.uniform(0.0, 25.0), rng.random(512) < rng.uniform(0.0, 0.5)

    def movement(t: Array) -> dict[str, Array]:
        beat = moves(t)
        pose = {name: start[name] + hop(beat) + tremor(t + 7.0 * i) for i, (name, hop) in enumerate(turns.items())}  # fmt: skip
        pose["unworn"] = np.ones(t.shape)
        down = knock(beat.since - 0.9 * beat.move, 0.03)
        for name, place in places.items():
            pose[name] = accelerate(partial(_at, place, moves), t)
        pose["push_z"] = pose["push_z"] + np.where(laid[beat.count], peak * beat.size * down, 0.0)
        return pose

    return movement


def _at(place: Hops, moves: Repeats, t: Array) -> Array:
    return place(moves(t))
