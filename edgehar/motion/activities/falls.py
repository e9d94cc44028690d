"""Falls in four directions, from standing, walking or sitting, by slip, trip or faint.

Measured on people: somebody who falls from standing meets the floor after about 0.7 s with the hip at
about 2.5 m/s, hands mostly before it (Hsiao and Robinovitch, J. Biomechanics 31, 1998); a trunk sensor
sees partial free fall and then some g (Bourke, O'Brien and Lyons, Gait & Posture 26, 2007). Ranges
without a source are round numbers about that.
"""

from collections.abc import Callable

import numpy as np
from msgspec import Struct

from edgehar.motion.activities.gait import WALKING, on_foot
from edgehar.motion.activities.postures import lying_on, sitting, standing
from edgehar.motion.draws import draw_angle, draw_angles, draw_log_uniform
from edgehar.motion.poses import interpolate, move_toward
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import (
    Drift,
    FallProfile,
    impact_pulse,
    minimum_jerk,
    rise_and_fall,
    second_derivative,
)
from edgehar.types import STANDARD_GRAVITY

IMPACT_S = 3.0
"""Time in a fall at which the trunk meets the floor, s; hands may be up to 0.2 s earlier."""

DIRECTIONS = ("forward", "backward", "left", "right")

_TRUNK = ("tilt", "roll", "turn", "lean", "bend", "twist")


class _Fall(Struct, frozen=True, eq=False):
    """Parameters of one fall."""

    direction: str
    faints: bool
    drop: FallProfile
    """Descent of the pelvis."""
    turn: FallProfile
    """Turn of the trunk, from upright to flat."""
    speed: float
    """Speed of the pelvis at the impact, m/s."""
    width: float
    """Duration of the pelvis' impact, s."""


