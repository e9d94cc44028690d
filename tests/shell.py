"""The command `edgehar` as a shell starts it, beside what a test goes on with."""

import asyncio
import sys
from collections.abc import Callable

from typer.testing import CliRunner

from edgehar import cli
from edgehar.errors import EdgeharError, OperatorError


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


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a verb in this process, which is quicker than another one; return its exit code, data and messages."""
    done = CliRunner().invoke(cli.app, arguments)
    if isinstance(done.exception, EdgeharError):
        code = 78 if isinstance(done.exception, OperatorError) else 1
        return code, done.stdout, f"{done.stderr}{done.exception}"
    return done.exit_code, done.stdout, done.stderr
