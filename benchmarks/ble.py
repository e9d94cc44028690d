"""`python -m benchmarks.ble`: CPU per 1,000 notifications, from BlueZ's bus through bleak to `Samples`.

The sensors are those of the tests, on a fake BlueZ in a process of its own; bleak and the bus are real.
"""

import asyncio
import sys
import time
from pathlib import Path

import numpy as np

from edgehar.devices import PROFILES
from edgehar.devices.profile import NORDIC_UART, NORDIC_UART_NOTIFY
from edgehar.pipeline.intake import Intake
from edgehar.sources.bluetooth.ble import Ble
from edgehar.sources.bluetooth.radio import Radio
from edgehar.types import Stream
from edgehar.wire.protocol import Description, encode_data, encode_description

SENSORS = 5
SECONDS = 20.0
RATES_HZ = (100, 1000)
"""Notifications per second of each sensor: what a fast sensor sends, and as many as do not wait for one another."""

SAMPLES = 2
TESTS = Path(__file__).resolve().parents[1] / "tests"


def address(i: int) -> str:
    """Return the address of the i-th sensor."""
    return f"C0:FF:EE:00:00:0{i}"


async def listen(rate_hz: int) -> None:
    """Run the daemon's half: print what came, and what it cost this process."""
    radio = Radio()
    intakes = [Intake(Stream(f"sensor_{i}")) for i in range(SENSORS)]
    bodies: list[tuple[float, int, bytes]] = []

    def into(i: int) -> asyncio.Task[None]:
        def deliver(t: float, _: int, body: bytes) -> None:
            bodies.append((t, i, body))
            intakes[i].push(t, body)

        return asyncio.create_task(Ble(radio, PROFILES["edgehar"], address=address(i)).run(deliver))

    running = [into(i) for i in range(SENSORS)]
    while len({i for _, i, _ in bodies}) < SENSORS:  # noqa: ASYNC110 - callbacks fill it
        await asyncio.sleep(0.1)
    before, began = len(bodies), time.process_time()
    await asyncio.sleep(SECONDS)
    spent, came = time.process_time() - began, len(bodies) - before
    lost = sum(intake.health()["lost"] for intake in intakes)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    again = [Intake(Stream(f"sensor_{i}")) for i in range(SENSORS)]
    began = time.process_time()
    for t, i, body in bodies:
        again[i].push(t, body)
    alone = (time.process_time() - began) / len(bodies)
    print(
        f"{SENSORS} sensors at {rate_hz} notifications/s: {came / SECONDS:.0f}/s came, {lost} lost; per 1,000 "
        f"notifications {spent / came * 1e6:.0f} ms CPU from the bus to samples, {alone * 1e6:.0f} ms of it the intake"
    )


async def serve(rate_hz: int) -> None:
    """Run the sensors' half."""
    sys.path.insert(0, str(TESTS))
    from bluez import Bluetoothd  # noqa: PLC0415 - found through the line above
    from radio import Characteristic, Peripheral  # noqa: PLC0415 - the same
    from system_bus import Bus  # noqa: PLC0415 - the same

    class Sensor(Peripheral):
        """Sends as fast as it is told to."""

        async def live(self) -> None:
            described = encode_description(
                Description("c0ffee000000", round(1e6 / rate_hz / SAMPLES), 16, 2000)
            )
            counts = np.array([[0, 0, 2048, 0, 0, 0]] * SAMPLES, np.int16)
            loop = asyncio.get_running_loop()
            start, i = loop.time(), 0
            while True:
                # A tick of the loop is too coarse for a thousand a second.
                while i <= (loop.time() - start) * rate_hz:
                    if i % rate_hz == 0:
                        self.notify(NORDIC_UART_NOTIFY, described)
                    self.notify(NORDIC_UART_NOTIFY, encode_data(i, round(i * 1e6 / rate_hz), counts))
                    i += 1
                await asyncio.sleep(0.005)

    with Bus() as bus:
        bluetoothd = Bluetoothd(bus)
        await bluetoothd.start()
        gatt = [{NORDIC_UART: [Characteristic(NORDIC_UART_NOTIFY, ("notify",))]} for _ in range(SENSORS)]
        sensors = [
            Sensor(address(i), "edgehar", services=[NORDIC_UART], gatt=each) for i, each in enumerate(gatt)
        ]
        bluetoothd.add(*sensors)
        try:
            client = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.ble", "listen", str(rate_hz)
            )
            await client.wait()
        finally:
            await bluetoothd.take_away()
            await bluetoothd.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["listen"]:
        asyncio.run(listen(int(sys.argv[2])))
    else:
        for rate in RATES_HZ:
            asyncio.run(serve(rate))
