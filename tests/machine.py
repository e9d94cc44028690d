"""This Debian as another machine: its own files below an overlay that is thrown away, with systemd running or not.

Nothing of this machine is written to; what was changed lies in `changes`. It has this machine's network.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from conftest import ROOT, lacking

PROGRAMS = {"unshare": "util-linux", "nsenter": "util-linux", "systemd-nspawn": "systemd-container"}
PATIENCE_S = 60.0

# In a namespace of mounts of its own, so that nothing is left behind when its last process ends.
_MOUNTS = """
set -e
mount -t tmpfs -o mode=755 none {folder}
mkdir {folder}/changes {folder}/work {folder}/root
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/changes,workdir={folder}/work {folder}/root
if [ {boots} = False ]; then
  mount --rbind /dev {folder}/root/dev
  mount -t proc proc {folder}/root/proc
fi
echo mounted
exec sleep infinity
"""


class Machine:
    """Machine with this one's files; `boots`: systemd is its first process, and of its services only dbus starts."""

    def __init__(self, folder: Path, *, boots: bool = False) -> None:
        for name, package in PROGRAMS.items():
            if not shutil.which(name):
                lacking(f"{name} (apt install {package})")
        if os.geteuid() != 0:
            lacking("root, for an overlay of this machine's files")
        self._folder, self._boots = folder, boots
        self._nspawn: subprocess.Popen[bytes] | None = None
        self.first = 0
        """Number of its first process on this machine, once it has booted."""
        self._mounts = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _MOUNTS.format(folder=folder, boots=boots)],
            stdout=subprocess.PIPE,
        )
        assert self._mounts.stdout is not None
        if self._mounts.stdout.readline() != b"mounted\n":
            self._mounts.wait()
            lacking("an overlay of this machine's files (root, and a kernel with overlayfs)")

    @property
    def root(self) -> Path:
        """Its files as this machine sees them; absolute links in them lead astray."""
        return Path(f"/proc/{self._mounts.pid}/root{self._folder}/root")

    @property
    def changes(self) -> Path:
        """What is not as on this machine."""
        return Path(f"/proc/{self._mounts.pid}/root{self._folder}/changes")

    def __enter__(self) -> Self:
        if self._boots:
            self._boot()
        return self

    def __exit__(self, *_: object) -> None:
        if self._nspawn is not None:
            # Its mounts are the overlay's: nothing is worth an orderly end.
            if self.first:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.first, signal.SIGKILL)
            self._nspawn.wait()
        self._mounts.kill()
        self._mounts.communicate()

    def _boot(self) -> None:
        for wanted in (self.root / "etc/systemd/system").glob("*.wants/*"):
            # With the last one its folder would go as soon as a service is disabled.
            if wanted.name != "remote-fs.target":
                wanted.unlink()
        # Else it refuses to be this machine.
        (self.root / "etc/machine-id").write_text("")
        log = (self._folder.parent / f"{self._folder.name}.log").open("wb")
        command = [
            "systemd-nspawn",
            "--boot",
            "--directory",
            f"{self._folder}/root",
            f"--machine=edgehar-{os.getpid()}",
        ]
        command += ["--register=no", "--keep-unit", "--console=read-only", "--resolv-conf=bind-host", "--"]
        with log:
            self._nspawn = subprocess.Popen(
                ["nsenter", f"--target={self._mounts.pid}", "--mount", *command, "--unit=multi-user.target"],
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self._nspawn.poll() is None:
            # Not always the same process: the first child starts the machine's first process, and ends.
            self.first = _child(self._nspawn.pid)
            if self.first and self.run("systemctl", "is-active", "multi-user.target").stdout == "active\n":
                return
            time.sleep(0.1)
        self.__exit__()
        lacking(f"a machine that boots below systemd-nspawn; its log is {log.name}")

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command as its root."""
        if self.first:
            enter = [f"--target={self.first}", "--mount", "--pid", "--uts", "--ipc", "--cgroup"]
        else:
            enter = [f"--target={self._mounts.pid}", "--mount", "chroot", f"{self._folder}/root"]
        kept = {
            name: text
            for name, text in os.environ.items()
            if name.startswith("PIP_") or "proxy" in name.lower()
        }
        return subprocess.run(
            ["nsenter", *enter, *command],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": "/root",
                "LANG": "C.UTF-8",
                **kept,
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def copy_checkout(self) -> Path:
        """Put this checkout's files, without those that git ignores, into it; return where they lie there."""
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for name in filter(None, names.decode().split("\0")):
            if (ROOT / name).is_file():
                target = self.root / "srv/edgehar" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)
        return Path("/srv/edgehar")


def _child(pid: int) -> int:
    """Return the first child of a process; 0 before it has one."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return int(listed[0]) if listed else 0
