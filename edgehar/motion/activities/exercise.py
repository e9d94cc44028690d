"""Exercises on the feet: squats, lunges, sitting down and standing up, jumps and jumping jacks.

Ranges without a source are common sense, widened where recordings of the people decided on (models/README.md)
lay outside: low jumps, turns out of the plane. `catalogue` registers each.
"""

import numpy as np

from edgehar.motion.activities.legs import hip_over_foot
from edgehar.motion.activities.postures import sitting, standing
from edgehar.motion.draws import draw_angle, draw_angles, draw_log_uniform
from edgehar.motion.poses import interpolate, move_toward
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import (
    Drift,
    FootStrikes,
    OutOfPlane,
    Repetitions,
    ground_force,
    impact_pulse,
    rise_and_fall,
    second_derivative,
)
from edgehar.types import STANDARD_GRAVITY

_FREE_ARMS = (
    {"arm": (70, 95), "arm_out": (0, 15), "elbow": (0, 25), "palm": (-90, 30)},
    {"arm": (15, 45), "arm_turn": (-70, -30), "elbow": (80, 125), "palm": (-60, 20)},
    {"arm": (-10, 15), "arm_out": (5, 20), "elbow": (5, 30), "palm": (-30, 60)},
    {"arm": (-20, 10), "arm_out": (25, 45), "elbow": (70, 105), "palm": (-30, 60)},
)
"""Arms in front, crossed, hanging, on the hips."""


