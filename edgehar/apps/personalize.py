"""`edgehar personalize`: a head taught, judged, and put in use or not; and taken back."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from edgehar.config.edit_head import set_head
from edgehar.config.read import decision_settings, load, model_pair, state_folder
from edgehar.config.schema import Config
from edgehar.config.worn import Wearer
from edgehar.daemon.run import check
from edgehar.daemon.wiring import streams_of
from edgehar.errors import ConfigError, ModelError, RecordingError, about
from edgehar.personal import gate
from edgehar.personal.compare import Lesson, Progress, try_head
from edgehar.personal.head import Head, read
from edgehar.personal.heads import Heads, load_head, name_of
from edgehar.personal.repeats import Repeats
from edgehar.personal.takes import Take, read_take
from edgehar.pipeline import recognizer
from edgehar.pipeline.modality import IMU, modality_of_profile
from edgehar.pipeline.recognizer import Recognizer
from edgehar.pipeline.tracks import read_tracks
from edgehar.recordings import ehr
from edgehar.recordings.labels import common_label
from edgehar.sources.replay import Track, open_recording

FINE_TUNING_MINUTES = 7.0
"""With so much README.md's example fine-tunes the network itself."""

MOST_STORED = 8 * 2**20
"""Bytes of stored recordings that are judged by: about three hours of one sensor at 50 Hz."""

Warn = Callable[[str], None]


class Place(Struct, frozen=True):
    """A wearer of a configuration, and where their heads are."""

    path: Path
    config: Config
    wearer: Wearer

    @property
    def heads(self) -> Heads:
        """The heads on disk, in `heads` beside the configuration."""
        return Heads(self.path.absolute().parent / "heads", self.wearer.id)

    @property
    def in_use(self) -> Path | None:
        """The head that the configuration names."""
        return Path(self.wearer.head) if self.wearer.head else None


def place_of(path: Path, wearer: str | None) -> Place:
    """Read a configuration; ConfigError if it has no such wearer, or several and none is named."""
    config = load(path)
    chosen = [each for each in config.wearer if wearer in (None, each.id)]
    if len(chosen) != 1:
        ids = ", ".join(each.id for each in config.wearer)
        raise ConfigError(f"--wearer must name one of {ids}; it came as {wearer or 'nothing'}")
    return Place(path, config, chosen[0])


def personalize(
    place: Place,
    recordings: Sequence[Path],
    *,
    label: str | None = None,
    replays: Sequence[Path] = (),
    dry_run: bool = False,
    anyway: bool = False,
    progress: Progress = lambda *_: None,
    warn: Warn = lambda _: None,
) -> dict[str, Any]:
    """Teach a head by recordings, judge it, and put it in use if it is accepted; OperatorError if something does not fit.

    Args:
        place: Whose head it is.
        recordings: Labelled recordings to teach from, beside those that the head in use was taught by.
        label: Label of the recordings that say nowhere what was done.
        replays: More labelled recordings to judge by.
        dry_run: Write nothing.
        anyway: Accept also where the recordings say too little.
        progress: Told what is done.
        warn: Told what is left out.
    """
    began = time.perf_counter()
    network = recognizer.load(model_pair(place.config))
    head, in_use = _in_use(place, network, _track(recordings[0]), warn)
    files = _files(recordings, label or "", head, warn)
    repeats = Repeats()
    lessons = [*_fresh_lessons([_lesson(path, name) for path, name in files.items()], repeats, warn)]
    _check_worn(place, lessons, warn)
    stored = [*_fresh([*_named(replays), *_stored(place, {*files, *replays}, warn)], repeats, warn)]
    with about("decision"):
        settings = decision_settings(place.config, network.spec.decision)
    settings = replace(settings, operating_point=place.wearer.operating_point or settings.operating_point)
    trial = try_head(network, in_use, lessons, stored, settings, progress)
    for reason in trial.left_out:
        warn(f"not judged: {reason}")
    verdict = gate.judge(trial.held_out, trial.stored, trial.head.new_labels, trial.head.labels)
    verdict.too_little.extend(
        f"{name}, which the head in use was taught, would be told no more: give its recordings again"
        for name in (head.labels if head else ())
        if name not in trial.head.labels
    )
    accepted = verdict.accepts(anyway=anyway)
    new = replace(trial.head, recordings={str(path): name for path, name in files.items()})
    path = None
    if accepted and not dry_run:
        path = _put_in_use(place, new)
    minutes = sum(new.seconds.values()) / 60.0
    return {
        "wearer": place.wearer.id,
        "accepted": accepted,
        "head": path and str(path),
        "before": place.in_use and str(place.in_use),
        "sentence": verdict.sentence(anyway=anyway),
        "labels": gate.rows([trial.held_out, trial.stored], new.seconds),
        "taught_minutes": round(minutes, 2),
        "took_s": round(time.perf_counter() - began, 2),
        "fine_tuning": minutes >= FINE_TUNING_MINUTES,
    }


def undo(place: Place) -> dict[str, Any]:
    """Take the head in use back to the one before it, or to the model as it is; ConfigError if there is none."""
    if place.in_use is None:
        raise ConfigError(f"{place.path}: {place.wearer.id} has no head that could be taken back")
    network = recognizer.load(model_pair(place.config))
    before = next((path for path in place.heads.before(place.in_use) if _fits(path, network)), None)
    set_head(place.path, place.wearer.id, before, check=check)
    place.heads.take_back(place.in_use)
    return {
        "wearer": place.wearer.id,
        "taken_back": name_of(place.in_use),
        "head": None if before is None else str(before),
    }


def _fits(path: Path, network: Recognizer) -> bool:
    try:
        load_head(network, path, read(path).placements)
    except ModelError:
        return False
    return True


