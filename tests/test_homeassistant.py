"""What is announced to Home Assistant, read by its own schemas and templates."""

import json
import subprocess
from typing import Any

import pytest
from conftest import ROOT
from mosquitto import free_port
from msgspec.structs import replace
from test_payloads import activity, ended, started, to_unix

from edgehar.publishers.homeassistant import HomeAssistant, Person
from edgehar.publishers.payloads import attributes, event

ENVIRONMENT = ROOT / ".venv-homeassistant"
ANNA = Person(
    id="anna",
    states=("walking", "sitting", "falling", "still", "other", "not_worn", "no_signal"),
    kinds={"sitting": "still"},
    placements=("wrist_left", "chest"),
    batteries=("chest",),
    points=("quiet", "normal", "eager"),
)
HOME = HomeAssistant("homeassistant", "edgehar/pi", "edgehar-pi", model="net@1", heartbeat_s=60.0)


def announced(person: Person = ANNA) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(HOME.wearer(person).payload)
    return payload


def component(name: str) -> dict[str, Any]:
    part: dict[str, Any] = announced()["components"][name]
    return part


def by_home_assistant(script: str, question: dict[str, Any]) -> Any:
    if not (ENVIRONMENT / "installed").exists():
        pytest.skip(f"needs Home Assistant in {ENVIRONMENT.name}: bash tests/home_assistant/install")
    done = subprocess.run(
        [ENVIRONMENT / "bin" / "python", ROOT / "tests" / "home_assistant" / script],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def home_assistant_on(**question: Any) -> dict[str, Any]:
    answer: dict[str, Any] = by_home_assistant(
        "schemas.py", {"devices": [], "blueprints": [], "values": [], "commands": []} | question
    )
    return answer


def automated(blueprint: str, steps: list[Any], **given: Any) -> list[list[str]]:
    """Return what an automation did after each step but the first, which comes before the start."""
    automation = {
        "alias": blueprint,
        "use_blueprint": {"path": f"edgehar/{blueprint}.yaml", "input": {"person": "sensor.anna"} | given},
    }
    question = {"automations": [automation], "port": free_port(), "steps": steps}
    answer: list[list[str]] = by_home_assistant("automations.py", question)
    return answer


def is_now(kind: str) -> dict[str, str]:
    return {"sensor.anna": kind}


def test_who_rests_and_does_not_move_is_noticed_also_after_a_start_and_a_reload() -> None:
    steps: list[tuple[Any, list[str]]] = [
        (239, []),
        (2, ["alarm"]),
        # Rests again, and moves, and rests from then on.
        ("reload", []),
        (100, []),
        (is_now("on_foot"), []),
        (is_now("still"), []),
        (239, []),
        (2, ["alarm"]),
        ("reload", []),
        (239, []),
        (is_now("no_signal"), []),
        (2, ["alarm"]),
        # Nobody who moves is waited for.
        (is_now("running"), []),
        ("reload", []),
        (300, []),
    ]
    alarm = [{"event": "alarm"}]
    told = automated("nobody_moved", [is_now("still"), *(step for step, _ in steps)], hours=4, alarm=alarm)
    assert told == [expected for _, expected in steps]


def test_the_light_goes_off_after_a_rest_and_stays_while_nobody_knows() -> None:
    steps: list[tuple[Any, list[str]]] = [
        (is_now("on_foot"), ["on"]),
        (is_now("still"), []),
        (4, []),
        (2, ["off"]),
        (is_now("on_foot"), ["on"]),
        (is_now("no_signal"), []),
        (10, []),
        (is_now("not_worn"), []),
        (10, []),
        (is_now("still"), []),
        (4, []),
        (2, ["off"]),
    ]
    light = {"entity_id": "input_boolean.lamp"}
    told = automated("light_when_active", [is_now("still"), *(step for step, _ in steps)], light=light)
    assert told == [expected for _, expected in steps]


def test_every_state_can_be_shown_and_every_kind() -> None:
    assert component("activity")["options"] == list(ANNA.states)
    assert component("kind")["options"] == [
        "walking", "still", "falling", "other", "not_worn", "no_signal"
    ]  # fmt: skip


def test_the_root_has_only_keys_that_home_assistant_knows() -> None:
    # It refuses a whole device for one that it does not.
    assert set(announced()) == {"device", "origin", "availability", "availability_mode", "components"}


def test_what_says_that_a_sensor_is_lost_is_there_when_it_is_lost() -> None:
    gateway, wearer = {"topic": "edgehar/pi/status"}, {"topic": "edgehar/pi/anna/status"}
    assert announced()["availability"] == [gateway, wearer]
    components = announced()["components"]
    apart = {name for name, part in components.items() if part.get("availability") == [gateway]}
    assert apart == {"problem", "pause", "recalibrate", "operating_point", "battery_chest"}


def test_what_a_wearer_lacks_is_not_announced() -> None:
    bare = Person(id="ben", states=("walking", "other", "not_worn", "no_signal"))
    names = set(announced(bare)["components"])
    assert not names & {"fall", "operating_point", "battery_chest"}


def test_what_is_no_more_is_removed() -> None:
    bare = Person(id="anna", states=("walking", "other", "not_worn", "no_signal"))
    components = json.loads(HOME.wearer(bare, ANNA).payload)["components"]
    gone = {name for name, part in components.items() if len(part) == 1}
    assert {"fall", "operating_point", "battery_chest", "activity_started_sitting"} <= gone
    assert set(components) == set(announced()["components"])
    assert HOME.wearer(ANNA, ANNA) == HOME.wearer(ANNA)
    home_assistant_on(devices=[json.loads(HOME.wearer(bare, ANNA).payload)])


def test_a_zone_has_a_sensor_for_each_count_and_no_command() -> None:
    message = HOME.zone("line_1", ("still", "not_judged"), 180)
    assert message.topic == "homeassistant/device/edgehar-pi/line_1/config"
    components = json.loads(message.payload)["components"]
    assert set(components) == {"count_still", "count_not_judged", "count_withheld", "problem"}
    assert not any("command_topic" in part for part in components.values())
    assert components["count_still"]["expire_after"] == 180
    assert components["count_still"]["state_topic"] == "edgehar/pi/zone/line_1/counts"


def test_every_entity_has_an_id_of_its_own() -> None:
    ben = Person(id="ben", states=ANNA.states)
    devices = [announced(), announced(ben), json.loads(HOME.gateway().payload)]
    parts = [part for device in devices for part in device["components"].values()]
    ids = [part["unique_id"] for part in parts if part["platform"] != "device_automation"]
    assert len(ids) == len(set(ids))
    assert len({HOME.gateway().topic, HOME.wearer(ANNA).topic, HOME.wearer(ben).topic}) == 3


def test_home_assistants_own_schemas_take_all_of_it() -> None:
    zone = HOME.zone("line_1", ("still", "on_foot", "other", "not_judged"), 180)
    home_assistant_on(
        devices=[json.loads(each.payload) for each in (HOME.wearer(ANNA), HOME.gateway(), zone)]
    )


def test_home_assistants_own_schemas_take_the_blueprints() -> None:
    paths = sorted(str(path) for path in (ROOT / "deploy" / "home_assistant").glob("*.yaml"))
    assert len(paths) == 3
    home_assistant_on(blueprints=paths)


def test_home_assistants_own_templates_make_of_it_what_is_meant() -> None:
    fall = json.dumps(event(started(1, "falling"), to_unix))
    over = json.dumps(event(replace(ended(), label="falling", recovered=True), to_unix))
    walk = json.dumps(event(started(2, "walking"), to_unix))
    state = json.dumps(attributes(activity("walking"), to_unix))
    health = json.dumps({"events_dropped": 3, "wearers": {"anna": {"sensors": {"chest": {"battery": 80}}}}})
    questions = [
        ("kind", "sitting", "still"),
        ("kind", "walking", "walking"),
        ("confidence", state, str(round(100 * activity("walking").confidence))),
        ("battery_chest", health, "80"),
        ("battery_chest", '{"wearers":{}}', "None"),
        ("problem", '{"chest":"ok","wrist_left":"paused"}', "OFF"),
        ("problem", '{"chest":"ok","wrist_left":"no packet yet"}', "ON"),
        ("fall", walk, ""),
        ("activity_started_walking", walk, component("activity_started_walking")["payload"]),
        ("activity_ended_falling", over, component("activity_ended_falling")["payload"]),
    ]
    falls = [("fall", fall), ("fall", over)]
    commands = [
        ("pause", "ON", {"wearer": "anna", "paused": True}),
        ("pause", "OFF", {"wearer": "anna", "paused": False}),
        ("operating_point", "quiet", {"wearer": "anna", "operating_point": "quiet"}),
    ]
    answer = home_assistant_on(
        values=[[component(name)["value_template"], payload] for name, payload, *_ in [*questions, *falls]],
        commands=[[component(name)["command_template"], value] for name, value, _ in commands],
    )
    values = [str(value) for value in answer["values"]]
    assert values[: len(questions)] == [expected for _, _, expected in questions]
    told = [json.loads(value) for value in values[len(questions) :]]
    assert [(each["event_type"], each["label"]) for each in told] == [
        ("fall", "falling"),
        ("fall_ended", "falling"),
    ]
    assert told[1]["recovered"] is True
    assert [json.loads(command) for command in answer["commands"]] == [request for _, _, request in commands]
