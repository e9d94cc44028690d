"""`edgehar bench`: stages, capacity and the words for them, in a few seconds."""

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from edgehar import __version__
from edgehar.apps.bench import capacity as sizing
from edgehar.apps.bench.camera import time_pictures
from edgehar.apps.bench.capacity import Capacity, Fleet, Step
from edgehar.apps.bench.compare import Ratio, compare
from edgehar.apps.bench.energy import Energy, EnergyMeter
from edgehar.apps.bench.machine import Machine, Sample, describe, sample, slowed
from edgehar.apps.bench.stages import (
    COMPLETES,
    INVOKE,
    YARDSTICK,
    Spent,
    bare_invoke,
    by_name,
    repeated,
    time_packets,
    yardstick,
)
from edgehar.apps.whole_file import require_replaceable, write_whole
from edgehar.config.read import load as load_config
from edgehar.config.worn import Wearer
from edgehar.errors import ConfigError
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.modality import IMU
from edgehar.pipeline.model_spec import ModelSpec
from edgehar.pipeline.recognizer import Recognizer, load
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Item, Stream
from edgehar.validation import explain

SECONDS = 12.0
"""Time that a run takes, about, unless told otherwise."""

ROUNDS = 5
_STAGES_SHARE = 0.4
"""Share of the time for the stages; the rest is for the capacity."""

_STREAM_S = 60.0
_PLACEMENT = "trouser_pocket"
_INVOKES = 200

FORMAT = 1

_BEGINS = b'{\n  "format":'
"""Begin of every baseline."""


class Stage(Struct, frozen=True):
    """One stage of the way of a packet."""

    p50_us: float
    p99_us: float
    count: int
    """Times that it was timed."""
    rounds_us: tuple[float, ...]
    """Median of each round."""


class Result(Struct, frozen=True):
    """One run."""

    format: int
    edgehar: str
    at: str
    """In UTC."""
    machine: Machine
    model: str
    runtime: str
    worn: tuple[str, ...]
    """Placements of the sensors that are to be carried, wearer by wearer."""
    stages: dict[str, Stage]
    steps: tuple[Step, ...]
    capacity: Capacity
    yours_cores: float
    """Cost of the worn sensors, s of a processor per second."""
    budget_cores: float
    word: str
    remarks: tuple[str, ...] = ()
    energy: Energy | None = None
    warmest_celsius: float | None = None

    @property
    def more(self) -> int:
        """Sensors that fit beside those that are worn."""
        return max(self.capacity.sensors - len(self.worn), 0)

    def times(self, stage: str, of: str) -> float:
        """Return how many times as long a stage takes as another."""
        return self.stages[stage].p50_us / self.stages[of].p50_us


class Bench:
    """A model and who wears what, to be measured."""

    def __init__(self, model: str = "imu_tcn", config: Path | None = None) -> None:
        """Load the model and the packets; OperatorError says what does not fit."""
        self.wearers: list[list[str]] = []
        self.has_camera = False
        self.weights: Path | None = None
        if config is not None:
            self._read(config)
        self.recognizer: Recognizer = load(find(model))
        spec = self.recognizer.spec
        self.wearers = self.wearers or [[_place(spec)]]
        self.warm_s = (spec.window + 2 * spec.hop) / spec.rate_hz
        self.hop_s = spec.hop / spec.rate_hz
        for worn in self.wearers:
            spec.slots(worn)
        self.items: list[Item] = [
            item for item in _simulated(_STREAM_S + self.warm_s) if item[0] <= _STREAM_S + self.warm_s
        ]

    def new_wearer(self, i: int) -> Pipeline:
        """Make the pipeline of the i-th wearer: those of the configuration, again and again."""
        streams = [Stream(placement) for placement in self.wearers[i % len(self.wearers)]]
        return Pipeline(f"w{i}", streams, self.recognizer, self.recognizer.spec.decision)

    def new_single(self) -> Pipeline:
        """Make the pipeline of somebody with one sensor, whose stages are timed."""
        placement = self.wearers[0][0]
        return Pipeline("w", [Stream(placement)], self.recognizer, self.recognizer.spec.decision)

    def _read(self, config: Path) -> None:
        read = load_config(config)
        self.wearers = [worn for wearer in read.wearer if (worn := _motion_sensors(wearer))]
        cameras = [camera for wearer in read.wearer for camera in wearer.camera]
        self.has_camera = bool(cameras)
        if cameras and cameras[0].weights:
            self.weights = Path(cameras[0].weights)
        if not self.wearers:
            raise ConfigError(
                f"{config}: nobody wears a motion sensor, which is what is timed; leave --config away"
            )


def _place(spec: ModelSpec) -> str:
    """Return where the sensor of nobody's configuration is worn: the usual place, or the first that a model of motion takes."""
    places = [place for sensor in spec.sensors for place in sensor.placements]
    return _PLACEMENT if _PLACEMENT in places or spec.modality is not IMU else places[0]


def _motion_sensors(wearer: Wearer) -> list[str]:
    """Return where somebody wears motion sensors; of a recording, nowhere: it is read as fast as it goes."""
    if wearer.simulator:
        return list(wearer.simulator.placements)
    return [
        *(sensor.placement for sensor in wearer.serial),
        *(sensor.placement for sensor in wearer.ble),
        *(phone.placement for phone in wearer.phone),
    ]


