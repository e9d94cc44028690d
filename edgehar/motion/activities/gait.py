"""Gait: walking on the level and on slopes, running, stairs, each person with a way of their own.

Curves are angles of the thigh against the vertical, of the knee and of the ankle, degrees at percent of the
stride from foot strike, rounded after the ones in: walking, Winter, "Biomechanics and Motor Control of Human Gait"
(1991), and Perry and Burnfield, "Gait Analysis" (2010); running, Novacheck, Gait & Posture 7 (1998);
stairs, Riener, Rabuffetti and Frigo, Gait & Posture 15 (2002), and Protopapadaki et al., Clinical
Biomechanics 22 (2007); slopes of 15 degrees, Lay, Hass and Gregor, J. Biomechanics 39 (2006). These give the hip's flexion against the pelvis; on stairs the pelvis tilts forward, by
about 14 degrees going up and 8 going down, uphill 6 (round numbers), which the thigh's angle against the
vertical lacks.
"""

from collections.abc import Callable

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from edgehar.motion.draws import Range, draw_angle, draw_log_uniform
from edgehar.motion.skeleton import SIDES, Array, Movement, Pose, SegmentLengths
from edgehar.motion.waveforms import Cycle, Drift, FootStrikes, Harmonics, ground_force
from edgehar.types import STANDARD_GRAVITY


class Stride(Struct, frozen=True):
    """Gait of one kind; ranges are wide ones around healthy adults at their own pace.

    Where recordings of the people decided on (models/README.md) lay outside, they were widened to hold them.
    """

    thigh: tuple[tuple[float, float], ...]
    knee: tuple[tuple[float, float], ...]
    ankle: tuple[tuple[float, float], ...]
    """Toes up is positive."""
    cadence: Range
    """Strides per s (two steps each)."""
    size: Range
    """Factor on the range of the leg's angles."""
    duty: Range
    """Share of the stride that a foot is on the ground."""
    dip: Range
    """Depth of the valley between landing and push-off, `ground_force`."""
    early: Range
    """Load moved from push-off to landing, `ground_force`."""
    brake: Range
    """Fore-aft force, body weights."""
    strike: Range
    """First peak of an impact at the shank, m/s²."""
    load: Range
    """Peak of the slower pulse that the whole body feels as it lands on the leg, m/s²."""
    lean: Range
    """Forward lean of the trunk, degrees."""
    swing: Range
    """Amplitude of the upper arm's swing, degrees."""
    elbow: Range
    """Mean flexion, degrees."""
    rise: float = 0.0
    """Height that a stride gains, m: two steps of common stairs."""


