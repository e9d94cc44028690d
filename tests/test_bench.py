"""`edgehar bench`: what is timed, the arithmetic of capacity and comparison, and the verb itself."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest
from conftest import ROOT

from edgehar.apps.bench import run as benches
from edgehar.apps.bench.capacity import BUDGET, Capacity, Fleet, Step, capacity, fill, word
from edgehar.apps.bench.compare import compare
from edgehar.apps.bench.energy import EnergyMeter, pmic_watts
from edgehar.apps.bench.machine import Sample, sample, slowed
from edgehar.apps.bench.stages import COMPLETES, STAGES, WITHIN, StageTimes, repeated
from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline.loop import Pipeline
from edgehar.types import Activity


@pytest.fixture(scope="module")
def bench() -> benches.Bench:
    return benches.Bench()


def ticking() -> Callable[[], float]:
    """Make a clock that is read once a second."""
    seconds = count()
    return lambda: float(next(seconds))


class Work:
    """A processor's clock that counts packets: each costs the same, and what comes on top."""

    def __init__(self, each_s: float) -> None:
        self.each_s, self.packets = each_s, 0

    def __call__(self) -> float:
        return self.packets * self.each_s


def fleet_of(bench: benches.Bench, work: Work) -> Fleet:
    """Make a fleet whose pipelines are real, and whose packets cost by the clock given."""

    def new_wearer(i: int) -> Pipeline:
        pipeline = bench.new_wearer(i)
        push = pipeline.push

        def counted(t: float, stream: int, body: bytes) -> list[object]:
            work.packets += 1
            return [*push(t, stream, body)]

        pipeline.push = counted  # type: ignore[method-assign,assignment]
        return pipeline

    return Fleet(new_wearer, bench.items, bench.warm_s, cpu=work)


def test_each_stage_is_timed_once_for_each_packet_that_reaches_it(bench: benches.Bench) -> None:
    times = StageTimes(ticking())
    pipeline = times.watch(bench.new_single())
    for item in bench.items:
        times.push(pipeline, item)
    activities = bench.new_single()
    told = [a for item in bench.items for a in activities.push(*item) if isinstance(a, Activity)]
    assert times.windows == len(told)
    bodies = len(bench.items)
    counts = {stage: len(times.of[stage].seconds) for stage in STAGES}
    assert counts["intake"] == counts["grid"] == bodies
    assert counts["recognizer"] == counts["decision"] == len(times.of[COMPLETES].seconds)
    assert len(told) == sum(s for s in times.of["recognizer"].seconds)
    assert len(times.of[WITHIN].seconds) + len(times.of[COMPLETES].seconds) == bodies
    # By a clock that goes on at each reading: a call within a call of its stage is not counted twice.
    assert {*times.of["intake"].seconds} == {1.0}
    assert min(times.of[COMPLETES].seconds) > max(times.of[WITHIN].seconds)


def test_watching_changes_no_answer_and_no_other_pipeline(bench: benches.Bench) -> None:
    times, plain = StageTimes(ticking()), bench.new_single()
    watched = times.watch(bench.new_single())
    assert [watched.push(*item) for item in bench.items] == [plain.push(*item) for item in bench.items]
    assert not times.windows
    assert times.of["recognizer"].seconds == []


def test_a_percentile_is_that_of_all_times() -> None:
    spent = repeated(lambda: None, 100, ticking())
    assert (spent.p(50), spent.p(99)) == (1.0, 1.0)
    assert len(spent.seconds) == 100


def test_the_load_is_the_processor_s_time_per_second_of_stream(bench: benches.Bench) -> None:
    fleet = fleet_of(bench, Work(0.001))
    step = fleet.measure(3, 20.0)
    # Five packets a second of each sensor, and a description.
    assert step.sensors == 3
    assert step.cores == pytest.approx(3 * 6 * 0.001, rel=0.03)


def test_wearers_are_added_until_half_a_core_is_used(bench: benches.Bench) -> None:
    steps = fill(fleet_of(bench, Work(0.02)), 1, 1e9, lambda: 0.0)
    assert [step.sensors for step in steps] == [1, 2, 4, 8]
    assert steps[-1].cores >= BUDGET > steps[-2].cores
    fits = capacity(steps)
    assert fits.was_run
    assert fits.sensors == pytest.approx(0.5 / (6 * 0.02), abs=1)


def test_without_time_for_more_the_last_cost_is_carried_on(bench: benches.Bench) -> None:
    steps = fill(fleet_of(bench, Work(0.001)), 1, 0.0, lambda: 0.0)
    assert [step.sensors for step in steps] == [1]
    assert not capacity(steps).was_run