def heads_of(place: Place) -> list[dict[str, Any]]:
    """Return a row for each head of a wearer, the oldest first; of one that cannot be read, why."""
    paths = place.heads.paths()
    if place.in_use and place.in_use not in paths:
        paths.append(place.in_use)
    return [_row(path, is_used=path == place.in_use) for path in paths]


def _row(path: Path, *, is_used: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"head": name_of(path), "in_use": "yes" if is_used else "no"}
    try:
        head = read(path)
    except ModelError as error:
        return row | {"created": None, "model": None, "taught_s": f"{error}"}
    seconds = [f"{label} {value:g}" for label, value in head.seconds.items()]
    return row | {"created": head.created, "model": head.model, "taught_s": seconds}


def _in_use(place: Place, network: Recognizer, recorded: Track, warn: Warn) -> tuple[Head | None, Recognizer]:
    """Return the head that is in use and the network with it; one that fits no longer is as if there were none."""
    if place.in_use is None:
        return None, network
    worn = [stream.placement for stream in recorded.header.streams]
    try:
        return read(place.in_use), load_head(network, place.in_use, worn)
    except ModelError as error:
        warn(f"{error}; what it was taught is forgotten, and {network.spec.id} as it is stands in its place")
        return None, network


def _files(recordings: Sequence[Path], label: str, head: Head | None, warn: Warn) -> dict[Path, str]:
    """Return what is taught from, each with the label for it if it says nowhere what was done.

    It is what the head in use was taught by, as far as it is there, and the new recordings.
    """
    files = dict[Path, str]()
    for name, named in head.recordings.items() if head else ():
        if Path(name).is_file():
            files[Path(name)] = named
        else:
            warn(f"{name}: is no longer there; what the head in use was taught by it is forgotten")
    return files | {path.resolve(): label for path in recordings}


def _lesson(path: Path, label: str) -> Lesson:
    """Read a recording to teach from; RecordingError if nobody says what was done."""
    track = _track(path)
    if track.truth or not label:
        return Lesson(read_take(path), track)
    tracks, begin = read_tracks(ehr.read(path))
    end, name = min(float(samples.t[-1]) for samples in tracks.values()), common_label(label)
    whole = replace(track, truth=((begin, begin + end, name),))
    return Lesson(Take(tracks, [(0.0, end, name)], path.name), whole)


def _track(path: Path) -> Track:
    """Open the motion sensors of a recording."""
    if path.suffix != ".ehr":
        raise RecordingError(
            f"{path}: expected a recording, *.ehr; `edgehar record` makes one, `edgehar import` of other files"
        )
    streams = ehr.read(path).header.streams
    worn = [stream.placement for stream in streams if modality_of_profile(stream.profile) is IMU]
    return open_recording(path, placements=None if len(worn) == len(streams) else worn)


def _fresh(tracks: Iterable[Track], repeats: Repeats, warn: Warn) -> Iterator[Track]:
    """Yield recordings, each with what is known of it only where none before is the same; none of which nothing is left."""
    for track in tracks:
        fresh, says = repeats.fresh(track)
        if says:
            warn(says)
        if fresh.truth:
            yield fresh


def _fresh_lessons(lessons: Iterable[Lesson], repeats: Repeats, warn: Warn) -> Iterator[Lesson]:
    for lesson in lessons:
        begin = lesson.track.truth[0][0] - lesson.take.truth[0][0]
        for track in _fresh([lesson.track], repeats, warn):
            truth = [(start - begin, end - begin, label) for start, end, label in track.truth]
            yield Lesson(replace(lesson.take, truth=truth), track)


def _check_worn(place: Place, lessons: Iterable[Lesson], warn: Warn) -> None:
    """Refuse, by RecordingError, recordings of other placements than the wearer's; say of somebody else's that they are."""
    worn = {s.placement for s in streams_of(place.wearer) if modality_of_profile(s.profile) is IMU}
    for lesson in lessons:
        name, header = lesson.track.name, lesson.track.header
        recorded = {stream.placement for stream in header.streams}
        if recorded != worn:
            raise RecordingError(
                f"{name}: expected what {place.wearer.id} wears, {', '.join(sorted(worn)) or 'no motion sensor'}, got "
                f"{', '.join(sorted(recorded))}; teach by recordings of the same sensors, or correct {place.path}"
            )
        if header.wearer != place.wearer.id:
            warn(f"{name}: was recorded of {header.wearer}, and is taught to {place.wearer.id}")


def _named(replays: Sequence[Path]) -> Iterator[Track]:
    """Yield recordings that are named to judge by."""
    for path in dict.fromkeys(path.resolve() for path in replays):
        track = _track(path)
        if not track.truth:
            raise RecordingError(f"{path}: says nowhere what was done, so nothing can be judged by it")
        yield track


def _stored(place: Place, named: Collection[Path], warn: Warn) -> Iterator[Track]:
    """Yield the wearer's own labelled recordings below the state folder but those that are named, the newest first."""
    folder, size = state_folder(place.config.gateway), 0
    files = {path.resolve() for path in folder.rglob("*.ehr")} if folder else set()
    for path in sorted(files - {path.resolve() for path in named}, key=_newest_first):
        try:
            track = _track(path)
        except RecordingError as error:
            warn(f"not judged: {error}")
            continue
        if track.truth and track.header.wearer == place.wearer.id:
            size += path.stat().st_size
            if size > MOST_STORED:
                warn(f"not judged: {path} and what is older: more than {MOST_STORED >> 20} MB of recordings")
                return
            yield track


def _newest_first(path: Path) -> tuple[float, Path]:
    return -path.stat().st_mtime, path


def _put_in_use(place: Place, head: Head) -> Path:
    path = place.heads.add(head, place.in_use)
    try:
        set_head(place.path, place.wearer.id, path, check=check)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
