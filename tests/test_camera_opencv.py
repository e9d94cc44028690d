"""OpenCV as a camera loads it."""

import subprocess
import sys
from pathlib import Path

import pytest

from edgehar.errors import OperatorError
from edgehar.sources.camera.opencv import load_opencv

LOOK = """
import sys, threading
from edgehar.errors import EdgeharError
from edgehar.sources.camera.address import parse
from edgehar.sources.camera.live import Live
try:
    Live(parse(sys.argv[1]), 15.0, threading.Event())
except EdgeharError as error:
    print(error)
"""


def test_without_it_what_to_install_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    load_opencv.cache_clear()
    with pytest.raises(OperatorError, match=r"a camera needs OpenCV.*pip install 'edgehar\[camera\]'"):
        load_opencv()
    load_opencv.cache_clear()


@pytest.mark.usefixtures("cv2")
def test_it_says_nothing_of_its_own_on_stderr(tmp_path: Path) -> None:
    (tmp_path / "video0").symlink_to("/dev/full")
    for address in (str(tmp_path / "video0"), "http://127.0.0.1:9/none"):
        done = subprocess.run(
            [sys.executable, "-c", LOOK, address], capture_output=True, text=True, check=True
        )
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""
