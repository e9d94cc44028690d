"""Words that the shell offers on Tab for an argument or an option; the shell's own are files."""


def models() -> list[str]:
    """List the names of the models that ship with edgehar."""
    from edgehar.pipeline import manifest

    return [path.stem for path in manifest.available()]


def placements() -> list[str]:
    """List where a sensor may be worn for the models that ship with edgehar."""
    from edgehar.pipeline import manifest

    specs = map(manifest.read, manifest.available())
    return sorted({place for spec in specs for sensor in spec.sensors for place in sensor.placements})


def ports() -> list[str]:
    """List the serial ports of this machine, also by their names that stay."""
    from serial.tools.list_ports import comports

    return [port.device for port in comports(include_links=True)]


def profiles() -> list[str]:
    """List the kinds of Bluetooth sensors that edgehar reads."""
    from edgehar.devices import PROFILES

    return list(PROFILES)
