"""`edgehar import`: another program's recording, as an `.ehr`, and what was understood of it."""

import logging
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from msgspec import ValidationError, convert
from msgspec.structs import replace

from edgehar import __version__
from edgehar.apps.label_session import marked
from edgehar.config.names import check_name
from edgehar.errors import ConfigError
from edgehar.pipeline import manifest
from edgehar.publishers.payloads import iso_utc
from edgehar.recordings.csv_files import Columns
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.imports.form import Imported, Wish
from edgehar.recordings.imports.registry import AUTO, read_import
from edgehar.recordings.imports.source import Source
from edgehar.recordings.labels import common_label
from edgehar.recordings.marks import Mark, TimedMark
from edgehar.recordings.names import SUFFIX
from edgehar.recordings.new_file import new_file, require_new
from edgehar.recordings.sampled import bodies
from edgehar.types import STANDARD_GRAVITY, FloatArray, Samples, Stream
from edgehar.validation import did_you_mean, explain

_LOGGER = logging.getLogger(__name__)

_STILL = 0.49
_AT_REST_SHARE = 0.15
"""Both as in `pipeline.gravity_check`: peak to peak of a second of stillness, m/s², and what cheap chips err by."""
_EVEN_SHARE = 0.1
"""Share of the period within which a step counts as even."""
_SLOW_HZ = 25.0
"""Half of the rows a second on which the shipped models stand: what moves faster than a quarter of these is lost."""
_LONGEST_LABEL = 200
"""Characters; an annotation may be a page."""
_CLIPPED_ROWS = 3
"""Rows in a row at the largest number of all that look like the end of a range."""
_CLIPPED_FROM = 1.5 * STANDARD_GRAVITY


def import_file(
    path: Path,
    out: Path | None,
    wish: Wish,
    *,
    wearer: str = "wearer",
    label: str | None = None,
    name: str = AUTO,
) -> dict[str, Any]:
    """Write a recording of another program's file and return what was understood of it.

    RecordingError or ConfigError says what cannot be understood; then nothing is written.
    """
    check_name("--wearer", wearer)
    check_name("--placement", wish.placement)
    whole = path.resolve()
    out = out or path.parent / f"{whole.name if path.is_dir() else whole.stem}{SUFFIX}"
    require_new(out)
    if out.suffix != SUFFIX:
        raise ConfigError(f"{out}: expected a name that ends in {SUFFIX}")
    form, imported = read_import(Source(path), wish, name)
    if label is not None:
        imported = replace(imported, labels=((0.0, _end(imported), check_name("--label", marked(label))),))
    remarks = [*_remarks_on_signal(imported), *_remarks_on_placement(wish.placement)]
    for remark in remarks:
        _LOGGER.warning("%s: %s", path, remark)
    from_name = path.name.encode(errors="replace").decode()
    _write(out, imported, wearer, wish.placement, f"edgehar {__version__}, from {from_name} ({form.name})")
    return {
        "recording": str(out),
        "wearer": wearer,
        "format": form.title,
        "placement": wish.placement,
        "known_to": _models_at(wish.placement),
        **_figures(imported),
    }


def columns_of(pairs: Sequence[str], file: Path | None) -> Columns | None:
    """Return the map of columns that `KEY=VALUE` and a TOML file say together, the former first; None if neither does.

    ConfigError says which is none.
    """
    raw: dict[str, Any] = {}
    if file is not None:
        try:
            raw = tomllib.loads(file.read_text("utf-8-sig"))
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: expected TOML, got something else: {error}") from error
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(
                f"--column: expected KEY=VALUE, as in time=t or acceleration=ax,ay,az, got {pair!r}"
            )
        raw[key] = value.split(",") if key in {"acceleration", "angular_rate"} else value
    if not raw:
        return None
    try:
        return convert(raw, Columns)
    except ValidationError as error:
        raise _no_columns(error, raw, f"{file}" if file is not None else "--column") from error


def _no_columns(error: ValidationError, raw: Mapping[str, Any], where: str) -> ConfigError:
    misfit = explain(error, raw)
    keys = Columns.__struct_fields__
    if misfit.unknown is not None:
        hint = did_you_mean(misfit.unknown, keys, f"there are {', '.join(keys)}")
        return ConfigError(f"{where}: no key is called {misfit.unknown!r}; {hint}")
    if misfit.missing is not None:
        return ConfigError(
            f"{where}: expected `{misfit.missing}`, and it is missing; time and acceleration have to be named"
        )
    units = {key: Columns.__annotations__[key].__args__ for key in keys if key.endswith("_unit")}
    allowed = f"one of {', '.join(units[misfit.path])}" if misfit.path in units else misfit.expected
    return ConfigError(f"{where}: {misfit.path}: expected {allowed}, got {misfit.got}")


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of this name; ConfigError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(f"--timezone: expected a name such as Europe/Berlin, got {name!r}") from error


def _write(out: Path, imported: Imported, wearer: str, placement: str, created: str) -> None:
    """Write packets and marks in the order of their times."""
    header = Header(wearer, (Stream(placement),), epoch=imported.epoch or 0.0, created=created)
    with new_file(out) as file, Writer(file, header) as writer:
        writer.write(bodies(imported.tracks, out.stem), _marks(imported))


def _marks(imported: Imported) -> list[TimedMark]:
    """Return where labels begin, and where nothing is said after one."""
    marks: list[TimedMark] = []
    labels = sorted(imported.labels)
    for i, (start, end, label) in enumerate(labels):
        marks.append((start, Mark("begin", label[:_LONGEST_LABEL], "import")))
        if i + 1 == len(labels) or labels[i + 1][0] > end:
            marks.append((end, Mark("end", note="import")))
    return marks


