"""Failures of an MQTT broker that answers, by what can be done about them; all others are plain OSErrors."""


class VersionError(ConnectionError):
    """Failure of a broker that does not speak this version of MQTT, or does not answer at all."""


class RefusedError(ConnectionError):
    """Refusal by a broker that answered; only its operator or ours can mend that."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason
        """Name of the reason code in the broker's answer."""


class TakenOverError(RefusedError):
    """Loss of a connection to another client of the same id, which the broker then serves instead."""


class OversizeError(ConnectionError):
    """Loss of a connection that was given up rather than take one packet into memory."""

    def __init__(self, size: int, largest: int) -> None:
        super().__init__(
            f"the broker sends a packet of {size:,} bytes, of which {largest:,} are taken at most"
        )
