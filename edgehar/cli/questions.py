"""Questions on a terminal, on stderr, each answer checked at once; or their defaults, where nobody is to be asked."""

import getpass
import sys
from collections.abc import Callable
from typing import TypeVar

import typer

from edgehar.errors import EdgeharError, OperatorError

T = TypeVar("T")

LONGEST_ANSWER = 1000
"""Letters of a line that are read."""


def say(text: str = "") -> None:
    """Print a line that is no data."""
    typer.echo(text, err=True)


class Questions:
    """Asks, or takes the default of every question."""

    def __init__(self, *, takes_defaults: bool) -> None:
        self.takes_defaults = takes_defaults

    def ask(
        self, question: str, check: Callable[[str], T], default: str | None = None, given: str | None = None
    ) -> T:
        """Return what `check` makes of an answer; what it refuses is asked for again.

        What is given is not asked for, and like a default that nobody is asked about refused for good: EdgeharError as
        `check` raises it.

        Args:
            question: In words, without a question mark.
            check: Returns what an answer means; raises EdgeharError with what to write instead.
            default: What Enter alone means; None: an answer is needed.
            given: An answer from the command line.
        """
        if given is not None or (self.takes_defaults and default is not None):
            return check(given if given is not None else default or "")
        hint = f" [{default}]" if default else ""
        while True:
            answer = self._line(f"{question}{hint}: ").strip()
            if not answer and default is None:
                say("  an answer is needed; Ctrl-C ends all, and nothing is written")
                continue
            try:
                return check(answer or default or "")
            except EdgeharError as error:
                say(f"  {error}")

    def confirm(self, question: str, *, default: bool = False, given: bool | None = None) -> bool:
        """Return whether the answer is yes."""
        words = None if given is None else "yes" if given else "no"
        return self.ask(f"{question} (yes or no)", _yes, "yes" if default else "no", words)

    def secret(self, question: str) -> str:
        """Return an answer that is shown nowhere; EdgeharError where nobody can be asked."""
        while True:
            answer = self._hidden(f"{question}: ")
            if answer:
                return answer
            say("  a password is needed; Ctrl-C ends all, and nothing is written")

    def _hidden(self, prompt: str) -> str:
        if self.takes_defaults or sys.stdin is None or not sys.stdin.isatty():
            return self._line(prompt)
        try:
            return getpass.getpass(prompt, stream=sys.stderr)
        except EOFError as error:
            raise _nobody_answers(prompt) from error

    def _line(self, prompt: str) -> str:
        """Return a line of stdin without its end; EdgeharError if there is none."""
        if self.takes_defaults:
            raise EdgeharError(
                f"{prompt.rstrip(': ')}: there is no default for it; see --help for its option"
            )
        typer.echo(prompt, nl=False, err=True)
        try:
            line = sys.stdin.readline(LONGEST_ANSWER) if sys.stdin is not None else ""
        except UnicodeDecodeError as error:
            raise EdgeharError(f"{prompt.rstrip(': ')}: expected text, got bytes that are none") from error
        if not line:
            say()
            raise _nobody_answers(prompt)
        return line.rstrip("\r\n")


def _nobody_answers(prompt: str) -> EdgeharError:
    question = prompt.rstrip(": ")
    return EdgeharError(
        f"nobody answers `{question}`: stdin has ended. Run it on a terminal, or with --yes and what is not a default as "
        "options. Nothing was written"
    )


def _yes(answer: str) -> bool:
    if answer.lower() in {"y", "yes", "n", "no"}:
        return answer.lower().startswith("y")
    raise OperatorError(f"expected yes or no, got {answer}")
