"""Static postures, as still as people are: sitting, standing, lying, with sway, fidgets and busy hands."""

from collections.abc import Mapping

import numpy as np

from edgehar.motion.draws import Ranges, draw_angle, draw_angles
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import Drift, OccasionalShifts

# Ranges in degrees, by common sense: a chair tilts the thigh less than a sofa. Quiet standing sways by
# some tenths of a degree about the ankle (Winter, Gait & Posture 3, 1995).
_ARMS = {
    "hanging": {"arm": (-10, 10), "arm_out": (3, 15), "elbow": (5, 30), "palm": (-30, 60)},
    "pocket": {"arm": (-25, 5), "arm_out": (10, 25), "elbow": (30, 60), "palm": (0, 60)},
    "crossed": {
        "arm": (10, 35),
        "arm_out": (0, 15),
        "arm_turn": (-70, -30),
        "elbow": (80, 110),
        "palm": (-60, 20),
    },
    "phone": {
        "arm": (5, 40),
        "arm_out": (0, 20),
        "arm_turn": (-40, 0),
        "elbow": (70, 125),
        "palm": (-130, -50),
    },
    "lap": {"arm": (0, 35), "arm_out": (5, 25), "arm_turn": (-30, 10), "elbow": (50, 95), "palm": (-100, 0)},
    "table": {
        "arm": (20, 60),
        "arm_out": (5, 30),
        "arm_turn": (-30, 10),
        "elbow": (50, 100),
        "palm": (-110, -40),
    },
    "belly": {
        "arm": (0, 25),
        "arm_out": (10, 30),
        "arm_turn": (-60, -20),
        "elbow": (60, 100),
        "palm": (-60, 30),
    },
    "head": {"arm": (120, 170), "arm_out": (10, 50), "elbow": (60, 120), "palm": (-60, 60)},
    "flat": {"arm": (-5, 10), "arm_out": (5, 40), "elbow": (5, 40), "palm": (-100, 100)},
}


def _draw_side(rng: np.random.Generator, ranges: Ranges, side: str) -> dict[str, float]:
    return {f"{name}_{side}": angle for name, angle in draw_angles(rng, ranges).items()}


def _draw_arms(rng: np.random.Generator, kinds: tuple[str, ...]) -> tuple[dict[str, float], bool]:
    """Draw both arms, mostly alike; and whether the hands are at work."""
    first = kinds[rng.integers(len(kinds))]
    second = first if rng.random() < 0.7 else kinds[rng.integers(len(kinds))]
    busy = first in {"phone", "table", "lap"} and rng.random() < 0.5
    return _draw_side(rng, _ARMS[first], "left") | _draw_side(rng, _ARMS[second], "right"), bool(busy)


def _with_sway(
    rng: np.random.Generator, still: Mapping[str, float], sizes: Mapping[str, float], fidget: float
) -> Movement:
    """Keep a pose with drift of `sizes` degrees per angle, and fidgets `fidget` times as large."""
    drifts = {
        name: Drift(rng, rng.uniform(0.8, 3.0), float(np.deg2rad(size))) for name, size in sizes.items()
    }
    moves = {
        name: OccasionalShifts(rng, rng.uniform(6.0, 25.0), (0.6, 2.5), float(np.deg2rad(size * fidget)))
        for name, size in sizes.items()
    }

    def movement(t: Array) -> dict[str, Array]:
        pose = {name: np.full(t.shape, value) for name, value in still.items()}
        for name, drift in drifts.items():
            pose[name] = pose.get(name, 0.0) + drift(t) + moves[name](t)
        return pose

    return movement


def _hand_drift_degrees(rng: np.random.Generator, *, busy: bool) -> dict[str, float]:
    """Draw the drift of the arms' angles, degrees."""
    size = rng.uniform(0.3, 1.2) * (3.0 if busy else 1.0)
    sizes = {"arm": 0.5 * size, "elbow": size, "palm": 1.5 * size}
    return {f"{name}_{side}": value for name, value in sizes.items() for side in SIDES}


