"""What `edgehar replay` prints: dates, what was not read, and how the answers meet the truth."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_loop import walk

from edgehar.apps.replay import replay_recording
from edgehar.errors import ModelError
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_records import encode_record
from edgehar.recordings.ehr_writer import Writer
from edgehar.recordings.labels import common_label
from edgehar.types import Stream

EPOCH = 1_790_000_000.0
WALK = walk(["trouser_pocket"], 60.0)


def recording(path: Path, epoch: float = EPOCH, placement: str = "trouser_pocket") -> Path:
    with Writer(path, Header("mia", (Stream(placement),), epoch)) as writer:
        for item in WALK:
            writer.push(*item)
    return path


async def rows(capsys: pytest.CaptureFixture[str], path: Path, **options: Any) -> list[dict[str, Any]]:
    await replay_recording(path, as_json=True, **options)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


async def lines(capsys: pytest.CaptureFixture[str], path: Path, **options: Any) -> list[str]:
    await replay_recording(path, **options)
    return capsys.readouterr().out.splitlines()


async def test_events_have_dates_where_the_recorder_knew_the_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recording(tmp_path / "walk.ehr")
    began = next(row for row in await rows(capsys, path) if row["type"] == "activity_started")
    moment = datetime.fromtimestamp(EPOCH + began["started_at_s"], UTC)
    assert abs((datetime.fromisoformat(began["started_at"]) - moment).total_seconds()) < 0.01
    first, *_ = await lines(capsys, path)
    assert first == f"{moment.astimezone().isoformat(' ', 'seconds')}  {began['label']} began"


@pytest.mark.parametrize("epoch", [0.0, 300.0, -1e9])
async def test_a_clock_that_was_never_set_gives_no_dates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], epoch: float
) -> None:
    path = recording(tmp_path / "walk.ehr", epoch)
    assert all("started_at" not in row for row in await rows(capsys, path))
    first, *_ = await lines(capsys, path)
    assert re.fullmatch(r" +\d+\.\d s  (walking|on_foot) began", first)


async def test_one_walk_stays_one_where_a_page_of_the_file_is_spoilt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recording(tmp_path / "walk.ehr")
    sound = await rows(capsys, path)
    content = bytearray(path.read_bytes())
    begin = len(content) // 2
    content[begin : begin + 4096] = bytes(4096)
    path.write_bytes(content)
    *spoilt, unread = await rows(capsys, path)
    labels = [row["label"] for row in spoilt if row["type"] == "activity_started"]
    assert labels == [row["label"] for row in sound if row["type"] == "activity_started"]
    assert labels[-1] == "walking"
    assert (unread["type"], unread["places"], unread["refused"]) == ("unread", 1, 0)
    assert 4096 <= unread["spoilt_bytes"] < 4096 + 2 * 300
    assert begin - 300 < unread["first_offset"] <= begin


@pytest.mark.parametrize("t", [float("nan"), float("inf"), 1e300, 1e9, -1e300])
async def test_crafted_times_change_no_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], t: float
) -> None:
    path = recording(tmp_path / "walk.ehr")
    sound = await rows(capsys, path)
    content = path.read_bytes()
    middle = content.index(encode_record(*WALK[len(WALK) // 2]))
    path.write_bytes(content[:middle] + encode_record(t, 0, WALK[0][2]) + content[middle:])
    *crafted, unread = await rows(capsys, path)
    assert crafted == sound
    assert unread["refused"] == 1


async def test_a_placement_that_no_model_knows_is_replayed_as_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recording(tmp_path / "walk.ehr", placement="pocket")
    with pytest.raises(
        ModelError, match=r"worn at \"pocket\".*; --placement RECORDED=WORN replays a sensor as worn"
    ):
        await replay_recording(path)
    answered = await rows(capsys, path, placements=["pocket=trouser_pocket"])
    assert [row["label"] for row in answered if row["type"] == "activity_started"][-1] == "walking"


async def test_a_model_that_looks_at_nothing_recorded_is_refused_by_name(tmp_path: Path) -> None:
    path = recording(tmp_path / "walk.ehr")
    with pytest.raises(
        ModelError, match=r"walk\.ehr: pose_tcn@\S+ looks at nothing .* such as imu_tcn, or none"
    ):
        await replay_recording(path, model="pose_tcn")


async def test_a_kind_that_was_one_label_all_along_is_said_to_be_corrected(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data / "imu" / "motionsense.npz"
    ended = [row for row in await rows(capsys, path, subject="5") if row["type"] == "activity_ended"]
    at_once = [row["label"] for row in ended if row["ended_at_s"] == row["started_at_s"]]
    printed = await lines(capsys, path, subject="5")
    assert [line.split()[2] for line in printed if line.endswith(" was corrected")] == at_once
    assert at_once
    assert sum(" ended after " in line for line in printed) == len(ended) - len(at_once)


async def test_where_the_truth_is_known_answers_are_set_against_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data / "imu" / "motionsense.npz"
    *_, by_label, by_kind, confusion, f1_by_kind = await rows(capsys, path, subject="5")
    assert (by_label["type"], by_kind["type"]) == ("score", "score_by_kind")
    assert f1_by_kind["f1"]["still"] > min(confusion["f1"][label] for label in ("sitting", "standing"))
    assert by_kind["activity_started"]["true"] < by_label["activity_started"]["true"]
    with np.load(path) as file:
        done = {common_label(label) for label in file["activity"][file["subject"] == 5].tolist()}
    assert set(confusion["windows"]) == set(confusion["f1"]) == done
    assert confusion["macro_f1"] == pytest.approx(np.mean([*confusion["f1"].values()]))
    assert confusion["f1"]["sitting"] > 0.9
    table = "\n".join(await lines(capsys, path, subject="5")).partition("rows what was done")[2].splitlines()
    assert table.pop().startswith(
        f"macro-F1 by kind {f1_by_kind['macro_f1']:.2f}, where a label counts as its kind"
    )
    [sitting] = [line.split() for line in table if " sitting " in line]
    assert sitting[2] == f"{confusion['f1']['sitting']:.2f}"
    assert str(confusion["windows"]["sitting"]["sitting"]) in sitting[3:]
    assert table[-1].startswith(f"macro-F1 {confusion['macro_f1']:.2f}, ")
    assert max(map(len, table)) <= 80
