"""A terminal on a real pty: what a program draws there, as a person sees it, also after its window was resized."""

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from mosquitto import PATIENCE_S

_TOKEN = re.compile(r"\x1b\[(?P<number>[?0-9;]*)(?P<command>[A-Za-z])|(?P<text>\r|\n|[^\x1b\r\n]+)")


def shown(text: str, columns: int, rows: int) -> list[str]:
    """Return what stands on a window after a text was written to it, without lines that are empty."""
    window = Terminal.__new__(Terminal)
    window._lines, window._x, window._y, window.columns, window.rows = [""], 0, 0, columns, rows
    # As a terminal's driver does it.
    for token in _TOKEN.finditer(text.replace("\n", "\r\n")):
        window._take(token)
    return window.visible()


class Terminal:
    """A window in which one program runs; it draws what rich writes, and breaks lines anew when it is resized."""

    def __init__(self, *command: str, columns: int = 80, rows: int = 24) -> None:
        self._lines, self._x, self._y = [""], 0, 0
        self._decoder, self._text = codecs.getincrementaldecoder("utf-8")(), ""
        self._master, slave = pty.openpty()
        self.columns, self.rows = columns, rows
        termios.tcsetwinsize(slave, (rows, columns))
        self.program = subprocess.Popen(
            ["setsid", "--ctty", sys.executable, "-m", "edgehar", *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ | {"TERM": "xterm-256color"},
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.program.kill()
        self.program.wait()
        self.close()

    def close(self) -> None:
        """Close the window."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def resize(self, columns: int, rows: int) -> None:
        """Pull at the window's edge: lines that no longer fit are broken anew, as most terminals do."""
        broken: list[str] = []
        for line in self._lines:
            broken += [line[i : i + columns] for i in range(0, max(len(line), 1), columns)]
        self._lines = broken
        self._y, self._x = len(broken) - 1, len(broken[-1])
        self.columns, self.rows = columns, rows
        termios.tcsetwinsize(self._master, (rows, columns))

    def visible(self) -> list[str]:
        """Return the lines in view, without those that are empty."""
        return [line.rstrip() for line in self._lines[self._top :] if line.strip()]

    def until(self, shows: Callable[[list[str]], bool]) -> list[str]:
        """Draw until what is in view satisfies; return it."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not shows(self.visible()):
            assert time.monotonic() < give_up_at, "\n".join(self.visible())
            self._draw()
        return self.visible()

    def until_end(self) -> list[str]:
        """Draw until the program has ended; return what stays in view."""
        self.until(lambda _: self.program.poll() is not None)
        while self._draw():
            pass
        return self.visible()

    @property
    def _top(self) -> int:
        return max(0, len(self._lines) - self.rows)

    def _draw(self) -> bool:
        """Draw what has come, or comes in a moment; tell whether anything did."""
        ready, _, _ = select.select([self._master], [], [], 0.1)
        try:
            came = os.read(self._master, 1 << 16) if ready else b""
        except OSError:  # nobody has the other end open any more
            return False
        self._text += self._decoder.decode(came)
        end = 0
        for token in _TOKEN.finditer(self._text):
            self._take(token)
            end = token.end()
        self._text = self._text[end:]  # the beginning of a command, if anything
        return bool(came)

    def _take(self, token: re.Match[str]) -> None:
        command, text = token["command"], token["text"]
        if command == "A":
            self._y = max(self._top, self._y - int(token["number"] or 1))
        elif command == "K":
            self._lines[self._y] = ""
        elif command == "H":
            self._x, self._y = 0, self._top
        elif command == "J":
            self._lines[self._top :] = [""] * (len(self._lines) - self._top)
        elif text == "\r":
            self._x = 0
        elif text == "\n":
            self._feed_line()
        else:
            for letter in text or "":
                self._put(letter)

    def _feed_line(self) -> None:
        self._y += 1
        if self._y == len(self._lines):
            self._lines.append("")

    def _put(self, letter: str) -> None:
        if self._x == self.columns:
            self._x = 0
            self._feed_line()
        line = self._lines[self._y].ljust(self._x)
        self._lines[self._y] = line[: self._x] + letter + line[self._x + 1 :]
        self._x += 1
