"""A real mosquitto on loopback, and who listens to it."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PORT = 18839


def program(name: str) -> str:
    """Return the path of a program that comes with mosquitto; Debian keeps the broker where only root looks."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        sys.exit(f"these figures need {name}: apt install mosquitto mosquitto-clients")
    return path


@contextmanager
def mosquitto(folder: Path) -> Iterator[None]:
    """Run a broker on PORT."""
    config = folder / "mosquitto.conf"
    config.write_text(f"user root\nmax_queued_messages 0\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n")
    process = subprocess.Popen([program("mosquitto"), "-c", config], stderr=subprocess.DEVNULL)
    while not _is_open():
        time.sleep(0.01)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _is_open() -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", PORT)) == 0


class Subscriber:
    """A process that notes when each message of a topic came, with QoS 1; it began once it was made."""

    def __init__(self, topic: str) -> None:
        # What is retained comes with the subscription, and so says that it stands.
        where = ["-h", "127.0.0.1", "-p", str(PORT), "-q", "1", "-t", topic]
        subprocess.run([program("mosquitto_pub"), *where, "-r", "-m", "begin"], check=True)
        self._process = subprocess.Popen(
            [program("mosquitto_sub"), *where, "-F", "%U"], stdout=subprocess.PIPE, text=True
        )
        self.times(1)

    def times(self, count: int) -> list[float]:
        """Wait for so many messages more; return their Unix times, s."""
        assert self._process.stdout is not None
        return [float(self._process.stdout.readline()) for _ in range(count)]

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate()
