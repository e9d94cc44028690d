"""The link: rate, loss, jitter, pauses, the drift of the sensor's clock, and its battery."""

from collections.abc import Iterator, Sequence

import numpy as np

from edgehar.pipeline.diagnosis.findings import Finding, fail, ok, warn
from edgehar.pipeline.diagnosis.measurement import Measurement
from edgehar.types import ACCELERATION, ANGULAR_RATE, IMU_CHANNELS

RATE_TOLERANCE = 0.1
"""Share of the declared rate; a greater difference is a finding."""

LOSS_WARN, LOSS_FAIL = 0.02, 0.25
"""Shares of lost packets. The recognizer draws short losses straight and leaves out a window that lacks a fifth of its rows."""

JITTER_S = 0.5
"""Delay beyond what the sensor bundles that only one packet in a hundred may have, s: answers come that much later."""

PAUSE_S = 2.0
"""Silence from which the recognizer sees a gap it cannot fill, s."""

DRIFT_PPM = 100.0
"""Crystals of sensors keep within 20 to 50 ppm over their range of temperature (data sheets); twice that is none of them."""

_SURE_PPM = 50.0
"""Standard error of a drift that is worth telling, ppm."""

BATTERY_WARN, BATTERY_FAIL = 20, 5
"""Charge, percent."""

NAMES = {IMU_CHANNELS: "both", ACCELERATION: "acceleration", ANGULAR_RATE: "angular_rate"}


def rates(measurement: Measurement) -> dict[str, float]:
    """Return samples per second by kind of channel: `acceleration`, `angular_rate`, `both`, `some`."""
    kinds = measurement.arrivals.items()
    return {NAMES.get(kind, "some"): _rate([(t, n) for t, n, _ in arrivals]) for kind, arrivals in kinds}


def _rate(arrivals: Sequence[tuple[float, int]]) -> float:
    """Return the slope of the samples' number over the time of their arrival, which bundling does not bend."""
    if len(arrivals) < 3:
        return 0.0
    t, n = np.array(arrivals).T
    if t[-1] <= t[0]:
        return 0.0
    return float(np.polyfit(t - t[0], np.cumsum(n), 1)[0])


def lost_share(measurement: Measurement) -> float:
    """Return the share of packets that were sent and never came, 0..1."""
    reader = measurement.intake.reader
    return reader.lost / (reader.lost + reader.packets) if reader.packets else 0.0


def check_link(m: Measurement) -> Iterator[Finding]:
    """Yield what is to be said of the link; of a sensor that sent nothing this alone."""
    problem = m.intake.problem
    if not m.arrivals:
        yield fail(
            "packets",
            problem or "nothing came that its profile can read",
            "is it charged, on, near, and its profile the right one? `edgehar devices scan` shows what is heard",
        )
        return
    if problem and problem != m.intake.gravity.misfit:
        yield fail(
            "packets", problem, "check its profile, or let its firmware describe and send acceleration"
        )
    yield from _rates(m)
    yield _loss(m)
    yield _jitter(m)
    yield _pause(m)
    yield from _drift(m)
    yield from _battery(m)


def _rates(m: Measurement) -> Iterator[Finding]:
    declared, share = m.declared_hz, lost_share(m)
    for kind, rate in rates(m).items():
        what = "" if kind == "both" else f" of {kind.replace('_', ' ')}"
        if not rate:
            yield ok("rate", f"too few packets{what} came to tell the rate: listen for longer")
        elif declared is None:
            yield ok("rate", f"{rate:.1f} samples{what} per second; the sensor declares no rate")
        # What was lost was sent.
        elif abs(rate / (1.0 - share) - declared) > RATE_TOLERANCE * declared:
            yield warn(
                "rate",
                f"{rate:.1f} samples{what} came per second where {declared:g} are declared",
                "set the sensor's rate anew, or correct what its firmware declares",
            )
        else:
            yield ok("rate", f"{rate:.1f} samples{what} per second, {declared:g} declared")


def _loss(m: Measurement) -> Finding:
    share, lost = lost_share(m), m.intake.reader.lost
    says = f"{100 * share:.1f} % of packets lost ({lost} of {lost + m.intake.reader.packets})"
    fix = "bring sensor and gateway nearer, off metal and bodies between; fewer sensors per adapter; another USB port or cable"
    if share > LOSS_FAIL:
        return fail("loss", says, fix)
    return warn("loss", says, fix) if share > LOSS_WARN else ok("loss", says)


def _jitter(m: Measurement) -> Finding:
    delays = np.array([delay for arrivals in m.arrivals.values() for *_, delay in arrivals])
    late = float(np.percentile(delays, 99) - delays.min())
    says = f"packets come up to {1000 * late:.0f} ms later than the quickest, 99 of 100"
    if late > m.intake.bundle_s + JITTER_S:
        return warn(
            "jitter",
            says,
            "something holds packets up: a far sensor, a busy adapter or Wi-Fi, a machine under load",
        )
    return ok("jitter", says)


def _pause(m: Measurement) -> Finding:
    says = f"the longest pause was {m.longest_pause_s:.2f} s"
    if m.longest_pause_s > max(PAUSE_S, 2 * m.intake.bundle_s):
        return warn("pause", says, "the link breaks off: look at distance, battery and cable")
    return ok("pause", says)


def _drift(m: Measurement) -> Iterator[Finding]:
    for kind, clock in m.intake.clocks.items():
        if kind not in m.arrivals or clock.is_counting:
            continue
        ppm, error = clock.skew_ppm, _drift_error(m.arrivals[kind])
        if ppm is None or error > _SURE_PPM:
            yield ok("drift", "cannot be told yet: listen for longer, as with --seconds 120")
        elif abs(ppm) - 2 * error > DRIFT_PPM:
            yield warn(
                "drift",
                f"its clock runs {ppm:+.0f} ppm against this machine's (± {2 * error:.0f})",
                "corrected as long as packets come; a crystal does better: check the sensor's oscillator, and this machine's clock",
            )
        else:
            yield ok("drift", f"its clock runs {ppm:+.0f} ppm against this machine's (± {2 * error:.0f})")
        return


def _drift_error(arrivals: Sequence[tuple[float, int, float]]) -> float:
    """Return the standard error of a slope over the smallest delays of each second, ppm; inf if there are too few."""
    t, _, delay = np.array(arrivals).T
    first = np.flatnonzero(np.diff((t - t[0]) // 1.0, prepend=-1.0))
    least = np.minimum.reduceat(delay, first)[8:]
    if len(least) < 8:
        return float("inf")
    # Every second's minimum is off by as much as they scatter, at the least by what a time stamp is off.
    scatter = max(float(np.median(np.abs(np.diff(least)))), 1e-4)
    return 1e6 * scatter * float(np.sqrt(12.0 / len(least) ** 3))


def _battery(m: Measurement) -> Iterator[Finding]:
    charge = m.intake.reader.battery
    if charge is None:
        return
    if charge < BATTERY_WARN:
        level = fail if charge < BATTERY_FAIL else warn
        yield level("battery", f"{charge} %", "charge it, or change its battery")
    else:
        yield ok("battery", f"{charge} %")
