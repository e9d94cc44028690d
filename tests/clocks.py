"""Monotonic time, and with it the event loop's timers, at another pace: `fast_clock`, `leaping_clock`, `hold_up`."""

import selectors
import time
from collections.abc import Callable

import pytest

FACTOR = 4
"""A second of real time is so many on the fast clock."""

Ready = list[tuple[selectors.SelectorKey, int]]


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time run FACTOR times as fast, for tests whose sensors and sockets are real."""
    began, monotonic = time.monotonic(), time.monotonic
    select = selectors.DefaultSelector.select

    def hasten(selector: selectors.DefaultSelector, timeout: float | None = None) -> Ready:
        return select(selector, timeout / FACTOR if timeout else timeout)

    monkeypatch.setattr(time, "monotonic", lambda: began + (monotonic() - began) * FACTOR)
    monkeypatch.setattr(selectors.DefaultSelector, "select", hasten)


@pytest.fixture
def leaping_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time stand still while there is something to do, and leap to what is due else: no load makes it late."""
    now = time.monotonic()
    select = selectors.DefaultSelector.select

    def leap(selector: selectors.DefaultSelector, timeout: float | None = None) -> Ready:
        nonlocal now
        ready = select(selector, timeout if timeout is None else 0)
        if timeout and not ready:
            now += timeout
        return ready

    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setattr(selectors.DefaultSelector, "select", leap)


@pytest.fixture
def hold_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets so many seconds pass at once, as for a loop that something holds up."""
    monotonic, held_up_s = time.monotonic, 0.0

    def pass_by(seconds: float) -> None:
        nonlocal held_up_s
        held_up_s += seconds

    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + held_up_s)
    return pass_by