def squatting(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Squat down to some depth and come up again, feet in place."""
    stand = standing(body, rng)
    reps = Repetitions(rng, rng.uniform(1.3, 4.5), (0.0, rng.uniform(0.05, 1.5)))
    down, up = rng.uniform(0.35, 0.5), rng.uniform(0.35, 0.5)
    # Half to full squats (Escamilla, Med. Sci. Sports Exerc. 33, 2001).
    knee = draw_angle(rng, 60.0, 130.0)
    thigh = knee - draw_angle(rng, 15.0, 35.0)
    lean, out = draw_angle(rng, 15.0, 50.0), draw_angle(rng, 0.0, 20.0)
    arms = draw_angles(rng, _FREE_ARMS[rng.integers(4)])
    always, out_of_plane = rng.random() < 0.4, OutOfPlane(rng, (0.5, 4.0))

    def depth(t: Array) -> Array:
        rep = reps(t)
        return rep.size * rise_and_fall(rep.u, (0.0, down), (1.0 - up, up))

    def movement(t: Array) -> dict[str, Array]:
        pose, low = stand(t), depth(t)
        pose["tilt"] = pose["tilt"] + 0.5 * lean * low
        pose["lean"] = pose["lean"] + 0.5 * lean * low
        for side in SIDES:
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + thigh * low + 0.5 * lean * low
            pose[f"knee_{side}"] = pose[f"knee_{side}"] + knee * low
            pose[f"hip_out_{side}"] = pose[f"hip_out_{side}"] + out * low
            move_toward(pose, arms, 1.0 if always else np.minimum(low, 1.0), side)
        pose["root_z"] = hip_over_foot(body, thigh * low, knee * low)[1]
        pose["push_x"] = second_derivative(
            lambda s: hip_over_foot(body, thigh * depth(s), knee * depth(s))[0], t
        )
        return out_of_plane(t, pose)

    return movement


def lunging(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Take a long step forward, down on the rear knee, and back; legs in turn or one alone."""
    stand = standing(body, rng)
    reps = Repetitions(rng, rng.uniform(1.6, 3.8), (0.0, rng.uniform(0.1, 1.5)))
    alternate, first = rng.random() < 0.65, int(rng.integers(2))
    thigh, rear = draw_angle(rng, 55.0, 95.0), draw_angle(rng, -25.0, 0.0)
    knee, rear_knee = thigh + draw_angle(rng, -10.0, 20.0), draw_angle(rng, 60.0, 105.0)
    lean, long = draw_angle(rng, -2.0, 25.0), rng.uniform(0.25, 0.5)
    strike, width = draw_log_uniform(rng, 5.0, 40.0), rng.uniform(0.03, 0.07)
    arms, part = draw_angles(rng, _FREE_ARMS[rng.integers(4)]), rng.uniform(0.3, 1.0)
    out_of_plane = OutOfPlane(rng, (0.5, 5.0))

    def depth(t: Array) -> Array:
        rep = reps(t)
        return rise_and_fall(rep.u, (0.05, 0.4), (0.55, 0.4))

    def movement(t: Array) -> dict[str, Array]:
        pose, low, rep = stand(t), depth(t), reps(t)
        step = rise_and_fall(rep.u, (0.0, 0.25), (0.25, 0.25))
        turn = (rep.index % 2 == first) if alternate else np.full(t.shape, bool(first))
        pose["lean"] = pose["lean"] + lean * low
        for side, ahead in zip(SIDES, (turn, ~turn), strict=True):
            pose[f"hip_{side}"] = (
                pose[f"hip_{side}"]
                + low * np.where(ahead, thigh, rear)
                + np.where(ahead, 0.4 * thigh, 0.0) * step
            )
            pose[f"knee_{side}"] = (
                pose[f"knee_{side}"]
                + low * np.where(ahead, knee, rear_knee)
                + np.where(ahead, 0.6 * thigh, 0) * step
            )
            landed = impact_pulse(rep.since - 0.25 * rep.duration, width) + 0.7 * impact_pulse(
                rep.since - 0.9 * rep.duration, width
            )
            pose[f"strike_{side}"] = np.where(ahead, strike * rep.size * landed, 0.0)
            move_toward(pose, arms, part * low, side)
        pose["root_z"] = hip_over_foot(body, thigh * low, knee * low)[1]
        pose["push_x"] = second_derivative(lambda s: long * depth(s), t)
        return out_of_plane(t, pose)

    return movement


def sitting_down_standing_up(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Rise from the chair and sit down on it, again and again, with rests."""
    stand, sit = standing(body, rng), sitting(body, rng)
    # Either way takes 1 to 3 s (Kralj, Jaeger and Munih, J. Biomechanics 23, 1990).
    down, stay, rise = rng.uniform(0.9, 2.6), rng.uniform(0.4, 4.0), rng.uniform(0.8, 2.4)
    duration = down + stay + rise
    reps = Repetitions(rng, duration, (0.3, rng.uniform(0.5, 5.0)), spread=0.08)
    lean, bump = draw_angle(rng, 20.0, 50.0), rng.uniform(0.0, 12.0)
    arms, part = draw_angles(rng, {"arm": (20, 70), "elbow": (10, 60)}), rng.uniform(0.0, 1.0)
    seat = {name: float(value[0]) for name, value in sit(np.zeros(1)).items()}
    thigh, knee = seat["hip_left"] - seat["tilt"], seat["knee_left"]

    def seated(t: Array) -> Array:
        return rise_and_fall(reps(t).u, (0.0, down / duration), (1.0 - rise / duration, rise / duration))

    def movement(t: Array) -> dict[str, Array]:
        share, rep = seated(t), reps(t)
        pose = interpolate(stand(t), sit(t), share)
        # The trunk comes forward most as the seat is left or met.
        bow = 4.0 * share * (1.0 - share) * rep.size
        pose["lean"] = pose["lean"] + lean * bow
        for side in SIDES:
            move_toward(pose, arms, part * bow, side)
        pose["root_z"] = hip_over_foot(body, thigh * share, knee * share)[1]
        pose["push_x"] = second_derivative(
            lambda s: hip_over_foot(body, thigh * seated(s), knee * seated(s))[0], t
        )
        pose["hit_z_pelvis"] = (
            bump * rep.size * impact_pulse(rep.since - 0.85 * down / duration * rep.duration, 0.08)
        )
        return pose

    return movement


def jumping(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Jump on the spot, both feet: a half sine of force on the ground, free fall in the air."""
    rate, duty, dip = rng.uniform(1.2, 2.6), rng.uniform(0.45, 0.9), rng.uniform(-0.25, 0.0)
    # Some hardly leave the ground.
    strength, out_of_plane = min(rng.uniform(0.45, 1.2), 1.0), OutOfPlane(rng, (1.0, 6.0))
    start, sway, unsteady = rng.random(), Drift(rng, 1.5, 0.03), Drift(rng, 1.0, np.deg2rad(2.0))
    heading = Drift(rng, rng.uniform(0.5, 2.0), draw_angle(rng, 3.0, 30.0))
    # Some put more weight on one leg and then on the other.
    limp = np.deg2rad(max(0.0, rng.uniform(-10.0, 15.0)))
    bend, lean, swing = (draw_angle(rng, *r) for r in ((15.0, 45.0), (2.0, 15.0), (1.0, 14.0)))
    rest, elbow, late = (
        draw_angle(rng, -5.0, 25.0),
        draw_angle(rng, 10.0, 95.0),
        rng.uniform(-0.2, 0.2),
    )
    strikes = {
        side: FootStrikes(rng, draw_log_uniform(rng, 10.0, 120.0), rng.uniform(5.0, 14.0), 0.05, 0.25)
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
        return out_of_plane(t, pose)

    return movement


def jumping_jacks(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Hop legs apart and arms up, then together and down."""
    rate, start, sway = rng.uniform(0.6, 1.4), rng.random(), Drift(rng, 1.5, 0.03)
    duty, dip, strength = rng.uniform(0.5, 0.9), rng.uniform(-0.25, 0.0), rng.uniform(0.6, 1.0)
    up, wide, bend = (draw_angle(rng, *r) for r in ((70.0, 165.0), (12.0, 28.0), (10.0, 30.0)))
    elbow, palm = draw_angle(rng, 3.0, 40.0), draw_angle(rng, -60.0, 60.0)
    late, drift = rng.uniform(-0.08, 0.08), Drift(rng, 1.0, np.deg2rad(2.0))
    peak = draw_log_uniform(rng, 10.0, 90.0)
    out_of_plane = OutOfPlane(rng, (1.0, 6.0))
    strikes = {side: FootStrikes(rng, peak, rng.uniform(5.0, 14.0), 0.05, 0.25) for side in SIDES}

    def movement(t: Array) -> dict[str, Array]:
        phase = start + rate * t + sway(t)
        hop = 2.0 * phase
        low = 0.5 + 0.5 * np.cos(2.0 * np.pi * (hop - 0.5 * duty))
        # Open in the middle of every other contact.
        open_ = 0.5 - 0.5 * np.cos(2.0 * np.pi * (phase - 0.25 * duty))
        raised = 0.5 - 0.5 * np.cos(2.0 * np.pi * (phase - 0.25 * duty + late))
        pose: dict[str, Array] = {"lean": np.deg2rad(3.0) + drift(t), "roll": 0.5 * drift(t + 31.0)}
        for side in SIDES:
            pose[f"hip_{side}"], pose[f"knee_{side}"] = bend * (0.2 + low), bend * (0.4 + 1.6 * low)
            pose[f"hip_out_{side}"] = wide * open_
            pose[f"arm_out_{side}"] = np.deg2rad(8.0) + up * raised + drift(t + 17.0)
            pose[f"elbow_{side}"], pose[f"palm_{side}"] = np.full(t.shape, elbow), np.full(t.shape, palm)
            pose[f"strike_{side}"] = strikes[side](hop, 2.0 * rate)
        pose["root_z"] = np.full(t.shape, body.thigh + body.shank)
        pose["push_z"] = STANDARD_GRAVITY * strength * (2.0 * ground_force(hop, duty, dip, 0.0) - 1.0)
        return out_of_plane(t, pose)

    return movement
