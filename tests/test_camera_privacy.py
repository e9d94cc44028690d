"""No frame leaves the process: strace tells what is written, sent, or opened for it, while a clip is looked at."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import lacking

LOOK = """
import asyncio, sys
from pathlib import Path
from edgehar.sources.camera.camera import Camera
clip, weights, leak = sys.argv[1:]
camera = Camera(clip, Path(weights), paced=False, show_picture=bool(leak))
bodies = []
def deliver(t, stream, body):
    bodies.append(body)
    exec(leak)
async def main():
    print("BEGIN", flush=True)
    await camera.run(deliver)
asyncio.run(main())
print("END", len(bodies), flush=True)
"""
FILE = "Path('frame.jpg').write_bytes(camera.picture())"
SOCKET = "import socket; a, b = socket.socketpair(); a.send(camera.picture())"

WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "sendmmsg"}
OPENS = {"open", "openat", "mmap"}
OTHERS = {"creat", "socket", "connect", "memfd_create", "execve", "rename", "renameat2", "link", "linkat"}
OTHERS |= {"sendfile", "splice", "vmsplice", "copy_file_range"}


def leaving(call: str) -> bool:
    """Tell whether a frame could leave the process by a line of strace's."""
    name = re.sub(r"^\d+ +(<\.\.\. )?", "", call).partition("(")[0].partition(" ")[0]
    if name in OPENS:
        return bool(re.search(r"O_WRONLY|O_RDWR|O_CREAT|PROT_WRITE.*MAP_SHARED\b", call))
    if name in WRITES:
        # The event loop wakes itself with a byte; what is unfinished tells its length when it is resumed.
        return not re.search(r"= 1$|= \?$|= -1 E|unfinished", call)
    return name in OTHERS


def calls_while_looking(clip: Path, weights: Path, folder: Path, leak: str = "") -> list[str]:
    """Return those calls by which a frame could leave."""
    strace = shutil.which("strace")
    if strace is None:
        lacking("strace")
    log, empty = folder / "calls.log", folder / "empty"
    empty.mkdir()
    traced = ",".join(WRITES | OPENS | OTHERS)
    command = [strace, "-f", "-y", "-qq", "-o", str(log), "-e", f"trace=?{traced.replace(',', ',?')}"]
    done = subprocess.run(
        [*command, sys.executable, "-c", LOOK, str(clip), str(weights), leak],
        cwd=empty,
        env=os.environ | {"TMPDIR": str(empty), "HOME": str(empty)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.fullmatch(r"BEGIN\nEND 5\d\n", done.stdout), done.stdout + done.stderr
    assert done.stderr == ""
    assert leak or list(empty.iterdir()) == []
    lines = log.read_text().splitlines()
    begin, end = (next(i for i, line in enumerate(lines) if f'"{word}' in line) for word in ("BEGIN", "END"))
    looking = lines[begin + 1 : end]
    assert any(clip.name in line for line in looking)
    return [line for line in looking if leaving(line)]


@pytest.fixture
def clip(data: Path) -> Path:
    return data / "video" / "adl_18_multiple_jumps.mp4"


def test_no_frame_leaves_the_process(clip: Path, weights: Path, tmp_path: Path) -> None:
    assert calls_while_looking(clip, weights, tmp_path) == []


@pytest.mark.parametrize("leak", [FILE, SOCKET], ids=["file", "socket"])
def test_a_frame_that_leaves_would_be_noticed(clip: Path, weights: Path, tmp_path: Path, leak: str) -> None:
    assert calls_while_looking(clip, weights, tmp_path, leak)
