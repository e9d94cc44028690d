"""Movements of the whole body at home and at work: reach up, bend down, lie down, exercise on the floor.

Ranges without a source are common sense.
"""

import numpy as np

from edgehar.motion.activities.exercise import squatting
from edgehar.motion.activities.gestures import punching, sitting_or_standing
from edgehar.motion.activities.legs import hip_over_foot
from edgehar.motion.activities.postures import lying_on, sitting, standing
from edgehar.motion.draws import Ranges, draw_angle, draw_angles
from edgehar.motion.poses import interpolate, move_toward
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import Drift, OccasionalShifts, Repetitions, minimum_jerk, rise_and_fall

_RAISED: tuple[Ranges, ...] = (
    {"arm": (140, 182), "arm_out": (0, 30), "elbow": (0, 45), "palm": (-90, 90)},
    {"arm": (-5, 25), "arm_out": (130, 178), "elbow": (0, 40), "palm": (-90, 90)},
    {"arm": (100, 150), "arm_out": (0, 50), "elbow": (0, 80), "palm": (-90, 90)},
    {"arm": (0, 20), "arm_out": (85, 130), "arm_turn": (40, 100), "elbow": (20, 100), "palm": (-60, 60)},
)
"""Forward and up, sideways and up, half up, hands up beside the head."""


