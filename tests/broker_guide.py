"""What deploy/mqtt.md says that the log says about the broker."""

import logging
import re

import pytest
from conftest import ROOT

HEADING = "### What the log says about the broker"
_ROW = re.compile(r"^\| (?P<happening>.*?) \| `(?P<line>.*)` \| .* \|$", re.MULTILINE)


def documented() -> dict[str, str]:
    """Return the line for each thing that may happen; `…` stands for what varies."""
    section = (ROOT / "deploy" / "mqtt.md").read_text("utf-8").partition(HEADING)[2].partition("\n#")[0]
    return {row["happening"]: row["line"] for row in _ROW.finditer(section)}


def logged(caplog: pytest.LogCaptureFixture, happening: str) -> list[logging.LogRecord]:
    """Return the records whose line about a broker on loopback is the one that the guide has for a happening."""
    anything = re.escape(documented()[happening]).replace("…", ".+")
    line = re.compile(rf"MQTT broker 127\.0\.0\.1:\d+:? {anything}")
    return [record for record in caplog.records if line.fullmatch(record.message)]
