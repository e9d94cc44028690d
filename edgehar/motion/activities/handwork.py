"""Hands at work and idle hands, of whom no model has a label: tools, packing, fidgets.

Angles in degrees, frequencies and accelerations are common sense and round numbers.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from edgehar.motion.activities.gestures import sitting_or_standing
from edgehar.motion.activities.postures import standing
from edgehar.motion.draws import Range, Ranges, draw_angle, draw_angles, draw_log_uniform
from edgehar.motion.poses import move_toward
from edgehar.motion.skeleton import SIDES, Array, Movement, SegmentLengths
from edgehar.motion.waveforms import (
    Drift,
    RandomTargets,
    Repetitions,
    impact_pulse,
    minimum_jerk,
    rise_and_fall,
)

_BENCH: Ranges = {"arm": (15, 60), "arm_out": (5, 35), "arm_turn": (-40, 10), "elbow": (45, 110), "palm": (-110, 0)}  # fmt: skip
_FACE: Ranges = {"arm": (10, 50), "arm_out": (15, 60), "arm_turn": (-40, 0), "elbow": (110, 140), "palm": (-60, 60)}  # fmt: skip


class _Stroke(Struct, frozen=True):
    """Stroke of some kind of work."""

    place: Ranges
    """Angles of the arm at work."""
    swing: Ranges
    """Amplitudes of the angles that swing."""
    hertz: Range
    impact: Range
    """Peak of impacts at the hand, m/s²."""
    seated: float
    """Share of people who do it seated."""


_STROKES: tuple[_Stroke, ...] = (
    # wiping, scrubbing, ironing
    _Stroke(_BENCH, {"arm": (5, 25), "elbow": (3, 25), "arm_turn": (0, 25)}, (0.6, 3.0), (0, 0), 0.2),
    # stirring, kneading
    _Stroke(_BENCH, {"arm": (2, 12), "arm_turn": (4, 20), "elbow": (2, 15)}, (0.8, 2.2), (0, 0), 0.1),
    # hammering, chopping
    _Stroke(_BENCH, {"elbow": (8, 40), "arm": (2, 20)}, (0.8, 3.5), (10, 120), 0.2),
    # sawing, filing, a bow on strings
    _Stroke(_BENCH, {"arm": (10, 30), "elbow": (10, 40)}, (0.6, 2.5), (0, 0), 0.2),
    # brushing teeth, shaving, combing
    _Stroke(_FACE, {"elbow": (1, 6), "palm": (2, 12), "arm_out": (1, 6)}, (1.5, 5.5), (0, 0), 0.1),
    # turning a screw, winding
    _Stroke(_BENCH, {"palm": (15, 60), "elbow": (0, 6)}, (0.5, 2.0), (0, 0), 0.4),
    # typing, playing keys
    _Stroke(_BENCH, {"palm": (0.3, 2), "elbow": (0.2, 1)}, (3.0, 8.0), (0, 3), 0.95),
    # writing, drawing
    _Stroke(_BENCH, {"palm": (0.5, 3), "arm_turn": (0.5, 2), "elbow": (0.3, 2)}, (2.0, 5.0), (0, 0), 0.9),
    # shaking a bottle, a cloth
    _Stroke(_BENCH, {"elbow": (5, 18), "arm": (3, 12)}, (2.0, 4.5), (0, 0), 0.1),
)  # fmt: skip


def arm_work(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Do one to three kinds of work in turn."""
    kinds = [
        packing(body, rng) if rng.random() < 0.4 else _stroking(body, rng) for _ in range(rng.integers(1, 4))
    ]
    return in_turn(kinds, rng, (4.0, 15.0))


def in_turn(movements: Sequence[Movement], rng: np.random.Generator, lasts: Range) -> Movement:
    """Do one movement after the other, round and round, each for a range of seconds."""
    if len(movements) == 1:
        return movements[0]
    change = Repetitions(rng, rng.uniform(0.6, 1.5), lasts)

    def movement(t: Array) -> dict[str, Array]:
        rep = change(t)
        share, poses = minimum_jerk(rep.u, 0.0, 1.0), [each(t) for each in movements]
        total: dict[str, Array] = {}
        for i, pose in enumerate(poses):
            now, before = rep.index % len(poses) == i, (rep.index - 1) % 512 % len(poses) == i
            weight = np.where(now, share, 0.0) + np.where(before, 1.0 - share, 0.0)
            for name, value in pose.items():
                total[name] = total.get(name, 0.0) + weight * value
        return total

    return movement