@pytest.mark.parametrize(
    ("steps", "fits"),
    [
        ([Step(1, 0.1), Step(2, 0.2), Step(4, 0.4), Step(8, 0.8)], Capacity(5, was_run=True)),
        # The more there are, the more each costs.
        ([Step(1, 0.1), Step(4, 0.4), Step(8, 1.2)], Capacity(4, was_run=True)),
        ([Step(1, 0.8)], Capacity(0, was_run=True)),
        ([Step(4, 2.0)], Capacity(1, was_run=True)),
        ([Step(1, 0.1), Step(2, 0.2)], Capacity(5, was_run=False)),
        # Nobody ran more than two, so nobody knows of a hundred.
        ([Step(1, 0.001), Step(2, 0.002)], Capacity(8, was_run=False)),
        # Noise made the second step cheaper than the first.
        ([Step(1, 0.2), Step(2, 0.19)], Capacity(8, was_run=False)),
    ],
)
def test_capacity_comes_from_what_was_run(steps: list[Step], fits: Capacity) -> None:
    assert capacity(steps) == fits


@pytest.mark.parametrize(
    ("yours", "slowest_s", "expected"),
    [
        (0.125, 0.01, "plenty"),
        (0.126, 0.01, "enough"),
        (0.333, 0.01, "enough"),
        (0.334, 0.01, "tight"),
        (0.5, 0.01, "tight"),
        (0.501, 0.01, "too slow"),
        (0.01, 0.51, "too slow"),
    ],
)
def test_the_words_keep_their_rule(yours: float, slowest_s: float, expected: str) -> None:
    assert word(yours, slowest_s, 0.5) == expected


def test_only_what_lies_beyond_the_noise_is_a_difference() -> None:
    then = {"grid": [10.0, 10.2, 9.9], "windows": [5.0, 5.2, 5.1], "intake": [2.0, 2.6, 2.1], "gone": [1.0]}
    now = {"grid": [14.0, 14.3, 13.9], "windows": [4.0, 4.1, 4.05], "intake": [2.4, 2.7, 2.5], "new": [1.0]}
    grid, windows, intake = compare(now, then)
    assert grid.verdict == "slower than the baseline by 1.40 (1.36 to 1.44)"
    assert windows.verdict == "faster than the baseline by 1.26 (1.22 to 1.30)"
    assert intake.verdict == "no difference beyond the noise (0.92 to 1.35)"
    [same] = compare({"grid": [10.3, 10.4]}, {"grid": [10.0, 10.1]})
    assert same.verdict.startswith("no difference beyond the noise")


