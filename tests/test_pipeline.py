"""One wearer's packets in, answers out: the same however time is told and the bytes are cut."""

from collections.abc import Sequence

import pytest

from edgehar.errors import ModelError
from edgehar.manifest import find
from edgehar.pipeline import Pipeline
from edgehar.protocol import Deframer, frame
from edgehar.recognizer import load
from edgehar.recording import Item
from edgehar.sources.faults import Faults
from edgehar.sources.simulator import Simulator
from edgehar.types import Activity, Event

SCRIPT = [("walking", 15.0), ("sitting", 15.0), ("running", 15.0)]


def packets(**faults: float) -> list[Item]:
    simulator = Simulator(placements=["trouser_pocket"], script=SCRIPT, seed=2, faults=Faults(**faults))  # type: ignore[arg-type]
    return list(simulator.packets())


def pipeline(placements: Sequence[str] = ("trouser_pocket",)) -> Pipeline:
    recognizer = load(find("imu_tcn"))
    return Pipeline("w", placements, recognizer, recognizer.spec.decision)


def answers(items: Sequence[Item], *, ticks: bool = False) -> list[Activity | Event]:
    fed = pipeline()
    found: list[Activity | Event] = []
    last = items[0][0]
    for t, stream, body in items:
        if ticks:
            found += fed.advance(last + 0.6 * (t - last))
        found += fed.push(t, stream, body)
        last = t
    return found + fed.finish()


def test_telling_the_time_more_often_changes_no_bit() -> None:
    items = packets(loss=0.1, jitter_s=0.03)
    assert answers(items, ticks=True) == answers(items)


def test_a_byte_stream_cut_anywhere_gives_the_packets_answers() -> None:
    items = packets()
    stream = b"".join(frame(body) for _, _, body in items)
    whole = Deframer()
    bodies = [body for at in range(0, len(stream), 7) for body in whole.push(stream[at : at + 7])]
    again = [(t, stream_, body) for (t, stream_, _), body in zip(items, bodies, strict=True)]
    assert answers(again) == answers(items)


def test_every_window_gets_one_answer_and_every_start_its_end() -> None:
    found = answers(packets())
    times = [answer.t for answer in found if isinstance(answer, Activity)]
    assert times == sorted(set(times))
    events = [answer for answer in found if isinstance(answer, Event)]
    assert events
    assert [e.kind for e in events] == ["activity_started", "activity_ended"] * (len(events) // 2)


def test_the_end_of_the_signal_ends_what_runs() -> None:
    found = answers(packets())
    last = next(answer for answer in reversed(found) if isinstance(answer, Activity))
    assert last.state == "no_signal"
    ended = next(answer for answer in reversed(found) if isinstance(answer, Event))
    assert ended.ended_at == pytest.approx(45.0, abs=1.5)


def test_lost_packets_lower_the_coverage_and_silence_is_said() -> None:
    items = packets()
    holed = [item for item in items if not 20 <= item[0] < 32]
    found = [answer for answer in answers(holed) if isinstance(answer, Activity)]
    assert {a.state for a in found if 28 < a.t < 31} == {"no_signal"}
    assert min(a.coverage for a in found if 28 < a.t < 31) == 0.0
    assert next(a for a in found if a.t > 36).coverage == 1.0


def test_a_placement_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(ModelError, match="left_ear"):
        pipeline(["left_ear"])
