"""Body-worn sensors that people have: their bytes to packets, without I/O.

One file per kind: how it is recognized, what to write so that it sends, and a reader that takes its
notifications. A reader's packets are in SI units by their scale, +9.81 m/s² on the axis that points up
at rest. Where the sensor sends acceleration and angular rate apart, they come in packets of their own,
and as their samples were not taken together, `pipeline.intake` gives each a clock of its own.

To add a sensor: one file here, with its reader (a `reader.SensorReader`; a `SampleLayout` alone may do) and
its `profile.Profile`; the profile into `PROFILES` below; what it sends at rest, and answers to its start if it
does, into `_STREAMS` and `ANSWERS` of `tests/sensors.py`, by which the tests run it; its bytes into a
`tests/test_KIND.py`, its name into the list of `tests/test_devices.py`; a line into README.md and into the table
of `firmware_bridge/README.md`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from edgehar.devices import keypoints
from edgehar.devices.bangle import BANGLE
from edgehar.devices.bluest import BLUEST
from edgehar.devices.edgehar_firmware import EDGEHAR_FIRMWARE
from edgehar.devices.metamotion import METAMOTION, METAMOTION_S
from edgehar.devices.movella_dot import MOVELLA_DOT
from edgehar.devices.movesense import MOVESENSE
from edgehar.devices.pinetime import PINETIME
from edgehar.devices.polar import H10, VERITY
from edgehar.devices.profile import Profile, Reader, Write
from edgehar.devices.sensor_logger import SensorLoggerReader
from edgehar.devices.sensor_server import SensorServerReader
from edgehar.devices.thingy52 import THINGY52
from edgehar.devices.witmotion import WITMOTION, WITMOTION_DUAL
from edgehar.errors import ConfigError
from edgehar.validation import did_you_mean, shown

__all__ = ["PROFILES", "Profile", "Reader", "Write", "check_profile", "make_reader", "matching_profiles"]

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        EDGEHAR_FIRMWARE,
        WITMOTION,
        WITMOTION_DUAL,
        MOVELLA_DOT,
        H10,
        VERITY,
        MOVESENSE,
        METAMOTION,
        METAMOTION_S,
        BLUEST,
        THINGY52,
        BANGLE,
        PINETIME,
    )
}
"""Kinds of sensors that are read over BLE, by name."""

_READERS: Mapping[str, Callable[[str], Reader]] = {
    **{profile.name: profile.reader for profile in PROFILES.values()},
    "sensor_logger": SensorLoggerReader,
    "sensor_server": SensorServerReader,
    keypoints.PROFILE: keypoints.KeypointReader,
}


def make_reader(profile: str, device: str) -> Reader:
    """Make a reader of a profile's bodies, whose packets name `device`; ConfigError if there is none."""
    check_profile(profile, _READERS)
    return _READERS[profile](device)


def check_profile(name: str, names: Collection[str] = PROFILES) -> None:
    """Refuse a name that no profile has; ConfigError says which is the nearest, or which there are."""
    if name not in names:
        hint = did_you_mean(name, names, f"there are {', '.join(names)}")
        raise ConfigError(f"no sensor profile is called {shown(name)}; {hint}")


def matching_profiles(
    services: Iterable[str], name: str | None, profiles: Mapping[str, Profile] = PROFILES
) -> list[Profile]:
    """Return the profiles that fit what a device advertises, best first: by name, else by services."""
    advertised = {service.lower() for service in services}
    by_service = [profile for profile in profiles.values() if not advertised.isdisjoint(profile.services)]
    by_name = [profile for profile in profiles.values() if name and name.startswith(profile.name_prefixes)]
    return sorted(by_name, key=lambda profile: profile not in by_service) if by_name else by_service
