"""What to do where a stage of the way to a broker fails."""

import ssl

NO_BROKER = "check `port` of [mqtt]: 1883 is usual without [mqtt.tls], 8883 with it"
SEE_ITS_LOG = "see what the broker's own log says"
MAY_NOT_READ = (
    "let this account read and write {topic} in the broker's access list, which MQTT 3.1.1 cannot say more of"
)


def certificate_fix(error: ssl.SSLCertVerificationError) -> str:
    """Return what to do about a broker's certificate that is not trusted."""
    if "self-signed" in error.verify_message or "local issuer" in error.verify_message:
        return "give the certificate of who signed it as ca_file of [mqtt.tls]"
    if "mismatch" in error.verify_message or "doesn't match" in error.verify_message:
        return "write the name that the certificate is for as `host` of [mqtt]"
    if "expired" in error.verify_message:
        return "renew it on the broker's machine, or set the clock of this one"
    return SEE_ITS_LOG
