"""`edgehar devices`: the sensors around, how well one of them does, and one command to it."""

import asyncio
import contextlib
import logging
import time
from typing import Any

from edgehar.apps.targets import source_of
from edgehar.devices import PROFILES, Profile, matching_profiles
from edgehar.errors import ConfigError, SourceLostError
from edgehar.pipeline.diagnosis.link import RATE_TOLERANCE, rates
from edgehar.pipeline.diagnosis.measurement import Measurement
from edgehar.sources.bluetooth.ble import SEARCH_S, Ble
from edgehar.sources.bluetooth.radio import Radio, Sighting
from edgehar.sources.serial import Serial
from edgehar.types import Stream
from edgehar.validation import did_you_mean, shown
from edgehar.wire.commands import Kind, decode_answer, encode_command, is_answer

_LOGGER = logging.getLogger(__name__)

_WEAKEST_DBM = -128

ANSWER_S = 1.0
"""Time after which a command without an answer is sent again, s; thrice in all."""


def profiles() -> list[dict[str, Any]]:
    """Return the kinds of sensors that are read over Bluetooth Low Energy."""
    return [
        {"profile": profile.name, "sensor": profile.title, "samples_per_s": profile.rate_hz}
        for profile in PROFILES.values()
    ]


async def scan(adapter: str | None, seconds: float, *, everything: bool) -> list[dict[str, Any]]:
    """Return the devices heard, those of a profile and a strong signal first; all others only if asked for."""
    heard: dict[str, Sighting] = {}
    _LOGGER.info("listens for Bluetooth devices for %g s", seconds)
    await Radio(adapter).listen(lambda sighting: heard.update({sighting.address: sighting}), seconds)
    devices = [(matching_profiles(sighting.services, sighting.name), sighting) for sighting in heard.values()]
    devices.sort(key=lambda pair: (not pair[0], -(pair[1].rssi_dbm or _WEAKEST_DBM)))
    return [
        {
            "address": sighting.address,
            "name": sighting.name,
            "signal_dbm": sighting.rssi_dbm,
            "profiles": [profile.name for profile in fits],
        }
        for fits, sighting in devices
        if everything or fits
    ]


async def run_trial(
    target: str,
    *,
    profile: str | None,
    adapter: str | None,
    baud: int,
    seconds: float,
    search_s: float = SEARCH_S,
) -> dict[str, Any]:
    """Listen to one sensor for some seconds and tell how well it does; SourceLostError if it is not heard.

    Args:
        target: Bluetooth address or advertised name; or the path or URL of a serial port.
        profile: Its kind; None: the one that fits best what it advertises.
        adapter: As in the configuration.
        baud: Of a serial port.
        seconds: From its first packet on.
        search_s: How long a Bluetooth device is looked for, s.
    """
    source, kind = await source_of(target, profile, adapter, baud, search_s)
    trial = Measurement(Stream(target, kind.name))
    _LOGGER.info("waits for the first packet of %s, the %s", target, kind.title)
    await _listen(source, trial, seconds)
    return _findings(trial, source, kind)


async def _listen(source: Ble | Serial, trial: Measurement, seconds: float) -> None:
    loop = asyncio.get_running_loop()

    def deliver(t: float, _: int, body: bytes) -> None:
        trial.push(t, body)
        if limit.when() is None:
            _LOGGER.info("hears it, and listens for %g s", seconds)
            limit.reschedule(loop.time() + seconds)

    try:
        async with asyncio.timeout(None) as limit:
            await source.run(deliver)
    except TimeoutError:
        if not limit.expired():
            raise


def _findings(trial: Measurement, source: Ble | Serial, profile: Profile) -> dict[str, Any]:
    health = trial.intake.health()
    declared = trial.declared_hz
    sent = rates(trial)
    at_rest = trial.intake.gravity.at_rest
    wrong = [
        f"{rate:.1f} samples came per second where {declared:g} are declared"
        for rate in sent.values()
        if declared and abs(rate - declared) > RATE_TOLERANCE * declared
    ]
    wrong += [health["misfit"]] if health["misfit"] else []
    wrong += [] if sent else ["nothing came that its profile can read"]
    identity: dict[str, Any] = {"profile": profile.name, "sensor": profile.title}
    if isinstance(source, Ble):
        identity |= {"address": source.address, "signal_dbm": source.rssi_dbm}
    return identity | {
        "battery": health["battery"] if health["battery"] is not None else source.link.battery,
        "declared_samples_per_s": declared,
        "samples_per_s": {kind: round(rate, 1) for kind, rate in sent.items()},
        "packets": health["packets"],
        "lost": health["lost"],
        "malformed": health["malformed"],
        "damaged": source.link.damaged,
        "longest_pause_s": round(trial.longest_pause_s, 3),
        "at_rest_m_s2": None if at_rest is None else round(at_rest, 2),
        "wrong": wrong,
    }


def kind_of(name: str) -> Kind:
    """Return the command of this name; ConfigError if there is none."""
    try:
        return Kind[name.upper()]
    except KeyError as error:
        names = [kind.name.lower() for kind in Kind]
        near = did_you_mean(name, names, f"there are {', '.join(names)}")
        raise ConfigError(f"no command is called {shown(name)}; {near}") from error


async def command(
    target: str, kind: Kind, value: int, more: int, *, adapter: str | None, baud: int
) -> dict[str, Any]:
    """Ask a sensor with edgehar's firmware for something, return its answer; SourceLostError if none comes."""
    try:
        body = encode_command(time.monotonic_ns() & 0xFF, kind, value, more)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    source, _ = await source_of(target, "edgehar", adapter, baud)
    answer = await _ask(source, body)
    if answer is None:
        raise SourceLostError(f"{target} was sent the command thrice and did not answer")
    reply = decode_answer(answer)
    return {"command": kind.name.lower(), "result": reply.result.name.lower(), "echo": reply.echo}


async def _ask(source: Ble | Serial, body: bytes) -> bytes | None:
    """Send a command once the sensor was heard and return the answer; None if none came."""
    heard = asyncio.Event()
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    def deliver(_t: float, _stream: int, received: bytes) -> None:
        heard.set()
        if is_answer(received) and received[1] == body[1]:
            answers.put_nowait(received)

    async def ask() -> bytes | None:
        await heard.wait()
        for _ in range(3):
            await source.send(body)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_S):
                    return await answers.get()
        return None

    asking = asyncio.create_task(ask())
    running = asyncio.create_task(source.run(deliver))
    try:
        await asyncio.wait({asking, running}, return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            # A link that ended says why.
            await running
        return await asking
    finally:
        asking.cancel()
        running.cancel()
        await asyncio.gather(asking, running, return_exceptions=True)
