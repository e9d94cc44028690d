"""`python tests/nearby.py devices scan`: any verb of edgehar, with Bluetooth sensors around that lie still.

The radio is a fake BlueZ on a bus of its own; everything else is real.
"""

import asyncio
import sys

from bluez import Bluetoothd
from peripherals import sensor
from system_bus import Bus

AROUND = {"edgehar": -48, "movella_dot": -57, "witmotion": -61, "polar_h10": -72, "bangle": -85}
"""Profiles and signals, dBm."""


async def main(arguments: list[str]) -> int:
    """Return the verb's exit code."""
    with Bus() as bus:
        bluetoothd = Bluetoothd(bus)
        await bluetoothd.start()
        sensors = [sensor(profile, i) for i, profile in enumerate(AROUND, 1)]
        for each, rssi in zip(sensors, AROUND.values(), strict=True):
            each.rssi = rssi
        bluetoothd.add(*sensors)
        try:
            verb = await asyncio.create_subprocess_exec(sys.executable, "-m", "edgehar", *arguments)
            return await verb.wait()
        finally:
            await bluetoothd.take_away()
            await bluetoothd.kill()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
