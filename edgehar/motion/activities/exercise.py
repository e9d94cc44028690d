"""Exercises: rowing, squats, lunges, jumping jacks, sitting down and standing up.

Ranges without a source are common sense, widened where recordings of the people decided on (models/README.md)
lay outside: slow and short strokes, low jumps, turns out of the plane.
"""

import numpy as np

from edgehar.motion.activities.postures import aim, mixed, planted, sitting, standing, toward
from edgehar.motion.skeleton import SIDES, Array, Movement, Segments
from edgehar.motion.waveforms import (
    Beat,
    Drift,
    Repeats,
    Strikes,
    Untidy,
    accelerate,
    ground_force,
    knock,
    smooth,
)
from edgehar.types import STANDARD_GRAVITY

_FREE_ARMS = (
    {"arm": (70, 95), "arm_out": (0, 15), "elbow": (0, 25), "palm": (-90, 30)},
    {"arm": (15, 45), "arm_turn": (-70, -30), "elbow": (80, 125), "palm": (-60, 20)},
    {"arm": (-10, 15), "arm_out": (5, 20), "elbow": (5, 30), "palm": (-30, 60)},
    {"arm": (-20, 10), "arm_out": (25, 45), "elbow": (70, 105), "palm": (-30, 60)},
)
"""In front, crossed, hanging, on the hips."""


def rowing(body: Segments, rng: np.random.Generator) -> Movement:
    """On an ergometer: legs, trunk and arms drive one after the other and come back in reverse."""
    # Strokes per minute of easy rowing to a race (Kleshnev, Biomechanics of Rowing, 2016); beginners are slower.
    strokes = Repeats(rng, 60.0 / rng.uniform(14.0, 36.0), spread=0.04)
    drive = rng.uniform(0.36, 0.5)
    # Knee at the catch and at the finish; the seat is a little above the ankles.
    near, far = (_reach(body, np.deg2rad(rng.uniform(*span))) for span in ((80.0, 135.0), (3.0, 45.0)))
    below = rng.uniform(0.0, 0.15)
    catch, finish = np.deg2rad(rng.uniform(12.0, 32.0)), np.deg2rad(rng.uniform(-32.0, -10.0))
    long = aim(rng, {"arm": (72, 92), "arm_out": (0, 10), "elbow": (2, 20), "palm": (-100, -60)})
    pulled = aim(rng, {"arm": (-40, 5), "arm_out": (5, 30), "elbow": (85, 125), "palm": (-110, -40)})
    pull, away, whole = rng.uniform(0.3, 0.5), rng.uniform(0.4, 0.65), rng.uniform(0.4, 1.0)
    untidy = Untidy(rng, (1.0, 6.0))
    live = Drift(rng, 1.0, np.deg2rad(rng.uniform(0.4, 1.5)))
    chain, jerk = Drift(rng, 0.04, rng.uniform(0.05, 0.5)), rng.uniform(0.5, 5.0)

    def slide(beat: Beat) -> Array:
        out = smooth(beat.u, 0.0, 0.75 * drive) - smooth(
            beat.u, drive + 0.25 * (1.0 - drive), 0.75 * (1 - drive)
        )
        return near + (far - near) * out

    def movement(t: Array) -> dict[str, Array]:
        beat = strokes(t)
        u, back = beat.u, 1.0 - drive
        swing = smooth(u, 0.25 * drive, 0.65 * drive) - smooth(u, drive + 0.1 * back, 0.45 * back)
        arms = smooth(u, pull * drive, (1.05 - pull) * drive) - smooth(u, 1.05 * drive, away * back)
        lean = catch + (finish - catch) * swing * beat.size + live(t)
        thigh, knee = two_links(slide(beat), np.full(t.shape, below), body)
        pose: dict[str, Array] = {"tilt": 0.55 * lean, "lean": 0.45 * lean, "root_z": np.full(t.shape, 0.3)}
        for i, side in enumerate(SIDES):
            pose[f"hip_{side}"], pose[f"knee_{side}"] = thigh + pose["tilt"], knee
            toward(pose, long, 1.0, side)
            toward(pose, pulled, whole * arms, side)
            pose[f"arm_{side}"] = pose[f"arm_{side}"] + lean + 0.5 * live(t + 17.0 * (i + 1))
        # The feet stay: as the legs push, the seat goes backward.
        pose["push_x"] = chain(t) - accelerate(lambda s: slide(strokes(s)), t)
        pose["push_z"] = 0.5 * chain(t + 5.0) + jerk * knock(beat.since, 0.1)
        return untidy(t, pose)

    return movement


def _reach(body: Segments, knee: float) -> float:
    return float(np.sqrt(body.thigh**2 + body.shank**2 + 2.0 * body.thigh * body.shank * np.cos(knee)))


