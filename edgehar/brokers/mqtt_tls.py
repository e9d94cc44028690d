"""Encryption of a connection to an MQTT broker."""

import ssl
from pathlib import Path

from msgspec import Struct

from edgehar.errors import ConfigError


class ClosingSocket(ssl.SSLSocket):
    """Socket that is closed when no encryption comes about: paho forgets it then, one for each attempt."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # as in `ssl`
        """Shake hands, as in `ssl`."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


class Tls(Struct, frozen=True):
    """Files of an encrypted connection, PEM."""

    ca: Path | None = None
    """Certificates of the authorities to trust; None: those that the system trusts."""
    cert: Path | None = None
    """Certificate of this gateway, if the broker asks for one."""
    key: Path | None = None
    """Its private key, not encrypted; None if it stands in `cert`."""

    def load(self) -> ssl.SSLContext:
        """Load the files; ConfigError if they cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.sslsocket_class = ClosingSocket
            # From Python 3.13 on the default refuses what `openssl req -x509` makes, as on most private brokers.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
            if self.cert:
                # Given a password, even an empty one, OpenSSL does not ask for one on the terminal.
                context.load_cert_chain(self.cert, self.key, password="")
        except OSError as error:
            files = ", ".join(str(path) for path in (self.ca, self.cert, self.key) if path)
            raise ConfigError(f"TLS: {files} cannot be used: {error}") from error
        return context
