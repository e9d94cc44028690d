"""The terminal side of every verb: options, exit codes, and how results and failures are printed."""

import asyncio
import json
import logging
import signal
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from edgehar.cli import completion
from edgehar.errors import one_line

T = TypeVar("T")

EXIT_REFUSED = 78
"""EX_CONFIG of sysexits.h: systemd is told not to restart on it."""
EXIT_MISSING = 3
EXIT_FAILED = 1

_EXTRAS = {"cv2": "camera", "pyarrow": "parquet", "tensorflow": "train", "scipy": "train"}
"""Packages that not everybody needs, and the extra that brings each."""

DEFAULT_CONFIG = Path("edgehar.toml")

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
"""Settings of a root: those below inherit them."""


def _be_verbose(verbose: bool) -> None:  # noqa: FBT001 - typer calls it with the flag
    if verbose:
        logging.getLogger().setLevel(logging.DEBUG)


VerboseOption = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", callback=_be_verbose, expose_value=False, help="Also say what is normal."
    ),
]
ConfigOption = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]
ConfigArgument = Annotated[
    Path | None, typer.Argument(metavar="CONFIG", help="The configuration file; the same as --config.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="A shipped model's name or a manifest's path.",
        autocompletion=completion.models,
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A shipped model's name or a manifest's path.",
        autocompletion=completion.models,
    ),
]

SubjectOption = Annotated[str | None, typer.Option(help="Which person of an .npz set.")]
PlacementsOption = Annotated[
    list[str] | None,
    typer.Option(help="Which sensors, all by default; RECORDED=WORN as worn elsewhere; may be repeated."),
]
HeadOption = Annotated[
    Path | None, typer.Option(help="With what `edgehar personalize` has taught: a *.head.json.")
]


class RootGroup(TyperGroup):
    """The root of a command line: every group and verb below it takes its `--verbose` too."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        [verbose] = [option for option in self.params if option.name == "verbose"]
        below = [*self.commands.values()]
        for command in below:
            command.params.append(verbose)
            below += getattr(command, "commands", {}).values()


def show(value: Any, as_json: bool) -> None:  # noqa: FBT001 - what the flag said
    """Print JSON for programs, indented lines for people."""
    if as_json:
        typer.echo(json.dumps(value))
    else:
        typer.echo("\n".join(_lines(value)))


def show_table(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:  # noqa: FBT001 - what the flag said
    """Print JSON for programs, for people a line for each row."""
    if as_json or not rows:
        typer.echo(json.dumps(rows) if as_json else "", nl=as_json)
        return
    columns = [
        [name.replace("_", " ") for name in rows[0]],
        *([_text(v) for v in row.values()] for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*columns, strict=True)]
    for line in columns:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    return "-" if value is None or value == "" else one_line(str(value))


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict) or (
                isinstance(inner, list | tuple) and inner and isinstance(inner[0], dict)
            ):
                yield f"{indent}{key}:"
                yield from _lines(inner, indent + "  ")
            else:
                yield f"{indent}{key}: {_text(inner)}"
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from ([""] if i else [])
            yield from _lines(inner, indent)
    else:
        yield f"{indent}{value}"


def how_it_comes(package: str | None) -> str:
    """Say how a package that is missing comes."""
    extra = _EXTRAS.get((package or "").partition(".")[0])
    return f"`pip install 'edgehar[{extra}]'` brings it" if extra else "install edgehar again with pip"


def run_to_end(work: Coroutine[Any, Any, T]) -> T | None:
    """Run it until its end, Ctrl-C (exit code 130), or what ends a service or closes a terminal: success."""

    async def until_terminated() -> T | None:
        task = asyncio.current_task()
        assert task is not None
        terminated = asyncio.Event()

        def terminate() -> None:
            terminated.set()
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            # Under nohup a closed terminal is to end nothing.
            if signal.getsignal(number) != signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, terminate)
        try:
            return await work
        except asyncio.CancelledError:
            if not terminated.is_set():
                raise
            return None

    return asyncio.run(until_terminated())


@contextmanager
def tidied_up() -> Iterator[None]:
    """Let SIGTERM undo what is half done, such as a file that is being written, and then end the process as ever."""

    class TerminatedError(BaseException):
        """Raised where the signal comes."""

    def terminate(*_: object) -> None:
        raise TerminatedError

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except TerminatedError:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def answer_of(work: Coroutine[Any, Any, T]) -> T:
    """Run it as `run_to_end` does and return its answer; ended by SIGTERM before there is one, it has failed."""
    answer = run_to_end(work)
    if answer is None:
        typer.echo("edgehar: told to end before there was an answer", err=True)
        raise typer.Exit(EXIT_FAILED)
    return answer
