"""The command `edgehar` as a shell starts it, beside what a test goes on with."""

import asyncio
import io
import logging
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from edgehar import cli


async def start(*arguments: str, before: Callable[[], None] | None = None) -> asyncio.subprocess.Process:
    """Start a verb; `before` is called in its process first."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edgehar",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=before,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    """Return a verb's exit code, data and messages."""
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def edgehar(*arguments: str) -> tuple[int, str, str]:
    """Run a verb; return its exit code, data and messages."""
    return await ended(await start(*arguments))


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """Run a verb in this process, which is quicker than another one; return its exit code, data and messages."""
    log, out, err = logging.getLogger(), io.StringIO(), io.StringIO()
    level, handlers = log.level, log.handlers[:]
    log.handlers.clear()
    try:
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "argv", ["edgehar", *map(str, arguments)])
            with pytest.raises(SystemExit) as ended:
                cli.main()
    finally:
        log.setLevel(level)
        log.handlers[:] = handlers
    assert isinstance(ended.value.code, int)
    return ended.value.code, out.getvalue(), err.getvalue()
