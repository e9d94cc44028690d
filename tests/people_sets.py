"""Sets of people in the common form, as simulated wearers would fill them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgehar.motion.wearer import Wearer
from edgehar.types import IMU_CHANNELS


def simulate(
    path: Path,
    script: Sequence[tuple[str, float]],
    placements: Sequence[str] = ("trouser_pocket",),
    people: Sequence[int] = (1,),
    **more: Any,
) -> None:
    """Write trials of simulated wearers in the form of the real sets."""
    path.parent.mkdir(exist_ok=True)
    x = []
    for person in people:
        wearer = Wearer(20 + person, list(placements))
        x += [
            np.concatenate([track.x for track in wearer.perform(activity, seconds)], axis=1)
            for activity, seconds in script
        ]
    scale = np.array(([0.005] * 3 + [0.001] * 3) * len(placements), np.float32)
    content: dict[str, Any] = {
        "x": np.rint(np.concatenate(x) / scale).astype(np.int16),
        "scale": scale,
        "columns": [f"{placement}.{channel}" for placement in placements for channel in IMU_CHANNELS],
        "n": [len(part) for part in x],
        "subject": np.repeat(people, len(script)),
        "activity": [activity for _ in people for activity, _ in script],
        "trial": range(len(x)),
        "rate_hz": 50.0,
    }
    np.savez(path, **(content | more))
