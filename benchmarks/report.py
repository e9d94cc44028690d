"""`python -m benchmarks.report FOLDER`: the picture of docs/report.md, of a page that `edgehar report` made; `--day`: its figures.

The recording is simulated: five minutes of two sensors over a lossy link with labels, twenty seconds of silence, and a
moment that was marked. It is left in the folder as `five_minutes.ehr`, and so is the page. `--day` instead writes a day of
two sensors at 50 Hz, one simulated hour 24 times over in packets that go on numbering, and prints what its page costs.
"""

import asyncio
import io
import resource
import subprocess
import sys
from pathlib import Path

from PIL import Image

from benchmarks.browser import chromium
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.marks import Mark
from edgehar.sources.simulated.faults import Faults
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream
from edgehar.wire.protocol import Description, decode, encode_data, encode_description

PLACEMENTS = ["trouser_pocket", "wrist_left"]
SCRIPT = [
    ("walking", 70.0),
    ("stairs_up", 20.0),
    ("standing", 25.0),
    ("sitting", 80.0),
    ("running", 45.0),
    ("standing", 20.0),
    ("walking", 40.0),
]
SILENCE_S = (130.0, 150.0)
WITHOUT_WRIST_S = (215.0, 228.0)
MARKED_S = 92.0
HOUR_S, DAY_S = 3600, 86_400.0
LOST_EVERY = 50
"""Packets."""

EPOCH = 1_788_256_800.0
"""Unix time, s, of a first of September at ten o'clock in UTC."""

WIDTH, HEIGHT = 1440, 1390
COLOURS = 128


def record(path: Path) -> None:
    """Write the recording anew."""
    path.unlink(missing_ok=True)
    simulator = Simulator(
        placements=PLACEMENTS, script=SCRIPT, seed=5, faults=Faults(loss=0.02, drift_ppm=21.0, seed=2)
    )
    labels, begin, is_marked = [*SCRIPT], 0.0, False
    streams = tuple(Stream(place) for place in PLACEMENTS)
    with Writer(path, Header("anna", streams, EPOCH, created="python -m benchmarks.report")) as writer:
        for t, stream, body in simulator.packets():
            while labels and t >= begin:
                label, seconds = labels.pop(0)
                writer.mark(begin, Mark("begin", label))
                begin += seconds
            if t >= MARKED_S and not is_marked:
                writer.mark(t, Mark("moment", note="button"))
                is_marked = True
            is_silent = SILENCE_S[0] < t < SILENCE_S[1]
            if not (is_silent or (stream == 1 and WITHOUT_WRIST_S[0] < t < WITHOUT_WRIST_S[1])):
                writer.push(t, stream, body)


def record_day(path: Path) -> None:
    """Write a day anew, every fiftieth packet lost."""
    path.unlink(missing_ok=True)
    script = SCRIPT * (HOUR_S // int(sum(seconds for _, seconds in SCRIPT)))
    simulator = Simulator(placements=PLACEMENTS, script=script, seed=5)
    hour = [(t, stream, decode(body)) for t, stream, body in simulator.packets()]
    lasted = simulator.truth[-1][1]
    streams = tuple(Stream(place) for place in PLACEMENTS)
    sequences = [0] * len(PLACEMENTS)
    with Writer(path, Header("anna", streams, EPOCH, created="python -m benchmarks.report --day")) as writer:
        for begin in (i * lasted for i in range(round(DAY_S / lasted))):
            marks = [(begin + start, label) for start, _, label in simulator.truth]
            for t, stream, item in hour:
                while marks and marks[0][0] <= begin + t:
                    writer.mark(marks[0][0], Mark("begin", marks.pop(0)[1]))
                if isinstance(item, Description):
                    writer.push(begin + t, stream, encode_description(item))
                    continue
                sequences[stream] += 1
                if sequences[stream] % LOST_EVERY:
                    ticks = item.ticks_us + round(begin * 1e6)
                    writer.push(begin + t, stream, encode_data(sequences[stream], ticks, item.counts))


def time_day(folder: Path) -> None:
    """Print what the page of a day costs."""
    recording, page = folder / "day.ehr", folder / "day.html"
    record_day(recording)
    command = [sys.executable, "-m", "edgehar", "report", str(recording), "--html", str(page), "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"{recording.stat().st_size / 1e6:.1f} MB recorded, a page of {page.stat().st_size / 1e6:.2f} MB, "
        f"{cpu_s:.0f} s of CPU, peak resident {used.ru_maxrss / 1024:.0f} MB"
    )


async def picture(address: str, out: Path) -> None:
    """Write what a desktop shows of the page first."""
    async with chromium() as browser:
        tab = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        await tab.goto(address)
        shown = Image.open(io.BytesIO(await tab.screenshot())).convert("RGB")
    shown.quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)


def main() -> None:
    """Make recording, page and picture."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    if "--day" in sys.argv:
        time_day(folder)
        return
    recording, page = folder / "five_minutes.ehr", folder / "five_minutes.html"
    record(recording)
    command = ["edgehar", "report", recording.name, "--html", page.name]
    subprocess.run([sys.executable, "-m", *command], cwd=folder, check=True)
    asyncio.run(picture(page.resolve().as_uri(), folder / "report.png"))


if __name__ == "__main__":
    main()
