"""`edgehar data`: what is stored of whom on this machine, and its removal, also while a daemon runs."""

import contextlib
import fcntl
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct, field
from msgspec.structs import replace

from edgehar.config.read import state_folder
from edgehar.config.schema import Config
from edgehar.daemon.purging import Wish, ask_daemon
from edgehar.errors import ConfigError, RecordingError
from edgehar.publishers.event_file import FILE_NAME, EventFile
from edgehar.publishers.kept_events import KeptEvents
from edgehar.publishers.payloads import events_of
from edgehar.recordings import labels_csv, moments
from edgehar.recordings.ehr import read
from edgehar.recordings.excerpt import FOLDER as KEPT, PART
from edgehar.recordings.names import SUFFIX, parse_name

SERVICE = Path("/etc/edgehar"), Path("/var/lib/edgehar")
"""Folders of the service of deploy/: of its configuration, and of what outlives it."""

HEADS = "heads"
"""Folder beside the configuration for what was taught of wearers."""

_HEAD = re.compile(r"(?P<wearer>[A-Za-z0-9_-]+)\.(\d+\.)?(head|undone)\.[a-z.]+")

Kind = Literal[
    "recording", "kept moment", "labels", "marked moments", "head", "waiting events", "damaged events"
]


_OF_SEVERAL = {"waiting events", "damaged events"}
"""Kinds of which a file is of several wearers."""


class Stored(Struct, frozen=True):
    """A file of one wearer, or their part of one."""

    wearer: str | None
    """None: nobody can tell whose it is, or it is of several."""
    kind: Kind
    path: Path
    size: int
    """Bytes; of waiting events their own."""
    unix_s: float
    """Time at which it was made, Unix time, s."""
    what: str = ""
    """Labels, why it was kept, or how many there are."""


class Purged(Struct):
    """The result of a purge."""

    removed: list[Stored] = field(default_factory=list)
    events: int = 0
    """Events that waited for the broker."""
    is_running: bool = False
    """True if a daemon runs, and has forgotten too."""
    others: list[str] = field(default_factory=list)
    """Other wearers of whom something is stored."""
    left: list[tuple[Path, str]] = field(default_factory=list)
    """Things that could not be removed, and what to do."""


class Places(Struct, frozen=True):
    """Folders in which a gateway stores anything."""

    state: Path
    heads: Path
    in_use: frozenset[Path] = frozenset()
    """Heads that the configuration names."""


def places_of(config: Config, path: Path) -> Places:
    """Return where the gateway of a configuration, read from `path`, stores anything; ConfigError if that is nowhere."""
    beside = path.absolute().parent
    folder = state_folder(config.gateway) or (SERVICE[1] if beside == SERVICE[0] else None)
    if folder is None:
        raise ConfigError(
            f"{path}: there is no folder for what outlives edgehar, so nothing is stored but what `edgehar record` was "
            "told to write; where there is one, state_dir under [gateway] names it"
        )
    heads = (Path(wearer.head) for wearer in config.wearer if wearer.head)
    return Places(folder, beside / HEADS, frozenset(heads))


def stored(places: Places, wearer: str | None = None) -> list[Stored]:
    """Return what is stored, of one wearer or of all, by wearer and time; ConfigError if that cannot be looked at."""
    if places.state.exists() and not places.state.is_dir():
        raise ConfigError(f"{places.state}: expected a folder, and it is a file; state_dir names it")
    try:
        files = [*_files(places), *_events(places.state / FILE_NAME)]
    except OSError as error:
        raise ConfigError(
            f"{error.filename}: {error.strerror}; ask as the account that runs edgehar, or as root"
        ) from error
    chosen = [each for each in files if wearer is None or each.wearer == wearer]
    return sorted(chosen, key=lambda each: (each.wearer or "", each.unix_s, each.path))


def _files(places: Places) -> Iterator[Stored]:
    if places.state.is_dir():
        next(places.state.iterdir(), None)  # rglob says nothing of a folder that cannot be read
    for folder in (places.state, places.heads):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and (file := _file(path)):
                yield file


def _file(path: Path) -> Stored | None:
    """Return whose a file is and what; None of one that says nothing of anybody."""
    size, changed = path.stat().st_size, path.stat().st_mtime
    name = path.name.removesuffix(PART)
    if path.suffix == SUFFIX or name.endswith(SUFFIX):
        parsed, kind = parse_name(name), "kept moment" if path.parent.name == KEPT else "recording"
        made = parsed.unix_s if parsed else changed
        owner, what = _owner_and_labels(path)
        return Stored(owner or (parsed.wearer if parsed else None), kind, path, size, made, what)  # type: ignore[arg-type]
    if name.endswith(labels_csv.SUFFIX):
        recording = path.with_name(name.removesuffix(labels_csv.SUFFIX) + SUFFIX)
        parsed = parse_name(recording.name)
        whose = _owner_and_labels(recording)[0] or (parsed.wearer if parsed else None)
        return Stored(whose, "labels", path, size, parsed.unix_s if parsed else changed)
    if name.endswith(moments.SUFFIX):
        return Stored(name.removesuffix(moments.SUFFIX), "marked moments", path, size, changed)
    if match := _HEAD.fullmatch(name):
        return Stored(match["wearer"], "head", path, size, changed)
    return None


