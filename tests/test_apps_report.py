"""`edgehar report`: what its page says of a recording, and what it refuses."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from shell import run
from test_loop import walk

from edgehar.apps.playback import Playback
from edgehar.apps.report.collect import Collected
from edgehar.apps.report.write import compose, write_report
from edgehar.devices.keypoints import PROFILE, encode
from edgehar.errors import ConfigError, ModelError, RecordingError
from edgehar.pipeline.manifest import find
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.marks import Mark
from edgehar.sources.simulated.faults import Faults
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import IMU_CHANNELS, Activity, Samples, Stream

EPOCH = 1_790_000_000.0
HOSTILE = "<script>alert(1)</script>"
PLACES = ["trouser_pocket", "wrist_left"]
LARGEST = 2_000_000
"""Bytes of the page of a day."""


def recording(path: Path, wearer: str = "mia", epoch: float = EPOCH) -> Path:
    """Write two minutes with labels, a marked moment, losses, a gap of one sensor and a silence of both."""
    script = [("walking", 30.0), ("sitting", 40.0), ("running", 30.0), ("standing", 20.0)]
    simulator = Simulator(placements=PLACES, script=[*script], seed=3, faults=Faults(loss=0.03, seed=2))
    header = Header(wearer, tuple(Stream(place) for place in PLACES), epoch, created=HOSTILE)
    with Writer(path, header) as writer:
        at = 0.0
        for t, stream, body in simulator.packets():
            while script and t >= at:
                label, seconds = script.pop(0)
                writer.mark(at, Mark("begin", HOSTILE if label == "running" else label))
                at += seconds
            if not (45 < t < 60 or (stream == 1 and 80 < t < 85)):
                writer.push(t, stream, body)
        writer.mark(120.0, Mark("moment", note=HOSTILE))
    return path


def text_of(html: str) -> str:
    return re.sub(r"<(style|title)>.*?</\1>|<[^>]+>", "\n", html, flags=re.DOTALL)


async def test_the_page_says_what_was_done_what_is_missing_and_what_was_uncertain(tmp_path: Path) -> None:
    path, out = recording(tmp_path / "walk.ehr"), tmp_path / "walk.html"
    made = await write_report(path, out, command=["edgehar", "report", "walk.ehr"])
    html = out.read_text("utf-8")
    lines = [line.strip() for line in text_of(html).splitlines() if line.strip()]
    assert made["bytes"] == out.stat().st_size
    assert made["told"]["sitting"] > 15
    assert {"walking", "sitting", "no signal", "What was uncertain, and why", "Told against true"} <= {*lines}
    assert any(line.startswith(("Too little signal to judge", "Held through a gap")) for line in lines)
    assert any(line.startswith("Without wrist_left (") for line in lines)
    assert any("edgehar report walk.ehr" in line for line in lines)
    spec = Playback(path).spec
    assert any(spec.sha256 in line and spec.id in line for line in lines)
    # A table of what was told, whose time is that of the recording.
    assert made["recording_s"] == pytest.approx(120, abs=1)
    assert sum(made["told"].values()) == pytest.approx(120, abs=1)
    # Both sensors' strips of both kinds, with what is missing.
    strips = re.findall(r'class="strip (\w+)"[^>]*aria-label="([^"]*)"', html)
    assert [kind for kind, _ in strips] == ["acceleration", "turning"] * 2
    assert all(re.search(r"; [1-9]\d* packets lost$", label) for _, label in strips)
    assert html.count('class="gap"') >= 4


def test_figures_are_those_that_replay_prints(tmp_path: Path) -> None:
    path = recording(tmp_path / "walk.ehr")
    made = asyncio.run(write_report(path, tmp_path / "walk.html"))
    code, printed, _ = run("replay", "--json", path)
    assert code == 0
    rows = {row["type"]: row for row in map(json.loads, printed.splitlines())}
    assert made["macro_f1"] == pytest.approx(rows["confusion"]["macro_f1"], abs=0.001)
    html = (tmp_path / "walk.html").read_text("utf-8")
    matrix = re.search(r'<table class="matrix">.*?</table>', html, re.DOTALL)
    assert matrix
    cells = [int(count) for count in re.findall(r'<td class="(?:right|wrong) h\d">(\d+)</td>', matrix[0])]
    windows = rows["confusion"]["windows"]
    assert sorted(cells) == sorted(count for row in windows.values() for count in row.values())


async def test_whatever_stands_in_a_recording_is_text(tmp_path: Path) -> None:
    path, out = recording(tmp_path / "walk.ehr", wearer=HOSTILE), tmp_path / "walk.html"
    await write_report(path, out, command=["edgehar", HOSTILE])
    html = out.read_text("utf-8")
    assert "<script" not in html.lower()
    assert "<h1>&lt;script&gt;" in html
    # The label, the moment, who recorded it and the command.
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 6


async def test_where_nobody_says_what_was_done_nothing_is_set_against_it(tmp_path: Path) -> None:
    path, out = tmp_path / "walk.ehr", tmp_path / "walk.html"
    with Writer(path, Header("mia", (Stream("trouser_pocket"),), 0.0)) as writer:
        for item in walk(["trouser_pocket"], 20.0):
            writer.push(*item)
    made = await write_report(path, out)
    html = out.read_text("utf-8")
    assert made["macro_f1"] is None
    assert "Told against true" not in html
    assert "0:00 to 0:20" in html


async def test_a_recording_too_short_for_an_answer_has_a_page(tmp_path: Path) -> None:
    path, out = tmp_path / "short.ehr", tmp_path / "short.html"
    with Writer(path, Header("mia", (Stream("wrist"),), EPOCH)) as writer:
        writer.push(5.0, 0, b"")
    made = await write_report(path, out)
    assert made["told"] == {}
    told = out.read_text("utf-8")
    assert "no activity" in told
    assert "No answer: there were too few samples for one." in told
    assert "Nothing was." not in told


async def test_one_person_of_a_set_has_a_page(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "set.html"
    made = await write_report(
        data / "imu" / "berkeley_mhad_wrist_left.npz", out, subject="1", placements=["wrist_left"]
    )
    html = out.read_text("utf-8")
    assert made["bytes"] < LARGEST
    assert "Told against true" in html
    assert 'class="strip acceleration"' in html
    # Its people wore no gyroscope.
    assert 'class="strip turning"' not in html


async def test_a_camera_shows_the_share_of_keypoints_that_it_saw(tmp_path: Path) -> None:
    path, out = tmp_path / "seen.ehr", tmp_path / "seen.html"
    with Writer(path, Header("mia", (Stream("camera", PROFILE),), EPOCH)) as writer:
        for i in range(300):
            points = np.full((17, 3), 0.5, np.float32)
            points[:, 2] = 0.9 if i < 150 else 0.1
            writer.push(i / 10, 0, encode(i / 10, 1, points))
    await write_report(path, out)
    html = out.read_text("utf-8")
    [label] = re.findall(r'class="strip keypoints"[^>]*aria-label="([^"]*)"', html)
    assert label.startswith("camera, keypoints seen")
    assert "0.0 to 1.0 share" in label
    assert "acceleration" not in text_of(html)


async def test_a_day_of_two_sensors_keeps_its_memory_and_its_page_small(tmp_path: Path) -> None:
    """As the pipeline would tell a restless day at 50 Hz, without the minutes that it takes to recognize it."""
    playback = Playback(recording(tmp_path / "walk.ehr"))
    collected = Collected(playback)
    [watch] = playback.pipeline.watchers
    rng = np.random.default_rng(3)
    labels = ["walking", "sitting", "standing", "running", "other", "stairs_up"]
    since, label, reason = 0.0, labels[0], ""
    for hour in range(24):
        t = hour * 3600 + np.arange(0, 3600, 0.02)
        x = rng.normal(0.0, 3.0, (len(t), 6)).astype(np.float32)
        for stream, place in enumerate(PLACES):
            keep = rng.random(3600) > 0.01
            is_kept = np.repeat(keep, 50)
            watch(stream, Samples(place, t[is_kept], x[is_kept], IMU_CHANNELS))
        for i in range(7200):
            t_end = hour * 3600 + (i + 1) * 0.5
            if rng.random() < 0.1:
                since, label = t_end - 0.5, labels[int(rng.integers(len(labels)))]
                reason = f"{label} at {rng.integers(100)}%."
            collected.take([Activity("mia", label, None, reason, float(rng.random()), t_end, since, 1.0)])
    collected.finish()
    html = compose(tmp_path / "walk.ehr", playback, collected, [], "edgehar report", 1.0)
    assert len(html.encode()) < LARGEST
    assert len(collected.spans.all) > 10_000
    assert html.count('class="row"') in {25, 26}
    kept = [
        array
        for sensor in collected.sensors
        for strip in sensor.strips.values()
        for array in vars(strip).values()
    ]
    assert sum(array.nbytes for array in kept if isinstance(array, np.ndarray)) < 8_000_000


async def test_what_cannot_be_written_is_refused_before_anything_is_replayed(tmp_path: Path) -> None:
    path = recording(tmp_path / "walk.ehr")
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere; make it"):
        await write_report(path, tmp_path / "nowhere" / "page.html")
    with pytest.raises(ConfigError, match="it is a folder; name a file in it"):
        await write_report(path, tmp_path)
    with pytest.raises(RecordingError, match="No such file"):
        await write_report(tmp_path / "gone.ehr", tmp_path / "page.html")
    with pytest.raises(ModelError, match="--placement RECORDED=WORN"):
        await write_report(path, tmp_path / "page.html", placements=["wrist_left=nose"])
    assert not (tmp_path / "page.html").exists()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"walk\.ehr: is there already and is not a page"):
        await write_report(path, path)
    assert path.read_bytes() == before


def test_the_verb_writes_the_page_and_says_how_long_it_took(tmp_path: Path) -> None:
    path = recording(tmp_path / "walk.ehr")
    shutil.copy(find("imu_tcn"), tmp_path / "mine.json")
    shutil.copy(find("imu_tcn").with_suffix(".tflite"), tmp_path / "mine.tflite")
    page, mine = tmp_path / "page.html", tmp_path / "mine.json"
    code, out, _ = run("report", path, "--html", page, "--model", mine, "--json")
    made = json.loads(out)
    assert code == 0
    assert made["took_s"] > 0
    assert page.stat().st_size == made["bytes"]
    code, _, err = run("report", path)
    assert code == 2
    assert "--html" in err
    code, out, err = run("report", "gone.ehr", "--html", tmp_path / "p.html")
    assert (code, out) == (78, "")
    assert err.startswith("edgehar: gone.ehr: No such file or directory")
