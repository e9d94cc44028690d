"""MoveNet SinglePose Lightning on LiteRT: a picture in, the keypoints of one person out."""

from pathlib import Path
from typing import Any

import numpy as np

from edgehar.errors import ModelError
from edgehar.litert import form, load_runtime
from edgehar.sources.camera.crop import Crop
from edgehar.sources.camera.opencv import Picture, load_opencv
from edgehar.types import FloatArray

SIDE = 192
"""Pixels of the network's square input."""

_INPUTS = {f"{kind} (1, {SIDE}, {SIDE}, 3)" for kind in ("uint8", "int32", "float32")}
"""Values are 0..255 in all: the published files differ."""
_OUTPUT = "float32 (1, 1, 17, 3)"


class MoveNet:
    """The network; for one thread at a time."""

    def __init__(self, weights: Path, num_threads: int = 2) -> None:
        """Load the network; ModelError if the file is no MoveNet Lightning."""
        self._cv2 = load_opencv()
        self._interpreter = _interpreter(weights, num_threads)
        [tensor] = self._interpreter.get_input_details()
        self._input = tensor["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._canvas: Picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        self._x = np.zeros((1, SIDE, SIDE, 3), tensor["dtype"])

    def keypoints(self, picture: Picture, crop: Crop) -> FloatArray:
        """Return x, y and score of the person in a crop, (17, 3), x and y in heights of the whole picture."""
        square = self._show(picture, crop)
        self._interpreter.set_tensor(self._input, self._x)
        self.invoke()
        y, x, score = self._interpreter.get_tensor(self._output)[0, 0].T
        left, top, size = square.left, square.top, square.size
        return np.stack([left + size * x, top + size * y, score], axis=1).astype(np.float32)

    def invoke(self) -> None:
        """Run the network on what it was shown last."""
        self._interpreter.invoke()

    def _show(self, picture: Picture, crop: Crop) -> Crop:
        """Sample the crop into the network's input, black beyond the edges; return the crop in whole pixels."""
        height, width = picture.shape[:2]
        side = max(round(crop.size * height), 1)
        left, top = round(crop.left * height), round(crop.top * height)
        columns, rows = _overlap(left, side, width), _overlap(top, side, height)
        canvas = self._canvas
        canvas[:] = 0
        if columns and rows:
            (from_x, to_x), (from_y, to_y) = columns, rows
            size = to_x.stop - to_x.start, to_y.stop - to_y.start
            # Bilinear, as the authors sample: means over areas would take longer than the network.
            canvas[to_y, to_x] = self._cv2.resize(picture[from_y, from_x], size)
        self._cv2.cvtColor(canvas, self._cv2.COLOR_BGR2RGB, dst=canvas)
        self._x[0] = canvas
        return Crop(left / height, top / height, side / height)


def _overlap(start: int, side: int, length: int) -> tuple[slice, slice] | None:
    """Return which pixels of a picture's edge lie in the crop, and where in the network's input they go; None if none do."""
    begin, end = max(start, 0), min(start + side, length)
    scale = SIDE / side
    low, high = round((begin - start) * scale), round((end - start) * scale)
    return (slice(begin, end), slice(low, high)) if end > begin and high > low else None


def _interpreter(weights: Path, num_threads: int) -> Any:
    new_interpreter = load_runtime()
    try:
        content = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"{weights}: cannot be read: {error.strerror}") from error
    try:
        interpreter = new_interpreter(content, num_threads)
        forms = [form(t) for t in interpreter.get_input_details() + interpreter.get_output_details()]
        if len(forms) != 2 or forms[0] not in _INPUTS or forms[1] != _OUTPUT:
            expected = f"{' or '.join(sorted(_INPUTS))} in, {_OUTPUT} out"
            raise ModelError(f"expected {expected}, got {', '.join(forms)}")  # noqa: TRY301 - with the file's name as all else
        interpreter.invoke()
    except Exception as error:  # native code makes any error of a damaged file
        why = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{weights}: this is not MoveNet SinglePose Lightning: {why}") from error
    return interpreter
