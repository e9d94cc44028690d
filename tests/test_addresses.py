"""Addresses that people write: what cannot be one is refused in a line that says what to write instead."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgehar.errors import ConfigError
from edgehar.sources.addresses import (
    check_host,
    check_serial_port,
    host_and_port,
    listening_address,
    sensor_server_address,
)

LONG = "x" * 70_000


def refusal(check: Callable[[str], object], text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check(text)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert len(sentence) < 300
    return sentence


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "pi-kitchen.local", "broker.example.org.", "127.0.0.1", "::1", "fe80::1%eth0", "my_broker",
        "bücher.example", "1und1.de", "3com",
    ],
)  # fmt: skip
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    check_host(host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("mqtt://127.0.0.1", 'got "mqtt://127.0.0.1"; write "127.0.0.1"'),
        ("mqtts://broker.local:8883/", 'write "broker.local" and port = 8883, with a table [mqtt.tls]'),
        ("127.0.0.1:1884", 'write "127.0.0.1" and port = 1884'),
        (" 127.0.0.1", 'got " 127.0.0.1"; write "127.0.0.1"'),
        ("[::1]", 'write "::1"'),
        ("[::1]:1884", 'write "::1" and port = 1884'),
        ("localhost\n", 'got "localhost\\n"; write "localhost"'),
        ("user@broker", 'write "broker"'),
        ("sensor..local", "such as pi-kitchen.local"),
        ("192.168.1.300", "such as pi-kitchen.local"),
        ("127.0.0.1:99999", "such as"),
        ("the broker", "such as"),
        ("[::1", "such as"),
        ("\0", "such as"),
        ("x" * 64 + ".local", "such as"),
        (LONG, "such as"),
        ("", "such as"),
    ],
)
def test_what_is_no_host_is_refused_with_what_to_write(host: str, expected: str) -> None:
    assert expected in refusal(check_host, host)


@pytest.mark.parametrize(
    "port",
    [
        "/dev/ttyNOWHERE", "/dev/null", "socket://sensor.local:7777", "socket://[::1]:7777",
        "rfc2217://pi:2217?ign_set_control", "hwgrep://0403:6001", "hwgrep://USB.*serial&n=2", "loop://",
        "spy:///dev/ttyUSB0?file=log.txt",
    ],
)  # fmt: skip
def test_a_serial_port_is_a_device_or_a_url(port: str) -> None:
    check_serial_port(port)


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (
            "/etc/passwd",
            "is a file and no serial port; write one of those that `ls /dev/serial/by-id/*` shows",
        ),
        ("/dev", "is a folder and no serial port"),
        ("/dev/serial/by-id/usb-EDIT-ME", "is the example's; write your sensor's port"),
        ("ttyACM0", "expected the path of a device, such as /dev/ttyACM0"),
        ("foo://x:1", "expected the path of a device, or one of socket://"),
        ("socket://x", "expected socket://host:port"),
        ("socket://x:70000", "expected socket://host:port"),
        ("socket://[::1:7777", "expected socket://host:port"),
        ("socket://sensor..local:7777", 'got "sensor..local"'),
        ("rfc2217://sensor..local:7777", 'got "sensor..local"'),
        ("RFC2217://sensor..local:7777", 'got "sensor..local"'),
        ("HwGrep://[(", "expected a regular expression after hwgrep://"),
        ("hwgrep://[(", "expected a regular expression after hwgrep://"),
        ("hwgrep://a{99999999999}", "expected a regular expression after hwgrep://"),
        ("socket://" + LONG, "expected"),
        (LONG, "expected"),
    ],
)
def test_what_is_no_serial_port_is_refused(port: str, expected: str) -> None:
    assert expected in refusal(check_serial_port, port)


def test_a_pipe_is_no_serial_port(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no serial port" in refusal(check_serial_port, str(tmp_path / "pipe"))


def test_addresses_are_taken_apart() -> None:
    assert host_and_port("socket://sensor.local:7777") == ("sensor.local", 7777)
    assert listening_address("[::]:8000") == ("::", 8000)
    assert sensor_server_address("ws://192.168.1.7") == ("192.168.1.7", 8080)
    assert sensor_server_address("ws://[fe80::1]:81/") == ("[fe80::1]", 81)


@pytest.mark.parametrize(
    "url", ["ws://sensor..local:8080", "ws://192.168.1.7/x", "http://x", "ws://[::1", LONG]
)
def test_what_is_no_phone_is_refused(url: str) -> None:
    assert "expected" in refusal(sensor_server_address, url)


@pytest.mark.parametrize("listen", ["localhost:8000", "0.0.0.0", ":8000", "0.0.0.0:0", "[::1:1", LONG])
def test_what_cannot_be_listened_on_is_refused(listen: str) -> None:
    assert "such as 0.0.0.0:8000" in refusal(listening_address, listen)