WALKING = Stride(
    thigh=((0, 21), (10, 17), (20, 8), (30, -3), (40, -13), (50, -20), (55, -19), (60, -13), (70, 6), (80, 20), (87, 25), (95, 23)),
    knee=((0, 5), (7, 12), (15, 18), (22, 15), (30, 9), (40, 5), (50, 12), (60, 36), (70, 61), (75, 60), (82, 42), (90, 15), (96, 4)),
    ankle=((0, 0), (7, -5), (15, 0), (30, 5), (45, 10), (55, 2), (62, -18), (68, -12), (78, 0), (90, 1)),
    cadence=(0.66, 1.1), size=(0.7, 1.3), duty=(0.57, 0.64), dip=(0.15, 0.4), early=(0.0, 0.1), brake=(0.05, 0.15),
    strike=(10.0, 54.0), load=(0.5, 5.0), lean=(0.0, 7.0), swing=(2.0, 20.0), elbow=(10.0, 35.0),
)  # fmt: skip
UPHILL = replace(
    WALKING,
    thigh=((0, 46), (10, 42), (20, 31), (30, 17), (40, 4), (50, -7), (55, -11), (60, -8), (70, 12), (80, 38), (87, 50), (95, 50)),
    knee=((0, 34), (10, 37), (20, 30), (30, 20), (40, 12), (50, 10), (60, 25), (70, 58), (76, 66), (83, 58), (90, 43), (96, 35)),
    ankle=((0, 6), (10, 8), (20, 13), (40, 19), (50, 16), (60, -2), (66, -12), (75, 2), (90, 6)),
    lean=(5.0, 18.0),
)  # fmt: skip
DOWNHILL = replace(
    WALKING,
    thigh=((0, 14), (10, 12), (20, 8), (30, 3), (40, -3), (50, -8), (55, -6), (60, 2), (70, 18), (80, 25), (87, 23), (95, 16)),
    knee=((0, 7), (8, 22), (15, 32), (25, 33), (35, 34), (45, 42), (55, 58), (65, 72), (72, 70), (80, 48), (90, 16), (96, 6)),
    ankle=((0, -2), (7, -9), (15, 0), (30, 8), (45, 13), (55, 8), (62, -6), (75, 0), (90, 0)),
    lean=(-5.0, 5.0),
)  # fmt: skip
RUNNING = Stride(
    thigh=((0, 32), (8, 30), (18, 16), (28, -4), (36, -20), (42, -24), (50, -16), (60, 10), (70, 33), (80, 44), (88, 43), (95, 36)),
    knee=((0, 18), (8, 32), (15, 42), (22, 38), (30, 24), (37, 18), (45, 35), (55, 75), (63, 95), (70, 98), (80, 68), (88, 30), (94, 14)),
    ankle=((0, 5), (10, 15), (20, 24), (28, 12), (38, -20), (50, -10), (65, 2), (80, 5), (95, 6)),
    cadence=(1.15, 1.55), size=(0.7, 1.2), duty=(0.28, 0.46), dip=(-0.15, 0.1), early=(0.0, 0.1), brake=(0.15, 0.35),
    strike=(15.0, 60.0), load=(0.3, 4.0), lean=(3.0, 14.0), swing=(15.0, 40.0), elbow=(70.0, 115.0),
)  # fmt: skip
STAIRS_UP = Stride(
    thigh=((0, 40), (8, 38), (18, 28), (28, 13), (38, 0), (46, -7), (56, -11), (63, -6), (70, 8), (78, 29), (86, 43), (93, 44)),
    knee=((0, 62), (10, 58), (20, 46), (30, 32), (40, 20), (50, 12), (56, 10), (62, 20), (70, 60), (78, 90), (84, 93), (92, 76)),
    ankle=((0, 8), (20, 15), (40, 8), (55, 2), (62, -18), (75, 3), (90, 10)),
    cadence=(0.45, 1.05), size=(0.55, 1.25), duty=(0.58, 0.68), dip=(0.05, 0.35), early=(-0.2, 0.15), brake=(0.03, 0.1),
    strike=(2.0, 20.0), load=(0.5, 6.0), lean=(4.0, 18.0), swing=(2.0, 20.0), elbow=(12.0, 45.0), rise=0.34,
)  # fmt: skip
STAIRS_DOWN = Stride(
    thigh=((0, 8), (8, 7), (18, 3), (30, 1), (40, 2), (50, 7), (58, 16), (65, 26), (72, 32), (80, 30), (88, 20), (95, 11)),
    knee=((0, 12), (6, 16), (14, 24), (22, 22), (30, 20), (40, 28), (50, 45), (58, 68), (66, 88), (72, 88), (80, 62), (88, 28), (95, 12)),
    ankle=((0, -20), (12, 4), (30, 17), (50, 30), (60, 20), (70, -8), (85, -20), (95, -23)),
    cadence=(0.5, 1.15), size=(0.45, 1.4), duty=(0.56, 0.66), dip=(0.1, 0.35), early=(0.0, 0.3), brake=(0.03, 0.1),
    strike=(5.0, 48.0), load=(1.0, 9.0), lean=(-3.0, 7.0), swing=(2.0, 18.0), elbow=(12.0, 45.0), rise=-0.34,
)  # fmt: skip


