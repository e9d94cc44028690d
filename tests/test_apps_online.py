"""`edgehar config check --online`: the broker and the sensors are really asked."""

import asyncio
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from mosquitto import PATIENCE_S, Mosquitto, free_port
from shell import run

from edgehar.apps.online import check_online
from edgehar.config.schema import Config, Mqtt
from edgehar.config.worn import Phone, Serial, SimulatedWearer, Wearer

ANNA = Wearer(id="anna", simulator=SimulatedWearer(placements=["wrist", "chest"]))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(free_port(), tmp_path) as broker:
        yield broker


async def test_what_is_heard_is_well(broker: Mosquitto) -> None:
    config = Config(mqtt=Mqtt(host="127.0.0.1", port=broker.port), wearer=[ANNA])
    answer = await check_online(config)
    assert answer["wearers"] == {"anna": {"wrist": "ok", "chest": "ok"}}
    assert {row["result"] for row in answer["broker"]} == {"ok", "not configured"}
    assert answer["problems"] == 0


async def test_what_is_not_there_is_named_beside_what_is() -> None:
    port = free_port()
    config = Config(
        wearer=[
            ANNA,
            Wearer(id="ben", serial=[Serial(placement="wrist", port=f"socket://127.0.0.1:{port}")]),
            Wearer(id="cleo", phone=[Phone(placement="waist", listen=f"127.0.0.1:{port}")]),
        ]
    )
    answer = await check_online(config, 1.0)
    assert answer["wearers"]["anna"] == {"wrist": "ok", "chest": "ok"}
    assert "refused" in answer["wearers"]["ben"]["wrist"].lower()
    assert answer["wearers"]["cleo"]["waist"] != "ok"
    assert (answer["broker"], answer["problems"]) == ([], 2)


async def test_nobody_waits_for_a_port_that_cannot_be_opened() -> None:
    worn = [
        Serial(placement="wrist", port="/dev/ttyNOWHERE"),
        Serial(placement="waist", port="socket://127.0.0.1:1"),
    ]
    config = Config(wearer=[ANNA, Wearer(id="ben", serial=worn)])
    async with asyncio.timeout(PATIENCE_S):
        answer = await check_online(config, math.inf)
    assert "does not exist" in answer["wearers"]["ben"]["wrist"]
    assert "refused" in answer["wearers"]["ben"]["waist"].lower()
    assert answer["wearers"]["anna"] == {"wrist": "ok", "chest": "ok"}


def test_the_verb_fails_if_anything_did(tmp_path: Path) -> None:
    path = tmp_path / "edgehar.toml"
    path.write_text(
        f'[mqtt]\nhost = "127.0.0.1"\nport = {free_port()}\n'
        '[[wearer]]\nid = "anna"\nsimulator = { placements = ["wrist"] }\n'
    )
    command = ("config", "check", "--online", "-c", path)
    code, out, err = run(*command, "--json")
    assert code == 1, err
    answer = json.loads(out)
    assert [row["stage"] for row in answer["broker"]] == ["name", "connection"]
    assert answer["wearers"] == {"anna": {"wrist": "ok"}}
    lines = run(*command)[1].splitlines()
    assert [line.split()[0] for line in lines] == [
        "stage",
        "name",
        "connection",
        "wearers:",
        "anna:",
        "wrist:",
        "problems:",
    ]
