"""`edgehar data`: what is stored of whom, and its removal."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from edgehar.cli.questions import Questions, say
from edgehar.cli.terminal import (
    DEFAULT_CONFIG,
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    answer_of,
    show,
    show_table,
)
from edgehar.errors import ConfigError
from edgehar.validation import did_you_mean

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and remove what is stored of wearers.\n\nExample: edgehar data list --config edgehar.toml",
)

WearerOption = Annotated[str, typer.Option(help="Whose, by the id in edgehar.toml, or one that stood there.")]

OUT_OF_REACH = (
    "out of reach: files elsewhere, such as copies, what `edgehar record` wrote and models that were fine-tuned; what "
    "subscribers of the broker keep, such as Home Assistant's history; the journal; backups"
)


@app.command("list")
def data_list(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    wearer: Annotated[str | None, typer.Option(help="Only this wearer's; all by default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what is stored of whom.

    Example: edgehar data list --config edgehar.toml

    Recordings and marked moments, the seconds that [keep] keeps, heads of `edgehar personalize`, and events that wait for the
    broker, which only their daemon can count while one runs.
    """
    from edgehar.apps.data import places_of, stored
    from edgehar.config.read import load

    rows = [*_rows(stored(places_of(load(config), config), wearer))]
    show_table(rows, as_json)
    if not rows:
        typer.echo(f"nothing is stored of {wearer or 'anybody'}", err=True)


def _rows(files: Any) -> Iterator[dict[str, Any]]:
    for file in files:
        yield {
            "wearer": file.wearer,
            "kind": file.kind,
            "date": datetime.fromtimestamp(file.unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "kb": round(file.size / 1000, 1),
            "what": file.what,
            "path": str(file.path),
        }


@app.command("purge")
def data_purge(
    config: ConfigOption = DEFAULT_CONFIG,
    *,
    wearer: WearerOption,
    before: Annotated[
        datetime | None, typer.Option(help="Only what is older, by UTC.", formats=["%Y-%m-%d"])
    ] = None,
    days: Annotated[
        float | None, typer.Option(min=0, max=36_500, help="Only what is older than so many days.")
    ] = None,
    retained: Annotated[
        bool, typer.Option("--retained", help="Also remove what the broker retains of the wearer.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove all that is stored of a wearer.

    Example: edgehar data purge --wearer anna

    A daemon that runs forgets what it has in memory and what waits for the broker, and goes on; a recording that is being
    made has to be ended first. Exit code 1 if anything is left.
    """
    from edgehar.apps.data import places_of, purge, stored
    from edgehar.config.credentials import by_hand
    from edgehar.config.names import check_name
    from edgehar.config.read import load, naming_lines

    check_name("--wearer", wearer)
    loaded = by_hand(load(config), config)
    cutoff = _cutoff(before, days)
    places = places_of(loaded, config)
    if not yes:
        files = stored(places, wearer)
        show_table([*_rows(files)], as_json=False)
        older = (
            ""
            if cutoff is None
            else f" that is older than {datetime.fromtimestamp(cutoff, UTC):%Y-%m-%dT%H:%M:%SZ}"
        )
        if not Questions(takes_defaults=False).confirm(
            f"Remove all{older} of {wearer}, which nothing brings back?"
        ):
            say("nothing was removed")
            raise typer.Exit(EXIT_FAILED)
    purged = purge(places, wearer, cutoff)
    topics = None
    if retained:
        from edgehar.apps.retained import remove_wearer

        with naming_lines(config):
            topics = answer_of(remove_wearer(loaded, wearer))
    answer = {
        "removed": [*_rows(purged.removed)],
        "events": purged.events,
        "daemon": "runs, and has forgotten" if purged.is_running else "none runs",
        "topics": topics,
        "left": [{"path": str(path), "hint": hint} for path, hint in purged.left],
    }
    if as_json:
        show(answer, as_json)
    else:
        _print(answer, configured=any(each.id == wearer for each in loaded.wearer), wearer=wearer)
    if not (purged.removed or purged.events):
        hint = did_you_mean(wearer, purged.others, "")
        say(f"nothing was stored of {wearer}{'; ' if hint else ''}{hint}")
    if purged.left:
        raise typer.Exit(EXIT_FAILED)


def _cutoff(before: datetime | None, days: float | None) -> float | None:
    """Return the Unix time, s, before which all goes; None: all."""
    if before and days is not None:
        raise ConfigError("--before and --days say the same in two ways; give one")
    if before:
        return before.replace(tzinfo=UTC).timestamp()
    return None if days is None else time.time() - days * 86_400


def _print(answer: dict[str, Any], *, configured: bool, wearer: str) -> None:
    """Print what was done for people."""
    for row in answer["removed"]:
        typer.echo(f"removed: {row['kind']}, {row['date']}, {row['kb']:g} kB, {row['path']}")
    typer.echo(f"removed: {answer['events']} events that waited for the broker")
    for topic in answer["topics"] or ():
        typer.echo(f"removed at the broker: {topic}")
    typer.echo(f"daemon: {answer['daemon']}")
    for row in answer["left"]:
        typer.echo(f"left: {row['path']}: {row['hint']}")
    if answer["topics"] is None:
        say("the broker's retained topics were left; --retained removes them")
    if configured:
        say(
            f"{wearer} still stands in edgehar.toml: what is told from now on is stored and published as before"
        )
    say(OUT_OF_REACH)