def arms_raised(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Raise both arms, or one, and hold them up; some lower them for a moment now and then."""
    base = sitting_or_standing(body, rng, 0.2)
    both, first = rng.random() < 0.75, int(rng.integers(2))
    ranges = _RAISED[rng.choice(4, p=(0.4, 0.3, 0.15, 0.15))]
    targets = (
        [draw_angles(rng, ranges)] * 2 if rng.random() < 0.5 else [draw_angles(rng, ranges) for _ in SIDES]
    )
    steady = rng.random() < 0.5
    lift, lower = rng.uniform(0.4, 1.5), rng.uniform(0.4, 1.5)
    hold = rng.uniform(0.5, 5.0)
    duration = lift + hold + lower
    reps = Repetitions(rng, duration, (0.0, 0.6))
    drift = Drift(rng, rng.uniform(0.5, 1.5), np.deg2rad(rng.uniform(0.5, 6.0)))

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), reps(t)
        up = rise_and_fall(rep.u, (0.0, lift / duration), ((lift + hold) / duration, lower / duration))
        share = np.ones(t.shape) if steady else up
        for i, side in enumerate(SIDES):
            if both or i == first:
                move_toward(pose, targets[i], share, side)
                pose[f"arm_{side}"] = pose[f"arm_{side}"] + share * drift(t + 20.0 * i)
        return pose

    return movement


def bending(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Bend down from the hips and stay there, working low, or come up and bend again."""
    stand = standing(body, rng)
    down, up, hold = rng.uniform(0.6, 1.6), rng.uniform(0.6, 1.6), rng.uniform(0.3, 5.0)
    duration = down + hold + up
    reps = Repetitions(rng, duration, (0.0, rng.uniform(0.0, 0.5)))
    deep, share = draw_angle(rng, 55.0, 115.0), rng.uniform(0.35, 0.75)
    knee = draw_angle(rng, 0.0, 60.0) if rng.random() < 0.6 else draw_angle(rng, 0.0, 20.0)
    thigh = 0.5 * knee + draw_angle(rng, -8.0, 5.0)
    reach = draw_angles(rng, {"arm": (50, 120), "arm_out": (0, 25), "elbow": (0, 50), "palm": (-60, 60)})
    both, first = rng.random() < 0.6, int(rng.integers(2))
    work = [Drift(rng, rng.uniform(0.3, 1.0), np.deg2rad(rng.uniform(2.0, 15.0))) for _ in SIDES]
    twist, nod = draw_angle(rng, -25.0, 25.0), draw_angle(rng, -30.0, 25.0)

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = stand(t), reps(t)
        low = rise_and_fall(rep.u, (0.0, down / duration), ((down + hold) / duration, up / duration))
        pose["tilt"] = pose["tilt"] + share * deep * low
        pose["lean"] = pose["lean"] + (1.0 - share) * deep * low
        pose["twist"] = pose["twist"] + twist * low
        pose["nod"] = nod * low
        for i, side in enumerate(SIDES):
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + (share * deep + thigh) * low
            pose[f"knee_{side}"] = pose[f"knee_{side}"] + knee * low
            if both or i == first:
                move_toward(pose, reach, np.minimum(low, 1.0), side)
                pose[f"arm_{side}"] = pose[f"arm_{side}"] + low * work[i](t)
        ahead, high = hip_over_foot(body, thigh * low, knee * low)
        pose["root_z"], pose["path_x"] = high, ahead - 0.12 * low
        return pose

    return movement


def lying_down(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Sit down from standing and lie down in time, stay, and get up the same way: nobody falls."""
    stand, sit, lie = standing(body, rng), sitting(body, rng), lying_on(0, rng)
    high = rng.uniform(0.0, 0.55)
    first, second, stay = rng.uniform(1.2, 2.5), rng.uniform(1.5, 3.5), rng.uniform(2.0, 6.0)
    pause = rng.uniform(0.0, 2.0)
    duration = 2.0 * (first + second + pause) + stay
    reps = Repetitions(rng, duration, (1.0, 4.0), first=rng.uniform(0.5, 3.0))
    seat = min(high + 0.1, 0.95 * body.shank)

    def movement(t: Array) -> dict[str, Array]:
        since = reps(t).elapsed
        seated = rise_and_fall(since, (0.0, first), (duration - first, first))
        flat = rise_and_fall(since, (first + pause, second), (duration - first - pause - second, second))
        pose = interpolate(interpolate(stand(t), sit(t), seated), lie(t), flat)
        upright = body.thigh + body.shank
        pose["root_z"] = upright + seated * (seat - upright) + flat * (high + 0.1 - seat)
        return pose

    return movement


def sitting_on_floor(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Sit on the floor: cross-legged, knees up or legs straight."""
    seated = sitting(body, rng)
    kind = rng.integers(3)
    hip, knee, out = (
        ((75, 95), (115, 140), (25, 50)),
        ((90, 115), (90, 125), (0, 15)),
        ((70, 95), (0, 25), (0, 15)),
    )
    angles = [draw_angle(rng, *span) for span in (hip, knee, out)[kind]]
    tilt = draw_angle(rng, -25.0, 10.0)
    turn = draw_angle(rng, 20.0, 50.0) if kind == 0 else 0.0

    def movement(t: Array) -> dict[str, Array]:
        pose = seated(t)
        pose["tilt"] = np.full(t.shape, tilt)
        for side in SIDES:
            for name, angle in zip(("hip", "knee", "hip_out"), angles, strict=True):
                pose[f"{name}_{side}"] = pose[f"{name}_{side}"] * 0.0 + angle
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + tilt
            pose[f"hip_turn_{side}"] = np.full(t.shape, turn)
        pose["root_z"] = np.full(t.shape, 0.1)
        return pose

    return movement


def standing_about(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Stand as one does in company: shift the weight, turn, take half a step, talk with the hands."""
    base = standing(body, rng)
    every = rng.uniform(2.0, 8.0)
    names = {"yaw": 25.0, "twist": 10.0, "bend": 5.0, "roll": 2.5, "head_turn": 30.0, "nod": 12.0}
    shifts = {
        name: OccasionalShifts(rng, every, (0.8, every), float(np.deg2rad(size)))
        for name, size in names.items()
    }
    talk, lively = rng.uniform(0.3, 1.0) * (rng.random() < 0.7), rng.uniform(0.1, 1.8)
    held = draw_angles(rng, {"arm": (0, 35), "elbow": (40, 115), "arm_turn": (-45, 5)})
    sizes = {"arm": 10.0, "elbow": 18.0, "arm_turn": 12.0}
    hands = {
        f"{name}_{side}": (Drift(rng, rng.uniform(0.4, 1.0), np.deg2rad(lively * size)), held[name])
        for side in SIDES
        for name, size in sizes.items()
    }
    step = OccasionalShifts(rng, every, (1.0, every), 0.08)

    def movement(t: Array) -> dict[str, Array]:
        pose = base(t)
        for name, shift in shifts.items():
            pose[name] = pose.get(name, 0.0) + shift(t)
        for name, (drift, offset) in hands.items():
            pose[name] = pose.get(name, 0.0) * (1.0 - talk) + talk * (drift(t) + offset)
        pose["path_y"] = step(t)
        pose["hip_out_left"] = pose["hip_out_left"] + step(t)
        pose["hip_out_right"] = pose["hip_out_right"] - step(t)
        return pose

    return movement


_LOADED: tuple[Ranges, ...] = (
    {"arm": (150, 180), "arm_out": (0, 35), "elbow": (0, 30), "palm": (-90, 90)},
    {"arm": (-20, 30), "arm_out": (25, 70), "elbow": (110, 140), "palm": (-60, 60)},
)
"""Arms overhead, hands at the shoulders."""


def loaded_squatting(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Squat with a bar on the shoulders or overhead, or as if."""
    squat, arms = squatting(body, rng), draw_angles(rng, _LOADED[rng.integers(2)])

    def movement(t: Array) -> dict[str, Array]:
        pose = squat(t)
        for side in SIDES:
            move_toward(pose, arms, 0.95, side)
        return pose

    return movement


def boxing(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Box with footwork: steps, turns and sways between the punches."""
    box, about = punching(body, rng), rng.uniform(0.05, 0.3)
    path = {axis: Drift(rng, rng.uniform(0.4, 1.5), about) for axis in "xy"}
    turns = {
        name: Drift(rng, rng.uniform(0.4, 1.2), np.deg2rad(rng.uniform(1.0, size)))
        for name, size in (("yaw", 30.0), ("lean", 12.0), ("bend", 10.0), ("tilt", 6.0))
    }
    knees, step = Drift(rng, 0.5, np.deg2rad(rng.uniform(3.0, 15.0))), Drift(rng, 0.6, np.deg2rad(8.0))

    def movement(t: Array) -> dict[str, Array]:
        pose = box(t)
        for name, turn in turns.items():
            pose[name] = pose.get(name, 0.0) + turn(t)
        pose |= {f"path_{axis}": drift(t) for axis, drift in path.items()}
        for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
            bent = np.abs(knees(t + 9.0 * sign)) + 0.15
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + 0.5 * bent + sign * (0.15 + step(t))
            pose[f"knee_{side}"] = pose[f"knee_{side}"] + bent
        return pose

    return movement


def moving_freely(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Move all limbs at once, as in a dance, with no pattern that has a name."""
    stand, pace = standing(body, rng), rng.uniform(0.25, 0.9)
    wild, legs = rng.uniform(0.5, 1.3), rng.uniform(0.0, 1.0)
    sizes = {"yaw": 50.0, "lean": 12.0, "bend": 12.0, "twist": 20.0, "tilt": 8.0, "head_turn": 15.0}
    for side in SIDES:
        sizes |= {
            f"arm_{side}": 45.0,
            f"arm_out_{side}": 35.0,
            f"elbow_{side}": 40.0,
            f"arm_turn_{side}": 30.0,
        }
        sizes |= {f"hip_{side}": 22.0 * legs, f"hip_out_{side}": 14.0 * legs, f"knee_{side}": 30.0 * legs}
    moves = {
        name: Drift(rng, pace * rng.uniform(0.7, 1.5), np.deg2rad(wild * size))
        for name, size in sizes.items()
    }
    path = {axis: Drift(rng, 1.0, rng.uniform(0.0, 0.4)) for axis in "xy"}

    def movement(t: Array) -> dict[str, Array]:
        pose = stand(t)
        for name, move in moves.items():
            moved = move(t)
            one_way = name.startswith(("elbow", "knee", "arm_out"))
            pose[name] = pose.get(name, 0.0) + (np.abs(moved) if one_way else moved)
        return pose | {f"path_{axis}": drift(t) for axis, drift in path.items()}

    return movement


def push_ups(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Lower and raise a straight body over the floor by the arms, on toes or knees."""
    reps = Repetitions(rng, rng.uniform(1.0, 3.0), (0.0, 0.8))
    arm = body.upper_arm + body.forearm
    bent, flare = draw_angle(rng, 60.0, 110.0), draw_angle(rng, 5.0, 60.0)
    on_knees = rng.random() < 0.3
    legs = body.thigh + (0.0 if on_knees else body.shank)
    hip, nod, wobble = (
        draw_angle(rng, -8.0, 20.0),
        draw_angle(rng, -40.0, 10.0),
        Drift(rng, 1.0, np.deg2rad(1.5)),
    )

    def movement(t: Array) -> dict[str, Array]:
        low = rise_and_fall(reps(t).u, (0.0, 0.45), (0.55, 0.45))
        shoulder = 0.05 + arm * np.cos(0.5 * bent * low) * (1.0 - 0.25 * low)
        slope = np.arcsin(np.clip((shoulder - 0.1) / (legs + body.trunk), -0.9, 0.9))
        pose = {"tilt": 0.5 * np.pi - slope + wobble(t), "nod": np.full(t.shape, nod)}
        pose["root_z"] = 0.1 + legs * np.sin(slope)
        for side in SIDES:
            pose[f"arm_{side}"] = 0.5 * np.pi - slope - 0.5 * bent * low
            pose[f"arm_out_{side}"] = flare * low + 0.1
            pose[f"elbow_{side}"] = bent * low
            pose[f"hip_{side}"] = np.full(t.shape, hip)
            pose[f"knee_{side}"] = np.full(t.shape, 0.4 * np.pi if on_knees else 0.0)
        return pose

    return movement


def sit_ups(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Raise the trunk from lying on the back with bent knees, and lower it."""
    reps = Repetitions(rng, rng.uniform(1.2, 3.5), (0.0, 1.0))
    high, knee = draw_angle(rng, 35.0, 95.0), draw_angle(rng, 60.0, 115.0)
    curl = rng.uniform(0.2, 0.8)
    arms = draw_angles(rng, {"arm": (0, 150), "arm_out": (0, 40), "elbow": (20, 130)})
    del body

    def movement(t: Array) -> dict[str, Array]:
        up = minimum_jerk(np.abs((reps(t).u * 2.0) - 1.0), 0.0, 1.0)
        raised = high * (1.0 - up)
        pose = {"tilt": -0.5 * np.pi + (1.0 - curl) * raised, "lean": curl * raised}
        pose["root_z"] = np.full(t.shape, 0.1)
        for side in SIDES:
            pose[f"hip_{side}"] = 0.5 * knee + (1.0 - curl) * raised
            pose[f"knee_{side}"] = np.full(t.shape, knee)
            for name, angle in arms.items():
                pose[f"{name}_{side}"] = np.full(t.shape, angle)
        return pose

    return movement
