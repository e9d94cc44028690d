"""Virtual IMUs: from segments over time to the signals of a sensor on the limb's surface.

Specific force is f = Rt (p'' - g), angular rate the rotation vector from one row to the next but one.
In between stand the strap or pocket that holds the device, and the device itself.
"""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct

from edgehar.motion.draws import draw_log_uniform
from edgehar.motion.impacts import impact_acceleration
from edgehar.motion.skeleton import Array, Body, Pose, SegmentLengths, rotation_about
from edgehar.types import STANDARD_GRAVITY

RATE = 200.0
"""Rows per second inside the simulation."""

_KERNEL_ROWS = 80


class Site(Struct, frozen=True):
    """Place on the body where a sensor may sit, and the mounting that holds it there."""

    segment: str
    """Segment of `skeleton`; `*` stands for the side."""
    along: tuple[float, float]
    """Distance below the proximal joint, in lengths of the segment; in m above the hips on pelvis and thorax,
    above the base of the neck on the head, before the ankle on the foot."""
    radius: tuple[float, float]
    """Distance from the segment's axis to the sensor, m."""
    azimuth: tuple[float, float]
    """Azimuth of the outward normal, degrees: 0 in front (on top of the foot), 90 outward."""
    natural_hz: tuple[float, float]
    """Natural frequency of device and tissue on the bone, Hz."""
    damping: tuple[float, float]
    """Share of critical damping."""
    tip_gain: float
    """Tipping of the device, rad per m/s² at the natural frequency."""
    impact_gain: tuple[float, float] = (0.5, 1.3)
    """Share of an impact on the bone that reaches the device: a loose phone slaps, a tight strap damps."""
    contact: tuple[float, float] = (0.0, 0.0)
    """Share of the bone's quick motion that reaches the device past spring and damper: it touches the limb."""
    any_orientation: float = 0.1
    """Share of wearers who mount it in any orientation at all."""
    lengthwise: float = 0.5
    """Share of the others who mount its long axis along the limb."""


# A pocket's fabric and the thigh's soft tissue let a phone resonate at a few Hz and amplify what the bone
# does; a strapped band follows the skin, whose wobble lies at 8 to 20 Hz.
SITES: Mapping[str, Site] = {
    "wrist": Site(
        "forearm_*", (0.82, 0.98), (0.025, 0.04), (60, 120), (10, 22), (0.25, 0.6), 0.0005, lengthwise=0.15
    ),
    "trouser_pocket": Site(
        "thigh_*",
        (0.12, 0.5),
        (0.06, 0.1),
        (-5, 85),
        (2.8, 7),
        (0.06, 0.3),
        0.004,
        impact_gain=(1.1, 4.2),
        contact=(0.2, 1.8),
        any_orientation=0.08,
        lengthwise=0.93,
    ),
    "waist": Site("pelvis", (-0.05, 0.12), (0.1, 0.15), (-180, 180), (6, 14), (0.2, 0.5), 0.0015),
    "chest": Site("thorax", (0.28, 0.42), (0.09, 0.13), (-25, 25), (8, 18), (0.25, 0.6), 0.0008),
    "lower_leg": Site("shank_*", (0.02, 0.95), (0.035, 0.06), (-20, 120), (8, 20), (0.25, 0.6), 0.0006),
    "knee": Site("thigh_*", (0.75, 0.98), (0.05, 0.08), (60, 120), (8, 18), (0.25, 0.6), 0.0008),
    "upper_arm": Site("upper_arm_*", (0.3, 0.75), (0.04, 0.06), (30, 140), (8, 20), (0.25, 0.6), 0.0008),
    "thigh_strap": Site("thigh_*", (0.3, 0.75), (0.06, 0.09), (-20, 120), (6, 15), (0.25, 0.6), 0.001),
    "ankle": Site("shank_*", (0.78, 0.97), (0.03, 0.05), (-20, 120), (10, 22), (0.25, 0.6), 0.0005),
    "foot": Site("foot_*", (0.02, 0.12), (0.02, 0.04), (-30, 90), (12, 25), (0.3, 0.6), 0.0004),
    "head": Site("head", (0.12, 0.3), (0.07, 0.1), (-180, 180), (8, 20), (0.3, 0.6), 0.0005),
}


class PlacedSensor(Struct, frozen=True, eq=False):
    """Sensor as one wearer wears it."""

    segment: str
    offset: Array
    """(3,), in the segment's frame, m."""
    axes: Array
    """(3, 3), sensor (x right, y up along the limb, z out of the body) to segment."""
    kernels: Array
    """(3, rows), impulse response of the mounting to the bone's motion on each axis."""
    tip_kernels: Array
    """(3, rows), rad per m/s²: impulse response of the device's tipping about each axis."""
    impact_gain: Array
    """(3,), direction and gain of an impact in the world, about upward."""