def packing(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Take from here, put it there: both hands, the trunk, now and then a step and a turn."""
    base, half = standing(body, rng), rng.uniform(0.4, 1.0)
    moves = Repetitions(rng, rng.uniform(0.5, 1.5), (0.0, rng.uniform(0.1, 1.2)), spread=0.3)
    other = Repetitions(rng, rng.uniform(0.5, 1.5), (0.0, rng.uniform(0.1, 1.2)), spread=0.3)
    ranges = {"arm": (-5, 95), "arm_out": (0, 40), "arm_turn": (-50, 20), "elbow": (15, 115), "palm": (-110, 40)}  # fmt: skip
    targets = {
        f"{name}_{side}": RandomTargets(rng, *np.deg2rad(span))
        for name, span in ranges.items()
        for side in SIDES
    }
    trunk = {"lean": (0, 45), "twist": (-25, 25), "yaw": (-60, 60), "bend": (-8, 8)}
    bends = {name: RandomTargets(rng, *(half * np.deg2rad(span))) for name, span in trunk.items()}
    peak, step = rng.uniform(0.0, 15.0), draw_log_uniform(rng, 2.0, 15.0)
    together, shake = rng.random() < 0.5, Drift(rng, 0.12, draw_angle(rng, 0.3, 1.5))

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), moves(t)
        right = rep if together else other(t)
        for name, target in targets.items():
            pose[name] = target(right if name.endswith("right") else rep) + shake(t + len(name))
        for name, bend in bends.items():
            pose[name] = pose[name] + bend(rep)
        for side, hand_rep in zip(SIDES, (rep, right), strict=True):
            pose[f"hit_z_forearm_{side}"] = (
                peak * hand_rep.size * impact_pulse(hand_rep.since - 0.9 * hand_rep.duration, 0.04)
            )
            odd = hand_rep.index % 2 == (side == "left")
            pose[f"strike_{side}"] = np.where(
                odd, step * impact_pulse(rep.since - 0.7 * rep.duration, 0.06), 0.0
            )
        return pose

    return movement


def _stroking(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Repeat the same stroke, in bursts, at a place that changes."""
    stroke = _STROKES[rng.integers(len(_STROKES))]
    base = sitting_or_standing(body, rng, stroke.seated)
    rate = draw_log_uniform(rng, *stroke.hertz)
    sway, start = Drift(rng, 1.0, 0.12), rng.random()
    swing = draw_angles(rng, stroke.swing)
    late = {name: rng.uniform(0.0, 0.5) for name in swing}
    bursts = Repetitions(rng, rng.uniform(2.0, 8.0), (0.2, 3.0), spread=0.4)
    offsets = {name: RandomTargets(rng, *np.deg2rad((-8.0, 8.0))) for name in stroke.place}
    target, rest = draw_angles(rng, stroke.place), draw_angles(rng, _BENCH)
    worker, both = int(rng.integers(2)), rng.random() < 0.3
    peak, width = rng.uniform(*stroke.impact), rng.uniform(0.015, 0.05)
    lean = draw_angle(rng, 0.0, 20.0)

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), bursts(t)
        level, phase = rise_and_fall(rep.u, (0.0, 0.15), (1.0 - 0.15, 0.15)), start + rate * t + sway(t)
        pose["lean"] = pose["lean"] + lean
        for i, side in enumerate(SIDES):
            works = both or i == worker
            move_toward(pose, target if works else rest, 1.0, side)
            for name, offset in offsets.items():
                pose[f"{name}_{side}"] = pose[f"{name}_{side}"] + (1.0 if works else 0.2) * offset(rep)
            for name, size in swing.items() if works else ():
                wave = np.sin(2.0 * np.pi * (phase + late[name]))
                pose[f"{name}_{side}"] = pose[f"{name}_{side}"] + level * size * wave
            if works and peak:
                hit = impact_pulse((phase - np.floor(phase)) / rate, width)
                pose[f"hit_z_forearm_{side}"] = level * peak * hit
        return pose

    return movement


class _Fidget(Struct, frozen=True):
    """Little thing that idle hands do."""

    place: Ranges
    """Angles of the arm that it goes to."""
    swing: float
    """Largest amplitude of the elbow, degrees."""
    hertz: Range
    lean: Range
    """Lean of the trunk, degrees."""
    impact: float
    """Peak of an impact at the hand, m/s²."""


