"""Monotonic time, and with it the event loop's timers, at another pace: `fast_clock` and `leaping_clock`."""

import selectors
import time

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
