"""What Prometheus is told, read by its own parser."""

import asyncio
import contextlib
import json
import math
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given, strategies as st
from listening import until
from mosquitto import Mosquitto, free_port
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from test_daemon_requests import running
from test_phone_http import is_open

from edgehar.config.schema import Config, Gateway, Metrics, Mqtt
from edgehar.config.worn import Serial, SimulatedWearer, Wearer
from edgehar.daemon import metrics
from edgehar.daemon.daemon import Daemon
from edgehar.daemon.metrics import Family, Histogram, Sample, text_of
from edgehar.errors import ConfigError
from edgehar.sources.simulated.serve import serve_tcp
from edgehar.sources.simulated.simulator import Simulator


def samples(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    read: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            read.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return read


def config(port: int, **more: Any) -> Config:
    anna = Wearer(id="anna", simulator=SimulatedWearer(placements=["wrist"]))
    return Config(
        gateway=Gateway(id="gw"), wearer=[anna], metrics=Metrics(listen=f"127.0.0.1:{port}"), **more
    )


@given(st.text(), st.floats(allow_nan=False))
def test_any_label_and_value_is_read_as_it_was_written(label: str, value: float) -> None:
    written = text_of([Family("a_total", "counter", "Text.", [Sample({"stream": label}, value)])])
    assert samples(written) == {"a_total": {(("stream", label),): value}}


@given(st.lists(st.floats(0.0, 10.0)))
def test_a_bucket_holds_all_that_is_not_larger_than_its_bound(values: list[float]) -> None:
    histogram = Histogram("lasted_seconds", "Text.", (0.5, 1.0, 5.0))
    for value in values:
        histogram.observe(value)
    read = samples(text_of([histogram.family()]))
    for bound in (0.5, 1.0, 5.0, math.inf):
        le = "+Inf" if bound == math.inf else str(bound)
        assert read["lasted_seconds_bucket"][("le", le),] == sum(value <= bound for value in values)
    assert read["lasted_seconds_count"][()] == len(values)
    assert read["lasted_seconds_sum"][()] == pytest.approx(sum(values))


async def test_what_runs_what_came_and_what_was_told_can_be_read(tmp_path: Path) -> None:
    port = free_port()
    with Mosquitto(free_port(), tmp_path) as broker:
        daemon = Daemon(config(port, mqtt=Mqtt(host="127.0.0.1", port=broker.port)))
        async with running(daemon), aiohttp.ClientSession() as session:
            await until(
                lambda: bool(daemon.answers.events) and daemon.mqtt is not None and daemon.mqtt.connected
            )
            async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                read = samples(await answer.text())
            async with session.get(f"http://127.0.0.1:{port}/") as elsewhere:
                assert elsewhere.status == 404
    [(info, constant)] = read["edgehar_build_info"].items()
    assert ("model", daemon.models.id) in info
    assert re.fullmatch(r"(ai-edge-litert|tflite-runtime) \d+\.\d+.*", dict(info)["runtime"])
    assert constant == 1
    stream = (("stream", "anna/wrist"),)
    assert read["edgehar_packets_received_total"][stream] > 10
    assert (read["edgehar_stream_up"][stream], read["edgehar_reconnects_total"][stream]) == (1, 0)
    assert read["edgehar_battery_ratio"][stream] == pytest.approx(1.0)
    assert read["edgehar_mqtt_connected"][()] == 1
    assert read["edgehar_windows_total"][("result", "judged"), ("wearer", "anna")] >= 1
    assert abs(read["process_start_time_seconds"][()] - time.time()) < 600
    first = next(iter(daemon.answers.events))
    assert read["edgehar_events_total"][("event", first[2]), ("label", first[1]), ("wearer", "anna")] == 1
    judged = read["edgehar_inference_duration_seconds_count"][()]
    assert judged >= sum(
        n for result, n in read["edgehar_windows_total"].items() if ("result", "judged") in result
    )
    assert 0 < read["edgehar_inference_duration_seconds_sum"][()] < judged
    assert read["edgehar_event_latency_seconds_count"][()] == sum(read["edgehar_events_total"].values())
    assert read["edgehar_window_coverage_ratio_bucket"][("le", "+Inf"),] == sum(
        read["edgehar_windows_total"].values()
    )
    assert 1e7 < read["process_resident_memory_bytes"][()] < 1e10


async def test_what_is_lost_is_not_up_and_what_comes_back_is_counted(tmp_path: Path) -> None:
    port = free_port()
    url = f"socket://127.0.0.1:{port}"
    wearer = Wearer(
        id="anna",
        serial=[Serial(placement="wrist", port=url), Serial(placement="chest", port="/dev/ttyNOWHERE")],
    )

    @contextlib.asynccontextmanager
    async def sensor() -> AsyncIterator[None]:
        simulator = Simulator(placements=["wrist"])
        serving = asyncio.create_task(serve_tcp(simulator, "127.0.0.1", port, announce=lambda _: None))
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.wait([serving])

    def counts() -> list[float]:
        read = samples(daemon.metrics())
        wrist, chest = ((("stream", f"anna/{place}"),) for place in ("wrist", "chest"))
        return [
            read["edgehar_stream_up"][wrist],
            read["edgehar_reconnects_total"][wrist],
            read["edgehar_stream_up"][chest],
            read["edgehar_reconnects_total"][chest],
            read["edgehar_mqtt_connected"][()],
            read["edgehar_mqtt_reconnects_total"][()],
        ]

    with Mosquitto(free_port(), tmp_path) as broker:
        mqtt = Mqtt(host="127.0.0.1", port=broker.port)
        daemon = Daemon(Config(gateway=Gateway(id="gw"), wearer=[wearer], mqtt=mqtt))
        async with running(daemon):
            async with sensor():
                await until(lambda: counts() == [1, 0, 0, 0, 1, 0])
            broker.kill9()
            await until(lambda: counts() == [0, 0, 0, 0, 0, 0])
            broker.start()
            async with sensor():
                await until(lambda: counts() == [1, 1, 0, 0, 1, 1])


async def test_with_a_token_only_who_shows_it_reads_them(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    port = free_port()
    anna = config(port)
    daemon = Daemon(replace(anna, metrics=Metrics(f"127.0.0.1:{port}", token_file=f"{tmp_path}/token")))
    statuses = {}
    async with running(daemon), aiohttp.ClientSession() as session:
        await until(lambda: is_open(port))
        for shown in (None, "", "s3cret", "Bearer s3cre", "Bearer s3cret2", "Bearer \xff", "Bearer s3cret"):
            headers = {} if shown is None else {"Authorization": shown}
            async with session.get(f"http://127.0.0.1:{port}/metrics", headers=headers) as answer:
                statuses[shown] = answer.status
                assert ("edgehar_build_info" in await answer.text()) == (answer.status == 200)
    assert [shown for shown, status in statuses.items() if status == 200] == ["Bearer s3cret"]
    assert set(statuses.values()) == {200, 401}


def test_a_token_that_cannot_be_read_is_refused_by_its_key(tmp_path: Path) -> None:
    metrics = Metrics(token_file=f"{tmp_path}/none")
    with pytest.raises(ConfigError, match=r"metrics\.token_file: .*/none: cannot be read: No such file"):
        Daemon(replace(config(1), metrics=metrics))
    (tmp_path / "none").write_text("\n")
    with pytest.raises(ConfigError, match=r"expected a token of 1 to 65535 bytes, got 0"):
        Daemon(replace(config(1), metrics=metrics))


async def test_a_port_that_is_taken_is_named_once_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "RETRY_S", 0.05)
    port = free_port()
    taken = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port)
    async with running(Daemon(config(port))):
        await until(lambda: "trying again" in caplog.text)
        await asyncio.sleep(0.2)
        taken.close()
        await taken.wait_closed()
        async with aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                        assert answer.status == 200
                        break
                await asyncio.sleep(0.02)
    assert caplog.text.count("trying again") == 1


async def test_without_the_table_nothing_listens_and_nothing_is_counted() -> None:
    daemon = Daemon(Config(wearer=config(1).wearer))
    async with running(daemon):
        await until(lambda: daemon.feeds[0].is_up)
        assert not any(task.get_name() == "metrics" for task in asyncio.all_tasks())
    assert json.dumps(daemon.health())
    assert daemon.answers not in daemon.publishers
