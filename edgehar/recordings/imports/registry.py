"""All formats, and which of them a source is of."""

from collections.abc import Mapping

from edgehar.errors import ConfigError, RecordingError
from edgehar.recordings.imports.actigraph import ACTIGRAPH
from edgehar.recordings.imports.axivity import AXIVITY
from edgehar.recordings.imports.column_map import COLUMN_MAP
from edgehar.recordings.imports.form import Format, Imported, Wish
from edgehar.recordings.imports.movella_dot import MOVELLA_DOT
from edgehar.recordings.imports.phyphox import PHYPHOX
from edgehar.recordings.imports.sensor_logger import SENSOR_LOGGER
from edgehar.recordings.imports.source import Source
from edgehar.recordings.imports.witmotion import WITMOTION
from edgehar.validation import did_you_mean, shown

AUTO = "auto"

FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (SENSOR_LOGGER, PHYPHOX, WITMOTION, MOVELLA_DOT, AXIVITY, ACTIGRAPH, COLUMN_MAP)
}
"""All forms, by name."""


def format_of(source: Source, name: str = AUTO) -> Format:
    """Return the format of this name, or for `auto` the one that the source is of; RecordingError if that is not clear."""
    if name != AUTO:
        if name not in FORMATS:
            hint = did_you_mean(name, FORMATS, f"there are {AUTO}, {', '.join(FORMATS)}")
            raise ConfigError(f"--format: no format is called {shown(name)}; {hint}")
        return FORMATS[name]
    fitting = [form for form in FORMATS.values() if form.detect(source)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(form.name for form in fitting)
        raise RecordingError(f"{source.path}: looks like {names}; say which it is with --format")
    head = next((line for member in source.members for line in member.head), "")
    titles = ", ".join(form.title for form in FORMATS.values() if form is not COLUMN_MAP)
    raise RecordingError(
        f"{source.path}: expected a recording of {titles}, got a file that begins with {shown(head)}; "
        "of another program, say what its columns are with --column or --columns"
    )


def read_import(source: Source, wish: Wish, name: str = AUTO) -> tuple[Format, Imported]:
    """Read a source; RecordingError says what does not fit, ConfigError what is wished in vain."""
    form = COLUMN_MAP if wish.columns is not None and name == AUTO else format_of(source, name)
    if wish.columns is not None and form is not COLUMN_MAP:
        raise ConfigError(
            f"--format: {form.name} has columns of its own; leave out --column and --columns, or this"
        )
    if wish.device is not None and form is not WITMOTION:
        raise ConfigError(
            f"--device: expected a file of {WITMOTION.title}, got one of {form.title}; leave it out"
        )
    return form, form.read(source, wish)