def _end(imported: Imported) -> float:
    return max(float(track.t[-1]) for track in imported.tracks)


def _figures(imported: Imported) -> dict[str, Any]:
    """Return what the file holds, in figures."""
    force, *apart = imported.tracks
    steps = np.diff(force.t)
    period, gap = float(np.median(steps)), int(steps.argmax())
    length = np.linalg.norm(force.x[:, :3], axis=1)
    at_rest, still_s = _at_rest(force)
    rate = force.x[:, 3:] if force.x.shape[1] > 3 else apart[0].x if apart else None
    begins = None if imported.epoch is None else iso_utc(imported.epoch)
    return {
        "begins": begins,
        "lasts_s": round(_end(imported), 1),
        "samples": len(force.t),
        "rate_hz": round(1.0 / period, 2),
        "even_steps_percent": round(100 * float(np.mean(np.abs(steps - period) <= _EVEN_SHARE * period)), 1),
        "largest_gap_s": round(float(steps[gap]), 3),
        "largest_gap_after_s": round(float(force.t[gap]), 3),
        "rows_passed_over": imported.passed_over,
        "unit": imported.unit,
        "gravity": imported.gravity,
        "median_m_s2": round(float(np.median(length)), 2),
        "at_rest_m_s2": None if at_rest is None else round(float(np.linalg.norm(at_rest)), 2),
        "still_s": still_s,
        "up_at_rest": None if at_rest is None else _axis(at_rest),
        "largest_m_s2": round(float(np.abs(force.x[:, :3]).max()), 1),
        "clipped_samples": _clipped(force.x[:, :3]),
        "largest_rad_s": None if rate is None else round(float(np.abs(rate).max()), 2),
        "labels_s": _seconds(imported) or None,
    }


def _seconds(imported: Imported) -> dict[str, float]:
    seconds = Counter[str]()
    for start, end, label in imported.labels:
        seconds[common_label(label)] += end - start  # type: ignore[assignment]
    return {label: round(total, 1) for label, total in seconds.items()}


def _at_rest(force: Samples) -> tuple[FloatArray | None, int]:
    """Return the median specific force of all still seconds, (3,), m/s², and how many there are; None without any."""
    rows = max(2, round(1.0 / float(np.median(np.diff(force.t)))))
    seconds = force.x[: len(force.t) // rows * rows, :3].reshape(-1, rows, 3)
    means = (
        seconds[np.ptp(seconds, axis=1).max(axis=1) < _STILL].mean(axis=1) if len(seconds) else seconds[:, 0]
    )
    if not len(means):
        return None, 0
    lengths = np.linalg.norm(means, axis=1)
    middle: FloatArray = means[int(np.argsort(lengths)[len(means) // 2])]
    return middle, len(means)


def _axis(force: FloatArray) -> str:
    """Name the axis that points up most, of specific force."""
    most = int(np.abs(force).argmax())
    return f"{'+' if force[most] > 0 else '-'}{'xyz'[most]}"


def _clipped(x: FloatArray) -> int:
    """Count samples at the end of a range: the largest number of all, several times in a row."""
    clipped = 0
    for column in x.T:
        for end in (column.max(), column.min()):
            if abs(end) < _CLIPPED_FROM:
                continue
            at_end = np.concatenate(([0], (column == end).astype(np.int8), [0]))
            begins, ends = np.flatnonzero(np.diff(at_end) == 1), np.flatnonzero(np.diff(at_end) == -1)
            lengths = ends - begins
            clipped += int(lengths[lengths >= _CLIPPED_ROWS].sum())
    return clipped


def _remarks_on_signal(imported: Imported) -> list[str]:
    """Say what of a signal is unlike what models were fitted to."""
    force = imported.tracks[0]
    remarks = []
    rate_hz = 1.0 / float(np.median(np.diff(force.t)))
    if rate_hz < _SLOW_HZ:
        remarks.append(f"{rate_hz:.3g} samples a second lose faster movement; {_SLOW_HZ:g} or more tell more")
    at_rest, still_s = _at_rest(force)
    if at_rest is not None:
        length = float(np.linalg.norm(at_rest))
        if abs(length - STANDARD_GRAVITY) > _AT_REST_SHARE * STANDARD_GRAVITY:
            remarks.append(
                f"lies still for {still_s} s and feels {length:.2f} m/s² where gravity is {STANDARD_GRAVITY:.2f}: "
                f"its unit or range is another by a factor of {length / STANDARD_GRAVITY:.2g}"
            )
    if clipped := _clipped(force.x[:, :3]):
        remarks.append(
            f"{clipped} samples of acceleration stand at the end of the range; falls and steps are cut off there"
        )
    return remarks


def _models_at(placement: str) -> list[str]:
    """Name the shipped models that take a sensor that is worn there."""
    specs = [manifest.read(path) for path in manifest.available()]
    return [spec.name for spec in specs if any(placement in sensor.placements for sensor in spec.sensors)]


def _remarks_on_placement(placement: str) -> list[str]:
    if _models_at(placement):
        return []
    specs = [manifest.read(path) for path in manifest.available()]
    words = sorted({place for spec in specs for sensor in spec.sensors for place in sensor.placements})
    hint = did_you_mean(placement, words, f"there are {', '.join(words)}")
    return [f"no shipped model knows a sensor at `{placement}`, so it could not be replayed as it is; {hint}"]
