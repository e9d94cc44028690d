"""Exercise on machines, which tie hands and feet to a path: bicycle and rowing ergometer.

Ranges without a source are common sense, widened where recordings of the people decided on (models/README.md)
lay outside: slow and short strokes, turns out of the plane.
"""

import numpy as np

from edgehar.motion.activities.legs import leg_angles, leg_length
from edgehar.motion.draws import draw_angle, draw_angles
from edgehar.motion.poses import move_toward
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import (
    Drift,
    OutOfPlane,
    Repetitions,
    RepetitionState,
    impact_pulse,
    rise_and_fall,
    second_derivative,
)


def cycling(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Cycle, upright or recumbent: the crank turns, hip and knee follow from the leg's two links."""
    recumbent = rng.random() < 0.35
    rate, start, sway = rng.uniform(0.7, 1.6), rng.random(), Drift(rng, 2.0, 0.04)
    crank = rng.uniform(0.16, 0.175)
    # The knee keeps 20 to 40 degrees at the far end (saddle height); the ankle stands in for foot and pedal.
    leg = leg_length(body, draw_angle(rng, 20.0, 40.0))
    line = draw_angle(rng, *((70.0, 95.0) if recumbent else (10.0, 24.0)))
    # The pedals' lowest point is some 10 cm above the ground.
    far = leg - crank
    high = 0.1 + leg * np.cos(line)
    lean = draw_angle(rng, *((-35.0, -5.0) if recumbent else (5.0, 45.0)))
    arm = draw_angle(rng, *((-10.0, 40.0) if recumbent else (35.0, 85.0))) + max(lean, 0.0)
    elbow, palm = draw_angle(rng, 5.0, 50.0), draw_angle(rng, -100.0, -20.0)
    rock, drift = draw_angle(rng, 0.4, 3.5), Drift(rng, 1.0, draw_angle(rng, 0.8, 2.0))
    turn, late = draw_angle(rng, 0.3, 4.0), rng.uniform(0.0, 6.0)
    buzz, out_of_plane = Drift(rng, 0.03, rng.uniform(0.0, 0.8)), OutOfPlane(rng, (0.2, 1.5))

    def movement(t: Array) -> dict[str, Array]:
        phase = start + rate * t + sway(t)
        wave = 2.0 * np.pi * phase
        pose = {"tilt": 0.4 * lean + 0.2 * drift(t), "lean": 0.6 * lean + drift(t), "push_z": buzz(t)}
        pose |= {
            "roll": rock * np.sin(wave),
            "bend": -0.7 * rock * np.sin(wave),
            "yaw": turn * np.cos(wave + late),
            "root_z": np.full(t.shape, high),
        }
        for side, crank_angle in (("left", wave), ("right", wave + np.pi)):
            x = far * np.sin(line) + crank * np.sin(crank_angle)
            down = far * np.cos(line) - crank * np.cos(crank_angle)
            hip, knee = leg_angles(x, down, body)
            pose[f"hip_{side}"], pose[f"knee_{side}"] = hip + pose["tilt"], knee
            pose[f"arm_{side}"] = arm + drift(t + 17.0) + 0.3 * pose["roll"]
            pose[f"elbow_{side}"] = elbow + 0.5 * drift(t + 29.0)
            pose[f"palm_{side}"] = np.full(t.shape, palm)
        return out_of_plane(t, pose)

    return movement


def rowing(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Row on an ergometer: legs, trunk and arms drive one after the other and come back in reverse."""
    # Strokes per minute of easy rowing to a race (Kleshnev, Biomechanics of Rowing, 2016); beginners are slower.
    strokes = Repetitions(rng, 60.0 / rng.uniform(14.0, 36.0), spread=0.04)
    drive = rng.uniform(0.36, 0.5)
    # Knee at the catch and at the finish; the seat is a little above the ankles.
    near, far = (leg_length(body, draw_angle(rng, *span)) for span in ((80.0, 135.0), (3.0, 45.0)))
    below = rng.uniform(0.0, 0.15)
    catch, finish = draw_angle(rng, 12.0, 32.0), draw_angle(rng, -32.0, -10.0)
    long = draw_angles(rng, {"arm": (72, 92), "arm_out": (0, 10), "elbow": (2, 20), "palm": (-100, -60)})
    pulled = draw_angles(rng, {"arm": (-40, 5), "arm_out": (5, 30), "elbow": (85, 125), "palm": (-110, -40)})
    pull, away, whole = rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.65), rng.uniform(0.4, 1.0)
    out_of_plane = OutOfPlane(rng, (1.0, 6.0))
    drift = Drift(rng, 1.0, draw_angle(rng, 0.4, 1.5))
    chain, jerk = Drift(rng, 0.04, rng.uniform(0.05, 0.5)), rng.uniform(0.5, 5.0)

    def slide(rep: RepetitionState) -> Array:
        out = rise_and_fall(rep.u, (0.0, 0.75 * drive), (drive + 0.25 * (1.0 - drive), 0.75 * (1 - drive)))
        return near + (far - near) * out

    def movement(t: Array) -> dict[str, Array]:
        rep = strokes(t)
        u, back = rep.u, 1.0 - drive
        swing = rise_and_fall(u, (0.25 * drive, 0.65 * drive), (drive + 0.1 * back, 0.45 * back))
        arms = rise_and_fall(u, (pull * drive, (1.05 - pull) * drive), (1.05 * drive, away * back))
        lean = catch + (finish - catch) * swing * rep.size + drift(t)
        thigh, knee = leg_angles(slide(rep), np.full(t.shape, below), body)
        pose: dict[str, Array] = {"tilt": 0.55 * lean, "lean": 0.45 * lean, "root_z": np.full(t.shape, 0.3)}
        for i, side in enumerate(SIDES):
            pose[f"hip_{side}"], pose[f"knee_{side}"] = thigh + pose["tilt"], knee
            move_toward(pose, long, 1.0, side)
            move_toward(pose, pulled, whole * arms, side)
            pose[f"arm_{side}"] = pose[f"arm_{side}"] + lean + 0.5 * drift(t + 17.0 * (i + 1))
        # The feet stay: as the legs push, the seat goes backward.
        pose["push_x"] = chain(t) - second_derivative(lambda s: slide(strokes(s)), t)
        pose["push_z"] = 0.5 * chain(t + 5.0) + jerk * impact_pulse(rep.since, 0.1)
        return out_of_plane(t, pose)

    return movement