def place_sensor(site: Site, side: str, lengths: SegmentLengths, rng: np.random.Generator) -> PlacedSensor:
    """Put a sensor somewhere within the site's ranges."""
    segment = site.segment.replace("*", side)
    name = site.segment.removesuffix("_*")
    left = -1.0 if side == "right" and "*" in site.segment else 1.0
    along, angle = rng.uniform(*site.along), left * np.deg2rad(rng.uniform(*site.azimuth))
    height = along * _metres_upward(name, lengths)
    radius = rng.uniform(*site.radius)
    normal = np.array([np.cos(angle), np.sin(angle), 0.0])
    axes = np.stack([np.cross([0.0, 0.0, 1.0], normal), [0.0, 0.0, 1.0], normal], axis=1)
    hertz = np.exp(rng.uniform(np.log(site.natural_hz[0]), np.log(site.natural_hz[1]), 3))
    damping = rng.uniform(*site.damping, size=3)
    tip = rng.normal(0.0, site.tip_gain, 3)
    # The foot's long axis points forward.
    limb = rotation_about(1, -0.5 * np.pi, 1)[0] if name == "foot" else np.eye(3)
    contact = rng.uniform(*site.contact)
    kernels = np.stack(
        [
            _mounting_response(h, d) - contact * _mounting_response(h, 0.7)
            for h, d in zip(hertz, damping, strict=True)
        ]
    )
    kernels[:, 0] += contact
    return PlacedSensor(
        segment=segment,
        offset=limb @ (radius * normal + np.array([0.0, 0.0, height])),
        axes=limb @ axes @ small_rotations(rng, 6.0, 1)[0],
        kernels=kernels,
        tip_kernels=tip[:, None] * kernels,
        impact_gain=draw_log_uniform(rng, *site.impact_gain)
        * np.array([rng.normal(-0.2, 0.3), rng.normal(0.0, 0.2), 1.0]),
    )


def _metres_upward(name: str, lengths: SegmentLengths) -> float:
    """Return how far upward 1 of `Site.along` is on this segment, m."""
    limbs = {"thigh": lengths.thigh, "shank": lengths.shank, "upper_arm": lengths.upper_arm}
    limbs |= {"forearm": lengths.forearm, "foot": 1.0}
    return -limbs.get(name, -1.0)


def _mounting_response(hertz: float, damping: float) -> Array:
    """Return the impulse response of a mass that rides on spring and damper on a moving base; sums to 1."""
    t = np.arange(_KERNEL_ROWS) / RATE
    natural = 2.0 * np.pi * hertz
    ring = natural * np.sqrt(1.0 - damping**2)
    cosine = 2.0 * damping * natural * np.cos(ring * t)
    sine = natural**2 * (1.0 - 2.0 * damping**2) / ring * np.sin(ring * t)
    kernel = np.exp(-damping * natural * t) * (cosine + sine)
    return np.asarray(kernel / kernel.sum())


def inertial_signals(position: Array, rotation: Array, rate: float) -> tuple[Array, Array]:
    """Turn (rows, 3) m, (rows, 3, 3) at `rate` Hz into specific force m/s², angular rate rad/s; 2 rows less."""
    acceleration = (position[2:] - 2.0 * position[1:-1] + position[:-2]) * rate**2
    acceleration[:, 2] += STANDARD_GRAVITY
    force = np.einsum("nji,nj->ni", rotation[1:-1], acceleration)
    return force, _rotation_vectors(np.swapaxes(rotation[:-2], 1, 2) @ rotation[2:]) * (0.5 * rate)


def _rotation_vectors(r: Array) -> Array:
    """Take the log map: (n, 3, 3) -> (n, 3), rad; for turns well below half a circle."""
    axis = np.stack([r[:, 2, 1] - r[:, 1, 2], r[:, 0, 2] - r[:, 2, 0], r[:, 1, 0] - r[:, 0, 1]], axis=1)
    # |axis| = 2 sin(angle) keeps small angles exact, where the trace alone would round them away.
    sine = 0.5 * np.sqrt(np.sum(axis**2, axis=1))
    angle = np.arctan2(sine, 0.5 * (np.trace(r, axis1=1, axis2=2) - 1.0))
    return np.asarray(axis * (0.5 * angle / np.maximum(sine, 1e-12))[:, None])


def read_sensor(body: Body, pose: Pose, placed: PlacedSensor) -> tuple[Array, Array]:
    """Return specific force and angular rate in the sensor's frame, two rows less than the pose."""
    frame = body.frame(placed.segment)
    rotation = frame.rotation @ placed.axes
    position = frame.origin + frame.rotation @ placed.offset
    if "unworn" in pose:
        root = body.frame("pelvis").origin
        position = root + (1.0 - np.reshape(pose["unworn"], (-1, 1))) * (position - root)
    force, rate = inertial_signals(position, rotation, RATE)
    shock = (
        np.zeros(len(rotation)) + part
        for part in impact_acceleration(placed.segment, placed.impact_gain, pose)
    )
    extra = _pelvis_acceleration(pose, len(rotation)) + _heading_to_world(pose, *shock)
    force += np.einsum("nji,nj->ni", rotation, extra)[1:-1]
    return _through_mounting(force, rate, placed)


