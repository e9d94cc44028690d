"""Gestures of the arms: waving, clapping, boxing, throwing, hitting a table.

Angles in degrees and accelerations are round numbers about what arms do.
"""

from collections.abc import Callable

import numpy as np

from edgehar.motion.activities.postures import sitting, standing
from edgehar.motion.draws import Ranges, draw_angle, draw_angles, draw_log_uniform
from edgehar.motion.poses import move_toward
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import Drift, Repetitions, impact_pulse, minimum_jerk, rise_and_fall

# Where the arm is held, and which angles swing how far.
_WAVES: tuple[tuple[Ranges, Ranges], ...] = (
    ({"arm": (10, 60), "arm_out": (5, 40), "arm_turn": (-20, 40), "elbow": (90, 135), "palm": (-130, -30)}, {"arm_turn": (8, 35), "elbow": (0, 12)}),
    ({"arm": (10, 60), "arm_out": (20, 80), "arm_turn": (0, 90), "elbow": (60, 120), "palm": (-130, 30)}, {"elbow": (8, 30), "arm_turn": (0, 20)}),
    ({"arm": (120, 175), "arm_out": (0, 30), "elbow": (5, 60), "palm": (-120, 0)}, {"arm_out": (8, 28), "elbow": (0, 20)}),
    ({"arm": (10, 50), "arm_out": (5, 30), "elbow": (100, 135), "palm": (-130, -40)}, {"palm": (5, 30), "elbow": (2, 10)}),
    ({"arm": (50, 100), "arm_out": (0, 40), "elbow": (10, 60), "palm": (-120, 0)}, {"arm_turn": (8, 30), "arm_out": (5, 25)}),
)  # fmt: skip


def sitting_or_standing(body: SegmentLengths, rng: np.random.Generator, seated: float) -> Movement:
    """Stand, or sit with this probability."""
    return sitting(body, rng) if rng.random() < seated else standing(body, rng)


def _activity_level(rng: np.random.Generator, always: float) -> Callable[[Array], Array]:
    """Return how much it is being done, 0 to 1: all the time with this probability, else on and off."""
    if rng.random() < always:
        return lambda t: np.ones(t.shape)
    length, ends = rng.uniform(2.0, 6.0), rng.uniform(0.4, 0.9)
    bursts = Repetitions(rng, length, (0.1, rng.uniform(0.3, 2.0)), spread=0.15)
    return lambda t: rise_and_fall(bursts(t).u, (0.0, ends / length), (1.0 - ends / length, ends / length))


