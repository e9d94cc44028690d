"""OpenCV, loaded by who has a camera: with time-outs, and without its remarks on stderr."""

import os
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgehar.errors import OperatorError

Picture = NDArray[np.uint8]
"""(height, width, 3), blue, green and red, as OpenCV has them."""

READ_S = 5
"""A camera or stream that gives no frame for so long is taken as lost, s."""

_SETTINGS = {
    # V4L2 knows no time-out as a property; whole seconds, 10 by default.
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": str(READ_S),
    "OPENCV_LOG_LEVEL": "SILENT",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}
"""Read by OpenCV when it is loaded or first used. What it would say, our errors say in words."""


@cache
def load_opencv() -> Any:
    """Return the module `cv2`; OperatorError says what to install where it cannot be imported.

    One thread of it is enough: the pictures are small, and its pool would keep other cores awake.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        cv2 = import_module("cv2")
    except ImportError as error:
        raise OperatorError(
            f"a camera needs OpenCV, and it cannot be imported ({error}): pip install 'edgehar[camera]'"
        ) from error
    cv2.setNumThreads(1)
    return cv2
