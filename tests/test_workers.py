import multiprocessing
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

from edgehar.training.workers import processes


def test_no_process_of_the_pool_hears_ctrl_c() -> None:
    before = {process.pid for process in multiprocessing.active_children()}
    with processes(4) as pool:
        list(pool.map(int, range(20)))  # whatever is still started for them is there by now
        mine = {process.pid for process in multiprocessing.active_children()} - before
        assert len(mine) == 4
        for pid in mine:
            [blocked] = re.findall(r"SigBlk:\s(\w+)", Path(f"/proc/{pid}/status").read_text())
            assert int(blocked, 16) & 1 << signal.SIGINT - 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


_POOL = """
import sys, time
from edgehar.training.workers import processes
if __name__ == "__main__":
    try:
        with processes(2) as pool:
            jobs = pool.map(time.sleep, [0.3] * 200)
            next(jobs)
            print("at work", flush=True)
            list(jobs)
    except KeyboardInterrupt:
        print("stopped", flush=True)
"""


def test_ctrl_c_stops_the_processes_without_a_word(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(_POOL)
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (out, err) == ("stopped\n", "")


_NAMED_POOL = """
import multiprocessing, time
from edgehar.training.workers import processes
if __name__ == "__main__":
    with processes(2) as pool:
        jobs = pool.map(time.sleep, [60.0] * 4)
        print(*[process.pid for process in multiprocessing.active_children()], flush=True)
        list(jobs)
"""


def test_the_processes_end_with_a_caller_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "pool.py"
    script.write_text(_NAMED_POOL)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert len(pids) == 2
        watched = [os.pidfd_open(pid) for pid in pids]
        process.kill()
        try:
            for pidfd in watched:
                assert select.select([pidfd], [], [], 30.0)[0]
        finally:
            for pidfd in watched:
                os.close(pidfd)
