"""One edge node of Sparkplug B 3.0 and its devices: what it has to say, and in which order; sans-I/O.

    spBv1.0/<group>/NBIRTH/<node>              all metrics of the node, with names, types and aliases; seq 0
    spBv1.0/<group>/NDATA/<node>               those that changed, by their aliases
    spBv1.0/<group>/NDEATH/<node>              the last will: the bdSeq of its birth, and no seq
    spBv1.0/<group>/DBIRTH/<node>/<device>     and DDATA, DDEATH: the same of a device

A host can read a message only after the births before it, so whatever changes while there is nobody to be born for
waits, with its own time, and follows the next births as historical, piece by piece between what changes meanwhile.
Messages go with QoS 0: what the node sent in the last minute of a session that was lost is historical after the next
births too, once, as nobody knows who has it.
Words in brackets below are ids of the specification's requirements, all of which begin with `tck-id-`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from edgehar.publishers.payloads import Message
from edgehar.publishers.sparkplug.history import History
from edgehar.publishers.sparkplug.parts import Change, Part
from edgehar.publishers.sparkplug.payload import DataType, Metric, Payload, Value, encode

NAMESPACE = "spBv1.0"

REBIRTH = "Node Control/Rebirth"
"""The metric by which a host asks for all births again; hosts write to it by name."""

BD_SEQ = "bdSeq"
"""The metric by which a host tells which birth a death belongs to; it goes up by one with every CONNECT."""

WATCHED, HEARD, DROPPED = "Wearers/Watched", "Wearers/Heard", "History/Dropped"
"""The node's counts: devices, those that live, and changes that no host will ever hear of."""

MOST_AT_ONCE = 20
"""Changes that are told as historical in one go: some kilobytes, and milliseconds."""


