"""The metrics of a Sparkplug node or device: their newest values, and how births and data name them.

Words in brackets below are ids of the specification's requirements, all of which begin with `tck-id-`.
"""

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from edgehar.publishers.sparkplug.payload import DataType, Metric, Value


class Change(Struct, frozen=True):
    """Values of a device that changed at one time."""

    device: str
    t_ms: int
    values: Mapping[str, Value | None]


class Part:
    """Metrics of a node, whose id is empty, or of a device."""

    def __init__(self, part_id: str, types: Mapping[str, DataType], first_alias: int, now_ms: int) -> None:
        self.id, self.types = part_id, dict(types)
        self.aliases = {name: alias for alias, name in enumerate(types, first_alias)}
        self.values: dict[str, tuple[int, Value | None]] = dict.fromkeys(types, (now_ms, None))
        """Time, ms, and value."""
        self.is_alive = self.is_gone = False
        self.is_online = False
        """Hosts have its birth of this session, and no death after it."""

    def update(self, values: Mapping[str, Value | None], t_ms: int) -> dict[str, Value | None]:
        """Take values and return those that are new; of what is no metric here, none."""
        changed = {
            name: value
            for name, value in values.items()
            if name in self.values and self.values[name][1] != value
        }
        self.values |= {name: (t_ms, value) for name, value in changed.items()}
        return changed

    def born(self) -> Iterator[Metric]:
        """Yield every metric with its name and newest value, in the order of their times (data-publish-dbirth-order)."""
        for name, (t_ms, value) in sorted(self.values.items(), key=lambda item: item[1][0]):
            yield Metric(name, self.aliases[name], t_ms, self.types[name], value)

    def data(self, changes: Iterable[Change], *, is_historical: bool = False) -> Iterator[Metric]:
        """Yield the metrics of changes by their aliases alone; of what is no metric any more nothing."""
        for change in changes:
            for name, value in change.values.items():
                if name in self.aliases:
                    yield Metric(
                        alias=self.aliases[name],
                        timestamp=change.t_ms,
                        value=value,
                        is_historical=is_historical,
                    )