_FIDGETS: tuple[_Fidget, ...] = (
    # scratching the head, the neck; the other arm; a leg
    _Fidget({"arm": (30, 110), "arm_out": (10, 60), "elbow": (110, 145), "palm": (-60, 60)}, 6.0, (2.0, 5.0), (0, 10), 0.0),
    _Fidget({"arm": (20, 50), "arm_turn": (-70, -40), "elbow": (80, 120), "palm": (-60, 20)}, 5.0, (2.0, 5.0), (0, 5), 0.0),
    _Fidget({"arm": (0, 40), "arm_out": (0, 15), "elbow": (10, 60), "palm": (-60, 20)}, 5.0, (2.0, 5.0), (5, 40), 0.0),
    # the phone to the ear, a look at the watch, a drink
    _Fidget({"arm": (20, 60), "arm_out": (10, 40), "elbow": (120, 145), "palm": (-30, 60)}, 0.5, (0.3, 1.0), (0, 8), 0.0),
    _Fidget({"arm": (25, 60), "arm_turn": (-60, -20), "elbow": (80, 120), "palm": (-120, -60)}, 0.5, (0.3, 1.0), (0, 10), 0.0),
    _Fidget({"arm": (30, 80), "arm_out": (5, 40), "elbow": (110, 140), "palm": (-60, 30)}, 1.0, (0.3, 1.0), (-5, 5), 2.0),
    # tying a shoe, picking something up
    _Fidget({"arm": (50, 100), "arm_out": (0, 15), "elbow": (5, 50), "palm": (-60, 30)}, 6.0, (0.8, 2.5), (50, 90), 0.0),
    _Fidget({"arm": (40, 100), "arm_out": (0, 20), "elbow": (3, 30), "palm": (-90, 30)}, 0.5, (0.3, 1.0), (40, 90), 2.0),
    # a tap on the table, a snap or a slap, stretching
    _Fidget({"arm": (10, 50), "arm_out": (5, 25), "elbow": (50, 100), "palm": (-110, -30)}, 3.0, (1.0, 4.0), (0, 10), 30.0),
    _Fidget({"arm": (10, 60), "arm_out": (0, 30), "elbow": (40, 110), "palm": (-90, 60)}, 1.0, (0.5, 2.0), (0, 20), 50.0),
    _Fidget({"arm": (140, 180), "arm_out": (10, 50), "elbow": (5, 80), "palm": (-60, 60)}, 1.0, (0.3, 1.0), (-20, 0), 0.0),
)  # fmt: skip


def fidgeting(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Idle, sitting or standing, and do one little thing after another."""
    base, count = sitting_or_standing(body, rng, 0.6), int(rng.integers(3, 7))
    fidgets = [_draw_fidget(rng, _FIDGETS[kind]) for kind in rng.integers(0, len(_FIDGETS), count)]
    occasions = Repetitions(rng, rng.uniform(1.5, 5.0), (0.5, rng.uniform(2.0, 10.0)), spread=0.35)
    which, hand = rng.integers(0, count, 512), rng.integers(0, 2, 512)

    def movement(t: Array) -> dict[str, Array]:
        pose, rep = base(t), occasions(t)
        for i, (target, size, rate, lean, peak) in enumerate(fidgets):
            chosen = which[rep.index] == i
            ends = np.clip(0.7 / rep.duration, 0.15, 0.45)
            share = np.where(
                chosen, minimum_jerk(rep.u / ends, 0.0, 1.0) - minimum_jerk((1 - rep.u) / -ends, -1, 1), 0
            )
            pose["lean"] = pose["lean"] + lean * share
            for k, side in enumerate(SIDES):
                hand_share = np.where(hand[rep.index] == k, share, 0.0)
                move_toward(pose, target, hand_share, side)
                wave = hand_share**4 * np.sin(2.0 * np.pi * rate * rep.since)
                pose[f"elbow_{side}"] = pose[f"elbow_{side}"] + size * wave
                hit = peak * rep.size * impact_pulse(rep.since - 0.5 * rep.duration, 0.03)
                name = f"hit_z_forearm_{side}"
                pose[name] = pose.get(name, 0.0) + np.where(chosen & (hand[rep.index] == k), hit, 0.0)
        return pose

    return movement


def _draw_fidget(
    rng: np.random.Generator, fidget: _Fidget
) -> tuple[dict[str, float], float, float, float, float]:
    """Draw target, amplitude in rad, Hz, lean in rad and impact of one fidget."""
    return (
        draw_angles(rng, fidget.place),
        float(np.deg2rad(fidget.swing) * rng.uniform(0.3, 1.0)),
        rng.uniform(*fidget.hertz),
        draw_angle(rng, *fidget.lean),
        fidget.impact * rng.uniform(0.2, 1.5),
    )