class EdgeNode:
    """A node's sessions, births, data and deaths; times are Unix time, ms.

    Methods return what is to be published now, in order: nothing while there is nobody to be born for.
    """

    def __init__(
        self,
        group: str,
        name: str,
        properties: Mapping[str, str],
        *,
        limit: int,
        bd_seq: int,
        now_ms: int,
    ) -> None:
        """Begin without devices.

        Args:
            group: Sparkplug group.
            name: Name of the node in it.
            properties: Metrics of the node that never change.
            limit: Changes that are kept while nobody listens; then the oldest is dropped.
            bd_seq: Number of the first session, 0 to 255.
            now_ms: The time.
        """
        self._group, self._name = group, name
        texts = dict.fromkeys(properties, DataType.STRING)
        self._next_alias = 1
        self._parts: dict[str, Part] = {}
        self._node = self._new_part(
            "", texts | dict.fromkeys((WATCHED, HEARD, DROPPED), DataType.INT64), now_ms
        )
        self._node.update(properties, now_ms)
        self.session = (bd_seq - 1) % 256
        """Number of the session that is open, or was, its bdSeq."""
        self._seq = 0
        self._history = History(limit)
        self.is_born = False
        """A host may be listening: it has the births of this session."""
        self.fits: Callable[[str, bytes], bool] = lambda _topic, _payload: True
        """Tells whether whom it is for takes so large a message; one that is not taken has no number."""

    @property
    def waiting(self) -> int:
        """Changes that wait to be told and were never sent."""
        return self._history.unsent

    @property
    def dropped(self) -> int:
        """Changes that are lost: too many waited, or they are too large, or their device is not known any more."""
        return self._history.dropped

    @property
    def is_telling(self) -> bool:
        """True while hosts have the births, but not yet all that waited."""
        return self.is_born and bool(self._history)

    def topic(self, kind: str, device: str = "") -> str:
        """Return the topic of a kind of messages, such as NCMD."""
        return "/".join(filter(None, (NAMESPACE, self._group, kind, self._name, device)))

    def open_session(self, now_ms: int) -> Message:
        """Count a CONNECT and return its last will."""
        self.session = (self.session + 1) % 256
        return self.death(now_ms)

    def death(self, now_ms: int) -> Message:
        """Return the death of this session, which is also its last will."""
        payload = Payload(now_ms, None, (self._bd_seq_metric(now_ms),))
        return Message(self.topic("NDEATH"), encode(payload), retain=False)

    def births(self, now_ms: int) -> list[Message]:
        """Be born, with all that lives, and begin with what waited; not at all if the node's birth is too large."""
        self._node.update({DROPPED: self.dropped}, now_ms)
        self._seq = 255
        messages = self._tell("NBIRTH", "", self._node_metrics(now_ms), now_ms)
        self.is_born = bool(messages)
        if not self.is_born:
            return []
        for part in self._parts.values():
            if part.is_alive or part.is_online:
                messages += self._bear(part, now_ms)
        return messages + self.history(now_ms)

    def history(self, now_ms: int) -> list[Message]:
        """Tell the next piece of what waited, the oldest first; who is dead is born for it, and dies when all is told."""
        changes, is_first = self._history.take(MOST_AT_ONCE, now_ms)
        piece: dict[str, list[Change]] = {}
        for change in changes:
            piece.setdefault(change.device, []).append(change)
        messages: list[Message] = []
        for device, some in piece.items():
            messages += self._tell_old(device, some, now_ms, is_first=is_first)
        return messages if self._history else messages + self._end_history(now_ms)

    def hold(self) -> None:
        """Keep what changes from now on until the next births, in the same session."""
        self.is_born = False

    def close_session(self, now_ms: int, *, is_delivered: bool) -> None:
        """End a session; unless all of it is delivered, what was sent of late will be sent again, once."""
        self.is_born = False
        for part in self._parts.values():
            part.is_online = False
        self._history.close_session(now_ms, is_delivered=is_delivered)

    def define(self, device: str, types: Mapping[str, DataType], now_ms: int) -> list[Message]:
        """Take a device, not alive, or know it by other metrics: what it was until then is dead."""
        before = self._parts.get(device)
        if before and before.types == types:
            before.is_gone = False
            return []
        messages = self._die(before, now_ms) if before else []
        part = self._parts[device] = self._new_part(device, types, now_ms)
        if before:
            same = {name for name, kind in types.items() if before.types.get(name) == kind}
            part.values |= {name: before.values[name] for name in same}
            part.is_online = before.is_online
        return messages

    def set_alive(self, device: str, now_ms: int, *, is_alive: bool) -> list[Message]:
        """Have a device live, or die."""
        part = self._parts[device]
        if part.is_alive == is_alive:
            return []
        # Who was born for its history alone dies before it lives.
        messages = self._die(part, now_ms)
        part.is_alive = is_alive
        return messages + self._bear(part, now_ms) if is_alive and self.is_born else messages

    def remove(self, device: str, now_ms: int) -> list[Message]:
        """Have a device die for good; what waits of it will still be told."""
        messages = self.set_alive(device, now_ms, is_alive=False)
        part = self._parts[device]
        if part.is_online or self._history:
            part.is_gone = True
        else:
            del self._parts[device]
        return messages

    def has(self, device: str) -> bool:
        """Tell whether a device is here."""
        return device in self._parts and not self._parts[device].is_gone

    def is_alive(self, device: str) -> bool:
        """Tell whether a device lives."""
        return self.has(device) and self._parts[device].is_alive

    def value(self, device: str, name: str) -> Value | None:
        """Return the newest value of a device's metric."""
        return self._parts[device].values[name][1]

    def change(
        self, device: str, values: Mapping[str, Value | None], t_ms: int, now_ms: int
    ) -> list[Message]:
        """Take values of `t_ms`; those that are new are told, or kept. Of who is dead the next birth tells.

        Of a device whose birth was too large for this session nothing is told.
        """
        part = self._parts[device]
        change = Change(device, t_ms, part.update(values, t_ms))
        if not change.values or not part.is_alive:
            return []
        if not self.is_born:
            self._history.keep(change)
            return []
        if part.is_online and (messages := self._tell("DDATA", device, part.data([change]), now_ms)):
            self._history.note_sent(change, now_ms)
            return messages
        self._history.dropped += 1
        return []

    def count(self, now_ms: int) -> list[Message]:
        """Count devices, those that live, and losses; what is new is told, now or with the next birth."""
        parts = self._parts.values()
        counts = {
            WATCHED: sum(not part.is_gone for part in parts),
            HEARD: sum(part.is_alive for part in parts),
            DROPPED: self.dropped,
        }
        change = Change("", now_ms, self._node.update(counts, now_ms))
        if not change.values or not self.is_born:
            return []
        return self._tell("NDATA", "", self._node.data([change]), now_ms)

    def succeed(self, former: "EdgeNode") -> None:
        """Go on where another one has stopped: with the session after its last, and what waited."""
        self.session = former.session
        self._history.succeed(former._history)  # noqa: SLF001  # one of its kind

    def _new_part(self, part_id: str, types: Mapping[str, DataType], now_ms: int) -> Part:
        part = Part(part_id, types, self._next_alias, now_ms)
        self._next_alias += len(types)
        return part

    def _node_metrics(self, now_ms: int) -> Iterator[Metric]:
        yield from self._node.born()
        # Neither has an alias: who asks for a rebirth knows none (data-commands-rebirth-name-aliases).
        yield Metric(REBIRTH, None, now_ms, DataType.BOOLEAN, value=False)
        yield self._bd_seq_metric(now_ms)

    def _bd_seq_metric(self, now_ms: int) -> Metric:
        return Metric(BD_SEQ, None, now_ms, DataType.INT64, self.session)

    def _bear(self, part: Part, now_ms: int) -> list[Message]:
        messages = self._tell("DBIRTH", part.id, part.born(), now_ms)
        part.is_online = bool(messages)
        return messages

    def _die(self, part: Part, now_ms: int) -> list[Message]:
        part.is_alive = False
        if not (self.is_born and part.is_online):
            return []
        part.is_online = False
        return self._tell("DDEATH", part.id, (), now_ms)

    def _tell_old(self, device: str, changes: list[Change], now_ms: int, *, is_first: bool) -> list[Message]:
        """Tell what waited of a device; what cannot be told, and was not before, is lost."""
        part = self._parts.get(device)
        metrics = [*part.data(changes, is_historical=True)] if part else []
        if part and not metrics:
            return []
        births = self._bear(part, now_ms) if part and not part.is_online else []
        told = self._tell("DDATA", device, metrics, now_ms) if part and part.is_online else []
        if is_first and not told:
            self._history.dropped += len(changes)
        return births + told

    def _end_history(self, now_ms: int) -> list[Message]:
        messages: list[Message] = []
        for part in self._parts.values():
            messages += [] if part.is_alive else self._die(part, now_ms)
        self._parts = {part.id: part for part in self._parts.values() if not part.is_gone}
        return messages + self.count(now_ms)

    def _tell(self, kind: str, device: str, metrics: Iterable[Metric], now_ms: int) -> list[Message]:
        """Write a message with the next number, 0 after 255; none if it is too large."""
        seq = (self._seq + 1) % 256
        payload = encode(Payload(now_ms, seq, tuple(metrics)))
        message = Message(self.topic(kind, device), payload, retain=False)
        if not self.fits(message.topic, payload):
            return []
        self._seq = seq
        return [message]
