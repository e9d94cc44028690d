"""Certificates of a private authority, made by the program `openssl`."""

import shutil
import subprocess
from pathlib import Path

from conftest import lacking

from edgehar.brokers.mqtt_tls import Tls

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def make_certificates(folder: Path) -> None:
    """Make an authority, and certificates that it signed: of localhost as `broker`, and of a `gateway`.

    `expired` is a certificate of localhost that was good until yesterday, `elsewhere` the one of another host.
    """
    run(folder, "req", "-x509", *KEY, "-days", "2", *subject("authority"))
    for name in ("broker", "gateway"):
        sign(folder, name, "DNS:localhost,IP:127.0.0.1", days=2)
    sign(folder, "expired", "DNS:localhost,IP:127.0.0.1", days=-1)
    sign(folder, "elsewhere", "DNS:elsewhere", days=2)


def sign(folder: Path, name: str, names: str, *, days: int) -> None:
    """Make `<name>.crt` and `<name>.key` for some host names, good for so many days from now."""
    run(folder, "req", "-new", *KEY, *subject(name, "csr"))
    (folder / "extensions").write_text(f"basicConstraints=critical,CA:false\nsubjectAltName={names}\n")
    authority = ("-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial")
    signed = ("-days", str(days), "-extfile", "extensions", "-in", f"{name}.csr", "-out", f"{name}.crt")
    run(folder, "x509", "-req", *authority, *signed)


def subject(name: str, suffix: str = "crt") -> tuple[str, ...]:
    """Return openssl's options for whose certificate, or request of one, it makes."""
    return ("-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.{suffix}")


def run(folder: Path, *command: str) -> None:
    """Run openssl in a folder."""
    openssl = shutil.which("openssl") or lacking("openssl")
    subprocess.run([openssl, *command], cwd=folder, check=True, capture_output=True)


def listener_of(folder: Path, name: str = "broker") -> str:
    """Return the lines of mosquitto's configuration that encrypt a listener."""
    return f"cafile {folder}/authority.crt\ncertfile {folder}/{name}.crt\nkeyfile {folder}/{name}.key\n"


def trusting(folder: Path) -> Tls:
    """Return the settings of a client who trusts the authority."""
    return Tls(ca=folder / "authority.crt")
