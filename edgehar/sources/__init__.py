"""Sources of packets: a serial port, Bluetooth, a phone, a recording or a simulated wearer.

A source has one verb, `run(deliver)`, and it is one life of one link: it opens the link, hands on
every packet as it arrives, and cleans up after itself however it ends.

- The link was lost or could not be opened: SourceLostError, whose text tells a person what to do.
  `reconnect.keep_open` starts the next life, as it does after whatever else a life raises.
- A finite source has come to its end: `run` returns.
- `deliver` raised: that exception leaves `run` as it is.
- It was cancelled: file descriptors, sockets and threads are closed before `run` is left.
"""

import math
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

Deliver = Callable[[float, int, bytes], None]
"""Takes (t, stream, body): stream time in s, which of the source's sensors, one unframed packet."""


class LinkState(Struct, kw_only=True):
    """State of a source's link over all of its lives; the source alone writes it, but for `lost` and `lives`."""

    silence_s: float = math.inf
    """A life that brings nothing for longer is a dead one, s; inf where silence is as good as packets. Each source
    sets its own."""
    heard_at: float = 0.0
    """Arrival of the newest packet, host monotonic s; set before it is delivered, 0 before the first."""
    damaged: int = 0
    """Frames or messages dropped as damaged, or messages of which a part was; 0 where a link has none."""
    dropped: int = 0
    """Packets dropped because too many waited to be taken; 0 where none wait."""
    battery: int | None = None
    """Charge of the sensor, percent, where the link tells it apart from its packets; None if not known."""
    age_s: float | None = None
    """Time from when data were taken to their delivery, over the last ones, s; None where the source cannot know."""
    lost: str | None = None
    """Reason why the newest life ended, in words; None once packets come again. `reconnect.keep_open` writes it."""
    lives: int = 0
    """Lives in which packets came; `reconnect.keep_open` counts them."""


class Source(Protocol):
    """Anything that can be asked for packets, one life at a time."""

    @property
    def link(self) -> LinkState:
        """State of the link; one and the same for all lives."""
        ...

    async def run(self, deliver: Deliver) -> None:
        """Deliver packets until the link is lost (SourceLostError) or the source is finished (return).

        A source with one sensor delivers stream 0. `t` never decreases within a stream. May be
        called again once it has ended, never twice at the same time.
        """
        ...
