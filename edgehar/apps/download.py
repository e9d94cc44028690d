"""Files from elsewhere, bounded in size and time: over HTTP, or in a package by pip."""

import asyncio
import contextlib
import importlib.util
import os
import sys
import urllib.request
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct

from edgehar.errors import EdgeharError, link_failure

if TYPE_CHECKING:
    from aiohttp import ClientResponse

Progress = Callable[[int, int], None]
"""Hears how many bytes are here, and how many there will be; 0 where that is not known."""

_POLL_S = 0.2


class Patience(Struct, frozen=True):
    """Times that a download may take, s."""

    connect_s: float = 20.0
    silence_s: float = 30.0
    """Between two pieces."""
    whole_s: float = 300.0
    """Slow links in the country bring three megabytes in two minutes."""
    package_s: float = 1800.0
    """pip has time-outs of its own for silence."""


async def over_http(url: str, limit: int, patience: Patience, progress: Progress) -> bytes:
    """Return what lies at an address, redirects followed, through the proxy that the environment names.

    Raises:
        EdgeharError: with why it does not come, or that it is more than `limit` bytes.
    """
    import aiohttp  # noqa: PLC0415 - of all verbs only a pull needs a client

    timeout = aiohttp.ClientTimeout(
        total=patience.whole_s, sock_connect=patience.connect_s, sock_read=patience.silence_s
    )
    # What is packed is to be checked as it was published.
    headers = {"Accept-Encoding": "identity"}
    try:
        async with (
            aiohttp.ClientSession(
                timeout=timeout, trust_env=True, auto_decompress=False, headers=headers
            ) as session,
            session.get(url) as response,
        ):
            return await _body(response, limit, progress)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise EdgeharError(f"{_why(error)}{_through_proxy(url)}") from error


def _why(error: Exception) -> str:
    import aiohttp  # noqa: PLC0415 - loaded by then

    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status} {error.message}"
    # The first that fits.
    words = {
        TimeoutError: "it took too long",
        aiohttp.TooManyRedirects: "it redirects again and again",
        aiohttp.RedirectClientError: "it redirects to what is not HTTP",
        # Its text would be the address, with the proxy's account.
        aiohttp.InvalidURL: "an address has to begin with http:// or https://",
        aiohttp.ClientResponseError: "its answer is not HTTP",
        aiohttp.ClientPayloadError: "it ended before all had come",
    }
    told = link_failure(getattr(error, "os_error", error)) or type(error).__name__
    return next((sentence for kind, sentence in words.items() if isinstance(error, kind)), told)


async def _body(response: "ClientResponse", limit: int, progress: Progress) -> bytes:
    if response.status != 200:
        raise EdgeharError(f"it answered {response.status} {response.reason}")
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > limit:
            raise EdgeharError(f"expected {limit:,} bytes at most, and more come")
        progress(len(content), response.content_length or 0)
    return bytes(content)


def _through_proxy(url: str) -> str:
    """Word which proxy is asked for an address, without its account; empty for none."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    return f" (through the proxy {proxy.rpartition('//')[2].rpartition('@')[2]} of {parts.scheme}_proxy)"


async def by_pip(requirement: str, folder: Path, limit: int, patience: Patience, progress: Progress) -> Path:
    """Return the wheel that this Python's pip, as it is configured, downloads into an empty folder.

    Nothing in it is run, nor is anything built. What pip writes meanwhile lies in the folder too.

    Raises:
        EdgeharError: with pip's reason, or that it takes more than `limit` bytes.
    """
    if importlib.util.find_spec("pip") is None:
        raise EdgeharError(f"{sys.executable} has no pip")
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--quiet", "--no-input"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "pip", "download", *options, "--disable-pip-version-check"),
        *("--dest", str(folder), requirement),
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    talk = asyncio.create_task(process.communicate())
    try:
        async with asyncio.timeout(patience.package_s):
            while not (await asyncio.wait({talk}, timeout=_POLL_S))[0]:
                _check_size(folder, limit, progress)
    except TimeoutError as error:
        raise EdgeharError(f"pip took longer than {patience.package_s:g} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        _, told = await talk
    if process.returncode:
        raise EdgeharError(_reason(told.decode("utf-8", "replace")))
    return _wheel_in(folder)


def _wheel_in(folder: Path) -> Path:
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise EdgeharError("pip brought no wheel")
    return wheels[0]


def _check_size(folder: Path, limit: int, progress: Progress) -> None:
    size = 0
    for path in folder.rglob("*"):
        # pip moves what it has finished.
        with contextlib.suppress(FileNotFoundError):
            size += path.stat().st_size
    progress(size, 0)
    if size > limit:
        raise EdgeharError(f"expected {limit:,} bytes at most, and pip downloads more")


def _reason(told: str) -> str:
    """Return pip's first error, as the last of several says only that there were some; or its last line."""
    lines = told.splitlines() or ["nothing"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    # Of an index that is out of reach it goes on to say that the package has no versions.
    offline = " and could not reach its package index" if "WARNING: Retrying" in told else ""
    return f"pip says: {errors[0] if errors else lines[-1]}{offline}"
