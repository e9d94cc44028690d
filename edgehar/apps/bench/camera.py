"""The cost of a camera's picture: decoding, finding the body, and the network alone."""

from pathlib import Path

import numpy as np

from edgehar.apps.bench.stages import Spent, repeated
from edgehar.errors import OperatorError

_SIZE = 480, 640
_PICTURES = 20

DECODE = "camera: decode a picture"
LOOK = "camera: find the body"
NETWORK = "camera: bare MoveNet"


def time_pictures(weights: Path | None = None) -> tuple[dict[str, Spent], str]:
    """Return the times of each stage of 640×480 pictures, and a remark where there is nothing to time."""
    try:
        from edgehar.sources.camera.movenet import MoveNet  # noqa: PLC0415 - who has no camera needs no OpenCV
        from edgehar.sources.camera.opencv import load_opencv  # noqa: PLC0415 - the same
        from edgehar.sources.camera.tracker import Tracker  # noqa: PLC0415 - the same
        from edgehar.sources.camera.weights import find_weights  # noqa: PLC0415 - the same

        cv2, net = load_opencv(), MoveNet(find_weights(weights))
    except (OperatorError, ModuleNotFoundError) as error:
        return {}, f"the camera was not timed: {error}"
    noise = np.random.default_rng(1).integers(0, 256, (*_SIZE, 3), np.uint8)
    # As smooth as a room is: noise would take longest to decode.
    picture = cv2.GaussianBlur(noise, (31, 31), 0)
    jpeg = cv2.imencode(".jpg", picture)[1]
    tracker, at = Tracker(net), iter(np.arange(0, 1e6, 1 / 15).tolist())
    return {
        DECODE: repeated(lambda: cv2.imdecode(jpeg, cv2.IMREAD_COLOR), _PICTURES),
        LOOK: repeated(lambda: tracker.push(picture, next(at)), _PICTURES),
        NETWORK: repeated(net.invoke, _PICTURES),
    }, ""
