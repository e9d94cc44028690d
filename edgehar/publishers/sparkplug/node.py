"""One edge node of Sparkplug B 3.0 and its devices: what it has to say, and in which order; sans-I/O.

    spBv1.0/<group>/NBIRTH/<node>              all metrics of the node, with names, types and aliases; seq 0
    spBv1.0/<group>/NDATA/<node>               those that changed, by their aliases
    spBv1.0/<group>/NDEATH/<node>              the last will: the bdSeq of its birth, and no seq
    spBv1.0/<group>/DBIRTH/<node>/<device>     and DDATA, DDEATH: the same of a device

A host can read a message only after the births before it, so whatever changes while there is nobody to be born for
waits, with its own time, and follows the next births as historical. Messages go with QoS 0: what the node sent in
the last minute of a session that was lost is historical after the next births too, as nobody knows who has it.
Words in brackets below are ids of the specification's requirements, all of which begin with `tck-id-`.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from edgehar.publishers.payloads import Message
from edgehar.publishers.sparkplug.parts import Change, Part
from edgehar.publishers.sparkplug.payload import DataType, Metric, Payload, Value, encode

NAMESPACE = "spBv1.0"

REBIRTH = "Node Control/Rebirth"
"""The metric by which a host asks for all births again; hosts write to it by name."""

BD_SEQ = "bdSeq"
"""The metric by which a host tells which birth a death belongs to; it goes up by one with every CONNECT."""

WATCHED, HEARD, DROPPED = "Wearers/Watched", "Wearers/Heard", "History/Dropped"
"""The node's counts: devices, those that live, and changes that no host will ever hear of."""

RESENT_MS = 60_000
"""What was sent so long before a session was lost is sent again: longer than a broker takes to miss a host, ms."""

MOST_AT_ONCE = 20
"""Changes of one device in one historical message: some kilobytes."""


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
        self._kept: deque[Change] = deque()
        self._recent: deque[tuple[int, Change]] = deque(maxlen=limit)
        """What was sent of late, and when."""
        self._limit = limit
        self.is_born = False
        """A host may be listening: it has the births of this session."""
        self.dropped = 0
        """Changes that were dropped because too many waited."""

    @property
    def waiting(self) -> int:
        """Changes that wait for a birth and were never sent."""
        return sum(not change.was_sent for change in self._kept)

    @property
    def left(self) -> list[Change]:
        """Changes that wait for a birth, oldest first."""
        return [*self._kept]

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
        """Be born, with all that lives, and tell what waited, of the dead too; the births come first."""
        histories: dict[str, list[Change]] = {}
        for change in self._kept:
            if change.device in self._parts:
                histories.setdefault(change.device, []).append(change)
            else:
                self.dropped += not change.was_sent
        self._kept.clear()
        self._node.update({DROPPED: self.dropped}, now_ms)
        self.is_born, self._seq = True, 255
        messages = [self._message("NBIRTH", "", self._node_metrics(now_ms), now_ms)]
        parts = self._parts.values()
        told = [part for part in parts if part.is_alive or part.is_online or part.id in histories]
        messages += [self._message("DBIRTH", part.id, part.born(), now_ms) for part in told]
        for part in told:
            messages += self._history(part, histories.get(part.id, []), now_ms)
        messages += [self._message("DDEATH", part.id, (), now_ms) for part in told if not part.is_alive]
        for part in told:
            part.is_online = part.is_alive
        self._parts = {part.id: part for part in parts if not part.is_gone}
        return messages

    def hold(self) -> None:
        """Keep what changes from now on until the next births, in the same session."""
        self.is_born = False

    def close_session(self, now_ms: int, *, is_delivered: bool) -> None:
        """End a session; unless all of it is delivered, what was sent of late will be sent again."""
        self.is_born = False
        for part in self._parts.values():
            part.is_online = False
        again = [] if is_delivered else [change for at, change in self._recent if now_ms - at <= RESENT_MS]
        self._recent.clear()
        self._kept.extendleft(replace(change, was_sent=True) for change in reversed(again))
        self._shorten()

    def define(self, device: str, types: Mapping[str, DataType], now_ms: int) -> list[Message]:
        """Take a device, not alive, or know it by other metrics: what it was until then is dead."""
        before = self._parts.get(device)
        if before and before.types == types:
            before.is_gone = False
            return []
        messages = self.set_alive(device, now_ms, is_alive=False) if before else []
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
        part.is_alive = is_alive
        if not self.is_born:
            return []
        part.is_online = is_alive
        kind, metrics = ("DBIRTH", part.born()) if is_alive else ("DDEATH", iter(()))
        return [self._message(kind, device, metrics, now_ms)]

    def remove(self, device: str, now_ms: int) -> list[Message]:
        """Have a device die for good; what waits of it will still be told."""
        messages = self.set_alive(device, now_ms, is_alive=False)
        part = self._parts[device]
        if part.is_online or any(change.device == device for change in self._kept):
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
        """Take values of `t_ms`; those that are new are told, or kept. Of who is dead the next birth tells."""
        part = self._parts[device]
        change = Change(device, t_ms, part.update(values, t_ms))
        if not change.values or not part.is_alive:
            return []
        if self.is_born:
            self._recent.append((now_ms, change))
            return [self._message("DDATA", device, part.data([change]), now_ms)]
        self._kept.append(change)
        self._shorten()
        return []

    def count(self, now_ms: int) -> list[Message]:
        """Count devices, and those that live; what is new is told, now or with the next birth."""
        parts = self._parts.values()
        counts = {
            WATCHED: sum(not part.is_gone for part in parts),
            HEARD: sum(part.is_alive for part in parts),
        }
        change = Change("", now_ms, self._node.update(counts, now_ms))
        if not change.values or not self.is_born:
            return []
        return [self._message("NDATA", "", self._node.data([change]), now_ms)]

    def succeed(self, former: "EdgeNode") -> None:
        """Go on where another one has stopped: with the session after its last, and what waited."""
        self.session, self.dropped = former.session, former.dropped
        self._kept.extend(former.left)
        self._shorten()

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

    def _history(self, part: Part, changes: list[Change], now_ms: int) -> Iterator[Message]:
        """Yield what waited of a device, some changes at a time."""
        for i in range(0, len(changes), MOST_AT_ONCE):
            some = changes[i : i + MOST_AT_ONCE]
            self._recent.extend((now_ms, change) for change in some)
            if metrics := [*part.data(some, is_historical=True)]:
                yield self._message("DDATA", part.id, metrics, now_ms)

    def _message(self, kind: str, device: str, metrics: Iterable[Metric], now_ms: int) -> Message:
        """Write a message with the next number, 0 after 255."""
        self._seq = (self._seq + 1) % 256
        return Message(
            self.topic(kind, device), encode(Payload(now_ms, self._seq, tuple(metrics))), retain=False
        )

    def _shorten(self) -> None:
        """Drop the oldest changes beyond the limit, and count those that were never sent."""
        while len(self._kept) > self._limit:
            self.dropped += not self._kept.popleft().was_sent
