"""A Sparkplug host for tests: it follows one edge node, and refuses what breaks the specification's rules."""

import json
import re
from collections.abc import Iterator

from mosquitto import Listener

from edgehar.publishers.sparkplug.node import BD_SEQ, REBIRTH
from edgehar.publishers.sparkplug.payload import DataType, Metric, Payload, Value, decode, encode

GROUP, NODE = "plant1", "pi"

PYTHON_TYPES = {
    DataType.INT64: int,
    DataType.DATETIME: int,
    DataType.DOUBLE: float,
    DataType.BOOLEAN: bool,
    DataType.STRING: str,
}


class NodeView:
    """An edge node and its devices as a host knows them, from their messages alone."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        """Kind of each message, with the device, as in `DDATA anna`."""
        self.values: dict[str, dict[str, Value | None]] = {}
        """Current values of those that live, by device, the node's under ""."""
        self.history: list[tuple[str, int, str, Value | None]] = []
        """Device, time, metric and value of what was old."""
        self.births: list[int] = []
        self.deaths: list[int] = []
        """bdSeq of the node's."""
        self._names: dict[int, tuple[str, str]] = {}
        self._types: dict[tuple[str, str], type] = {}
        self._seq: int | None = None

    def hear(self, topic: str, content: bytes) -> None:
        _, group, kind, node, *device = topic.split("/")
        assert (group, node) == (GROUP, NODE)
        self.kinds.append(" ".join([kind, *device]))
        payload = decode(content)
        if kind == "NDEATH":
            assert payload.seq is None
            [metric] = payload.metrics
            self.deaths.append(self._bd_seq(metric))
            # A will may come after the next birth; that the numbers differ tells so.
            if self.births[-1:] == self.deaths[-1:]:
                self.values.clear()
                self._seq = None
            return
        if kind == "NBIRTH":
            self.values.clear()
            self._names.clear()
            assert payload.seq == 0
            self.births.append(next(self._bd_seq(each) for each in payload.metrics if each.name == BD_SEQ))
            [rebirth] = [metric for metric in payload.metrics if metric.name == REBIRTH]
            assert (rebirth.datatype, rebirth.value, rebirth.alias) == (DataType.BOOLEAN, False, None)
        else:
            assert self._seq is not None, f"{kind} of a node that is not born"
            assert payload.seq == (self._seq + 1) % 256
        self._seq = payload.seq
        self._hear_part(kind[1:], "".join(device), payload)

    def _bd_seq(self, metric: Metric) -> int:
        assert (metric.name, metric.datatype) == (BD_SEQ, DataType.INT64)
        assert isinstance(metric.value, int)
        return metric.value

    def _check_type(self, device: str, name: str, value: Value | None) -> None:
        assert value is None or type(value) is self._types[device, name]

    def _hear_part(self, kind: str, device: str, payload: Payload) -> None:
        assert payload.timestamp is not None
        if kind == "DEATH":
            del self.values[device]
            return
        times = [metric.timestamp for metric in payload.metrics if not metric.is_historical]
        assert times == sorted(times, key=lambda t: t or 0)
        assert payload.metrics
        if kind == "BIRTH":
            assert device not in self.values
            self.values[device] = {}
        for metric in payload.metrics:
            assert metric.timestamp is not None
            if kind == "BIRTH":
                assert metric.name
                assert metric.datatype
                assert not metric.is_historical
                self._types[device, metric.name] = PYTHON_TYPES[DataType(metric.datatype)]
                self._check_type(device, metric.name, metric.value)
                if metric.alias is not None:
                    names = device, metric.name
                    assert self._names.setdefault(metric.alias, names) == names
                self.values[device][metric.name] = metric.value
                continue
            assert metric.name is None
            assert metric.datatype is None
            assert metric.alias is not None
            of, name = self._names[metric.alias]
            assert of == device
            self._check_type(device, name, metric.value)
            if metric.is_historical:
                self.history.append((device, metric.timestamp, name, metric.value))
            else:
                assert self.values[device][name] != metric.value
                self.values[device][name] = metric.value


class Host(Listener):
    """A host at a broker."""

    topics = ("spBv1.0/#", "edgehar/#")

    @property
    def messages(self) -> Iterator[tuple[str, bytes]]:
        """What the node sent."""
        return (message for message in self.raw if re.match("spBv1.0/.*/[ND](BIRTH|DATA|DEATH)/", message[0]))

    @property
    def view(self) -> NodeView:
        """The node by now."""
        view = NodeView()
        for topic, content in self.messages:
            view.hear(topic, content)
        return view

    def say(self, *, online: bool, timestamp: int) -> None:
        """Tell of ourselves, as the primary host `scada`."""
        self.publish(
            "spBv1.0/STATE/scada", json.dumps({"online": online, "timestamp": timestamp}), retain=True
        )

    def command(self, *metrics: Metric, device: str = "", retain: bool = False) -> None:
        """Write to metrics of the node, or of a device."""
        topic = f"spBv1.0/{GROUP}/{'DCMD' if device else 'NCMD'}/{NODE}" + f"/{device}" * bool(device)
        self.publish(topic, encode(Payload(timestamp=1, metrics=metrics)), retain=retain)

    def ask_for_rebirth(self) -> None:
        """Ask for all births again."""
        self.command(Metric(REBIRTH, timestamp=1, datatype=DataType.BOOLEAN, value=True))