def machine_folder(folder: Path) -> Path:
    for name, value in (
        ("devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000"),
        ("devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2400000"),
        ("devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "3"),
        ("class/thermal/thermal_zone0/temp", "61500"),
        ("class/powercap/intel-rapl:0/energy_uj", "1000000"),
        ("class/powercap/intel-rapl:0/max_energy_range_uj", "262143328850"),
        ("class/powercap/intel-rapl:0:0/energy_uj", "999"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{value}\n")
    return folder


def test_clocks_heat_and_throttling_are_read_where_they_are(tmp_path: Path) -> None:
    assert sample(machine_folder(tmp_path / "sys")) == Sample(mhz=2400.0, celsius=61.5, throttled=3)
    assert sample(tmp_path / "nothing") == Sample()


def test_what_slowed_the_machine_is_said() -> None:
    cool = [Sample(mhz=2400.0, throttled=3, pi=0x50000), Sample(mhz=2390.0, throttled=3, pi=0x50000)]
    assert slowed(cool, [1.0, 1.1], 10.0, 9.9) == []
    hot = [Sample(mhz=2400.0, throttled=3), Sample(mhz=1500.0, throttled=8, pi=0x50005)]
    assert slowed(hot, [1.0, 1.5], 10.0, 5.0) == [
        "the processor throttled 5 times to stay cool",
        "the Raspberry Pi says: under-voltage",
        "the Raspberry Pi says: throttled",
        "its clock fell from 2400 to 1500 MHz",
        "the same work took 1.5 times as long at the end",
        "other programs had the processor for 50 % of the time",
    ]
    assert slowed([], [], 1.0, 0.0) == []


def test_joules_are_those_of_the_packages_also_where_their_counter_wraps(tmp_path: Path) -> None:
    sys_folder = machine_folder(tmp_path / "sys")
    counter = sys_folder / "class/powercap/intel-rapl:0/energy_uj"
    meter = EnergyMeter(sys_folder)
    counter.write_text("31000000")
    used = meter.read(10.0)
    assert used
    assert used.joules == pytest.approx(30.0)
    counter.write_text("500000")
    wrapped = meter.read(10.0)
    assert wrapped
    assert wrapped.joules == pytest.approx(262_142.8, abs=0.1)
    assert EnergyMeter(tmp_path / "nothing").read(1.0) is None


def test_a_raspberry_pi_s_power_is_the_sum_of_its_rails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = (
        "   3V7_WL_SW_A current(0)=0.10000000A\n   VDD_CORE_A current(7)=2.00000000A\n   EXT5V_V volt(24)=5.10000000V\n"
        "   3V7_WL_SW_V volt(8)=3.70000000V\n   VDD_CORE_V volt(15)=0.90000000V\n"
    )
    assert pmic_watts(answer) == pytest.approx(0.37 + 1.8)
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\ncat <<END\n{answer}throttled=0x50001\nEND\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    meter = EnergyMeter(tmp_path / "nothing")
    meter.sample()
    used = meter.read(2.0)
    assert used
    assert used.joules == pytest.approx(4.34)
    assert sample(tmp_path / "nothing").pi == 0x50001


CONFIG = """
[gateway]
id = "pi"
[mqtt]
host = "127.0.0.1"
[[wearer]]
id = "anna"
[[wearer.serial]]
placement = "wrist_left"
port = "/dev/ttyACM0"
[[wearer.ble]]
placement = "trouser_pocket"
address = "C0:FF:EE:00:00:01"
profile = "edgehar"
[[wearer]]
id = "ben"
[wearer.simulator]
placements = ["waist"]
"""


def test_a_model_that_takes_no_trouser_pocket_is_measured_where_it_is_worn(tmp_path: Path) -> None:
    wrist = shutil.copy(ROOT / "models" / "imu_tcn.tflite", tmp_path)
    raw = json.loads((ROOT / "models" / "imu_tcn.json").read_text())
    for sensor in raw["sensors"]:
        sensor["placements"] = [f"{place}_strap" for place in sensor["placements"]]
    Path(wrist).with_suffix(".json").write_text(json.dumps(raw | {"manifest_sha256": ""}))
    assert benches.Bench(str(wrist)).wearers == [[raw["sensors"][0]["placements"][0]]]
    with pytest.raises(ModelError, match="takes no sensor worn at"):
        benches.Bench("pose_tcn")


def test_the_wearers_of_a_configuration_are_carried(tmp_path: Path) -> None:
    config = tmp_path / "edgehar.toml"
    config.write_text(CONFIG)
    bench = benches.Bench(config=config)
    assert bench.wearers == [["wrist_left", "trouser_pocket"], ["waist"]]
    assert [len(bench.new_wearer(i).intakes) for i in range(3)] == [2, 1, 2]
    config.write_text(
        CONFIG.partition("[[wearer]]")[0] + '[[wearer]]\nid = "zo"\n[[wearer.camera]]\ndevice = "0"\n'
    )
    with pytest.raises(ConfigError, match="nobody wears a motion sensor"):
        benches.Bench(config=config)
    with pytest.raises(ModelError, match="no model 'nothing'"):
        benches.Bench("nothing")


def edgehar(*arguments: str | Path | int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "edgehar", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_verb_measures_keeps_and_compares(tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    first = edgehar("bench", "--seconds", 1, "--save", before, "--json")
    assert first.returncode == 0, first.stderr
    result = json.loads(first.stdout)
    assert {*STAGES, WITHIN, COMPLETES, "bare invoke", "yardstick"} == {*result["stages"]}
    assert all(stage["p50_us"] <= stage["p99_us"] for stage in result["stages"].values())
    assert result["word"] in {"plenty", "enough", "tight", "too slow"}
    assert result["steps"][0]["sensors"] == 1
    assert result["more_sensors"] == max(result["capacity"]["sensors"] - 1, 0)
    kept = json.loads(msgspec.json.encode(benches.baseline(before)))
    assert kept["stages"] == result["stages"]
    second = edgehar("bench", "--seconds", 1, "--against", before)
    assert second.returncode == 0, second.stderr
    words = {"slower than", "faster than", "no difference"}
    told = [line for line in second.stdout.splitlines() if any(each in line for each in words)]
    assert len(told) == len(result["stages"])
    assert "more fit into half of one" in second.stdout
    assert "other machine" not in second.stdout


def test_a_baseline_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    missing = edgehar("bench", "--against", path)
    assert (missing.returncode, missing.stdout) == (78, "")
    assert "make one with `edgehar bench --save`" in missing.stderr
    for content, why in (
        ("no json", "no baseline"),
        ("[]", "no baseline of this format"),
        ('{"format": 99}', "no baseline of this format"),
        ('{"format": 1, "edgehar": 3}', "save it anew"),
    ):
        path.write_text(content)
        with pytest.raises(ConfigError, match=why):
            benches.baseline(path)
    assert edgehar("bench", "--seconds", "0").returncode == 2


def test_a_baseline_takes_the_place_of_nothing_else(bench: benches.Bench, tmp_path: Path) -> None:
    config, before = tmp_path / "edgehar.toml", tmp_path / "before.json"
    config.write_text(CONFIG)
    refused = edgehar("bench", "--config", config, "--save", config)
    assert (refused.returncode, refused.stdout) == (78, "")
    assert "is there already and is not a baseline" in refused.stderr
    assert config.read_text() == CONFIG
    benches.save(benches.run(bench, 0.1), before)
    benches.require_savable(before)
