"""Near falls, which a sensor may take for falls: stumbling, dropping onto a chair, one jump.

The first comes about 3 s after the beginning, then one follows the other with pauses of seconds;
ranges are round numbers.
"""

import numpy as np

from edgehar.motion.activities.falls import IMPACT_S
from edgehar.motion.activities.gait import RUNNING, WALKING, on_foot
from edgehar.motion.activities.postures import sitting, standing
from edgehar.motion.draws import draw_angle, draw_angles, draw_log_uniform
from edgehar.motion.poses import interpolate, move_toward
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import FallProfile, Repetitions, bump, impact_pulse, minimum_jerk, rise_and_fall
from edgehar.types import STANDARD_GRAVITY


def stumbling(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Stumble: the foot is caught, the trunk goes forward, a quick long step saves it, and they walk on."""
    base = on_foot(RUNNING if rng.random() < 0.15 else WALKING, body, rng)
    duration = rng.uniform(0.8, 1.8)
    trips = Repetitions(rng, duration, (3.0, 12.0), spread=0.0, first=IMPACT_S - 0.4 * duration)
    lean, hip, knee = (draw_angle(rng, *r) for r in ((10.0, 45.0), (15.0, 45.0), (10.0, 50.0)))
    arms = [draw_angles(rng, {"arm": (30, 100), "arm_out": (10, 70), "elbow": (10, 80)}) for _ in SIDES]
    share, dip = rng.uniform(0.2, 1.0), rng.uniform(0.02, 0.15)
    caught, landed = (draw_log_uniform(rng, *r) for r in ((10.0, 60.0), (15.0, 60.0)))
    width, brake = rng.uniform(0.025, 0.06), rng.uniform(0.5, 4.0)
    foot = rng.integers(0, 2, 512)

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), trips(t)
        out = rep.size * rise_and_fall(rep.u, (0.05, 0.35), (0.45, 0.55))
        pose["lean"] = pose["lean"] + lean * out
        pose["root_z"] = pose.get("root_z", 0.0) - dip * out
        pose["push_x"] = pose["push_x"] - brake * (
            impact_pulse(rep.since, 0.3) - 0.5 * impact_pulse(rep.since - 0.4, 0.4)
        )
        for i, side in enumerate(SIDES):
            steps = foot[rep.index] == i
            move_toward(pose, arms[i], np.clip(share * out, 0.0, 1.0), side)
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + np.where(steps, hip * out, 0.0)
            pose[f"knee_{side}"] = pose[f"knee_{side}"] + np.where(steps, knee * out, 0.0)
            pose[f"hit_x_foot_{side}"] = np.where(steps, -caught * impact_pulse(rep.since, width), 0.0)
            step = landed * rep.size * impact_pulse(rep.since - 0.4 * duration, width)
            pose[f"strike_{side}"] = pose[f"strike_{side}"] + np.where(steps, step, 0.0)
        return pose

    return movement


def collapsing(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Drop onto a chair or a sofa, stay, and stand up again in time."""
    stand, sit = standing(body, rng), sitting(body, rng)
    height = body.thigh + 0.05 * body.shank
    ramp, width, rebound = rng.uniform(0.35, 0.8), rng.uniform(0.07, 0.25), rng.uniform(0.0, 0.25)
    seconds = FallProfile.fall_time(height, STANDARD_GRAVITY * rng.uniform(0.3, 0.8), ramp, width, rebound)
    hit = seconds + 0.5 * width + 0.3
    drop = FallProfile(hit, seconds, ramp, width, rebound)
    stay, rise = rng.uniform(3.0, 12.0), rng.uniform(0.9, 2.2)
    duration = hit + stay + rise
    drops = Repetitions(rng, duration, (1.5, 6.0), spread=0.0, first=IMPACT_S - hit)
    bow, back = draw_angle(rng, 5.0, 40.0), draw_angle(rng, 0.0, 15.0)
    arms, share = (
        draw_angles(rng, {"arm": (-20, 80), "arm_out": (5, 50), "elbow": (10, 80)}),
        rng.uniform(0.0, 1.0),
    )
    seat, hands = rng.uniform(2.0, 25.0), rng.uniform(0.0, 40.0)

    def movement(t: Array) -> dict[str, Array]:
        rep = drops(t)
        s = rep.elapsed
        up, low = minimum_jerk(s, duration - rise, rise), drop(s)
        # The first row of the rest after it is that before the next.
        low = low * (1.0 - up)
        pose = interpolate(stand(t), sit(t), np.clip(low, 0.0, 1.0))
        pose["root_z"] = body.thigh + body.shank - height * low
        leaning = bow * rise_and_fall(s, (0.0, hit), (hit - 0.1, 0.7)) - back * bump((s - hit + 0.1) / 0.9)
        pose["lean"] = pose["lean"] + leaning + bow * 4.0 * up * (1.0 - up)
        thrown = share * rise_and_fall(s, (0.2, hit - 0.2), (hit, 0.6))
        for side in SIDES:
            move_toward(pose, arms, thrown, side)
            pose[f"hit_z_forearm_{side}"] = hands * impact_pulse(s - hit - 0.05, 0.04)
        pose["hit_z_pelvis"] = seat * impact_pulse(s - hit + 0.5 * width, 0.05)
        return pose

    return movement


def reaching_jump(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Jump once, mostly with the arms up, and stand still again."""
    base = standing(body, rng)
    # Flights of 0.2 to 0.6 s: 5 to 40 cm.
    flight, push, land = rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.4), rng.uniform(0.12, 0.4)
    crouch, rest = rng.uniform(0.3, 0.8), rng.uniform(0.4, 0.9)
    hit = crouch + push + flight
    duration = hit + land + rest
    jumps = Repetitions(rng, duration, (2.5, 9.0), spread=0.0, first=IMPACT_S - hit)
    bend, lean = draw_angle(rng, 20.0, 70.0), draw_angle(rng, 5.0, 35.0)
    arms = draw_angles(rng, {"arm": (100, 178), "arm_out": (0, 30), "elbow": (0, 50), "palm": (-60, 60)})
    share = rng.uniform(0.5, 1.0) if rng.random() < 0.7 else rng.uniform(0.0, 0.3)
    both, first = rng.random() < 0.6, int(rng.integers(2))
    strike, width = draw_log_uniform(rng, 10.0, 80.0), rng.uniform(0.03, 0.06)
    speed = 0.5 * STANDARD_GRAVITY * flight

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), jumps(t)
        s = rep.elapsed
        low = rise_and_fall(s, (0.0, crouch), (crouch, push))
        low += 0.7 * rise_and_fall(s, (hit, land), (hit + land, rest))
        pose["lean"] = pose["lean"] + 0.5 * lean * low
        pose["tilt"] = pose["tilt"] + 0.5 * lean * low
        # The impulses of pushing off and of landing are those of the flight between them.
        pushes = _half_sine(s - crouch, push) * speed + _half_sine(s - hit, land) * speed
        air = np.where((s > crouch + push) & (s < hit), -STANDARD_GRAVITY, 0.0)
        pose["push_z"] = pushes + air
        for i, side in enumerate(SIDES):
            if both or i == first:
                move_toward(
                    pose,
                    arms,
                    share * rise_and_fall(s, (crouch - 0.2, push + 0.4), (hit - 0.1, 0.8)),
                    side,
                )
            pose[f"hip_{side}"] = pose[f"hip_{side}"] + (bend + 0.5 * lean) * low
            pose[f"knee_{side}"] = pose[f"knee_{side}"] + 1.8 * bend * low
            pose[f"strike_{side}"] = strike * rep.size * impact_pulse(s - hit, width)
        return pose

    return movement


def _half_sine(since: Array, seconds: float) -> Array:
    """Return a pulse of unit area."""
    u = np.clip(since / seconds, 0.0, 1.0)
    return np.asarray(0.5 * np.pi / seconds * np.sin(np.pi * u))
