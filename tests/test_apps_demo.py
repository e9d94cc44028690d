"""`edgehar demo`: what its first minute shows, by its core, without waiting for a minute."""

import inspect

import pytest
from conftest import ROOT

from edgehar import cli
from edgehar.apps.demo import LONGEST_S
from edgehar.pipeline.loop import Pipeline
from edgehar.pipeline.manifest import find
from edgehar.pipeline.recognizer import load
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Event, Stream

MINUTE_S = 60.0
ACTIVITIES = ["walking", "running", "standing", "sitting"]


# Where windows begin depends on the host's clock, and so does a little of what is told.
@pytest.mark.parametrize("began", [0.0, 0.33, 7.77, 12.37, 5000.11])
def test_the_first_minute_is_told_as_the_readme_has_it(began: float) -> None:
    assert "wearer walks, runs, stands and sits;" in (ROOT / "README.md").read_text()
    settings = {name: each.default for name, each in inspect.signature(cli.demo).parameters.items()}
    recognizer = load(find(settings["model"]))
    pipeline = Pipeline("wearer", [Stream(settings["placement"])], recognizer, recognizer.spec.decision)
    simulator = Simulator(placements=[settings["placement"]], seed=settings["seed"], longest_s=LONGEST_S)
    told = list[tuple[str, float]]()
    for t, stream, body in simulator.packets():
        if t > MINUTE_S:
            break
        answers = pipeline.push(began + t, stream, body)
        told += [
            (answer.label, answer.detected_at - began)
            for answer in answers
            if isinstance(answer, Event) and answer.kind == "activity_started"
        ]
    leaves = [(label, t) for label, t in told if label in recognizer.spec.labels]
    assert [label for label, _ in leaves] == ACTIVITIES
    truth = [(start, end, activity) for start, end, activity in simulator.truth if start < MINUTE_S]
    for label, t in leaves:
        assert any(start <= t <= end and activity == label for start, end, activity in truth), (label, t)
