"""`python -m benchmarks.camera ../shared/data`: what a camera's picture costs, to the answer, beside a bare invoke of MoveNet.

A webcam's picture, 640 x 480 as Motion JPEG, is put together from a clip, 1280 x 720 in H.264. All stages and the bare
invoke take turns picture by picture, so that a busy machine slows each of them; the figures are medians.
"""

import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgehar.devices.keypoints import PROFILE, encode
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.sources.camera.address import parse
from edgehar.sources.camera.crop import Crop
from edgehar.sources.camera.movenet import MoveNet
from edgehar.sources.camera.opencv import Picture, load_opencv
from edgehar.sources.camera.tracker import Tracker
from edgehar.sources.camera.video_file import VideoFile
from edgehar.types import Stream

CLIP = "video/adl_07_sitting_high_chair.mp4"
WEIGHTS = "movenet/movenet_single_pose_lightning_ptq.tflite"
WEBCAM = 640, 480


class Stages:
    """The ms of each stage, picture by picture."""

    def __init__(self) -> None:
        self.of = defaultdict[str, list[float]](list)
        self._spent = defaultdict[str, float](float)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Count what the block takes to a stage of this picture."""
        began = time.perf_counter()
        yield
        self._spent[stage] += (time.perf_counter() - began) * 1e3

    def next_picture(self) -> None:
        """Close a picture."""
        for stage, ms in self._spent.items():
            self.of[stage].append(ms)
        self._spent.clear()


class TimedMoveNet(MoveNet):
    """The network, with sampling and invoke told apart."""

    def __init__(self, weights: Path, num_threads: int, stages: Stages) -> None:
        super().__init__(weights, num_threads)
        self._stages = stages

    def invoke(self) -> None:
        """Run the network on what it was shown last."""
        with self._stages.time("invoke"):
            super().invoke()

    def _show(self, picture: Picture, crop: Crop) -> Crop:
        with self._stages.time("crop"):
            return super()._show(picture, crop)


def measure(data: Path, num_threads: int) -> dict[str, list[float]]:
    """Return the ms of each stage, by picture."""
    cv2, stages, judge = load_opencv(), Stages(), load(find("pose_tcn"))
    net = TimedMoveNet(data / WEIGHTS, num_threads, stages)
    pipeline = Pipeline("w", [Stream("camera", PROFILE)], judge, judge.spec.decision)
    tracker, video = Tracker(net), VideoFile(parse(str(data / CLIP)), 1e9, threading.Event(), paced=False)
    while True:
        with stages.time("decode H.264"):
            frame = video.next()
        if frame is None:
            break
        jpeg = cv2.imencode(".jpg", cv2.resize(frame.picture[:560, :850], WEBCAM))[1]
        with stages.time("decode JPEG"):
            picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
        with stages.time("look"):
            seen = tracker.push(picture, frame.taken_at)
            body = encode(frame.taken_at, seen.people, seen.keypoints)
        with stages.time("classify"):
            pipeline.push(frame.taken_at, 0, body)
        with stages.time("bare invoke"):
            MoveNet.invoke(net)
        stages.next_picture()
    video.release()
    return stages.of


def main() -> None:
    """Print the figures, for one and for two threads of the network."""
    data = Path(sys.argv[1])
    for num_threads in (1, 2):
        spent = measure(data, num_threads)
        ms = {stage: statistics.median(times) for stage, times in spent.items()}
        # Most pictures complete no window: the median would be that of the grid alone.
        ms["classify"] = statistics.mean(spent["classify"])
        rest = ms["look"] - ms["crop"] - ms["invoke"]
        whole = ms["decode JPEG"] + ms["look"] + ms["classify"]
        print(
            f"{num_threads} threads, ms per picture: decode {ms['decode JPEG']:.2f} (of the clip {ms['decode H.264']:.2f}), "
            f"crop {ms['crop']:.2f}, invoke {ms['invoke']:.2f}, tracking and body {rest:.2f}, "
            f"classify {ms['classify']:.2f}; in all {whole:.2f}, "
            f"bare invoke {ms['bare invoke']:.2f}: ratio {whole / ms['bare invoke']:.2f}, "
            f"without decoding {ms['look'] / ms['bare invoke']:.2f}"
        )


if __name__ == "__main__":
    main()
