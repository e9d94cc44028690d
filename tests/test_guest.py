"""The BLE source before a real bluetoothd and kernel, in a guest; only `-m slow` runs it."""

import subprocess

import pytest
from conftest import ROOT, lacking

LACKING = 3


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_sensors_come_back_whatever_happens_to_bluetooth(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        ["bash", ROOT / "tests" / "guest" / "run"], capture_output=True, text=True, check=False
    )
    if done.returncode == LACKING:
        lacking(done.stderr.strip())
    with capsys.disabled():
        print(f"\n{done.stdout}")  # noqa: T201 - figures
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("passed: ")
