"""`edgehar record --label-with-me` as a person has it: on a pty with keys, in a pipe without, with taps on the sensor."""

import asyncio
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from shell import edgehar, ended, start
from tapped import sensor_that_is_tapped
from terminals import Terminal

from edgehar.apps.label_with_me import keys_of
from edgehar.recordings.ehr import read
from edgehar.sources.simulated.serve import serve_tcp
from edgehar.sources.simulated.simulator import Simulator

SHORT = ("--take-s", "1", "--pause-s", "0.3")


@contextlib.asynccontextmanager
async def simulated() -> AsyncIterator[str]:
    """Serve a simulated wearer's sensor; yield its URL."""
    urls: asyncio.Queue[str] = asyncio.Queue()
    simulator = Simulator(placements=["wrist_left"], seed=3)
    task = asyncio.create_task(serve_tcp(simulator, "127.0.0.1", 0, announce=urls.put_nowait))
    try:
        yield await urls.get()
    finally:
        task.cancel()
        await asyncio.wait([task])


def marked_in(path: Path) -> list[tuple[str, str]]:
    return [(mark.kind, mark.label) for _, mark in read(path).marks()]


async def test_in_a_pipe_the_countdown_is_lines_and_the_recording_has_the_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    async with simulated() as url:
        options = ("--port", url, "--placement", "wrist_left", "--label-with-me", *SHORT, "--json")
        code, out, err = await edgehar("record", str(path), *options, "--labels", "walking,tighten screw")
    assert code == 0
    taken = json.loads(out)["taken_s"]
    assert taken == {"walking": 1.0, "tighten_screw": 1.0}
    assert [label for _, _, label in read(path).truth()] == ["walking", "tighten_screw"]
    lines = err.splitlines()
    assert lines[0] == "`tighten screw` is recorded as tighten_screw"
    assert lines[-7:] == [
        "walking: 1.0 s taken",
        "next: tighten_screw, begins in 1",
        "tighten_screw: 1 s left",
        "tighten_screw: 1.0 s taken",
        "that was all, ends in 1",
        f"next: edgehar replay {path}",
        f"      edgehar personalize {path} --wearer wearer --config edgehar.toml",
    ]
    # Nobody is told of keys that nobody can press.
    assert "space" not in err
    packets = [t for t, _, body in read(path) if body]
    [(begin, end, _), _] = read(path).truth()
    assert any(begin < t < end for t in packets)


async def test_prompts_are_for_what_the_worn_sensor_can_tell_unless_labels_are_given(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    async with simulated() as url:
        command = (
            "record",
            str(path),
            "--port",
            url,
            "--placement",
            "wrist_left",
            "--label-with-me",
            "--json",
        )
        code, out, _ = await edgehar(*command, "--take-s", "1", "--pause-s", "0", "--seconds", "1")
    labels = [*json.loads(out)["taken_s"]]
    assert (code, labels[0]) == (0, "lying") or "walking" in labels
    assert not {"other", "falling"} & {*labels}
    assert "punching" in labels or "waving" in labels


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--labels", "walking"], "give that too"),
        (["--label-with-me", "--labels", ","], "none came"),
        (
            ["--label-with-me", "--labels", "a/b"],
            '64 letters (a to z), digits, `_` and `-` or spaces; got "a/b"',
        ),
        (["--label-with-me", "--placement", "nose"], "or say by --labels what is to be done"),
    ],
)
async def test_what_cannot_be_prompted_for_is_refused_in_a_line(
    tmp_path: Path, options: Sequence[str], says: str
) -> None:
    code, out, err = await edgehar("record", str(tmp_path / "a.ehr"), "--port", "/dev/ttyNOWHERE", *options)
    assert (code, out) == (78, "")
    assert says in err.splitlines()[-1]
    assert not (tmp_path / "a.ehr").exists()


async def test_a_camera_is_worn_nowhere(tmp_path: Path) -> None:
    code, _, err = await edgehar("record", str(tmp_path / "a.ehr"), "--camera", "0", "--placement", "wrist")
    assert (code, "a camera is not worn; leave it out" in err) == (78, True)


