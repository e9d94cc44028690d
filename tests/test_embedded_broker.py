import asyncio
import logging
import socket
import subprocess
from typing import Any

import pytest
from mosquitto import PATIENCE_S, free_port, program

from edgehar.brokers.embedded import EmbeddedBroker
from edgehar.errors import ConfigError

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"
"""MQTT 3.1.1, a clean session of client `a`."""


async def run(name: str, port: int, *arguments: str) -> tuple[int | None, str, str]:
    """Run one of mosquitto's programs against the broker: its exit status, stdout and stderr."""
    command = [program(name), "-h", "127.0.0.1", "-p", str(port), *arguments]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    async with asyncio.timeout(PATIENCE_S):
        out, error = await process.communicate()
    return process.returncode, out.decode(), error.decode()


@pytest.mark.parametrize("options", [[], ["-V", "311"]])
async def test_mosquitto_sub_finds_what_was_retained(options: list[str]) -> None:
    async with EmbeddedBroker(0) as broker:
        assert (await run("mosquitto_pub", broker.port, "-t", "a/b", "-m", "here", "-r", "-q", "1"))[0] == 0
        answer = await run(
            "mosquitto_sub", broker.port, "-t", "a/#", "-q", "1", "-C", "1", "-W", "20", "-v", *options
        )
    assert answer == (0, "a/b here\n", "")


async def test_a_client_of_mqtt_5_is_refused_instead_of_waiting_for_ever() -> None:
    async with EmbeddedBroker(0) as broker:
        status, _, error = await run("mosquitto_sub", broker.port, "-V", "5", "-t", "#")
    assert status == 132
    assert "Unsupported Protocol Version" in error


@pytest.mark.parametrize(
    "junk", [b"", b"\x10", b"GET / HTTP/1.1\r\n\r\n", b"\x10\xff\xff\xff\x7f", bytes(64)]
)
async def test_clients_that_vanish_or_talk_nonsense_do_no_harm(
    junk: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with EmbeddedBroker(0) as broker:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", broker.port)
            writer.write(junk)
            writer.close()
        assert (await run("mosquitto_pub", broker.port, "-t", "a", "-m", "b", "-q", "1"))[0] == 0
    assert not caplog.records


async def test_it_ends_with_clients_still_there_and_leaves_no_task() -> None:
    before = asyncio.all_tasks()
    async with EmbeddedBroker(0) as broker:
        _, silent = await asyncio.open_connection("127.0.0.1", broker.port)
        reader, welcome = await asyncio.open_connection("127.0.0.1", broker.port)
        welcome.write(CONNECT)
        assert await reader.readexactly(4) == bytes((0x20, 2, 0, 0))
    assert asyncio.all_tasks() == before
    assert await reader.read() == b""
    for writer in (silent, welcome):
        writer.close()
        await writer.wait_closed()


async def test_a_taken_port_is_named() -> None:
    async with EmbeddedBroker(0) as first:
        with pytest.raises(ConfigError, match=str(first.port)):
            await EmbeddedBroker(first.port).__aenter__()


async def test_a_port_that_was_named_is_used_again_and_again() -> None:
    port = free_port()
    for _ in range(3):
        async with EmbeddedBroker(port) as broker:
            assert broker.port == port


async def test_a_port_on_which_another_program_listens_first_is_taken_although_it_could_be_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, port, real, listeners = (
        asyncio.all_tasks(),
        free_port(),
        asyncio.start_server,
        list[socket.socket](),
    )

    async def bind(*arguments: Any, **settings: Any) -> asyncio.Server:
        server = await real(*arguments, **settings)
        listeners.append(socket.create_server(("127.0.0.1", port)))
        return server

    monkeypatch.setattr(asyncio, "start_server", bind)
    with pytest.raises(ConfigError, match=str(port)):
        await EmbeddedBroker(port).__aenter__()
    assert asyncio.all_tasks() == before
    for listener in listeners:
        listener.close()
