"""The project's own firmware, and whatever else sends its wire format: `firmware_bridge/README.md`.

It begins to send by itself, at the rate it was built for, and says in its descriptions what it sends.
"""

from edgehar.devices.profile import NORDIC_UART, NORDIC_UART_NOTIFY, NORDIC_UART_WRITE, Profile
from edgehar.types import Packet
from edgehar.wire.protocol import Decoder


class OwnReader:
    """`protocol.Decoder` behind the verb of all readers; packets carry the id that the sensor describes."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        """Tells more than other sensors can: descriptions, duplicates, restarts."""

    @property
    def packets(self) -> int:
        """Packets returned."""
        return self.decoder.packets

    @property
    def lost(self) -> int:
        """Packets missing between two that came, by their sequence."""
        return self.decoder.lost

    @property
    def malformed(self) -> int:
        """Notifications that break the format, or that nothing has described."""
        return self.decoder.malformed + self.decoder.undescribed

    def push(self, source: int, payload: bytes) -> list[Packet]:  # noqa: ARG002 - there is one source
        """The packet in a notification, if it is whole, new and described."""
        return self.decoder.push(payload) if payload else []


OWN = Profile(
    name="edgehar",
    title="sensor with edgehar's firmware",
    services=(NORDIC_UART,),
    prefixes=("edgehar",),
    notify=(NORDIC_UART_NOTIFY,),
    rate_hz=50.0,
    command=NORDIC_UART_WRITE,
    # At rest it describes itself every 10 s.
    silence_s=30.0,
    reader=lambda _device: OwnReader(),
)
