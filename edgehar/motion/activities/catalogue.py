"""The catalogue of activities: each draws one person's way of it and returns a movement over time."""

from collections.abc import Callable
from functools import partial

import numpy as np

from edgehar.motion.activities.carried import handled, on_table, riding
from edgehar.motion.activities.exercise import (
    jumping_jacks,
    lunging,
    rowing,
    sitting_down_standing_up,
    squatting,
    two_links,
)
from edgehar.motion.activities.falls import falling
from edgehar.motion.activities.gait import RUNNING, STAIRS_DOWN, STAIRS_UP, on_foot, walking
from edgehar.motion.activities.gestures import clapping, hitting, punching, throwing, waving
from edgehar.motion.activities.handwork import arm_work, fidgeting
from edgehar.motion.activities.near_falls import collapsing, reaching_jump, stumbling
from edgehar.motion.activities.postures import lying, sitting, standing
from edgehar.motion.skeleton import SIDES, Array, Movement, Segments
from edgehar.motion.waveforms import Drift, Strikes, Untidy, ground_force
from edgehar.types import STANDARD_GRAVITY


def jumping(body: Segments, rng: np.random.Generator) -> Movement:
    """On the spot, both feet: a half sine of force on the ground, free fall in the air."""
    rate, duty, dip = rng.uniform(1.2, 2.6), rng.uniform(0.45, 0.9), rng.uniform(-0.25, 0.0)
    # Some hardly leave the ground.
    strength, untidy = min(rng.uniform(0.45, 1.2), 1.0), Untidy(rng, (1.0, 6.0))
    start, sway, unsteady = rng.random(), Drift(rng, 1.5, 0.03), Drift(rng, 1.0, np.deg2rad(2.0))
    heading = Drift(rng, rng.uniform(0.5, 2.0), np.deg2rad(rng.uniform(3.0, 30.0)))
    # Some put more weight on one leg and then on the other.
    limp = np.deg2rad(max(0.0, rng.uniform(-10.0, 15.0)))
    bend, lean, swing = (np.deg2rad(rng.uniform(*r)) for r in ((15.0, 45.0), (2.0, 15.0), (1.0, 14.0)))
    rest, elbow, late = (
        np.deg2rad(rng.uniform(-5.0, 25.0)),
        np.deg2rad(rng.uniform(10.0, 95.0)),
        rng.uniform(-0.2, 0.2),
    )
    strikes = {
        side: Strikes(rng, np.exp(rng.uniform(*np.log((10.0, 120.0)))), rng.uniform(5.0, 14.0), 0.05, 0.25)
        for side in SIDES
    }

    def movement(t: Array) -> dict[str, Array]:
        phase = start + rate * t + sway(t)
        # Deepest in the middle of the contact.
        low = 0.5 + 0.5 * np.cos(2.0 * np.pi * (phase - 0.5 * duty))
        arms = rest + swing * np.cos(2.0 * np.pi * (phase - 0.5 * duty - 0.5 + late))
        pose = {
            "lean": lean * (0.5 + low) + unsteady(t),
            "yaw": heading(t),
            "roll": 0.5 * unsteady(t + 31.0),
        }
        pose["tilt"] = 0.5 * lean * low
        for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
            other = sign * limp * np.cos(np.pi * phase)
            pose[f"hip_{side}"] = bend * (0.15 + 0.7 * low) + other + pose["tilt"]
            pose[f"knee_{side}"] = bend * (0.3 + 1.3 * low) + 1.5 * (limp + other)
            pose[f"arm_{side}"], pose[f"elbow_{side}"] = arms, elbow + 0.3 * (arms - rest)
            pose[f"arm_out_{side}"] = np.full(t.shape, 0.2)
            pose[f"strike_{side}"] = strikes[side](phase, rate)
        pose["root_z"] = np.full(t.shape, body.thigh + body.shank)
        pose["push_z"] = STANDARD_GRAVITY * strength * (2.0 * ground_force(phase, duty, dip, 0.0) - 1.0)
        return untidy(t, pose)

    return movement


