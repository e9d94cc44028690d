"""Notes of a service to systemd: ready, still alive, in words how it goes. None elsewhere."""

import os
import socket


def notify(*lines: str) -> bool:
    """Send e.g. `READY=1` to the service manager; False where there is none (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        # A leading @ means the abstract namespace.
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.sendall("\n".join(lines).encode())
    return True