def two_links(x: Array, down: Array, body: Segments) -> tuple[Array, Array]:
    """Thigh angle against the vertical and knee flexion that put the ankle at (x, down) from the hip."""
    reach = np.hypot(x, down)
    cosine = (reach**2 - body.thigh**2 - body.shank**2) / (2.0 * body.thigh * body.shank)
    knee = np.arccos(np.clip(cosine, -0.999, 0.999))
    behind = np.arctan2(body.shank * np.sin(knee), body.thigh + body.shank * np.cos(knee))
    return np.asarray(np.arctan2(x, down) + behind), np.asarray(knee)


def squatting(body: Segments, rng: np.random.Generator) -> Movement:
    """Down to some depth and up again, feet in place."""
    stand = standing(body, rng)
    reps = Repeats(rng, rng.uniform(1.3, 4.5), (0.0, rng.uniform(0.05, 1.5)))
    down, up = rng.uniform(0.35, 0.5), rng.uniform(0.35, 0.5)
    # Half to full squats (Escamilla, Med. Sci. Sports Exerc. 33, 2001).
    knee = np.deg2rad(rng.uniform(60.0, 130.0))
    thigh = knee - np.deg2rad(rng.uniform(15.0, 35.0))
    lean, out = np.deg2rad(rng.uniform(15.0, 50.0)), np.deg2rad(rng.uniform(0.0, 20.0))
    arms = aim(rng, _FREE_ARMS[rng.integers(4)])
    always, untidy = rng.random() < 0.4, Untidy(rng, (0.5, 4.0))

    def depth(t: Array) -> Array:
        beat = reps(t)
        return beat.size * np.asarray(smooth(beat.u, 0.0, down) - smooth(beat.u, 1.0 - up, up))

    def movement(t: Array) -> dict[str, Array]:
        pose, low = stand(t), depth(t)
        pose["tilt"] = pose["tilt"] + 0.5 * lean * low
        pose["lean"] = pose["lean"] + 0.5 * lean * low
        for side in SIDES:
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + thigh * low + 0.5 * lean * low
            pose[f"knee_{side}"] = pose[f"knee_{side}"] + knee * low
            pose[f"hip_out_{side}"] = pose[f"hip_out_{side}"] + out * low
            toward(pose, arms, 1.0 if always else np.minimum(low, 1.0), side)
        pose["root_z"] = planted(body, thigh * low, knee * low)[1]
        pose["push_x"] = accelerate(lambda s: planted(body, thigh * depth(s), knee * depth(s))[0], t)
        return untidy(t, pose)

    return movement


def lunging(body: Segments, rng: np.random.Generator) -> Movement:
    """A long step forward, down on the rear knee, and back; legs in turn or one alone."""
    stand = standing(body, rng)
    reps = Repeats(rng, rng.uniform(1.6, 3.8), (0.0, rng.uniform(0.1, 1.5)))
    alternate, first = rng.random() < 0.65, int(rng.integers(2))
    thigh, rear = np.deg2rad(rng.uniform(55.0, 95.0)), np.deg2rad(rng.uniform(-25.0, 0.0))
    knee, rear_knee = thigh + np.deg2rad(rng.uniform(-10.0, 20.0)), np.deg2rad(rng.uniform(60.0, 105.0))
    lean, long = np.deg2rad(rng.uniform(-2.0, 25.0)), rng.uniform(0.25, 0.5)
    strike, width = float(np.exp(rng.uniform(*np.log((5.0, 40.0))))), rng.uniform(0.03, 0.07)
    arms, part = aim(rng, _FREE_ARMS[rng.integers(4)]), rng.uniform(0.3, 1.0)
    untidy = Untidy(rng, (0.5, 5.0))

    def depth(t: Array) -> Array:
        beat = reps(t)
        return np.asarray(smooth(beat.u, 0.05, 0.4) - smooth(beat.u, 0.55, 0.4))

    def movement(t: Array) -> dict[str, Array]:
        pose, low, beat = stand(t), depth(t), reps(t)
        step = smooth(beat.u, 0.0, 0.25) - smooth(beat.u, 0.25, 0.25)
        turn = (beat.count % 2 == first) if alternate else np.full(t.shape, bool(first))
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
            landed = knock(beat.since - 0.25 * beat.move, width) + 0.7 * knock(
                beat.since - 0.9 * beat.move, width
            )
            pose[f"strike_{side}"] = np.where(ahead, strike * beat.size * landed, 0.0)
            toward(pose, arms, part * low, side)
        pose["root_z"] = planted(body, thigh * low, knee * low)[1]
        pose["push_x"] = accelerate(lambda s: long * depth(s), t)
        return untidy(t, pose)

    return movement