def cycling(body: Segments, rng: np.random.Generator) -> Movement:
    """Upright or recumbent: the crank turns, hip and knee follow from the leg's two links."""
    recumbent = rng.random() < 0.35
    rate, start, sway = rng.uniform(0.7, 1.6), rng.random(), Drift(rng, 2.0, 0.04)
    crank = rng.uniform(0.16, 0.175)
    # The knee keeps 20 to 40 degrees at the far end (saddle height); the ankle stands in for foot and pedal.
    leg = np.sqrt(
        body.thigh**2
        + body.shank**2
        + 2 * body.thigh * body.shank * np.cos(np.deg2rad(rng.uniform(20.0, 40.0)))
    )
    line = np.deg2rad(rng.uniform(70.0, 95.0) if recumbent else rng.uniform(10.0, 24.0))
    # The pedals' lowest point is some 10 cm above the ground.
    far = leg - crank
    high = 0.1 + leg * np.cos(line)
    lean = np.deg2rad(rng.uniform(-35.0, -5.0) if recumbent else rng.uniform(5.0, 45.0))
    arm = np.deg2rad(rng.uniform(-10.0, 40.0) if recumbent else rng.uniform(35.0, 85.0)) + max(lean, 0.0)
    elbow, palm = np.deg2rad(rng.uniform(5.0, 50.0)), np.deg2rad(rng.uniform(-100.0, -20.0))
    rock, live = np.deg2rad(rng.uniform(0.4, 3.5)), Drift(rng, 1.0, np.deg2rad(rng.uniform(0.8, 2.0)))
    turn, late = np.deg2rad(rng.uniform(0.3, 4.0)), rng.uniform(0.0, 6.0)
    buzz, untidy = Drift(rng, 0.03, rng.uniform(0.0, 0.8)), Untidy(rng, (0.2, 1.5))

    def movement(t: Array) -> dict[str, Array]:
        phase = start + rate * t + sway(t)
        wave = 2.0 * np.pi * phase
        pose = {"tilt": 0.4 * lean + 0.2 * live(t), "lean": 0.6 * lean + live(t), "push_z": buzz(t)}
        pose |= {
            "roll": rock * np.sin(wave),
            "bend": -0.7 * rock * np.sin(wave),
            "yaw": turn * np.cos(wave + late),
            "root_z": np.full(t.shape, high),
        }
        for side, own in (("left", wave), ("right", wave + np.pi)):
            x = far * np.sin(line) + crank * np.sin(own)
            down = far * np.cos(line) - crank * np.cos(own)
            hip, knee = two_links(x, down, body)
            pose[f"hip_{side}"], pose[f"knee_{side}"] = hip + pose["tilt"], knee
            pose[f"arm_{side}"] = arm + live(t + 17.0) + 0.3 * pose["roll"]
            pose[f"elbow_{side}"] = elbow + 0.5 * live(t + 29.0)
            pose[f"palm_{side}"] = np.full(t.shape, palm)
        return untidy(t, pose)

    return movement


CATALOGUE: dict[str, Callable[[Segments, np.random.Generator], Movement]] = {
    "walking": walking,
    "stairs_up": partial(on_foot, STAIRS_UP),
    "stairs_down": partial(on_foot, STAIRS_DOWN),
    "running": partial(on_foot, RUNNING),
    "sitting": sitting,
    "standing": standing,
    "lying": lying,
    "jumping": jumping,
    "cycling": cycling,
    "rowing": rowing,
    "squatting": squatting,
    "lunging": lunging,
    "sitting_down_standing_up": sitting_down_standing_up,
    "jumping_jacks": jumping_jacks,
    "waving": waving,
    "clapping": clapping,
    "punching": punching,
    "throwing": throwing,
    "arm_work": arm_work,
    "fidgeting": fidgeting,
    "riding": riding,
    "on_table": on_table,
    "handled": handled,
    "falling": falling,
    "stumbling": stumbling,
    "collapsing": collapsing,
    "reaching_jump": reaching_jump,
    "hitting": hitting,
}