def _pelvis_acceleration(pose: Pose, rows: int) -> Array:
    """Return the acceleration of the pelvis beyond its modelled path, in the world, m/s²."""
    zero = np.zeros(rows)
    return _heading_to_world(pose, *(zero + pose.get(f"push_{axis}", 0.0) for axis in "xyz"))


def _heading_to_world(pose: Pose, x: Array, y: Array, z: Array) -> Array:
    """Turn (rows, 3) from the heading's frame to the world's."""
    yaw = pose.get("yaw", 0.0)
    c, s = np.cos(yaw), np.sin(yaw)
    return np.stack([c * x - s * y, s * x + c * y, z], axis=1)


def _through_mounting(force: Array, rate: Array, placed: PlacedSensor) -> tuple[Array, Array]:
    """Pass the signals through strap, pocket and soft tissue: each axis rings, and the device tips."""
    ringing = _filter(force, placed.kernels)
    # A force along the limb tips the device about x and z, one across it about y.
    tip = 0.6 * np.tanh(_filter((ringing - force)[:, [1, 0, 1]], placed.tip_kernels) / 0.6)
    tipping = np.gradient(tip, 1.0 / RATE, axis=0)
    return ringing + np.cross(ringing, tip), rate + np.cross(rate, tip) + tipping


def _filter(x: Array, kernels: Array) -> Array:
    """Filter each column by a causal kernel of its own; the first rows see only a part of it."""
    columns = [np.convolve(column, kernel)[: len(x)] for column, kernel in zip(x.T, kernels, strict=True)]
    return np.stack(columns, axis=1)


def small_rotations(rng: np.random.Generator, degrees: float, count: int) -> Array:
    """Draw (count, 3, 3) rotations by about `degrees` about random axes."""
    angles = rng.normal(0.0, np.deg2rad(degrees), (3, count))
    return (
        rotation_about(0, angles[0], count)
        @ rotation_about(1, angles[1], count)
        @ rotation_about(2, angles[2], count)
    )


def random_rotations(rng: np.random.Generator, count: int) -> Array:
    """Draw (count, 3, 3) rotations, uniform over all orientations (Haar)."""
    q, r = np.linalg.qr(rng.standard_normal((count, 3, 3)))
    q = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return np.asarray(q * np.linalg.det(q)[:, None, None])


def draw_mountings(site: Site, rng: np.random.Generator, count: int) -> Array:
    """Draw (count, 3, 3), device to `PlacedSensor` axes: flat on the limb, any side up, mostly lengthwise."""
    upside_down, inside_out = np.pi * rng.integers(0, 2, count), np.pi * rng.integers(0, 2, count)
    across = 0.5 * np.pi * (rng.random(count) > site.lengthwise)
    flat = rotation_about(1, inside_out, count) @ rotation_about(2, upside_down + across, count)
    tilted = small_rotations(rng, 7.0, count) @ rotation_about(2, rng.normal(0.0, 0.17, count), count) @ flat
    return np.where(
        (rng.random(count) < site.any_orientation)[:, None, None], random_rotations(rng, count), tilted
    )


class Hardware(Struct, frozen=True, eq=False):
    """Errors of one device: bias, gain, noise, range and resolution."""

    bias: Array
    """(6,), m/s² and rad/s."""
    gain: Array
    """(6,), about 1."""
    noise: Array
    """(6,), rms of one sample, m/s² and rad/s."""
    limit: Array
    """(6,), full scale, m/s² and rad/s; 16 bit."""

    def measure(self, x: Array, rng: np.random.Generator) -> Array:
        """Return what the device reports of the true (rows, 6)."""
        noisy = x * self.gain + self.bias + rng.standard_normal(x.shape) * self.noise
        step = self.limit / 32768.0
        return np.asarray(np.clip(np.round(noisy / step), -32768, 32767) * step)


def draw_hardware(rng: np.random.Generator) -> Hardware:
    """Draw a current MEMS part: 100 to 600 µg/rtHz, 0.005 to 0.017 deg/s/rtHz in 25 Hz, as in data sheets."""
    acc, gyr = rng.uniform(0.005, 0.03), rng.uniform(0.0004, 0.0015)
    return Hardware(
        bias=np.concatenate([rng.normal(0.0, 0.12, 3), rng.normal(0.0, 0.012, 3)]),
        gain=1.0 + rng.normal(0.0, 0.008, 6),
        noise=np.repeat([acc, gyr], 3),
        limit=np.repeat([rng.choice([4, 8, 16]) * STANDARD_GRAVITY, np.deg2rad(rng.choice([1000, 2000]))], 3),
    )