def standing(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Stand upright on both feet, shifting weight now and then."""
    arms, busy = _draw_arms(rng, ("hanging", "hanging", "hanging", "pocket", "crossed", "phone"))
    still = arms | {"tilt": np.deg2rad(rng.normal(0.0, 3.0)), "lean": draw_angle(rng, -3.0, 8.0)}
    for side in SIDES:
        slack = float(np.deg2rad(abs(rng.normal(0.0, 5.0))))
        still |= {
            f"hip_{side}": 0.5 * slack + still["tilt"] + np.deg2rad(rng.normal(0.0, 3.0)),
            f"knee_{side}": slack,
        }
        still |= {f"hip_out_{side}": draw_angle(rng, 0.0, 8.0)}
    still["root_z"] = body.thigh + body.shank
    sway = rng.uniform(0.2, 0.8)
    sizes = dict.fromkeys(("tilt", "roll", "lean", "bend", "twist"), sway) | {"yaw": 2.0 * sway}
    sizes |= {f"hip_{side}": 0.8 * sway for side in SIDES} | {f"knee_{side}": sway for side in SIDES}
    return _with_sway(rng, still, sizes | _hand_drift_degrees(rng, busy=busy), rng.uniform(1.0, 8.0))


def sitting(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Sit on a chair or a sofa; sometimes a leg bounces."""
    arms, busy = _draw_arms(rng, ("lap", "lap", "table", "phone", "crossed", "hanging"))
    tilt = rng.uniform(-25.0, 8.0)
    still = arms | {"tilt": np.deg2rad(tilt), "lean": draw_angle(rng, -8.0, 20.0)}
    rise = rng.normal(0.0, 8.0)
    for side in SIDES:
        level = rise + rng.normal(0.0, 4.0)
        knee = level + rng.uniform(60.0, 110.0)
        still |= {f"hip_{side}": np.deg2rad(90.0 + level + tilt), f"knee_{side}": np.deg2rad(knee)}
        still |= {f"hip_out_{side}": draw_angle(rng, -3.0, 20.0)}
    still["root_z"] = 0.95 * body.shank
    sway = rng.uniform(0.1, 0.6)
    sizes = {"tilt": 0.3 * sway, "lean": sway, "bend": sway, "twist": sway}
    sizes |= {f"{name}_{side}": 0.5 * sway for name in ("hip", "hip_out", "knee") for side in SIDES}
    seated = _with_sway(rng, still, sizes | _hand_drift_degrees(rng, busy=busy), rng.uniform(1.0, 10.0))
    return _bouncing(seated, rng) if rng.random() < 0.1 else seated


def _bouncing(seated: Movement, rng: np.random.Generator) -> Movement:
    """Bounce the heel of one leg: knee and thigh at 4 to 6 Hz."""
    side, rate = SIDES[rng.integers(2)], rng.uniform(4.0, 6.0)
    size, strength = draw_angle(rng, 0.5, 2.0), Drift(rng, 3.0, 0.7)

    def movement(t: Array) -> dict[str, Array]:
        pose = seated(t)
        wave = size * np.clip(strength(t), 0.0, 1.0) * np.sin(2.0 * np.pi * rate * t)
        return pose | {f"hip_{side}": pose[f"hip_{side}"] + wave, f"knee_{side}": pose[f"knee_{side}"] + wave}

    return movement


def lying(_body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Lie on the back, either side, or the belly."""
    return lying_on(int(rng.choice(4, p=(0.45, 0.2, 0.2, 0.15))), rng)


def lying_on(kind: int, rng: np.random.Generator) -> Movement:
    """Lie on the back (0), the left (1) or right (2) side, or the belly (3)."""
    turn = (0.0, 90.0, -90.0, 180.0)[kind] + rng.normal(0.0, 10.0)
    arms, _ = _draw_arms(rng, ("flat", "flat", "belly", "head") if kind == 0 else ("flat", "head", "lap"))
    still = arms | {"tilt": np.deg2rad(-90.0 + rng.normal(0.0, 5.0)), "turn": np.deg2rad(turn)}
    still |= {
        "lean": np.deg2rad(rng.uniform(0.0, 25.0) if kind == 0 else rng.normal(5.0, 8.0)),
        "root_z": 0.1,
    }
    drawn = rng.random() < (0.2 if kind == 0 else 0.5 if kind < 3 else 0.0)
    for side in SIDES:
        hip = rng.uniform(20.0, 60.0) if drawn else rng.normal(0.0, 4.0)
        still |= {
            f"hip_{side}": np.deg2rad(hip),
            f"knee_{side}": np.deg2rad(hip * rng.uniform(1.0, 2.0) if drawn else 5.0),
        }
        still |= {f"hip_out_{side}": draw_angle(rng, 0.0, 12.0)}
        still |= {f"hip_turn_{side}": draw_angle(rng, 0.0, 30.0)}
    sway = rng.uniform(0.05, 0.3)
    # Breath lifts the chest by about a degree, 12 to 20 times a minute.
    sizes = {"turn": sway, "lean": 0.5} | {f"hip_{side}": sway for side in SIDES}
    return _with_sway(rng, still, sizes | _hand_drift_degrees(rng, busy=False), rng.uniform(0.5, 6.0))
