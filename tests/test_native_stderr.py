import os
import subprocess
import sys

import pytest
from conftest import ROOT

from edgehar import native_stderr


def test_the_remark_is_left_out_and_all_else_comes_out_in_order(capfd: pytest.CaptureFixture[str]) -> None:
    with native_stderr.without(rb"INFO: .*\n"):
        os.write(2, b"before\nINFO: a remark\n")
        os.write(2, b"after\n")
    os.write(2, b"INFO: outside\n")
    assert capfd.readouterr().err == "before\nafter\nINFO: outside\n"


def test_what_was_written_before_a_failure_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, b"a remark\nwhy\n")
        raise OSError("damaged")

    with pytest.raises(OSError, match="damaged"), native_stderr.without(b"a remark\n"):
        fail()
    assert capfd.readouterr().err == "why\n"


@pytest.mark.parametrize("stderr", ["", "2>&-"], ids=["open", "closed"])
def test_the_runtime_says_nothing_of_its_own(stderr: str) -> None:
    load = "from edgehar.pipeline import recognizer; print(recognizer.load('models/imu_tcn').spec.id)"
    loaded = subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {stderr}', sys.executable, load],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (loaded.returncode, loaded.stderr) == (0, "")
    assert loaded.stdout.startswith("imu_tcn@")
