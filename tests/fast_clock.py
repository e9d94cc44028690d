"""The fixture `fast_clock`: all that this process waits for comes sooner, and no clock in it can tell."""

import selectors
import time

import pytest

FACTOR = 4
"""A second of real time is so many for the test."""


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let monotonic time, and with it the event loop's timers, run FACTOR times as fast."""
    began, monotonic = time.monotonic(), time.monotonic
    select = selectors.DefaultSelector.select

    def hasten(
        selector: selectors.DefaultSelector, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        return select(selector, timeout / FACTOR if timeout else timeout)

    monkeypatch.setattr(time, "monotonic", lambda: began + (monotonic() - began) * FACTOR)
    monkeypatch.setattr(selectors.DefaultSelector, "select", hasten)
