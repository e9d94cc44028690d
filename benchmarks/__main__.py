"""`python -m benchmarks`: the figures of the README, measured here and now.

Times are medians of rounds in one process, so that their ratio holds on a noisy machine.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks import mqtt
from benchmarks.broker import PORT, mosquitto
from edgehar.apps.bench.stages import STAGES, time_packets
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Activity, Item, Stream
from edgehar.wire.framing import Deframer, frame

MODEL = "imu_tcn"
PLACEMENT = "trouser_pocket"
SCRIPT = [("walking", 60.0), ("sitting", 60.0), ("running", 60.0), ("standing", 60.0)]
ROUNDS = 9


def median_us(work: Callable[[], int]) -> float:
    """Return the median over rounds of the time per item, µs; `work` returns how many items it did."""
    work()
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        done = work()
        rounds.append((time.perf_counter() - began) / done * 1e6)
    return statistics.median(rounds)


def pipeline_costs() -> None:
    """Print µs of a bare invoke, of a window through everything, and their ratio, by packet size."""
    recognizer = load(find(MODEL))
    interpreter = recognizer._interpreter  # noqa: SLF001 - the bare runtime is what is compared with

    def invoke() -> int:
        for _ in range(2000):
            interpreter.invoke()
        return 2000

    bare = median_us(invoke)
    print(f"bare invoke of {recognizer.spec.id}: {bare:.1f} µs")
    for samples in (10, 19):
        simulator = Simulator(placements=[PLACEMENT], script=SCRIPT, seed=1, samples_per_packet=samples)
        items = list(simulator.packets())
        frames = [(t, frame(body)) for t, _, body in items]

        def new_pipeline() -> Pipeline:
            return Pipeline("w", [Stream(PLACEMENT)], recognizer, recognizer.spec.decision)

        def from_bodies(items: list[Item] = items) -> int:
            pipeline = new_pipeline()
            return sum(isinstance(a, Activity) for item in items for a in pipeline.push(*item))

        def from_bytes(frames: list[tuple[float, bytes]] = frames) -> int:
            pipeline, deframer = new_pipeline(), Deframer()
            return sum(
                isinstance(a, Activity)
                for t, framed in frames
                for body in deframer.push(framed)
                for a in pipeline.push(t, 0, body)
            )

        whole, framed = median_us(from_bodies), median_us(from_bytes)
        print(
            f"a window through the whole pipeline, {samples} samples a packet: {whole:.1f} µs from packets, "
            f"{framed:.1f} µs from a byte stream; ratio to the bare invoke {whole / bare:.1f} and {framed / bare:.1f}"
        )


def stage_costs() -> None:
    """Print where a window's µs go: the least of each stage over the rounds."""
    recognizer = load(find(MODEL))
    items = list(Simulator(placements=[PLACEMENT], script=SCRIPT, seed=1).packets())
    least: dict[str, float] = {}
    for _ in range(ROUNDS):
        times = time_packets(
            lambda: Pipeline("w", [Stream(PLACEMENT)], recognizer, recognizer.spec.decision), items, 0.0
        )
        for stage in STAGES:
            us = sum(times.of[stage].seconds) / times.windows * 1e6
            least[stage] = min(us, least.get(stage, 1e9))
    print("of that, µs per window: " + ", ".join(f"{stage} {us:.1f}" for stage, us in least.items()))


def watch(command: list[str], seconds: float) -> tuple[float, float]:
    """Return seconds from start to the first answer of a window's content, and peak resident MB, of a command."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    first = float("nan")
    for line in process.stdout:
        if json.loads(line).get("activity") not in (None, "no_signal"):
            first = time.monotonic() - began
            break
    time.sleep(max(0.0, began + seconds - time.monotonic()))
    with open(f"/proc/{process.pid}/status") as status:  # noqa: PTH123 - not a file to keep
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    children = sum(child.memory_info().rss for child in psutil.Process(process.pid).children(recursive=True))
    process.terminate()
    process.communicate()
    return first, peak / 1024 + children / 2**20


def daemon_costs() -> None:
    """Print memory and time to the first label, of the daemon and of the demo."""
    with tempfile.TemporaryDirectory() as name, mosquitto(Path(name)):
        folder = Path(name)
        with Writer(folder / "w.ehr", Header("w", (Stream(PLACEMENT),), epoch=1.7e9)) as writer:
            for item in Simulator(placements=[PLACEMENT], script=SCRIPT, seed=1).packets():
                writer.push(*item)
        (folder / "edgehar.toml").write_text(
            f'[mqtt]\nhost = "127.0.0.1"\nport = {PORT}\n[[wearer]]\nid = "w"\n'
            f'[wearer.replay]\npath = "{folder}/w.ehr"\nspeed = 1\n'
        )
        edgehar = [sys.executable, "-m", "edgehar"]
        first, peak = watch([*edgehar, "run", "-c", f"{folder}/edgehar.toml", "--stdout"], 20)
        print(
            f"edgehar run, a replay and an external broker: first label after {first:.1f} s, peak resident {peak:.0f} MB"
        )
        first, peak = watch([*edgehar, "demo", "--json", "--port", "0"], 20)
        print(
            f"edgehar demo, broker and simulator inside: first label after {first:.1f} s, peak resident {peak:.0f} MB"
        )


pipeline_costs()
stage_costs()
daemon_costs()
mqtt.broker_costs()