def sitting_down_standing_up(body: Segments, rng: np.random.Generator) -> Movement:
    """From the chair and back onto it, again and again, with rests."""
    stand, sit = standing(body, rng), sitting(body, rng)
    # Either way takes 1 to 3 s (Kralj, Jaeger and Munih, J. Biomechanics 23, 1990).
    down, stay, rise = rng.uniform(0.9, 2.6), rng.uniform(0.4, 4.0), rng.uniform(0.8, 2.4)
    move = down + stay + rise
    reps = Repeats(rng, move, (0.3, rng.uniform(0.5, 5.0)), spread=0.08)
    lean, bump = np.deg2rad(rng.uniform(20.0, 50.0)), rng.uniform(0.0, 12.0)
    arms, part = aim(rng, {"arm": (20, 70), "elbow": (10, 60)}), rng.uniform(0.0, 1.0)
    seat = {name: float(value[0]) for name, value in sit(np.zeros(1)).items()}
    thigh, knee = seat["hip_left"] - seat["tilt"], seat["knee_left"]

    def seated(t: Array) -> Array:
        u = reps(t).u
        return np.asarray(smooth(u, 0.0, down / move) - smooth(u, 1.0 - rise / move, rise / move))

    def movement(t: Array) -> dict[str, Array]:
        share, beat = seated(t), reps(t)
        pose = mixed(stand(t), sit(t), share)
        # The trunk comes forward most as the seat is left or met.
        bow = 4.0 * share * (1.0 - share) * beat.size
        pose["lean"] = pose["lean"] + lean * bow
        for side in SIDES:
            toward(pose, arms, part * bow, side)
        pose["root_z"] = planted(body, thigh * share, knee * share)[1]
        pose["push_x"] = accelerate(lambda s: planted(body, thigh * seated(s), knee * seated(s))[0], t)
        pose["hit_z_pelvis"] = bump * beat.size * knock(beat.since - 0.85 * down / move * beat.move, 0.08)
        return pose

    return movement


def jumping_jacks(body: Segments, rng: np.random.Generator) -> Movement:
    """Legs apart and arms up with one hop, together and down with the next."""
    rate, start, sway = rng.uniform(0.6, 1.4), rng.random(), Drift(rng, 1.5, 0.03)
    duty, dip, strength = rng.uniform(0.5, 0.9), rng.uniform(-0.25, 0.0), rng.uniform(0.6, 1.0)
    up, wide, bend = (np.deg2rad(rng.uniform(*r)) for r in ((70.0, 165.0), (12.0, 28.0), (10.0, 30.0)))
    elbow, palm = np.deg2rad(rng.uniform(3.0, 40.0)), np.deg2rad(rng.uniform(-60.0, 60.0))
    late, live = rng.uniform(-0.08, 0.08), Drift(rng, 1.0, np.deg2rad(2.0))
    peak = float(np.exp(rng.uniform(*np.log((10.0, 90.0)))))
    untidy = Untidy(rng, (1.0, 6.0))
    strikes = {side: Strikes(rng, peak, rng.uniform(5.0, 14.0), 0.05, 0.25) for side in SIDES}

    def movement(t: Array) -> dict[str, Array]:
        phase = start + rate * t + sway(t)
        hop = 2.0 * phase
        low = 0.5 + 0.5 * np.cos(2.0 * np.pi * (hop - 0.5 * duty))
        # Open in the middle of every other contact.
        open_ = 0.5 - 0.5 * np.cos(2.0 * np.pi * (phase - 0.25 * duty))
        raised = 0.5 - 0.5 * np.cos(2.0 * np.pi * (phase - 0.25 * duty + late))
        pose: dict[str, Array] = {"lean": np.deg2rad(3.0) + live(t), "roll": 0.5 * live(t + 31.0)}
        for side in SIDES:
            pose[f"hip_{side}"], pose[f"knee_{side}"] = bend * (0.2 + low), bend * (0.4 + 1.6 * low)
            pose[f"hip_out_{side}"] = wide * open_
            pose[f"arm_out_{side}"] = np.deg2rad(8.0) + up * raised + live(t + 17.0)
            pose[f"elbow_{side}"], pose[f"palm_{side}"] = np.full(t.shape, elbow), np.full(t.shape, palm)
            pose[f"strike_{side}"] = strikes[side](hop, 2.0 * rate)
        pose["root_z"] = np.full(t.shape, body.thigh + body.shank)
        pose["push_z"] = STANDARD_GRAVITY * strength * (2.0 * ground_force(hop, duty, dip, 0.0) - 1.0)
        return untidy(t, pose)

    return movement
