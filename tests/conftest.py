"""What many tests need: the real recordings, and the rule that CI never skips."""

import os
import signal
from pathlib import Path
from typing import NoReturn

import pytest

pytest_plugins = ["bluez", "browsers", "cameras", "clocks", "listening"]

ROOT = Path(__file__).resolve().parents[1]

# What runs in the background of a shell ignores Ctrl-C, and under nohup a closed terminal, and so would the processes
# that tests send them to.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def lacking(what: str) -> NoReturn:
    """Skip where something is missing, but fail under CI: there everything must be installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI lacks {what}")
    pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of real recordings (EDGEHAR_DATA, or shared/data beside the checkout)."""
    path = Path(os.environ.get("EDGEHAR_DATA") or ROOT.parent / "shared" / "data")
    if not (path / "imu").is_dir():
        lacking(f"the real recordings in {path} (set EDGEHAR_DATA)")
    return path
