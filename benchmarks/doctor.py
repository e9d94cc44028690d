"""Rates at which `edgehar doctor` warns of sensors that are sound, and at which it finds faults, on recorded people.

    python -m benchmarks.doctor ../shared/data

Each person's recording is cut into minutes, as sensors would have sent them; nobody was asked to turn, stand or walk. The faults
are those of the simulator, put into the recorded packets. Only sets on which weights may be trained are read: of selfback_wrist
the people who are in selfback_thigh too. What chooses thresholds is in `edgehar/pipeline/diagnosis`.
"""

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from msgspec import Struct

from edgehar.pipeline.diagnosis.diagnose import diagnose, measure
from edgehar.pipeline.diagnosis.findings import Finding
from edgehar.pipeline.diagnosis.gait import walking
from edgehar.pipeline.diagnosis.measurement import Array
from edgehar.recordings.npz import NpzTrack, read_npz
from edgehar.sources.simulated.faults import Faults, inject
from edgehar.sources.simulated.misfits import Misfits
from edgehar.types import Item, Stream

SETS = (
    "dsads",
    "sp_sw_har_wrist_left",
    "sp_sw_har_trouser_pocket_left",
    "wisdm_watch",
    "wisdm_phone",
    "selfback_wrist",
    "selfback_thigh",
)
MINUTE_S = 60.0
MOST_PEOPLE, MOST_MINUTES = 6, 12
"""People of a set, and minutes of each, evenly spread over what there is."""

EVERY = 3
"""Faults are put into every third of them."""

FAULTS = {
    "acc_x and acc_y swapped": (Misfits(swap=("acc_x", "acc_y")), "axes"),
    "acc_y and acc_z swapped": (Misfits(swap=("acc_y", "acc_z")), "axes"),
    "gyr_z mirrored": (Misfits(mirror=["gyr_z"]), "axes"),
    "left-handed": (Misfits(mirror=["acc_x", "gyr_x"]), "axes"),
    "acceleration x 9.81": (Misfits(acc_factor=9.81), "units"),
    "acceleration / 9.81": (Misfits(acc_factor=1 / 9.81), "units"),
    "degree/s for rad/s": (Misfits(gyr_factor=57.3), "units"),
    "rad/s for degree/s": (Misfits(gyr_factor=1 / 57.3), "units"),
    "gyroscope's bias 0.1": (Misfits(gyr_bias=0.1), "bias"),
    "acc_y stuck": (Misfits(stuck=["acc_y"]), "stuck"),
    "upside down": (Misfits(upside_down=True), "orientation"),
    "taken off after 30 s": (Misfits(taken_off_s=30.0), "worn"),
    "5 % loss": (None, "loss"),
}
"""The faults, and the check that is to find each."""


class Minute(Struct):
    """One minute of one sensor."""

    placement: str
    items: list[Item]


class Counts(Struct):
    """Counts of the minutes of a set."""

    minutes: int = 0
    told: Counter[str] = Counter()
    """Minutes in which a check could tell something."""
    alarms: Counter[str] = Counter()
    """Minutes in which a check warned of a sound sensor."""
    seen: Counter[str] = Counter()
    """By fault, minutes in which its check named it."""
    of: Counter[str] = Counter()
    """By fault, minutes in which its check could tell something of the sound sensor."""


def subjects(path: Path, beside: Path) -> list[str]:
    """Name the people of a set who may be read, at most so many."""
    with np.load(path) as file:
        people = list(dict.fromkeys(file["subject"].astype(str).tolist()))
    if path.stem == "selfback_wrist":
        with np.load(beside / "selfback_thigh.npz") as file:
            people = [person for person in people if person in set(file["subject"].astype(str).tolist())]
    return people[:MOST_PEOPLE]


def minutes(track: NpzTrack) -> Iterator[Minute]:
    """Cut a track into minutes of each sensor, evenly spread if there are many; stream time begins at 0 in each."""
    cut: dict[tuple[int, int], list[Item]] = {}
    for t, stream, body in track:
        cut.setdefault((int(t // MINUTE_S), stream), []).append((t % MINUTE_S, 0, body))
    last = max(minute for minute, _ in cut)
    chosen = (
        {round(i) for i in np.linspace(0, last - 1, MOST_MINUTES)} if last > MOST_MINUTES else range(last)
    )
    for (minute, stream), items in sorted(cut.items(), key=lambda pair: pair[0]):
        if minute in chosen:
            yield Minute(track.header.streams[stream].placement, items)


def findings(minute: Minute, like: Array | None, items: Iterable[Item]) -> list[Finding]:
    """Return what doctor says of a minute."""
    [m] = measure([Stream(minute.placement)], items)
    return list(diagnose(m, like=like))


def up_of(minute: Minute) -> Array | None:
    """Return the direction that points up in a minute of walking; None of another one."""
    [m] = measure([Stream(minute.placement)], minute.items)
    signals = m.signals()
    gait = walking(signals, minute.placement) if signals else None
    return gait.up if gait else None


def of_person(job: tuple[Path, str]) -> Counts:
    """Count for one person of one set."""
    path, subject = job
    counts = Counts(told=Counter(), alarms=Counter(), seen=Counter(), of=Counter())
    likes: dict[str, Array] = {}
    for i, minute in enumerate(minutes(read_npz(path, subject=subject))):
        like = likes.get(minute.placement)
        if like is None and (up := up_of(minute)) is not None:
            likes[minute.placement] = up
        counts.minutes += 1
        sound = findings(minute, like, minute.items)
        told = {f.check for f in sound if "cannot be told" not in f.says}
        counts.told.update(told)
        counts.alarms.update({f.check for f in sound if f.level != "ok"})
        for name, (misfits, check) in FAULTS.items() if i % EVERY == 0 else ():
            needs = "axes" if name.startswith(("degree", "rad")) else check
            if needs in {"axes", "bias", "orientation"} and (
                needs not in told or (needs == check == "orientation" and like is None)
            ):
                continue  # nothing could be told of it when it was sound either
            faults = Faults(misfits=misfits, seed=i) if misfits else Faults(loss=0.05, seed=i)
            of_fault = findings(minute, like, inject(faults, minute.items))
            counts.of[name] += 1
            counts.seen[name] += any(f.check == check and f.level != "ok" for f in of_fault)
    return counts


def main(arguments: Sequence[str]) -> None:
    """Print a table."""
    logging.disable(logging.WARNING)  # what a sensor's misfit is, doctor says as well
    folder = Path(arguments[0]) / "imu"
    for name in SETS:
        path = folder / f"{name}.npz"
        jobs = [(path, subject) for subject in subjects(path, folder)]
        with ProcessPoolExecutor(2) as pool:
            parts = list(pool.map(of_person, jobs))
        total = Counts(told=Counter(), alarms=Counter(), seen=Counter(), of=Counter())
        for part in parts:
            total.minutes += part.minutes
            for key in ("told", "alarms", "seen", "of"):
                getattr(total, key).update(getattr(part, key))
        print(f"\n{name}: {len(jobs)} people, {total.minutes} minutes of a sensor")
        alarms = [f"{check} {n}" for check, n in total.alarms.most_common()]
        print(f"  warned of as they are: {', '.join(alarms) or 'none'}")
        print(
            f"  minutes that told: axes {total.told['axes']}, bias {total.told['bias']}, orientation {total.told['orientation']}"
        )
        for fault, n in total.of.items():
            print(f"  {fault:<26} {total.seen[fault]:>5} of {n}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
