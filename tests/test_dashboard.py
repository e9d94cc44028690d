"""deploy/grafana and deploy/prometheus*.yml speak of metrics that the daemon has."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, lacking

from edgehar.daemon.metrics import Answers, families_of
from edgehar.types import Event

DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
SCRAPED = {"job", "instance"}
"""Labels that Prometheus itself puts on every sample."""

VARIABLES = {"$job": "edgehar", "$instance": ".+", "$__rate_interval": "1m"}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every query, and the text that shows its labels."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["expr"], annotation["titleFormat"]
    for group in yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["expr"], rule["annotations"]["summary"].replace("$labels.", "")


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Return the labels of each metric that a daemon with a sensor and an event has."""
    sensor: dict[str, Any] = {
        "up": True,
        "reconnects": 1,
        "packets": 1,
        "lost": 1,
        "malformed": 1,
        "clock_restarts": 1,
        "skew_ppm": 1,
        "battery": 1,
    }
    health = {
        "rss_mb": 1,
        "events_dropped": 0,
        "messages_refused": 0,
        "sparkplug": {"is_born": True, "waiting": 0, "dropped": 0},
        "wearers": {"anna": {"sensors": {"waist": sensor}}},
    }
    answers = Answers()
    answers.events["anna", "falling", "activity_started"] = 1
    answers.windows["anna", "judged"] = 1
    families = [
        *families_of(health, {"version": "1", "model": "m", "runtime": "r"}, None, began=0),
        *answers.families(),
    ]
    return {
        f"{family.name}{sample.suffix}": {*sample.labels} for family in families for sample in family.samples
    }


def test_every_metric_and_label_that_is_shown_is_one_of_the_daemon(labels: dict[str, set[str]]) -> None:
    shown = set()
    for expression, text in expressions():
        names = set(re.findall(r"\b(?:edgehar|process)_\w+|\bup\b", expression))
        assert names, expression
        assert names <= {*labels, "up"}, expression
        shown |= names
        grouped = re.findall(r"by \(([^)]*)\)", expression)
        used = {name.strip() for names in grouped for name in names.split(",")}
        used |= set(re.findall(r"(\w+)=~?\"", expression)) | set(re.findall(r"\{\{ ?(\w+) ?\}\}", text))
        for name in names - {"up"}:
            assert used <= labels[name] | SCRAPED, expression
    # Of a histogram some figure is shown.
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in labels} - shown == set(), (
        "no panel shows these"
    )


def test_events_that_are_counted_are_kinds_of_events() -> None:
    told = {kind for text, _ in expressions() for kind in re.findall(r'event="(\w+)"', text)}
    assert told == {"activity_started"}
    assert told <= set(re.findall(r"activity_\w+", str(Event.__annotations__["kind"])))


def test_panels_lie_beside_each_other_and_have_words() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + i, place["y"] + j) for i in range(place["w"]) for j in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        assert panel["description"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_prometheus_is_sent_to_where_the_daemon_listens() -> None:
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    [job] = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["localhost:9750"]}]
    assert job["job_name"] == VARIABLES["$job"]
    assert all((DEPLOY / name).is_file() for name in config["rule_files"])


@pytest.mark.slow
def test_prometheus_takes_its_configuration_and_every_query(tmp_path: Path) -> None:
    promtool = shutil.which("promtool") or lacking("promtool (apt install prometheus)")
    rules = []
    for number, (expression, _) in enumerate(expressions()):
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)  # noqa: PLW2901 - one after another
        rules.append({"record": f"query:{number}", "expr": expression})
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "shown", "rules": rules}]}))
    for command in (["config", f"{DEPLOY}/prometheus.yml"], ["rules", f"{tmp_path}/queries.yml"]):
        done = subprocess.run(
            [promtool, "check", *command], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "SUCCESS" in done.stdout
