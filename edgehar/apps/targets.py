"""A sensor by what people call it: the path or URL of a serial port, a Bluetooth address, or the name it advertises."""

import logging
from pathlib import Path

from edgehar.devices import PROFILES, Profile, check_profile, matching_profiles
from edgehar.errors import ConfigError, SourceLostError
from edgehar.sources.addresses import DEFAULT_BAUD
from edgehar.sources.bluetooth.ble import SEARCH_S, Ble
from edgehar.sources.bluetooth.radio import Radio, Sighting
from edgehar.sources.serial import Serial

_LOGGER = logging.getLogger(__name__)


async def source_of(
    target: str, profile: str | None, adapter: str | None, baud: int, search_s: float = SEARCH_S
) -> tuple[Ble | Serial, Profile]:
    """Return a sensor's source and its profile; SourceLostError if one over Bluetooth is not heard within `search_s`, s."""
    if _is_port(target):
        return _serial(target, profile, baud), PROFILES["edgehar"]
    radio = Radio(adapter)
    sighting, kind = await _search(radio, target, profile, search_s)
    return Ble(radio, kind, address=sighting.address), kind


async def entry_of(target: str, profile: str | None, adapter: str | None, baud: int) -> dict[str, str | int]:
    """Return what the configuration says of a sensor beside its placement; SourceLostError as in `identify`."""
    if _is_port(target):
        return _serial_entry(_serial(target, profile, baud))
    return {**await identify(target, profile, adapter)}


async def identify(target: str, profile: str | None, adapter: str | None) -> dict[str, str]:
    """Return profile and address of a Bluetooth sensor, as the configuration wants them.

    SourceLostError if it is not heard.
    """
    sighting, kind = await _search(Radio(adapter), target, profile)
    return {"profile": kind.name, "address": sighting.address}


def _is_port(target: str) -> bool:
    """Tell a serial port by its path or URL: neither an address nor a sensor's name has a slash."""
    return "/" in target


def _serial(port: str, profile: str | None, baud: int) -> Serial:
    if profile not in {None, "edgehar"}:
        raise ConfigError(f"a serial port carries edgehar's wire format alone, not {profile}")
    return Serial(port, baud)


def _serial_entry(source: Serial) -> dict[str, str | int]:
    if "://" not in source.port and not Path(source.port).exists():
        _LOGGER.warning("there is no %s now: is the sensor plugged in, and is this its port?", source.port)
    return {"port": source.port} | ({} if source.baud == DEFAULT_BAUD else {"baud": source.baud})


async def _search(
    radio: Radio, target: str, profile: str | None, search_s: float = SEARCH_S
) -> tuple[Sighting, Profile]:
    """Return the device of this address or name, and its profile; SourceLostError if it is not heard."""
    if profile is not None:
        check_profile(profile)
    _LOGGER.info("looks for %s, for %g s at most", target, search_s)
    sighting = await radio.find(lambda s: target.upper() == s.address or target == s.name, search_s)
    if sighting is None:
        raise SourceLostError(f"{target} is not heard: is it charged, on, near, and not connected elsewhere?")
    fits = [PROFILES[profile]] if profile else matching_profiles(sighting.services, sighting.name)
    if not fits:
        raise ConfigError(
            f"{target} (called {sighting.name!r}) is no sensor that edgehar knows; name its profile with "
            f"--profile: {', '.join(PROFILES)}"
        )
    kind, *others = fits
    if others:
        _LOGGER.info(
            "%s may be a %s too: --profile %s, if nothing comes of it as a %s",
            target,
            " or a ".join(other.title for other in others),
            " or ".join(other.name for other in others),
            kind.title,
        )
    return sighting, kind
