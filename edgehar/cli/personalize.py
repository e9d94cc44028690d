"""`edgehar personalize`: a recognizer taught what one person does, in a minute."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    answer_of,
    show,
    show_table,
)


def personalize(
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(metavar="RECORDING...", help="Labelled .ehr recordings of the wearer."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    wearer: Annotated[str | None, typer.Option(help="Whose they are: the id in the file.")] = None,
    label: Annotated[
        str | None, typer.Option(help="What was done in recordings that say it nowhere.")
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="Also judge by this labelled recording, without teaching it; may be repeated."),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge alone, and write nothing.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Accept it also where the recordings say too little.")
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the newest back.")] = False,
    list_heads: Annotated[bool, typer.Option("--list", help="List what was taught.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Teach the recognizer what one person does, in a minute.

    Example: edgehar personalize tape.ehr walk.ehr --wearer anna, and edgehar personalize --undo --wearer anna

    A small head on the model is fitted to labelled recordings; labels may be new. It is put in use if it does no worse on
    takes that are held out in turn and on the wearer's other labelled recordings below the state folder; else exit code 1.
    The model itself stays as it is.
    """
    from edgehar.apps.personalize import heads_of, personalize as teach, place_of, undo as take_back

    modes = [
        name for name, is_on in (("RECORDING", recordings), ("--undo", undo), ("--list", list_heads)) if is_on
    ]
    if len(modes) != 1:
        came = " and ".join(modes) or "none"
        raise typer.BadParameter(f"expected one of RECORDING, --undo and --list; {came} came")
    place = place_of(config, wearer)
    if list_heads:
        heads = heads_of(place)
        show_table(heads, as_json)
        if not heads:
            _say(f"{place.wearer.id} has been taught nothing yet")
        return
    if undo:
        taken_back = take_back(place)
        show(taken_back if as_json else _undone(taken_back), as_json)
        _reload(config)
        return
    report = teach(
        place,
        recordings or [],
        label=label,
        replays=replay or [],
        dry_run=dry_run,
        anyway=anyway,
        progress=_progress(),
        warn=_say,
    )
    if as_json:
        show(report, as_json)
    else:
        _print(report)
    if report["head"]:
        _reload(config)
    if report["fine_tuning"]:
        _say(
            f"{report['taught_minutes']:.0f} minutes are enough to fine-tune the network itself: `edgehar-train finetune` "
            "takes the same files (models/adapt.md)"
        )
    if not report["accepted"]:
        raise typer.Exit(EXIT_FAILED)


def _undone(report: dict[str, Any]) -> str:
    now = report["head"] or "the model as it is"
    return f"{report['wearer']}: {report['taken_back']} is taken back; in use is {now}"


def _print(report: dict[str, Any]) -> None:
    rows = [
        {
            "label": row["label"],
            "taught": None if row["taught_s"] is None else f"{row['taught_s']:g} s",
            "judged on": row["judged_on"],
            "told before": f"{row['told_before']} of {row['takes']}",
            "told now": f"{row['told_after']} of {row['takes']}",
            "right before": _share(row["right_before"]),
            "right now": _share(row["right_after"]),
            "false starts": None
            if row["false_starts_after"] is None
            else f"{row['false_starts_before']} -> {row['false_starts_after']} in {row['other_hours'] * 60:.1f} min",
            "at most": None if row["at_most_per_hour"] is None else f"{row['at_most_per_hour']:.3g}/h",
        }
        for row in report["labels"]
    ]
    show_table(rows, as_json=False)
    typer.echo()
    typer.echo(report["sentence"])
    if report["head"]:
        typer.echo(f"in use: {report['head']}, after {report['took_s']:.1f} s")
        typer.echo(f"undo: edgehar personalize --undo --wearer {report['wearer']}")


def _share(value: float | None) -> str | None:
    return None if value is None else f"{value:.0%}"


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _progress() -> Callable[[str, int, int], None]:
    """Return what shows a line that is written over on a terminal, and is silent elsewhere."""

    def tell(work: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            typer.echo(f"\r\x1b[K{work}: {done} of {total}", err=True, nl=done == total)

    return tell


def _reload(config: Path) -> None:
    """Have a running daemon take it up, or say how."""
    from edgehar.apps.reload import ask_to_reload
    from edgehar.config.credentials import by_hand
    from edgehar.config.read import load
    from edgehar.errors import OperatorError

    try:
        problem = answer_of(ask_to_reload(by_hand(load(config), config)))
    except OperatorError as error:
        problem = str(error)
    if not problem:
        _say("the running daemon has taken it up")
    else:
        _say(f"a running daemon takes it up by `systemctl reload edgehar`, or SIGHUP ({problem})")
