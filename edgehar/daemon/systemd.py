"""Notes of a service to systemd: ready, still alive, in words how it goes. None elsewhere."""

import logging
import os
import socket

from edgehar.errors import one_line
from edgehar.warn_once import WarnOnce

_LOGGER = logging.getLogger(__name__)

_warn = WarnOnce(_LOGGER)


def notify(*assignments: str) -> bool:
    """Send e.g. `READY=1` to the service manager (sd_notify(3)); False if there is none, or it did not take it.

    Never raises and never waits: a manager that is gone or does not read is named once.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    # A line break would begin another assignment.
    lines = map(one_line, assignments)
    try:
        with socket.socket(socket.AF_UNIX, kind) as sock:
            # A leading @ means the abstract namespace.
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.send("\n".join(lines).encode())
    except OSError as error:
        _warn(address, "the service manager at NOTIFY_SOCKET=%s is not told how it goes: %s", address, error)
        return False
    return True
