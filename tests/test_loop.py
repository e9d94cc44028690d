"""One wearer's packets in, answers out: the same however time is told and the bytes are cut."""

from collections.abc import Sequence

import numpy as np
import pytest
from msgspec.structs import replace
from phones import recording
from sensors import polar_answer, polar_compressed, polar_frame

from edgehar.errors import ConfigError, ModelError
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.sources.simulated.faults import Faults, inject
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import ANGULAR_RATE, UNREADABLE, Activity, Event, Item, Stream
from edgehar.wire.framing import Deframer, frame
from edgehar.wire.protocol import Description, decode, encode_description

SCRIPT = [("walking", 15.0), ("sitting", 15.0), ("running", 15.0)]


def packets(**faults: float) -> list[Item]:
    simulator = Simulator(placements=["trouser_pocket"], script=SCRIPT, seed=2, faults=Faults(**faults))  # type: ignore[arg-type]
    return list(simulator.packets())


KINDS = ("still", "on_foot", "running")
"""What is told: enough to tell the parts of the script apart."""


def pipeline(placements: Sequence[str] = ("trouser_pocket",), told: Sequence[str] = KINDS) -> Pipeline:
    recognizer = load(find("imu_tcn"))
    streams = [Stream(p) for p in placements]
    return Pipeline("w", streams, recognizer, recognizer.spec.decision, told=told)


