"""keep_open against sources that follow a script, on a clock that only sleeping moves."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from hypothesis import given, strategies as st

from edgehar.backoff import Delays
from edgehar.errors import ConfigError, RecordingError, SourceLostError
from edgehar.sources import Deliver, LinkState
from edgehar.sources.reconnect import STEADY_S, keep_open

LOST = "lost"
PACKET = "packet"
STEADY = "steady"
"""A packet for which so much time passed that the link is steady."""


class Scripted:
    """A source whose lives are lists of what happens in each; one without LOST ends by itself."""

    def __init__(self, *lives: Sequence[str | BaseException], clock: "Clock | None" = None) -> None:
        self.link = LinkState()
        self._lives = list(lives)
        self._clock = clock

    async def run(self, deliver: Deliver) -> None:
        for happening in self._lives.pop(0):
            if happening == LOST:
                raise SourceLostError("the cable is out")
            if isinstance(happening, BaseException):
                raise happening
            if happening == STEADY and self._clock:
                self._clock.t += STEADY_S
            if self._clock:
                self.link.heard_at = self._clock.t
            deliver(0.0, 0, happening.encode())


class Clock:
    def __init__(self) -> None:
        self.t = 100.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.t

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.t += seconds


def longest(low: float, high: float) -> float:
    assert low == 0.0
    return high


async def kept_open(*lives: Sequence[str | BaseException]) -> tuple[Clock, list[bytes], list[bool]]:
    clock, bodies, states = Clock(), list[bytes](), list[bool]()
    await keep_open(
        Scripted(*lives, clock=clock),
        lambda _t, _stream, body: bodies.append(body),
        name="wrist",
        on_state=states.append,
        sleep=clock.sleep,
        uniform=longest,
        now=clock.now,
    )
    return clock, bodies, states


async def test_a_finite_source_ends_it() -> None:
    clock, bodies, states = await kept_open([PACKET, PACKET])
    assert clock.pauses == []
    assert bodies == [b"packet", b"packet"]
    assert states == [True, False]


async def test_pauses_double_up_to_their_limit() -> None:
    clock, _, states = await kept_open(*[[LOST]] * 9, [])
    assert clock.pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert states == []


async def test_a_steady_life_takes_the_pauses_back_to_their_start() -> None:
    clock, _, states = await kept_open([LOST], [LOST], [PACKET, STEADY, LOST], [LOST], [])
    assert clock.pauses == [0.5, 1, 0.5, 1]
    assert states == [True, False]


async def test_a_link_that_comes_and_goes_is_tried_less_and_less(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "edgehar")
    flap = [PACKET, PACKET, LOST]
    clock, _, states = await kept_open(flap, flap, flap, flap, [PACKET, STEADY, LOST], [])
    assert clock.pauses == [0.5, 1, 2, 4, 0.5]
    assert states == [True, False] * 5
    levels = ["WARNING", "INFO", "DEBUG", "DEBUG", "DEBUG", "INFO", "WARNING"]
    assert [record.levelname for record in caplog.records] == levels
    assert caplog.messages[5] == f"wrist: back after {0.5 + 1 + 2 + 4 + STEADY_S:.1f} s"


@given(failures=st.integers(1, 10**6), first=st.floats(0.01, 10), longest_s=st.floats(0.01, 100))
def test_the_ceiling_is_bounded_however_long_the_outage(
    failures: int, first: float, longest_s: float
) -> None:
    assert 0 < Delays(first, longest_s).ceiling_s(failures) <= longest_s


async def test_an_outage_is_one_warning_and_one_recovery(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "edgehar")
    await kept_open([PACKET, LOST], [LOST], [LOST], [PACKET])
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG", "DEBUG", "INFO"]
    assert caplog.messages[0] == "wrist: the cable is out; trying again until it is back"
    assert caplog.messages[-1] == "wrist: back after 3.5 s"


async def test_why_a_link_is_away_is_told_until_packets_come_again() -> None:
    source, told = Scripted([PACKET, LOST], [PACKET]), list[str | None]()

    async def sleep(_: float) -> None:
        told.append(source.link.lost)

    await keep_open(source, lambda *_: told.append(source.link.lost), name="wrist", sleep=sleep)
    assert told == [None, "the cable is out", None]


async def test_the_pauses_are_drawn_from_zero_to_the_ceiling() -> None:
    drawn = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return 0.125

    clock = Clock()
    await keep_open(
        Scripted([LOST], []),
        lambda *_: None,
        name="x",
        delays=Delays(2.0),
        sleep=clock.sleep,
        uniform=uniform,
    )
    assert drawn == [(0.0, 2.0)]
    assert clock.pauses == [0.125]


async def test_an_exception_of_deliver_leaves_it() -> None:
    def deliver(_t: float, _stream: int, _body: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keep_open(Scripted([PACKET]), deliver, name="x")


@pytest.mark.parametrize(
    "error", [ConfigError("no such baud rate"), OSError("no such baud rate"), ValueError("no such baud rate")]
)
async def test_whatever_a_life_raises_ends_in_a_pause_and_one_line(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    clock, bodies, states = await kept_open([PACKET, error], [error], [PACKET])
    assert clock.pauses == [0.5, 1]
    assert bodies == [b"packet", b"packet"]
    assert states == [True, False] * 2
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "wrist: " in warning.message
    assert "no such baud rate" in warning.message


async def test_a_life_that_a_library_cancels_from_within_is_followed_by_another() -> None:
    clock, bodies, states = await kept_open([PACKET, asyncio.CancelledError()], [PACKET])
    assert clock.pauses == [0.5]
    assert bodies == [b"packet", b"packet"]
    assert states == [True, False] * 2


async def test_an_error_without_a_text_is_named(caplog: pytest.LogCaptureFixture) -> None:
    await kept_open([TimeoutError()], [])
    assert caplog.messages == ["wrist: TimeoutError(); trying again until it is back"]


async def test_a_fault_of_the_program_is_traced_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "edgehar")
    await kept_open([LOST], [KeyError("wrist")], [KeyError("wrist")], [])
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "DEBUG"]
    assert (
        caplog.messages[1:]
        == ["wrist: a fault of edgehar's own, please report it: KeyError('wrist'); trying again"] * 2
    )
    assert "in run\n    raise happening" in caplog.text
    assert caplog.text.count("Traceback") == 1


async def test_the_link_tells_what_it_was_lost_to_in_one_line() -> None:
    source = Scripted([OSError("out of\n\x1b[2Jreach")], [KeyError("wrist")], [])
    reasons = list[str | None]()

    async def pause(_seconds: float) -> None:
        reasons.append(source.link.lost)

    await keep_open(source, lambda *_: None, name="wrist", sleep=pause)
    assert reasons == [r"out of\u000a\u001b[2Jreach", "KeyError('wrist')"]


async def test_a_recording_that_cannot_be_read_on_is_not_begun_again() -> None:
    with pytest.raises(RecordingError):
        await kept_open([PACKET, RecordingError("it was deleted")], [PACKET])


@pytest.mark.parametrize("asleep", [True, False])
async def test_cancelling_ends_it_in_a_pause_and_in_a_life(*, asleep: bool) -> None:
    reached = asyncio.Event()

    async def wait(_seconds: float = 0.0) -> None:
        reached.set()
        await asyncio.Event().wait()

    class Endless:
        link = LinkState()

        async def run(self, deliver: Deliver) -> None:
            deliver(0.0, 0, b"")
            await wait()

    source = Scripted([LOST]) if asleep else Endless()
    task = asyncio.create_task(keep_open(source, lambda *_: None, name="x", sleep=wait))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
