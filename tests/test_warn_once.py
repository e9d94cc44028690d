import logging
import time

import pytest

from edgehar.warn_once import AGAIN_S, WarnOnce

LOGGER = logging.getLogger("edgehar.test")


def levels(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in caplog.records]


def test_the_first_of_each_subject_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    warn = WarnOnce(LOGGER)
    with caplog.at_level(logging.DEBUG, LOGGER.name):
        for subject in ("a", "b", "a", "b", "c"):
            warn(subject, "%s again", subject)
    assert levels(caplog) == ["WARNING", "WARNING", "DEBUG", "DEBUG", "WARNING"]
    assert caplog.messages[0] == "a again"


def test_what_was_forgotten_is_news(caplog: pytest.LogCaptureFixture) -> None:
    warn = WarnOnce(LOGGER)
    warn("a", "first")
    warn.forget()
    warn("a", "second")
    assert levels(caplog) == ["WARNING", "WARNING"]


def test_subjects_without_end_fill_neither_log_nor_memory(caplog: pytest.LogCaptureFixture) -> None:
    warn = WarnOnce(LOGGER, most=3)
    with caplog.at_level(logging.DEBUG, LOGGER.name):
        for subject in range(10):
            warn(subject, "stranger")
    assert levels(caplog) == ["WARNING"] * 3 + ["DEBUG"] * 7


def test_what_goes_on_is_a_warning_again_after_an_hour_with_its_number(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    warn, now = WarnOnce(LOGGER), 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    while now < 2.5 * AGAIN_S:
        warn("a", "100 %% of %s are lost", "them")
        now += 60.0
    assert (
        caplog.messages
        == ["100 % of them are lost"] + ["100 % of them are lost (60 times in 60 minutes)"] * 2
    )
