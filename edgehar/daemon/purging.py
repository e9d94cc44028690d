"""The wish that a running daemon forget a wearer: a file in the folder for what outlives the process.

    purge.request       `Wish` as JSON, by who wants it
    purge.taken         the same, renamed by the daemon that does it
    purge.answer        `Done` as JSON, by that daemon

A daemon that runs has a lock on the folder, by which is known whether there is anybody to ask. Whoever may write there may remove what lies there by other means too, so it asks for no more rights; and it works where the
broker is away, which is when events wait. A daemon that has forgotten stores of the wearer only what comes later.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec
from msgspec import Struct

from edgehar.config.names import Name
from edgehar.daemon.keepers import Keepers
from edgehar.errors import ConfigError
from edgehar.publishers.mqtt import Mqtt

_LOGGER = logging.getLogger(__name__)

LOOK_S = 1.0
"""A daemon looks for a wish this often, s."""

DONE_S = 30.0
"""A daemon answers within so long, s: the disk may be slow."""

STALE_S = 60.0
"""A wish that lies there for longer is of somebody who is gone, s."""

REQUEST, TAKEN, ANSWER = "purge.request", "purge.taken", "purge.answer"

_LARGEST = 4096


class Wish(Struct, frozen=True):
    """A wish that a wearer be forgotten."""

    wearer: Name
    before: float | None = None
    """Only what is older than this Unix time, s; None: all."""


class Done(Struct, frozen=True):
    """Counts of what was forgotten."""

    events: int
    """Events that waited for the broker."""
    is_on_disk: bool = True
    """True once the disk has nothing of it any more."""


async def obey_wishes(folder: Path, mqtt: Mqtt | None, keepers: Keepers) -> NoReturn:
    """Forget whom a file in a folder names, whenever there is one: what is not yet told of them, and the last minutes."""
    with contextlib.ExitStack() as stack:
        has_lock = False
        while True:
            # There may be no folder yet.
            has_lock = has_lock or await asyncio.to_thread(_lock, folder, fcntl.LOCK_SH, stack)
            if has_lock:
                await _obey_wish(folder, mqtt, keepers)
            await asyncio.sleep(LOOK_S)


async def _obey_wish(folder: Path, mqtt: Mqtt | None, keepers: Keepers) -> None:
    if wish := await asyncio.to_thread(_take, folder):
        done = await _forget(wish, mqtt, keepers)
        await asyncio.to_thread(_answer, folder, done)
        _LOGGER.info(
            "%s: forgotten by a purge; events that waited for the broker: %d", wish.wearer, done.events
        )


def _lock(folder: Path, kind: int, stack: contextlib.ExitStack) -> bool:
    """Lock a folder until a stack is closed; False if others keep us from it, or there is none."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return False
    stack.callback(os.close, handle)
    return True


async def _forget(wish: Wish, mqtt: Mqtt | None, keepers: Keepers) -> Done:
    events = mqtt.discard(wish.wearer, wish.before) if mqtt else 0
    if wish.before is None:
        await keepers.forget(wish.wearer)
    return Done(events, mqtt is None or await asyncio.to_thread(mqtt.written))


def _take(folder: Path) -> Wish | None:
    request, taken = folder / REQUEST, folder / TAKEN
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        if not request.exists():
            return None
        with request.open("rb") as file:
            wish = msgspec.json.decode(file.read(_LARGEST), type=Wish)
        request.rename(taken)
        return wish
    return None


def _answer(folder: Path, done: Done) -> None:
    part = folder / f"{ANSWER}.part"
    with contextlib.suppress(OSError):
        part.write_bytes(msgspec.json.encode(done))
        part.rename(folder / ANSWER)
        (folder / TAKEN).unlink(missing_ok=True)


def ask_daemon(folder: Path, wish: Wish, wait: Callable[[float], None] = time.sleep) -> Done | None:
    """Have the daemon that uses a folder forget a wearer; None if none runs. ConfigError if it cannot be asked."""
    with contextlib.ExitStack() as stack:
        if _lock(folder, fcntl.LOCK_EX, stack):
            return None
    request = folder / REQUEST
    _remove_stale(folder)
    try:
        (folder / ANSWER).unlink(missing_ok=True)
        handle = os.open(request, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            if os.geteuid() == 0:  # the service is another account, and has to read it
                owner = folder.stat()
                os.chown(request, owner.st_uid, owner.st_gid)
            file.write(msgspec.json.encode(wish))
    except FileExistsError as error:
        raise ConfigError(f"{request}: another purge is going on; wait a minute") from error
    except OSError as error:
        raise ConfigError(
            f"{request}: {error.strerror}; do it as the account that runs edgehar, or as root"
        ) from error
    try:
        if not _comes_true((folder / ANSWER).exists, DONE_S, wait):
            raise ConfigError(
                f"{folder}: the edgehar that runs did not answer within {DONE_S:g} s; try again"
            )
        return msgspec.json.decode((folder / ANSWER).read_bytes(), type=Done)
    finally:
        for name in (REQUEST, TAKEN, ANSWER):
            (folder / name).unlink(missing_ok=True)


def _comes_true(condition: Callable[[], bool], seconds: float, wait: Callable[[float], None]) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        wait(0.05)
    return True


def _remove_stale(folder: Path) -> None:
    with contextlib.suppress(OSError):
        if time.time() - (folder / REQUEST).stat().st_mtime > STALE_S:
            (folder / REQUEST).unlink()
