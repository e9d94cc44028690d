"""The words of a check: a finding is `ok`, a warning or a failure, with what was measured and what to do."""

from typing import Literal

from msgspec import Struct

Level = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True):
    """The outcome of one check."""

    check: str
    """Name of what was looked at, e.g. `rate`."""
    level: Level
    says: str
    """Measurement, in words."""
    fix: str | None = None
    """The thing to do; None where nothing is to be done."""
    subject: str = ""
    """Sensor that it is about, as `wearer/placement`; empty for the machine."""


def ok(check: str, says: str) -> Finding:
    """Return the finding that all is well, or that it cannot be told, which `says` says."""
    return Finding(check, "ok", says)


def warn(check: str, says: str, fix: str) -> Finding:
    """Return a finding that costs quality."""
    return Finding(check, "warn", says, fix)


def fail(check: str, says: str, fix: str) -> Finding:
    """Return a finding with which the answers are worth nothing."""
    return Finding(check, "fail", says, fix)