def falling(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Fall so that the trunk meets the floor at `IMPACT_S`; then stay there, or get up after some seconds."""
    direction = DIRECTIONS[rng.integers(4)]
    before, high, pace = _activity_before(body, rng)
    after = _lying_after(direction, rng)
    fall = _draw_fall(direction, high - 0.1, rng)
    legs, arms, impacts = _legs(fall, rng), _arms(fall, rng), _impacts(fall, rng)
    shift = _shift(fall, pace, rng)
    heading = float(np.ravel(before(np.array([fall.drop.start])).get("yaw", 0.0))[0])
    stir, get_up = _stirring(rng), _getting_up(body, rng)

    def movement(t: Array) -> dict[str, Array]:
        old, new = before(t), after(t)
        stir(t, new)
        going = minimum_jerk(t, fall.drop.start - 0.1, IMPACT_S + 0.3 - fall.drop.start)
        pose = interpolate(old, new, going)
        # Whatever the feet did ends as the fall begins.
        fade = 1.0 - minimum_jerk(t, fall.drop.start - 0.15, 0.3)
        for name, value in old.items():
            if name.startswith(("push_", "strike_")):
                pose[name] = fade * value
        turned = fall.turn(t)
        for name in _TRUNK:
            first = old.get(name, np.zeros(t.shape))
            pose[name] = first + turned * (new.get(name, 0.0) - first)
        pose["root_z"] = high + fall.drop(t) * (0.1 - high)
        yaw = old.get("yaw", np.zeros(t.shape))
        pose["yaw"] = yaw + (heading - yaw) * going
        legs(t, pose)
        arms(t, pose)
        impacts(t, pose)
        shift(t, pose)
        return get_up(t, pose)

    return movement


def _activity_before(body: SegmentLengths, rng: np.random.Generator) -> tuple[Movement, float, float]:
    """Draw what they did before, how high the pelvis was, m, and how fast they went, m/s."""
    kind = rng.choice(3, p=(0.4, 0.45, 0.15))
    if kind == 2:
        return sitting(body, rng), 0.95 * body.shank, 0.0
    if kind == 1:
        return on_foot(WALKING, body, rng), body.thigh + body.shank, rng.uniform(0.6, 1.5)
    return standing(body, rng), body.thigh + body.shank, 0.0


def _lying_after(direction: str, rng: np.random.Generator) -> Movement:
    """Lie flat on the floor as this way of falling leaves them, in angles that lead there from upright."""
    still = lying_on({"backward": 0, "left": 1, "right": 2, "forward": 3}[direction], rng)
    oblique = float(np.clip(rng.normal(0.0, 20.0), -45.0, 45.0))

    def movement(t: Array) -> dict[str, Array]:
        pose = still(t)
        turn, tilt = pose["turn"] + np.deg2rad(oblique), pose["tilt"]
        # The same ways to lie, reached over the face or the side: they differ by where the head points.
        if direction == "forward":
            pose |= {"tilt": -tilt, "turn": turn - np.pi}
        elif direction != "backward":
            left = 1.0 if direction == "left" else -1.0
            pose |= {"tilt": np.zeros(t.shape), "roll": left * tilt, "turn": turn - left * 0.5 * np.pi}
        return pose

    return movement


def _draw_fall(direction: str, height: float, rng: np.random.Generator) -> _Fall:
    ramp, width, rebound = rng.uniform(0.35, 0.8), rng.uniform(0.06, 0.18), rng.uniform(0.03, 0.2)
    pull = STANDARD_GRAVITY * rng.uniform(0.3, 0.85)
    seconds = FallProfile.fall_time(height, pull, ramp, width, rebound)
    drop = FallProfile(IMPACT_S, seconds, ramp, width, rebound)
    # The shoulders land with the hip or after it.
    late = rng.uniform(*{"forward": (-0.04, 0.1), "backward": (0.03, 0.22)}.get(direction, (0.0, 0.18)))
    softly = rng.uniform(0.08, 0.2)
    turn = FallProfile(IMPACT_S + late, seconds * rng.uniform(0.85, 1.15) + late, rng.uniform(0.4, 0.8), softly, rng.uniform(0.0, 0.08))  # fmt: skip
    return _Fall(direction, bool(rng.random() < 0.2), drop, turn, pull * seconds * (1.0 - 0.5 * ramp), width)


def _legs(fall: _Fall, rng: np.random.Generator) -> Callable[[Array, dict[str, Array]], None]:
    """Let the knees give way and, mostly, flex on the way down."""
    spans = ((20.0, 60.0), (50.0, 110.0)) if fall.faints else ((0.0, 50.0), (5.0, 80.0))
    bends = [[draw_angle(rng, *span) for span in spans] for _ in SIDES]
    start, seconds = fall.drop.start, IMPACT_S - fall.drop.start

    def legs(t: Array, pose: dict[str, Array]) -> None:
        bent = rise_and_fall(t, (start, 0.8 * seconds), (IMPACT_S - 0.1, 0.7))
        for side, (hip, knee) in zip(SIDES, bends, strict=True):
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + hip * bent
            pose[f"knee_{side}"] = pose[f"knee_{side}"] + knee * bent

    return legs


_REACH = {
    "forward": {"arm": (60, 125), "arm_out": (5, 40), "elbow": (5, 60), "palm": (-120, -20)},
    "backward": {"arm": (-60, -10), "arm_out": (10, 60), "elbow": (5, 60), "palm": (-90, 60)},
    "side": {"arm": (-10, 50), "arm_out": (35, 95), "elbow": (5, 70), "palm": (-100, 40)},
    "flung": {"arm": (20, 140), "arm_out": (15, 90), "elbow": (10, 80), "palm": (-60, 60)},
}


def _arms(fall: _Fall, rng: np.random.Generator) -> Callable[[Array, dict[str, Array]], None]:
    """Let the arms reach for the floor, be flung about, or hang."""
    start = fall.drop.start + rng.uniform(-0.05, 0.15)
    ready = IMPACT_S - rng.uniform(0.05, 0.2) - start
    limp = fall.faints or rng.random() < 0.15
    targets = []
    for side in SIDES:
        kind = "side" if fall.direction in SIDES else fall.direction
        if fall.direction in set(SIDES) - {side} or rng.random() < 0.2:
            kind = "flung"
        targets.append(
            (draw_angles(rng, _REACH[kind]), rng.uniform(0.0, 0.3) if limp else rng.uniform(0.6, 1.1))
        )
    flail, rate = draw_angle(rng, 0.0, 10.0 if limp else 30.0), rng.uniform(1.0, 2.2)
    begin, back = rng.uniform(0.0, 1.0, 4), rng.uniform(0.4, 1.2)

    def arms(t: Array, pose: dict[str, Array]) -> None:
        held = rise_and_fall(t, (start, max(ready, 0.3)), (IMPACT_S + 0.05, back))
        wild = rise_and_fall(t, (start, 0.2), (IMPACT_S - 0.15, 0.25))
        for i, (side, (target, share)) in enumerate(zip(SIDES, targets, strict=True)):
            move_toward(pose, target, share * held, side)
            for k, name in enumerate(("arm", "arm_out")):
                wave = np.sin(2.0 * np.pi * (rate * (t - start) + begin[2 * i + k]))
                pose[f"{name}_{side}"] = pose[f"{name}_{side}"] + flail * wild * wave

    return arms


def _impacts(fall: _Fall, rng: np.random.Generator) -> Callable[[Array, dict[str, Array]], None]:
    """Hit the floor with hands, hip, shoulders and head, one by one, as hard as the fall is fast."""
    hard = fall.speed / 2.5

    def draw_peak(low: float, high: float) -> float:
        return hard * draw_log_uniform(rng, low, high)

    hits = [("pelvis", draw_peak(4.0, 25.0), IMPACT_S - 0.5 * fall.width, rng.uniform(0.02, 0.06))]
    flat = IMPACT_S + rng.uniform(0.0, 0.2)
    hits += [("thorax", draw_peak(3.0, 20.0), flat, rng.uniform(0.02, 0.06))]
    hits += [("head", draw_peak(3.0, 20.0), flat + 0.02, rng.uniform(0.02, 0.04))]
    for side in SIDES:
        first = not fall.faints and (fall.direction != "backward" or rng.random() < 0.6)
        at = IMPACT_S - rng.uniform(0.0, 0.2) if first else IMPACT_S + rng.uniform(-0.05, 0.2)
        hits += [(f"forearm_{side}", draw_peak(10.0, 55.0), at, rng.uniform(0.02, 0.06))]
        hits += [(f"shank_{side}", draw_peak(3.0, 40.0), IMPACT_S + rng.uniform(-0.2, 0.1), rng.uniform(0.02, 0.05))]  # fmt: skip
    across = rng.uniform(-0.4, 0.4, (len(hits), 2))

    def impacts(t: Array, pose: dict[str, Array]) -> None:
        for (segment, peak, at, width), (x, y) in zip(hits, across, strict=True):
            pulse = peak * impact_pulse(t - at, width)
            pose[f"hit_x_{segment}"], pose[f"hit_y_{segment}"] = x * pulse, y * pulse
            pose[f"hit_z_{segment}"] = pulse

    return impacts


def _shift(fall: _Fall, pace: float, rng: np.random.Generator) -> Callable[[Array, dict[str, Array]], None]:
    """Move the pelvis the way of the fall, and stop the speed it had."""
    far, start = rng.uniform(0.2, 0.6), fall.drop.start
    x, y = {"forward": (1.0, 0.0), "backward": (-1.0, 0.0), "left": (0.0, 1.0)}.get(
        fall.direction, (0.0, -1.0)
    )
    seconds = IMPACT_S + 0.1 - start

    def shift(t: Array, pose: dict[str, Array]) -> None:
        pushed = far * second_derivative(lambda s: minimum_jerk(s, start, seconds), t)
        stopped = (
            pace * (minimum_jerk(t + 0.01, start, seconds) - minimum_jerk(t - 0.01, start, seconds)) / 0.02
        )
        pose["push_x"] = pose.get("push_x", 0.0) + x * pushed - stopped
        pose["push_y"] = pose.get("push_y", 0.0) + y * pushed
        way = far * minimum_jerk(t, start, seconds)
        pose["path_x"], pose["path_y"] = x * way, y * way
        pose["pace"], pose["climb"] = pace * (1.0 - minimum_jerk(t, start, seconds)), np.zeros(t.shape)

    return shift


def _stirring(rng: np.random.Generator) -> Callable[[Array, dict[str, Array]], None]:
    """Move about for a while after it, six of ten."""
    size = draw_angle(rng, 2.0, 15.0) if rng.random() < 0.6 else 0.0
    calm = rng.uniform(1.5, 8.0)
    names = ("turn", "lean", "arm_left", "arm_right", "elbow_left", "elbow_right", "hip_left", "hip_right", "knee_left", "knee_right")  # fmt: skip
    moves = {name: Drift(rng, rng.uniform(0.4, 1.2), size) for name in names}

    def stir(t: Array, pose: dict[str, Array]) -> None:
        left = minimum_jerk(t, IMPACT_S + 0.3, 1.0) * np.exp(-np.maximum(t - IMPACT_S, 0.0) / calm)
        for name, move in moves.items():
            pose[name] = pose.get(name, 0.0) + left * move(t)

    return stir


def _getting_up(
    body: SegmentLengths, rng: np.random.Generator
) -> Callable[[Array, dict[str, Array]], dict[str, Array]]:
    """Get up again, three of ten, 3 to 10 s after it, to stand or to sit."""
    if rng.random() >= 0.3:
        return lambda _t, pose: pose
    then = standing(body, rng) if rng.random() < 0.7 else sitting(body, rng)
    start, seconds = IMPACT_S + rng.uniform(3.0, 10.0), rng.uniform(2.0, 5.0)

    def get_up(t: Array, pose: dict[str, Array]) -> dict[str, Array]:
        # The trunk comes up before the legs carry it.
        share, carried = (
            minimum_jerk(t, start, 0.7 * seconds),
            minimum_jerk(t, start + 0.3 * seconds, 0.7 * seconds),
        )
        risen = then(t)
        upright = interpolate(pose, risen, share)
        upright["root_z"] = pose["root_z"] + carried * (risen["root_z"] - pose["root_z"])
        return upright

    return get_up
