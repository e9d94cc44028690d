"""Failures of an MQTT broker that answers, by what can be done about them; all others are plain OSErrors."""

import ssl

WRONG_PORT = "check `port` of [mqtt]: 1883 is usual without [mqtt.tls], 8883 with it"
NO_TLS = (
    "check that this port speaks TLS (8883 usually does, 1883 does not), and whether the broker wants "
    "a certificate of ours: cert_file and key_file of [mqtt.tls]"
)
MAY_NOT_READ = (
    "let this account read and write {topic} in the broker's access list, which MQTT 3.1.1 cannot say more of"
)
SEE_ITS_LOG = "see what the broker's own log says"


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


def certificate_remedy(error: ssl.SSLCertVerificationError) -> str:
    """Return what can be done about a certificate of the broker that is not accepted, in words."""
    if "self-signed" in error.verify_message or "local issuer" in error.verify_message:
        return "give the certificate of who signed it as ca_file of [mqtt.tls]"
    if "mismatch" in error.verify_message or "doesn't match" in error.verify_message:
        return "write the name that the certificate is for as `host` of [mqtt]"
    if "expired" in error.verify_message:
        return "renew it on the broker's machine, or set the clock of this one"
    return SEE_ITS_LOG