def _drift(rng: np.random.Generator, seconds: float, degrees: float) -> Drift:
    return Drift(rng, seconds, float(np.deg2rad(degrees)))


def _stride_phase(rng: np.random.Generator, rate: float, unsteady: float) -> Movement:
    """Return the phase, in strides, of a rhythm that breathes by about `unsteady` of its rate."""
    sway = Drift(rng, 1.7, unsteady * rate * 1.7 / 3.0)
    start = rng.random()
    return lambda t: {"phase": start + rate * t + sway(t)}


def walking(body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Walk on the level; some uphill, fewer downhill, on slopes of up to 15 degrees."""
    steep = rng.choice(3, p=(0.7, 0.2, 0.1))
    return on_foot(interpolate_strides(WALKING, (WALKING, UPHILL, DOWNHILL)[steep], rng.random()), body, rng)


def interpolate_strides(level: Stride, steep: Stride, share: float) -> Stride:
    """Take the legs and the lean of one stride by `share` (0 to 1) toward another's."""
    at = np.arange(0.0, 100.0, 2.0)

    def along(curve: tuple[tuple[float, float], ...]) -> Array:
        x, y = np.asarray(curve, dtype=np.float64).T
        return np.asarray(np.interp(at, x, y, period=100.0))

    def curve(name: str) -> tuple[tuple[float, float], ...]:
        old, new = along(getattr(level, name)), along(getattr(steep, name))
        return tuple(zip(at.tolist(), (old + share * (new - old)).tolist(), strict=True))

    low, high = ((1.0 - share) * a + share * b for a, b in zip(level.lean, steep.lean, strict=True))
    return replace(level, thigh=curve("thigh"), knee=curve("knee"), ankle=curve("ankle"), lean=(low, high))


def on_foot(stride: Stride, body: SegmentLengths, rng: np.random.Generator) -> Movement:
    """Walk, run or climb: legs on their curves, the pelvis pushed by both feet."""
    rate = rng.uniform(*stride.cadence) * float(np.sqrt(0.4165 / body.thigh))
    clock = _stride_phase(rng, rate, 0.03)
    size, ankle = rng.uniform(*stride.size), Cycle(stride.ankle)
    thigh = Cycle(stride.thigh).personal(rng, size, 0.13)
    knee = Cycle(stride.knee).personal(rng, size, 0.08)
    thigh.mean += draw_angle(rng, -6.0, 6.0)
    drift = Drift(rng, 0.8, 0.05)
    aside = _hip_rotation(rng)
    push = _pelvis_pushes(stride, rng)
    upper, held = _upper_body(stride, rng)
    strikes = _foot_strikes(stride, rng, rate)
    offset = 0.5 + rng.normal(0.0, 0.012)
    pace = _pace(stride, body, thigh, knee, rate)

    def movement(t: Array) -> dict[str, Array]:
        phase = clock(t)["phase"]
        pose = upper(t, phase)
        grow = 1.0 + drift(t)
        for side, foot_phase in (("left", phase), ("right", phase + offset)):
            pose[f"hip_{side}"] = thigh.mean + grow * (thigh(foot_phase) - thigh.mean) + pose["tilt"]
            pose[f"knee_{side}"], pose[f"ankle_{side}"] = knee(foot_phase), ankle(foot_phase)
            pose |= aside(side, t, foot_phase)
        pose |= push(phase, phase + offset) | strikes(phase, phase + offset)
        pose["push_z"] = pose["push_z"] + pose.pop("load")
        pose |= held(pose)
        pose["root_z"] = np.full(t.shape, body.thigh + body.shank)
        pose["pace"], pose["climb"] = np.full(t.shape, pace), np.full(t.shape, stride.rise * rate)
        return pose

    return movement


def _pace(stride: Stride, body: SegmentLengths, thigh: Cycle, knee: Cycle, rate: float) -> float:
    """Return the speed over ground, m/s, at which a foot stays where it stands: that of the middle of its contact."""
    duty = sum(stride.duty) / 2.0
    phase = np.array([0.2, 0.8]) * duty
    hip, bent = thigh(phase), knee(phase)
    ahead = body.thigh * np.sin(hip) + body.shank * np.sin(hip - bent)
    return float((ahead[0] - ahead[1]) / (0.6 * duty) * rate)


def _hip_rotation(rng: np.random.Generator) -> Callable[[str, Array, Array], dict[str, Array]]:
    """Turn the thigh and swing it out as it goes: some 10 degrees each (Perry and Burnfield), unlike."""
    twist = Harmonics(rng, *np.deg2rad((8.0, 5.0, 2.5)))
    out = Harmonics(rng, *np.deg2rad((5.0, 3.0, 1.5)))
    toes, wide = draw_angle(rng, -5.0, 15.0), draw_angle(rng, -3.0, 6.0)
    drift = _drift(rng, 0.7, 1.5)

    def aside(side: str, t: Array, phase: Array) -> dict[str, Array]:
        return {
            f"hip_turn_{side}": toes + drift(t) + twist(phase),
            f"hip_out_{side}": wide + out(phase),
        }

    return aside


def _pelvis_pushes(stride: Stride, rng: np.random.Generator) -> Callable[[Array, Array], dict[str, Array]]:
    """Return the acceleration of the pelvis from both feet's ground forces, in body weights times g."""
    duty, dip, early = rng.uniform(*stride.duty), rng.uniform(*stride.dip), rng.uniform(*stride.early)
    brake, aside = rng.uniform(*stride.brake), rng.uniform(0.02, 0.07)

    def push(left: Array, right: Array) -> dict[str, Array]:
        force = [ground_force(phase, duty, dip, early) for phase in (left, right)]
        back = [
            f * np.sin(2.0 * np.pi * (p - np.floor(p)) / duty)
            for f, p in zip(force, (left, right), strict=True)
        ]
        return {
            "push_x": -STANDARD_GRAVITY * brake * (back[0] + back[1]),
            "push_y": STANDARD_GRAVITY * aside * (force[1] - force[0]),
            "push_z": STANDARD_GRAVITY * (force[0] + force[1] - 1.0),
        }

    return push


def _foot_strikes(
    stride: Stride, rng: np.random.Generator, rate: float
) -> Callable[[Array, Array], dict[str, Array]]:
    """Strike with the heel, jolt as the leg is whipped forward, load the leg with the body's weight."""
    peak, load = (draw_log_uniform(rng, *span) for span in (stride.strike, stride.load))
    # Shocks of the heel have most of their power at 10 to 20 Hz; what tissue makes of them lies below.
    hertz, decay = draw_log_uniform(rng, 4.5, 25.0), rng.uniform(0.02, 0.07)
    heel = {side: FootStrikes(rng, peak, hertz, decay, 0.2) for side in SIDES}
    whip = FootStrikes(rng, peak * rng.uniform(-0.6, 0.6), rng.uniform(4.0, 9.0), 0.06, 0.2)
    weight = FootStrikes(rng, load, rng.uniform(2.0, 4.0), rng.uniform(0.06, 0.12), 0.15)
    leave = rng.uniform(*stride.duty) - rng.uniform(0.0, 0.1)
    return lambda left, right: {
        "strike_left": heel["left"](left, rate) + whip(left - leave, rate),
        "strike_right": heel["right"](right, rate) + whip(right - leave, rate),
        "load": weight(left, rate) + weight(right, rate),
    }


def _upper_body(
    stride: Stride, rng: np.random.Generator
) -> tuple[Callable[[Array, Array], dict[str, Array]], Callable[[Pose], dict[str, Array]]]:
    """Swing pelvis, trunk and arms against the legs; and keep a hand back that holds on to a thing."""
    lean, swing = draw_angle(rng, *stride.lean), draw_angle(rng, *stride.swing)
    rock, yaw = (draw_angle(rng, *r) for r in ((2.0, 6.0), (3.0, 9.0)))
    heading, sway = _drift(rng, 4.0, rng.uniform(5.0, 60.0)), _drift(rng, 1.0, 1.0)
    # Nobody's trunk moves like a pendulum: all angles have parts of the steps' rhythm and its multiples.
    tilt = Harmonics(rng, *np.deg2rad((0.3, 1.1, 0.2, 0.3)))
    nod, bend, twist = (Harmonics(rng, *np.deg2rad((0.8, 1.1, 0.5, 0.5))) for _ in range(3))
    kind = rng.choice(3, p=_HANDS)
    kinds = [kind, kind if rng.random() < 0.6 else rng.choice(3, p=_HANDS)]
    arms = [_arm(stride, rng, swing, kind) for kind in kinds]
    firm = [rng.uniform(0.0, 0.9) * (kind == 2) for kind in kinds]

    def upper(t: Array, phase: Array) -> dict[str, Array]:
        wave = 2.0 * np.pi * phase
        pose = {
            "yaw": heading(t) - yaw * np.cos(wave),
            "tilt": 0.3 * lean + tilt(phase) + 0.3 * sway(t),
            "roll": rock * np.sin(wave + 0.6),
            "lean": 0.7 * lean + 0.7 * sway(t) + nod(phase),
            "twist": 1.6 * yaw * np.cos(wave) + twist(phase),
            "bend": -0.8 * rock * np.sin(wave + 0.6) + bend(phase),
        }
        return pose | arms[0]("left", t, phase + 0.5) | arms[1]("right", t, phase)

    def held(pose: Pose) -> dict[str, Array]:
        return {
            f"hit_{axis}_forearm_{side}": np.asarray(-share * pose[f"push_{axis}"])
            for side, share in zip(SIDES, firm, strict=True)
            if share
            for axis in "xyz"
        }

    return upper, held


_HANDS = (0.7, 0.14, 0.16)
"""Shares of free hands, quiet ones (a bag, a pocket), and those held in front (a phone, a pram, a rail)."""


def _arm(
    stride: Stride, rng: np.random.Generator, swing: float, kind: int
) -> Callable[[str, Array, Array], dict[str, Array]]:
    """Swing one arm, of a kind as in `_HANDS`."""
    swing *= (1.0, 0.3, 0.2)[kind] * rng.uniform(0.8, 1.2)
    elbow = draw_angle(rng, *(stride.elbow if kind < 2 else (30.0, 100.0)))
    mean = draw_angle(rng, -6.0, 6.0) if kind < 2 else draw_angle(rng, 10.0, 50.0)
    out, palm = draw_angle(rng, 3.0, 15.0), draw_angle(rng, *((-40.0, 60.0) if kind < 2 else (-120.0, 0.0)))
    late, bend = rng.uniform(-0.06, 0.06), rng.uniform(0.1, 0.6)
    wander, second = _drift(rng, 1.2, 3.0), rng.uniform(-0.15, 0.15)
    # The arm also turns about itself and swings across; nobody's swing is flat.
    across, turn, roll = (
        Harmonics(rng, *(size * swing * np.array((1.0, 0.4, 0.2)))) for size in (0.3, 0.4, 0.8)
    )

    def arm(side: str, t: Array, phase: Array) -> dict[str, Array]:
        wave = 2.0 * np.pi * (phase + late)
        forward = np.cos(wave) + second * np.cos(2.0 * wave)
        return {
            f"arm_{side}": mean + swing * forward + wander(t),
            f"arm_out_{side}": out + across(phase) + 0.3 * wander(t + 41.0),
            f"arm_turn_{side}": turn(phase),
            f"elbow_{side}": elbow + bend * swing * np.cos(wave - 0.5),
            f"palm_{side}": palm + roll(phase) + wander(t + 23.0),
        }

    return arm