def waving(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Wave one hand or both, from the forearm or with the whole arm, 1 to 3 Hz."""
    base = sitting_or_standing(body, rng, 0.25)
    both, first = rng.random() < 0.2, int(rng.integers(2))
    held, swings = _WAVES[rng.choice(5, p=(0.3, 0.25, 0.25, 0.1, 0.1))]
    rate, sway, start = rng.uniform(0.9, 3.0), Drift(rng, 1.5, 0.08), rng.random()
    level = _activity_level(rng, 0.4)
    # Fast waves are small.
    swing = {name: min(1.0, 1.6 / rate) * value for name, value in draw_angles(rng, swings).items()}
    late, second = rng.uniform(0.0, 0.3), rng.uniform(-0.15, 0.15)
    target = [draw_angles(rng, held) for _ in SIDES]
    drift, opposite = Drift(rng, 1.0, 0.12), 0.5 * rng.integers(2)

    def movement(t: Array) -> dict[str, Array]:
        pose, share = base(t), level(t)
        phase = start + rate * t + sway(t)
        for i, side in enumerate(SIDES):
            if both or i == first:
                move_toward(pose, target[i], share, side)
                for k, (name, size) in enumerate(swing.items()):
                    wave = 2.0 * np.pi * (phase + k * late + opposite * i)
                    moved = (1.0 + drift(t)) * (np.sin(wave) + second * np.sin(2.0 * wave))
                    pose[f"{name}_{side}"] = pose.get(f"{name}_{side}", 0.0) + share * size * moved
        return pose

    return movement


def clapping(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Clap 1 to 5 times a second, mostly fast and small."""
    base = sitting_or_standing(body, rng, 0.35)
    rate, sway, start = draw_log_uniform(rng, 1.0, 5.5), Drift(rng, 1.5, 0.06), rng.random()
    held: Ranges = {"arm": (10, 55), "arm_out": (0, 15), "arm_turn": (-45, -15), "elbow": (65, 120), "palm": (-40, 20)}  # fmt: skip
    target, level = draw_angles(rng, held), _activity_level(rng, 0.5)
    wide = draw_angle(rng, 12.0, 55.0) * min(1.0, 1.7 / rate)
    # With straight arms the shoulders open, else the forearms turn outward.
    out = rng.uniform(0.0, 0.8) if rate < 2.5 else rng.uniform(0.0, 0.3)
    lead = rng.uniform(0.4, 1.0)
    peak, width = draw_log_uniform(rng, 8.0, 90.0), rng.uniform(0.015, 0.04)
    sizes = np.exp(rng.normal(0.0, 0.2, 512))

    def movement(t: Array) -> dict[str, Array]:
        pose, share = base(t), level(t)
        phase = start + rate * t + sway(t)
        # The hands meet at full speed, and palms give way a little.
        apart = np.sqrt(np.sin(np.pi * phase) ** 2 + 0.04) - 0.2
        count = np.floor(phase)
        # A clap begins an impact, and fades with the share of clapping.
        hit = peak * sizes[count.astype(np.int64) % 512] * share * impact_pulse((phase - count) / rate, width)
        for side, sign, part in zip(SIDES, (1.0, -1.0), (1.0, lead), strict=True):
            move_toward(pose, target, share, side)
            opened = share * part * wide * apart
            pose[f"arm_turn_{side}"] = pose[f"arm_turn_{side}"] + (1.0 - out) * opened
            pose[f"arm_out_{side}"] = pose[f"arm_out_{side}"] + out * opened
            pose[f"hit_y_forearm_{side}"] = sign * hit
        return pose

    return movement


_GUARD: Ranges = {"arm": (15, 50), "arm_out": (5, 30), "arm_turn": (-30, 10), "elbow": (95, 135), "palm": (-30, 40)}  # fmt: skip
_PUNCHES: tuple[Ranges, ...] = (
    {"arm": (70, 100), "arm_out": (0, 15), "arm_turn": (-10, 10), "elbow": (3, 30), "palm": (-100, -30)},
    {"arm": (30, 70), "arm_out": (55, 90), "arm_turn": (-60, 0), "elbow": (70, 100), "palm": (-60, 10)},
    {"arm": (50, 90), "arm_out": (0, 20), "arm_turn": (-20, 10), "elbow": (70, 110), "palm": (40, 100)},
)
"""Straight, hook, uppercut."""


def punching(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Box: from the guard and back, into the air or into something, hands in turn or one alone."""
    base = standing(body, rng)
    rate = draw_log_uniform(rng, 0.5, 3.0)
    duration = min(0.95 / rate, rng.uniform(0.35, 0.8))
    punches = Repetitions(rng, duration, (0.0, 2.0 * max(0.0, 1.0 / rate - duration)), spread=0.08)
    guard, kind = draw_angles(rng, _GUARD), rng.choice(3, p=(0.75, 0.15, 0.1))
    out = draw_angles(rng, _PUNCHES[kind])
    hands = [np.arange(512) % 2, np.full(512, rng.integers(2)), rng.integers(0, 2, 512)][rng.integers(3)]
    twist, lean, reach = (
        draw_angle(rng, 5.0, 35.0),
        draw_angle(rng, 0.0, 15.0),
        rng.uniform(0.3, 0.45),
    )
    peak = draw_log_uniform(rng, 20.0, 120.0) if rng.random() < 0.4 else 0.0
    bounce, tempo = rng.uniform(0.0, 4.0) if rng.random() < 0.4 else 0.0, rng.uniform(1.2, 2.6)

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), punches(t)
        thrust = rep.size * rise_and_fall(rep.u, (0.0, reach), (reach, 0.9 - reach))
        for i, (side, sign) in enumerate(zip(SIDES, (-1.0, 1.0), strict=True)):
            extension = np.where(hands[rep.index] == i, thrust, 0.0)
            move_toward(pose, guard, 1.0, side)
            move_toward(pose, out, extension, side)
            pose["twist"] = pose["twist"] + sign * twist * extension
            hit = -peak * impact_pulse(rep.since - 0.85 * reach * rep.duration, 0.03)
            pose[f"hit_x_forearm_{side}"] = np.where(hands[rep.index] == i, hit, 0.0)
        pose["lean"] = pose["lean"] + lean * thrust
        pose["push_z"] = bounce * np.sin(2.0 * np.pi * tempo * t)
        return pose

    return movement


# Wind-up, release, follow-through: overhand, underhand, from the chest.
_THROWS: tuple[tuple[Ranges, Ranges, Ranges], ...] = (
    ({"arm": (-25, 20), "arm_out": (70, 105), "arm_turn": (50, 100), "elbow": (80, 120), "palm": (-30, 40)},
     {"arm": (50, 110), "arm_out": (30, 70), "arm_turn": (0, 50), "elbow": (15, 60), "palm": (-90, 0)},
     {"arm": (20, 60), "arm_out": (-10, 20), "arm_turn": (-40, 0), "elbow": (10, 50), "palm": (-110, -20)}),
    ({"arm": (-60, -25), "arm_out": (0, 20), "elbow": (3, 25), "palm": (0, 80)},
     {"arm": (30, 75), "arm_out": (0, 15), "elbow": (3, 25), "palm": (0, 80)},
     {"arm": (70, 130), "arm_out": (0, 20), "elbow": (5, 50), "palm": (0, 80)}),
    ({"arm": (20, 60), "arm_out": (5, 30), "elbow": (95, 130), "palm": (-40, 60)},
     {"arm": (70, 130), "arm_out": (0, 25), "elbow": (20, 50), "palm": (-60, 40)},
     {"arm": (80, 140), "arm_out": (0, 20), "elbow": (2, 25), "palm": (-90, 20)}),
)  # fmt: skip


def throwing(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Throw overhand, underhand or from the chest; then the next one is picked up, or not."""
    base, kind = standing(body, rng), rng.choice(3, p=(0.6, 0.25, 0.15))
    duration = rng.uniform(1.2, 2.4)
    throws = Repetitions(rng, duration, (0.2, rng.uniform(0.5, 5.0)))
    wind, free, after = (draw_angles(rng, ranges) for ranges in _THROWS[kind])
    # The arm's own part of a throw lasts 0.3 to 0.6 s.
    back, quick = rng.uniform(0.3, 0.45), rng.uniform(0.16, 0.3) / duration
    both = kind == 2 or rng.random() < 0.1
    first = int(rng.integers(2))
    twist, lean = draw_angle(rng, 5.0, 40.0), draw_angle(rng, 0.0, 25.0)

    def movement(t: Array) -> dict[str, Array]:
        pose, u = base(t), throws(t).u
        home = minimum_jerk(u, back + 2.0 * quick, 1.0 - back - 2.0 * quick)
        swing = minimum_jerk(u, back, 2.0 * quick)
        for i, side in enumerate(SIDES):
            if both or i == first:
                rest = {name: pose.get(f"{name}_{side}", np.zeros(t.shape)) for name in wind}
                move_toward(pose, wind, minimum_jerk(u, 0.0, back), side)
                move_toward(pose, free, minimum_jerk(u, back, 1.3 * quick), side)
                move_toward(pose, after, minimum_jerk(u, back + 0.8 * quick, 1.5 * quick), side)
                move_toward(pose, rest, home, side)
        side_of = 1.0 if first == 1 else -1.0
        turned = 2.0 * swing - minimum_jerk(u, 0.0, back) - home
        pose["twist"] = pose["twist"] + (0.0 if both else side_of) * twist * turned
        pose["lean"] = pose["lean"] + lean * (swing - home)
        return pose

    return movement


def hitting(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Bring a hand down hard on a table, and rest it there; long pauses."""
    base = sitting_or_standing(body, rng, 0.6)
    raise_s, slam, rest, home = (rng.uniform(*r) for r in ((0.25, 0.7), (0.09, 0.25), (0.1, 2.0), (0.4, 1.0)))
    duration = raise_s + slam + rest + home
    hits = Repetitions(rng, duration, (2.0, 8.0), spread=0.0, first=3.0 - raise_s - slam)
    up = draw_angles(rng, {"arm": (30, 100), "arm_out": (5, 40), "elbow": (70, 130), "palm": (-60, 20)})
    down = draw_angles(rng, {"arm": (15, 50), "arm_out": (0, 25), "elbow": (50, 95), "palm": (-100, 20)})
    peak, width = draw_log_uniform(rng, 25.0, 150.0), rng.uniform(0.015, 0.045)
    both, first = rng.random() < 0.2, int(rng.integers(2))

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), hits(t)
        since = rep.elapsed
        landed = minimum_jerk(since, raise_s, slam)
        for i, side in enumerate(SIDES):
            if both or i == first:
                away = rise_and_fall(since, (0.0, raise_s), (duration - home, home))
                goal = {name: value + landed * (down[name] - value) for name, value in up.items()}
                move_toward(pose, goal, away, side)
                # The table stops the hand a little before it would have stopped by itself.
                struck = impact_pulse(rep.since - raise_s - 0.8 * slam, width)
                pose[f"hit_z_forearm_{side}"] = peak * rep.size * struck
        return pose

    return movement
