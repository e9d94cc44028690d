"""A minute of libFuzzer on what the sensor side hears; only `-m slow` runs it."""

import re
from pathlib import Path

import pytest
from firmware import BRIDGE, STRICT, run, tool
from vectors import VECTORS

SECONDS = 60
HARNESS = (BRIDGE / "tests" / "fuzz.c", BRIDGE / "imu_link.c")
HEARING = (
    "imu_link_frame",
    "take",
    "imu_link_receive",
    "imu_link_read_command",
    "crc_of",
    "get_u16",
    "put_u16",
)


def build(folder: Path, name: str, *flags: str) -> Path:
    clang = tool("clang", "clang libclang-rt-14-dev")
    run([clang, "-std=c99", *STRICT, "-g", "-O1", *flags, "-I", BRIDGE, *HARNESS, "-o", folder / name])
    return folder / name


def seeds(folder: Path) -> Path:
    """Write a corpus of what a gateway sends, whole and as the harness frames it; return its folder."""
    folder.mkdir()
    for i, vector in enumerate(VECTORS["commands"] + VECTORS["answers"] + VECTORS["data"]):
        body = bytes.fromhex(vector["body"])
        (folder / f"stream{i}").write_bytes(bytes.fromhex(vector["frame"]) * 2)
        (folder / f"bodies{i}").write_bytes(b"\xff\xff\x00" + (bytes((len(body),)) + body) * 2)
        (folder / f"spoilt{i}").write_bytes(b"\x05\x00\x10" + (bytes((len(body),)) + body) * 2)
        (folder / f"body{i}").write_bytes(body)
    for i, vector in enumerate(VECTORS["streams"]):
        (folder / f"damaged{i}").write_bytes(bytes.fromhex(vector["stream"]))
    return folder


def uncovered(folder: Path, corpus: Path) -> dict[str, int]:
    """Count the lines of each function of the library that the corpus never reaches."""
    profdata, cov = tool("llvm-profdata", "llvm"), tool("llvm-cov", "llvm")
    covered = build(folder, "covered", "-fsanitize=fuzzer", "-fprofile-instr-generate", "-fcoverage-mapping")
    run(["env", f"LLVM_PROFILE_FILE={folder / 'raw'}", covered, "-runs=0", corpus])
    run([profdata, "merge", "-sparse", folder / "raw", "-o", folder / "merged"])
    report = run(
        [cov, "report", "-show-functions", covered, f"-instr-profile={folder / 'merged'}", HARNESS[1]]
    )
    # Name, regions, missed, %, lines, missed, %.
    rows = re.findall(r"^(?:\S+:)?(\w+) +\d+ +\d+ +\S+% +\d+ +(\d+) +\S+%", report, re.MULTILINE)
    return {name: int(missed) for name, missed in rows}


@pytest.mark.slow
@pytest.mark.timeout(5 * SECONDS)
def test_a_minute_of_fuzzing_finds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = seeds(tmp_path / "corpus")
    sanitizers = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
    fuzzer = build(tmp_path, "fuzzer", *sanitizers)

    log = tmp_path / "log"
    options = (f"-max_total_time={SECONDS}", "-max_len=1024", "-seed=411", "-print_final_stats=1")
    run(["sh", "-c", '"$@" 2>&1 | tee "$0"', log, fuzzer, *options, corpus])

    text = log.read_text()
    assert "Done" in text, text[-4000:]
    missed = uncovered(tmp_path, corpus)
    units, per_second = (
        re.findall(rf"stat::{name}: +(\d+)", text)[0]
        for name in ("number_of_executed_units", "average_exec_per_sec")
    )
    with capsys.disabled():
        print(f"\n{units} executions, {per_second} a second; lines never reached: {missed}")  # noqa: T201 - figures
    assert {name: missed[name] for name in HEARING} == dict.fromkeys(HEARING, 0)
