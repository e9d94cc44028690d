"""Labelled recordings of a simulated wearer, as `edgehar record` writes them.

`python tests/labelled.py box.ehr arm_work=tape_box:15 walking:15` writes one, of activities of the simulated body and how long each
lasts, s.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.marks import Mark
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream

Script = Sequence[tuple[str, float]]
"""Activities of the simulated body, and how long each lasts, s."""


def record(
    path: Path,
    script: Script,
    labels: Mapping[str, str] | None = None,
    *,
    placement: str = "wrist_right",
    wearer: str = "anna",
    seed: int = 3,
    is_labelled: bool = True,
) -> Path:
    """Write what a wearer does; `labels` say what an activity of the body is called, its own name by default."""
    simulator, names = Simulator(placements=[placement], script=script, seed=seed, speed=0), labels or {}
    begins, begun = [], 0.0
    for activity, seconds in script:
        begins.append((begun, names.get(activity, activity)))
        begun += seconds
    with Writer(path, Header(wearer, (Stream(placement),), epoch=1.7e9)) as writer:
        for t, stream, body in simulator.packets():
            while is_labelled and begins and begins[0][0] <= t:
                at, name = begins.pop(0)
                writer.mark(at, Mark("begin", name, "key"))
            writer.push(t, stream, body)
        if is_labelled:
            writer.mark(t, Mark("end"))
    return path


if __name__ == "__main__":
    file, *parts = sys.argv[1:]
    done = [(*part.partition(":")[0].partition("="), float(part.partition(":")[2])) for part in parts]
    record(
        Path(file),
        [(activity, seconds) for activity, *_, seconds in done],
        {activity: label for activity, _, label, _ in done if label},
    )