async def test_told_to_end_it_keeps_what_was_taken_so_far(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    async with simulated() as url:
        options = ("--port", url, "--placement", "wrist", "--label-with-me", "--labels", "walking,sitting")
        process = await start("record", str(path), *options, "--take-s", "4", "--pause-s", "0")
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while b"walking: 3 s left" not in await process.stderr.readline():
                pass
        process.send_signal(signal.SIGTERM)
        code, _, err = await ended(process)
    assert (code, marked_in(path)) == (0, [("begin", "walking"), ("end", "")])
    assert "next: edgehar replay" in err


@contextlib.asynccontextmanager
async def on_a_terminal(path: Path, *options: str) -> AsyncIterator[Terminal]:
    """Record a simulated wearer in a window."""
    async with simulated() as url:
        command = (
            "record",
            str(path),
            "--port",
            url,
            "--placement",
            "wrist_left",
            "--label-with-me",
            *options,
        )
        with Terminal(*command, columns=110) as window:
            yield window


async def shows(window: Terminal, text: str) -> None:
    await asyncio.to_thread(window.until, lambda lines: any(text in line for line in lines))


async def test_on_a_terminal_keys_begin_end_skip_repeat_and_mark(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    labels = ("--labels", "walking,sitting,standing", "--take-s", "60", "--pause-s", "60")
    async with on_a_terminal(path, *labels) as window:
        for waits_for, key in (
            ("next: walking, begins in", b" "),
            ("walking: 60 s left", b"m"),
            ("this moment is marked", b" "),
            ("next: sitting, begins in", b"n"),
            ("next: standing, begins in", b" "),
            ("standing: 60 s left", b"r"),
            ("standing: taken back, and repeated", b"x"),
            ("next: standing, begins in", b"q"),
        ):
            await shows(window, waits_for)
            window.type(key)
        lines = await asyncio.to_thread(window.until_end)
        assert window.program.returncode == 0
    assert marked_in(path) == [
        ("begin", "walking"),
        ("moment", ""),
        ("end", ""),
        ("begin", "standing"),
        ("void", ""),
    ]
    assert [label for _, _, label in read(path).truth()] == ["walking"]
    # A countdown stands in one place.
    assert sum("begins in" in line for line in lines) <= 1


@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "ctrl-c"])
async def test_the_terminal_is_afterwards_as_it_was(tmp_path: Path, key: bytes) -> None:
    async with on_a_terminal(tmp_path / "a.ehr", "--labels", "walking") as window:
        before = termios.tcgetattr(window._master)
        await shows(window, "space, or two taps")
        during = termios.tcgetattr(window._master)
        window.type(key)
        await asyncio.to_thread(window.until_end)
        assert termios.tcgetattr(window._master) == before != during


def test_the_terminal_is_afterwards_as_it_was_where_something_fails() -> None:
    master, slave = pty.openpty()
    before = termios.tcgetattr(master)
    script = (
        "import sys, termios\n"
        "from edgehar.apps.label_with_me import keys_of\n"
        "with keys_of(sys.stdin) as keys:\n"
        f"    assert keys and termios.tcgetattr(0) != {before!r}\n"
        "    1 / 0\n"
    )
    command = ["setsid", "--wait", "--ctty", sys.executable, "-c", script]
    failed = subprocess.run(command, stdin=slave, stderr=subprocess.PIPE, check=False)
    assert b"ZeroDivisionError" in failed.stderr
    assert termios.tcgetattr(master) == before
    for fd in (master, slave):
        os.close(fd)


def test_another_jobs_terminal_is_left_alone() -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave) as stream:
        before = termios.tcgetattr(slave)
        with keys_of(stream) as keys:
            assert keys is None
            assert termios.tcgetattr(slave) == before
    os.close(master)


@pytest.mark.parametrize("stream", [None, "closed", "file"])
def test_where_there_is_no_terminal_there_are_no_keys(stream: str | None, tmp_path: Path) -> None:
    with (tmp_path / "in").open("w+") as file:
        if stream == "closed":
            file.close()
        with keys_of(file if stream else None) as keys:
            assert keys is None


async def test_two_taps_on_the_sensor_begin_and_end_a_take(tmp_path: Path) -> None:
    path = tmp_path / "a.ehr"
    async with sensor_that_is_tapped(0.8, 2.6) as url:
        options = (
            "--port",
            url,
            "--label-with-me",
            "--labels",
            "walking",
            "--take-s",
            "60",
            "--pause-s",
            "3.0",
        )
        process = await start("record", str(path), *options)
        assert process.stderr is not None
        async with asyncio.timeout(60):
            while b"s taken" not in await process.stderr.readline():
                pass
        process.send_signal(signal.SIGTERM)
        code, out, _ = await ended(process)
    assert code == 0, out
    [(_, begin), (_, end)] = read(path).marks()
    assert (begin.note, end.note) == ("tap", "tap")
    [(start_s, end_s, _)] = read(path).truth()
    first = next(t for t, _, body in read(path) if body)
    # It begins once both taps and the quiet behind them are over, and ends before the hand came.
    assert 1.4 < start_s - first < 2.4
    assert 2.0 < end_s - first < 2.7