def answers(items: Sequence[Item], *, ticks: bool = False) -> list[Activity | Event]:
    fed = pipeline()
    answered: list[Activity | Event] = []
    last = items[0][0]
    for t, stream, body in items:
        if ticks:
            answered += fed.advance(last + 0.6 * (t - last))
        answered += fed.push(t, stream, body)
        last = t
    return answered + fed.finish()


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
    answered = answers(packets())
    times = [answer.t for answer in answered if isinstance(answer, Activity)]
    assert times == sorted(set(times))
    events = [answer for answer in answered if isinstance(answer, Event)]
    assert events
    assert [e.kind for e in events] == ["activity_started", "activity_ended"] * (len(events) // 2)


def test_the_end_of_the_signal_ends_what_runs() -> None:
    answered = answers(packets())
    last = next(answer for answer in reversed(answered) if isinstance(answer, Activity))
    assert last.state == "no_signal"
    ended = next(answer for answer in reversed(answered) if isinstance(answer, Event))
    assert ended.ended_at == pytest.approx(45.0, abs=1.5)


def test_nothing_is_answered_of_a_time_after_the_end() -> None:
    items = packets()
    *_, ended, last = answers(items)
    assert isinstance(ended, Event)
    assert isinstance(last, Activity)
    end = items[-1][0]
    assert ended.ended_at is not None
    assert ended.ended_at <= ended.detected_at == last.t == end
    assert last.reason == "The recording has ended."


def test_one_who_was_never_heard_ends_without_an_event() -> None:
    fed = pipeline()
    fed.push(500.0, 0, b"")
    [answer] = fed.finish("edgehar was stopped.")
    assert isinstance(answer, Activity)
    assert (answer.state, answer.since, answer.t) == ("no_signal", 500.0, 500.0)
    assert answer.is_last


def test_lost_packets_lower_the_coverage_and_silence_is_said() -> None:
    items = packets()
    holed = [item for item in items if not 20 <= item[0] < 32]
    answered = [answer for answer in answers(holed) if isinstance(answer, Activity)]
    assert {a.state for a in answered if 28 < a.t < 31} == {"no_signal"}
    assert min(a.coverage for a in answered if 28 < a.t < 31) == 0.0
    assert next(a for a in answered if a.t > 36).coverage == 1.0


def walk(placements: Sequence[str], seconds: float = 40.0) -> list[Item]:
    simulator = Simulator(placements=list(placements), script=[("walking", seconds)], seed=3)
    return list(simulator.packets())


def played(items: Sequence[Item], fed: Pipeline) -> tuple[list[Activity], list[Event]]:
    """Return activities and events; time is told between the packets, as in a live run."""
    answered: list[Activity | Event] = []
    for (t, stream, body), (after, _, _) in zip(items, [*items[1:], items[-1]], strict=True):
        answered += fed.push(t, stream, body)
        for i in range(1, int((after - t) / 0.25) + 1):
            answered += fed.advance(t + 0.25 * i)
    activities = [x for x in answered if isinstance(x, Activity)]
    return activities, [x for x in answered if isinstance(x, Event)]


def verity_pipeline() -> Pipeline:
    recognizer = load(find("imu_tcn"))
    return Pipeline("w", [Stream("wrist_left", "polar_verity")], recognizer, recognizer.spec.decision)


def phone_pipeline() -> Pipeline:
    recognizer = load(find("imu_tcn"))
    return Pipeline("w", [Stream("trouser_pocket", "sensor_logger")], recognizer, recognizer.spec.decision)


def calm_verity(seconds: float) -> list[Item]:
    """Return what a Verity Sense sends that lies still: frames that it fills, each as soon as it is full."""
    angles = np.deg2rad(np.linspace(20.0, 40.0, round(52 * seconds)))
    items: list[Item] = [(0.0, 0, b"")]
    items += [(0.0, 0, b"\0" + polar_answer(kind, factor)) for kind, factor in ((2, 2.44e-4), (5, 0.07))]
    force = np.stack([np.sin(angles), 0.0 * angles, np.cos(angles)], axis=1) / 2.44e-4
    for kind, counts, n in ((2, force, 71), (5, 0.0 * force, 130)):
        for i in range(0, len(counts) - n + 1, n):
            last_s = (i + n) / 52
            content = polar_compressed(counts[i : i + n].round().astype(int).tolist())
            items.append((last_s, 0, b"\1" + polar_frame(kind, 0x80, 10**18 + round(last_s * 1e9), content)))
    return sorted(items)


def test_a_sensor_that_fills_its_frames_is_answered_for_in_full() -> None:
    items = calm_verity(40.0)
    activities, _ = played(items, verity_pipeline())

    assert {a.coverage for a in activities if a.t > 3.2} == {1.0}
    assert {a.no_answer for a in activities if a.t > 6.0} == {None}


def test_what_a_sensor_bundles_makes_no_difference_between_a_run_and_its_recording() -> None:
    items, batch = calm_verity(40.0), verity_pipeline()

    activities, events = played(items, verity_pipeline())
    answered = [answer for item in items for answer in batch.push(*item)]

    assert [a for a in answered if isinstance(a, Activity)] == activities
    assert [a for a in answered if isinstance(a, Event)] == events


def test_how_long_a_sensor_bundles_is_learnt_and_makes_no_difference_either() -> None:
    sensors = {"totalacceleration": (0.0, 0.0, 9.8), "gyroscope": (0.0, 0.0, 0.0)}
    pushed = recording(20, sensors, per_push=200)
    items = [(0.0, 0, b""), *((2.0 * (i + 1), 0, body) for i, body in enumerate(pushed))]

    activities, events = played(items, phone_pipeline())
    batch = phone_pipeline()
    answered = [answer for item in items for answer in batch.push(*item)]

    assert {a.coverage for a in activities if a.t > 12.0} == {1.0}
    assert [a for a in answered if isinstance(a, Activity)] == activities
    assert [a for a in answered if isinstance(a, Event)] == events


TWO = ("trouser_pocket", "chest")


@pytest.mark.parametrize("since", [0.0, 20.0], ids=["never came", "stops"])
def test_a_dead_sensor_is_left_out_and_named_while_the_other_goes_on(since: float) -> None:
    items = [item for item in walk(TWO) if item[1] == 0 or item[0] < since]
    activities, events = played(items, pipeline(TWO))
    last = activities[-1]
    assert (last.state, last.excluded_sensors, last.coverage) == ("on_foot", ("chest",), 1.0)
    assert last.reason.endswith("; without chest (0% of its samples came).")
    assert [event.kind for event in events] == ["activity_started"]


def test_the_end_waits_for_no_sensor() -> None:
    items = [item for item in walk(TWO) if item[1] == 0]
    fed = pipeline(TWO)
    answered = [answer for item in items for answer in fed.push(*item)] + fed.finish()
    *_, newest, _ = [answer.t for answer in answered if isinstance(answer, Activity)]
    assert 0.0 <= items[-1][0] - newest < 0.64


def test_a_dead_sensor_answers_as_if_it_were_not_worn() -> None:
    items = [item for item in walk(TWO) if item[1] == 0]
    with_dead, _ = played(items, pipeline(TWO))
    alone, _ = played(items, pipeline(TWO[:1]))
    assert [(a.t, a.state, a.confidence) for a in with_dead] == [
        (a.t, a.state, a.confidence) for a in alone[: len(with_dead)]
    ]


def test_the_limit_is_that_of_the_settings() -> None:
    recognizer = load(find("imu_tcn"))
    items = list(inject(Faults(loss=0.5, burst=3.0), walk(TWO[:1])))
    for limit, is_answered in ((0.1, True), (1.0, False)):
        settings = replace(recognizer.spec.decision, min_coverage=limit)
        activities, _ = played(items, Pipeline("w", [Stream(TWO[0])], recognizer, settings))
        assert any(a.label for a in activities) is is_answered


@pytest.mark.parametrize("phase", [0.0, 0.2, 0.4])
@pytest.mark.parametrize(("gap_s", "is_held"), [(3.0, True), (4.9, True), (6.0, False)])
def test_five_seconds_of_silence_are_no_signal_and_less_is_not(
    phase: float, gap_s: float, *, is_held: bool
) -> None:
    begins = 20.0 + phase
    items = [item for item in walk(TWO[:1]) if not begins <= item[0] < begins + gap_s]
    activities, events = played(items, pipeline(TWO[:1]))
    lost = [a.t for a in activities if a.t > 15 and a.state == "no_signal"]
    assert (not lost) is is_held
    assert len(events) == (1 if is_held else 3)
    if lost:
        assert begins + 4.8 < lost[0] < begins + 6.0, "announced while it is silent"


@pytest.mark.parametrize(("gap_s", "is_held"), [(20.0, True), (50.0, True), (70.0, False)])
def test_what_a_recording_cannot_show_is_no_silence_for_a_minute(gap_s: float, *, is_held: bool) -> None:
    items = walk(["trouser_pocket"], 60.0 + gap_s)
    behind = next(i for i, item in enumerate(items) if item[0] > 30.0 + gap_s)
    missing = [item for item in items[:behind] if item[0] < 30.0]
    mark = (items[behind][0], UNREADABLE, b"")
    for told, walks in ((missing, 2), ([*missing, mark], 1 if is_held else 2)):
        events = [item for item in answers([*told, *items[behind:]]) if isinstance(item, Event)]
        started = [event.label for event in events if event.kind == "activity_started"]
        assert started == ["on_foot"] * walks


def without_acceleration(item: Item) -> Item:
    t, stream, body = item
    message = decode(body)
    if isinstance(message, Description):
        body = encode_description(replace(message, channels=ANGULAR_RATE))
    return t, stream, body


def test_a_sensor_without_acceleration_is_never_taken_for_one_on_a_table() -> None:
    recognizer = load(find("imu_tcn"))
    settings = replace(recognizer.spec.decision, not_worn_after_s=10.0)
    items = [without_acceleration(item) for item in walk(TWO[:1])]
    activities, _ = played(items, Pipeline("w", [Stream(TWO[0])], recognizer, settings))
    assert {a.no_answer for a in activities if a.t > 5} == {None}


def test_a_placement_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(ModelError, match="left_ear"):
        pipeline(["left_ear"])


def test_what_no_worn_sensor_can_tell_is_a_warning_and_alone_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipeline(["trouser_pocket"], ["on_foot", "falling"])
    never = "labels: falling: never told by trouser_pocket, which is all that w wears"
    assert caplog.messages == [never]
    caplog.clear()
    pipeline(["trouser_pocket", "wrist_left"], ["on_foot", "falling"])
    assert not caplog.messages
    with pytest.raises(ConfigError, match=f"^{never}; name something else, or wear another sensor$"):
        pipeline(["trouser_pocket"], ["falling"])


def test_what_can_be_told_is_what_a_worn_sensor_can_and_what_shall_be() -> None:
    everything = pipeline(told=()).told
    assert {"walking", "stairs_up", "on_foot", "stairs", "still"} <= set(everything)
    assert "clapping" not in everything  # no pocket can tell
    assert pipeline(told=("still", "walking")).told == ("walking", "still")


def test_another_operating_point_holds_from_then_on_and_ends_nothing() -> None:
    items = list(Simulator(placements=["trouser_pocket"], script=[("walking", 60.0)], seed=2).packets())
    half = len(items) // 2
    fed = pipeline(told=())
    before = [event for item in items[:half] for event in fed.push(*item) if isinstance(event, Event)]
    fed.choose(replace(load(find("imu_tcn")).spec.decision, operating_point="quiet"))
    after = [answer for item in items[half:] for answer in fed.push(*item)]
    assert [(event.kind, event.label) for event in before][-1] == ("activity_started", "walking")
    assert {answer.state for answer in after if isinstance(answer, Activity)} == {"walking"}
    assert not [answer for answer in after if isinstance(answer, Event)]


def test_what_begins_after_a_quieter_point_was_chosen_is_told_as_if_it_had_been_so_from_the_start() -> None:
    items = list(Simulator(placements=["trouser_pocket"], script=SCRIPT, seed=2).packets())
    quiet = replace(load(find("imu_tcn")).spec.decision, operating_point="quiet", threshold=0.999)
    recognizer = load(find("imu_tcn"))
    fed, other = pipeline(told=()), Pipeline("w", [Stream("trouser_pocket")], recognizer, quiet)
    fed.choose(quiet)
    assert [fed.push(*item) for item in items] == [other.push(*item) for item in items]