def _owner_and_labels(path: Path) -> tuple[str, str]:
    """Return whose a recording is, and what was done in it or why it was kept; empty where it does not say."""
    try:
        recording = read(path)
        marks = recording.marks()
    except RecordingError:
        return "", ""
    labels = {mark.label: None for _, mark in marks if mark.kind == "begin"}
    notes = {mark.note: None for _, mark in marks if mark.kind == "moment"}
    return recording.header.wearer, ", ".join([*labels, *notes])


def _events(path: Path) -> Iterator[Stored]:
    """Yield the events that wait for the broker, by wearer; a daemon that runs lets nobody else count them."""
    damaged = path.with_name(f"{path.name}.damaged")
    if damaged.is_file():
        yield Stored(None, "damaged events", damaged, damaged.stat().st_size, damaged.stat().st_mtime)
    if not path.is_file():
        return
    changed = path.stat().st_mtime
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.2)) as file:
            rows = file.execute("SELECT topic, length(topic) + length(payload) FROM events").fetchall()
    except sqlite3.Error:
        what = "those of all wearers, which a running edgehar has"
        yield Stored(None, "waiting events", path, path.stat().st_size, changed, what)
        return
    counts, sizes = Counter[str](), Counter[str]()
    for topic, size in rows:
        counts[topic.split("/")[-2]] += 1
        sizes[topic.split("/")[-2]] += size
    for wearer, count in counts.items():
        yield Stored(wearer, "waiting events", path, sizes[wearer], changed, f"{count} events")


def purge(places: Places, wearer: str, before: float | None = None) -> Purged:
    """Remove all that is stored of a wearer, or what is older than `before`, Unix time, s; a running daemon forgets too.

    ConfigError if that daemon cannot be asked, or a folder cannot be read; then nothing was removed here.
    """
    purged = Purged()
    if places.state.is_dir():
        done = ask_daemon(places.state, Wish(wearer, before))
        purged.is_running = done is not None
        purged.events = done.events if done else _purge_events(places, wearer, before, purged)
        if done and not done.is_on_disk:
            hint = "the disk is slow, or refuses: look at the log, and purge again"
            purged.left.append((places.state / FILE_NAME, hint))
    everything = stored(places)
    purged.others = sorted({file.wearer for file in everything if file.wearer} - {wearer})
    for file in everything:
        if file.kind == "marked moments" and file.wearer == wearer and before is not None:
            _remove_moments(file, before, purged)
        elif file.kind in _OF_SEVERAL or (before is not None and file.unix_s >= before):
            continue
        elif file.wearer == wearer:
            _remove(file, places, purged)
        elif file.wearer is None:
            purged.left.append((file.path, f"nobody can tell whose it is; remove it if it is {wearer}'s"))
    damaged = places.state / f"{FILE_NAME}.damaged"
    if before is None and damaged.is_file() and f"/{wearer}/event".encode() in damaged.read_bytes():
        size, changed = damaged.stat().st_size, damaged.stat().st_mtime
        _remove(Stored(None, "damaged events", damaged, size, changed), places, purged)
    return purged


def _remove(file: Stored, places: Places, purged: Purged) -> None:
    if file.path in places.in_use:
        hint = "edgehar.toml names it: take the line out, and purge again"
        purged.left.append((file.path, hint))
        return
    try:
        with file.path.open("rb") as opened:
            if file.path.suffix == SUFFIX:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.path.unlink()
    except BlockingIOError:
        purged.left.append((file.path, "is being recorded: end that, and purge again"))
    except FileNotFoundError:
        pass  # it was too old, or another took its place
    except OSError as error:
        purged.left.append(
            (file.path, f"{error.strerror}; do it as the account that runs edgehar, or as root")
        )
    else:
        purged.removed.append(file)


def _remove_moments(file: Stored, before: float, purged: Purged) -> None:
    """Remove the moments of a file that are older than `before`, Unix time, s."""
    try:
        removed = moments.remove(file.path, before)
    except RecordingError as error:
        purged.left.append((file.path, f"{error}; do it as the account that runs edgehar, or as root"))
        return
    if removed:
        purged.removed.append(replace(file, what=f"{removed} of its moments"))


def _purge_events(places: Places, wearer: str, before: float | None, purged: Purged) -> int:
    """Remove the waiting events of a wearer while no daemon runs; return how many."""
    if not (places.state / FILE_NAME).is_file():
        return 0
    try:
        kept = KeptEvents(EventFile(places.state))
    except ConfigError as error:
        purged.left.append((places.state / FILE_NAME, f"{error}; end that, and purge again"))
        return 0
    events = [e for e in events_of(wearer, kept) if before is None or kept.came_at(e) < before]
    for event in events:
        kept.let_go(event)
    kept.scrub()
    if not kept.written():
        hint = kept.problem or "the disk is too slow"
        purged.left.append((places.state / FILE_NAME, f"{hint}; purge again"))
    kept.close()
    return len(events)