def _simulated(seconds: float) -> Iterator[Item]:
    script = [("walking", seconds / 2), ("sitting", seconds / 2 + 1.0)]
    return Simulator(placements=[_PLACEMENT], script=script, seed=1).packets()


def run(bench: Bench, seconds: float = SECONDS, *, with_camera: bool = False) -> Result:
    """Measure; about so many seconds."""
    samples, meter = [sample()], EnergyMeter()
    began_s = time.monotonic()
    rounds: list[dict[str, Spent]] = []
    wall_s = cpu_s = 0.0
    for _ in range(ROUNDS):
        wall, cpu = time.monotonic(), time.process_time()
        rounds.append(_one_round(bench, seconds * _STAGES_SHARE / ROUNDS))
        wall_s, cpu_s = wall_s + time.monotonic() - wall, cpu_s + time.process_time() - cpu
        samples.append(sample())
        meter.sample()
    remarks = []
    if with_camera or bench.has_camera:
        pictures, remark = time_pictures(bench.weights)
        rounds[-1] |= pictures
        remarks += [remark] if remark else []
    fleet = Fleet(bench.new_wearer, bench.items, bench.warm_s)
    left_s = max(seconds - (time.monotonic() - began_s), seconds * (1 - _STAGES_SHARE) / 2)
    steps = sizing.fill(fleet, len(bench.wearers), left_s)
    samples.append(sample())
    stages = _stages(rounds)
    lasted_s = time.monotonic() - began_s
    remarks += slowed(samples, [median(each[YARDSTICK].seconds) for each in rounds], wall_s, cpu_s)
    return Result(
        format=FORMAT,
        edgehar=__version__,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=describe(),
        model=bench.recognizer.spec.id,
        runtime=bench.recognizer.runtime,
        worn=tuple(placement for worn in bench.wearers for placement in worn),
        stages=stages,
        steps=tuple(steps),
        capacity=sizing.capacity(steps),
        yours_cores=steps[0].cores,
        budget_cores=sizing.BUDGET,
        word=sizing.word(steps[0].cores, stages[COMPLETES].p99_us / 1e6, bench.hop_s),
        remarks=tuple(remarks),
        energy=meter.read(lasted_s),
        warmest_celsius=_warmest(samples),
    )


def _one_round(bench: Bench, seconds: float) -> dict[str, Spent]:
    invoke = repeated(bare_invoke(bench.recognizer), _INVOKES)
    work = repeated(yardstick, _INVOKES)
    return by_name(
        time_packets(bench.new_single, bench.items, seconds), [(INVOKE, invoke), (YARDSTICK, work)]
    )


def _stages(rounds: Sequence[dict[str, Spent]]) -> dict[str, Stage]:
    stages = {}
    for name in dict.fromkeys(name for each in rounds for name in each):
        timed = [each[name] for each in rounds if name in each and each[name].seconds]
        if not timed:
            continue
        all_of_it = Spent([s for spent in timed for s in spent.seconds])
        stages[name] = Stage(
            p50_us=round(all_of_it.p(50) * 1e6, 2),
            p99_us=round(all_of_it.p(99) * 1e6, 2),
            count=len(all_of_it.seconds),
            rounds_us=tuple(round(spent.p(50) * 1e6, 2) for spent in timed),
        )
    return stages


def _warmest(samples: Sequence[Sample]) -> float | None:
    return max((each.celsius for each in samples if each.celsius is not None), default=None)


def require_savable(path: Path) -> None:
    """Refuse, by ConfigError and before anything is measured, a file that no baseline can be written to."""
    require_replaceable(path, "a baseline", _BEGINS)


def save(result: Result, path: Path) -> None:
    """Write a run, to be a baseline; ConfigError if it cannot be written."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(result)) + b"\n")


def baseline(path: Path) -> Result:
    """Read a run that was saved; ConfigError if the file is none."""
    try:
        raw = msgspec.json.decode(path.read_bytes())
        given = raw.get("format") if isinstance(raw, dict) else None
        if given != FORMAT:
            raise ConfigError(
                f"{path}: no baseline of this format: expected what `edgehar bench --save` wrote"
            )
        return msgspec.convert(raw, Result)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; make one with `edgehar bench --save`") from error
    except msgspec.ValidationError as error:
        misfit = explain(error, raw)
        raise ConfigError(
            f"{path}: {misfit.path}: expected {misfit.expected}, got {misfit.got}; save it anew"
        ) from None
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{path}: no baseline: expected what `edgehar bench --save` wrote ({error})"
        ) from error


def against(result: Result, earlier: Result) -> list[Ratio]:
    """Compare the stages of two runs."""
    now, then = ({name: s.rounds_us for name, s in each.stages.items()} for each in (result, earlier))
    return compare(now, then)


def differences(result: Result, earlier: Result) -> list[str]:
    """Say what else than the program differs between two runs: then ratios to the yardstick say more than times."""
    named = (
        ("machine", result.machine.processor, earlier.machine.processor),
        ("model", result.model, earlier.model),
        ("run time", result.runtime, earlier.runtime),
        ("Python", result.machine.python, earlier.machine.python),
    )
    return [f"another {what}: {then} before, {now} now" for what, now, then in named if now != then]
