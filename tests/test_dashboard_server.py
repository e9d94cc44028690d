"""Who may look at the page, what a slow browser gets, and what looking on costs, without a browser."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from listening import until
from mosquitto import PATIENCE_S, free_port
from msgspec.structs import replace
from retained import retained_bytes
from test_daemon_requests import running

from edgehar.apps import page as page_app
from edgehar.apps.page import demo_page, page_beside
from edgehar.config.read import parse
from edgehar.config.schema import Config, Dashboard, Gateway
from edgehar.config.worn import Replay, SimulatedWearer, Wearer
from edgehar.daemon.daemon import Daemon
from edgehar.dashboard import server
from edgehar.dashboard.access import HEADERS
from edgehar.dashboard.page import Page
from edgehar.errors import ConfigError
from edgehar.recordings.ehr import Header
from edgehar.recordings.ehr_writer import Writer
from edgehar.sources import LinkState
from edgehar.sources.simulated.simulator import Simulator
from edgehar.types import Stream

JSON = {"Content-Type": "application/json"}
PAUSE = json.dumps({"verb": "pause", "wearer": "anna"})


def config(port: int, folder: Path | None = None, token: Path | None = None) -> Config:
    anna = Wearer(id="anna", simulator=SimulatedWearer(placements=["trouser_pocket"], seed=349))
    return Config(
        gateway=Gateway(id="gw", state_dir=str(folder) if folder else None),
        wearer=[anna],
        dashboard=Dashboard(f"127.0.0.1:{port}", token_file=str(token) if token else None),
    )


def page_of(daemon: Daemon) -> Page:
    [page] = [each for each in daemon.publishers if isinstance(each, Page)]
    return page


@asynccontextmanager
async def served(
    settings: Config, daemon: Daemon | None = None
) -> AsyncIterator[tuple[Daemon, aiohttp.ClientSession]]:
    """Run a daemon with its page, and somebody who asks it."""
    assert settings.dashboard
    daemon = daemon or Daemon(settings)
    base = f"http://{settings.dashboard.listen}"
    async with page_beside(daemon, settings), running(daemon), aiohttp.ClientSession(base) as session:
        _, port = settings.dashboard.listen.split(":")
        await until(lambda: _is_open(int(port)))
        yield daemon, session


def _is_open(port: int) -> bool:
    with socket.socket() as trying:
        return trying.connect_ex(("127.0.0.1", port)) == 0


async def status_of(session: aiohttp.ClientSession, path: str, **headers: str) -> int:
    async with session.get(
        path, headers={name.replace("_", "-"): text for name, text in headers.items()}
    ) as answer:
        return answer.status


async def test_no_name_but_the_hosts_own_leads_to_a_page_without_a_token() -> None:
    async with served(config(free_port())) as (_, session):
        names = ["localhost", "localhost:9999", "127.0.0.1", "[::1]:8765"]
        assert [await status_of(session, "/", Host=name) for name in names] == [200] * 4
        # As a website does whose name was made to lead here.
        strangers = ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.168.1.7", "[", ""]
        assert {await status_of(session, "/", Host=name) for name in strangers} <= {403, 400}


async def test_who_names_no_host_is_refused_and_no_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = list[str]()

    def look_up(name: str = "") -> str:
        looked_up.append(name)
        return "localhost"

    monkeypatch.setattr(socket, "getfqdn", look_up)
    port = free_port()
    async with served(config(port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 403 " in await reader.readline()
        writer.close()
    assert looked_up == []


async def test_no_other_website_opens_the_socket_presses_a_button_or_frames_the_page() -> None:
    async with served(config(free_port())) as (daemon, session):
        for origin in ("https://evil.example", "http://localhost:1", "null", "http://["):
            assert await status_of(session, "/live", Origin=origin) == 403
            async with session.post("/do", data=PAUSE, headers=JSON | {"Origin": origin}) as answer:
                assert answer.status == 403
        assert await status_of(session, "/picture/anna", Sec_Fetch_Site="cross-site") == 403
        assert await status_of(session, "/", Sec_Fetch_Site="cross-site") == 200
        # What a form can send unasked.
        async with session.post("/do", data=PAUSE, headers={"Content-Type": "text/plain"}) as answer:
            assert answer.status == 415
        assert not daemon.controls[0].is_paused
        async with session.get("/") as answer:
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_every_answer_has_the_headers() -> None:
    async with served(config(free_port())) as (_, session):
        for path in ("/", "/page.js", "/page.css", "/nothing", "/picture/anna", "/picture/zo"):
            async with session.get(path) as answer:
                assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        async with session.ws_connect("/live") as link:
            assert link._response.headers["Cache-Control"] == "no-store"


async def test_with_a_token_who_does_not_show_it_gets_nothing(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    async with served(config(free_port(), token=tmp_path / "token")) as (daemon, session):
        session.cookie_jar.clear()
        for path in ("/", "/page.js", "/live", "/picture/anna", "/?token=s3cre", "/?token="):
            assert await status_of(session, path) == 401
        for shown in ("Bearer s3cre", "Bearer", "s3cret", "Bearer \xff"):
            assert await status_of(session, "/", Authorization=shown) == 401
        async with session.post("/do", data=PAUSE, headers=JSON) as answer:
            assert (answer.status, daemon.controls[0].is_paused) == (401, False)
        assert await status_of(session, "/live", Cookie="edgehar=s3cret") == 401
        # By any name: who has it is no website.
        assert await status_of(session, "/", Authorization="Bearer s3cret", Host="pi.local") == 200


async def test_a_cookie_stands_for_the_token_and_outlives_the_daemon(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    settings = config(free_port(), token=tmp_path / "token")
    async with served(settings) as (_, session), session.get("/?token=s3cret") as answer:
        kept = answer.headers["Set-Cookie"]
        assert "HttpOnly" in kept
        assert "SameSite=Strict" in kept
        assert "s3cret" not in kept
    async with served(settings) as (_, session):
        assert await status_of(session, "/", Cookie=kept.partition(";")[0]) == 200


async def test_while_nobody_looks_nothing_is_composed_and_no_sample_handed_over() -> None:
    async with served(config(free_port())) as (daemon, session):
        pipeline = daemon.feeds[0].pipeline
        assert not pipeline.watchers
        async with session.ws_connect("/live") as link:
            assert (await link.receive_json())["type"] == "hello"
            assert (await link.receive_json())["type"] == "state"
            await until(lambda: len(pipeline.watchers) == 1)
        await until(lambda: not pipeline.watchers)
        assert not any(task.get_name() in {"page", "viewer"} for task in asyncio.all_tasks())


async def test_a_state_that_changes_is_sent_at_once_and_to_all() -> None:
    async with served(config(free_port())) as (daemon, session), contextlib.AsyncExitStack() as stack:
        links = [await stack.enter_async_context(session.ws_connect("/live")) for _ in range(3)]
        daemon.controls[0].pause()
        for link in links:
            paused = False
            while not paused:
                message = await link.receive_json()
                paused = message["type"] == "state" and message["wearers"][0]["paused"]


async def test_sensors_are_heard_while_the_page_of_many_wearers_is_composed() -> None:
    settings = config(free_port())
    many = [replace(settings.wearer[0], id=f"wearer-{i}") for i in range(5)]
    daemon = Daemon(replace(settings, wearer=many))
    page, turns = Page(daemon, settings), 0
    composing = asyncio.create_task(page.state())
    while not composing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > len(many)
    assert [wearer["id"] for wearer in composing.result()["wearers"]] == [wearer.id for wearer in many]


async def test_a_replay_is_shown_as_of_the_time_that_it_has_come_to(tmp_path: Path) -> None:
    walk = Simulator(placements=["wrist"], script=[("walking", 20.0)], speed=0)
    with Writer(tmp_path / "walk.ehr", Header("anna", (Stream("wrist"),), epoch=0.0)) as writer:
        for item in walk.packets():
            writer.push(*item)
    replay = Replay(path=str(tmp_path / "walk.ehr"), speed=0.0)
    settings = replace(config(free_port()), wearer=[Wearer(id="anna", replay=replay)])
    daemon = Daemon(settings)
    page = Page(daemon, settings)
    daemon.publishers.append(page)
    await daemon.run()
    [wearer] = (await page.state())["wearers"]
    # It was recorded in the first seconds of 1970.
    assert time.time() - wearer["behind_s"] == pytest.approx(20.0, abs=3.0)
    assert wearer["timeline"][-1][1] == "no_signal"
    assert 0.0 <= wearer["timeline"][-2][0] < wearer["timeline"][-1][0] < 21.0


async def test_what_sensors_measure_comes_as_counts_up_to_now() -> None:
    async with served(config(free_port())) as (_, session), session.ws_connect("/live") as link:
        lines: list[Any] = []
        while not lines or max(lines) == -32768:
            message = await link.receive_json()
            if message["type"] == "strips" and message["wearers"]:
                raw = base64.b64decode(message["wearers"]["anna"][0]["lines"])
                lines = list(memoryview(raw).cast("h"))
        assert len(lines) == 3 * 420


async def handshake(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open the WebSocket as a browser that reads little at a time."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=4096)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_browser_that_does_not_read_costs_little_and_then_gets_the_newest() -> None:
    port, size, messages = free_port(), 10_000, 3000
    async with served(config(port)) as (daemon, _):
        viewers = page_of(daemon).viewers
        reader, writer = await handshake(port)
        await until(lambda: len(viewers) == 1)
        with retained_bytes() as kept:
            for number in range(messages):
                viewers.offer("test", f"[{number:08}]" * (size // 10))
                await asyncio.sleep(0)
            assert kept() < 40 * size
        viewers.offer("test", "the newest")
        read = 0
        newest = b""
        while b"the newest" not in newest:
            chunk = await reader.read(4096)
            read, newest = read + len(chunk), newest[-100:] + chunk
        # All that was sent in between would be thirty megabytes.
        assert read < messages * size / 20
        writer.close()
        await until(lambda: len(viewers) == 0)


async def test_there_is_a_bound_to_those_who_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_VIEWERS", 2)
    async with served(config(free_port())) as (_, session), contextlib.AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(session.ws_connect("/live"))
        assert await status_of(session, "/live") == 503


class Camera(Simulator):
    """A source of which a picture can be had."""

    link: LinkState
    newest: bytes | None = b"\xff\xd8 a picture"

    def picture(self) -> bytes | None:
        return self.newest


async def test_a_cameras_picture_is_for_who_may_look_and_is_kept_nowhere(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    settings = config(free_port(), token=tmp_path / "token")
    daemon = Daemon(settings)
    camera = Camera(placements=["trouser_pocket"])
    daemon.feeds[0].sources[0] = camera
    daemon.feeds[0].streams = (Stream("trouser_pocket", "keypoints"),)
    bearer = {"Authorization": "Bearer s3cret"}
    async with served(settings, daemon) as (_, session):
        assert await status_of(session, "/picture/anna") == 401
        async with session.get("/picture/anna", headers=bearer) as answer:
            assert (await answer.read(), answer.content_type) == (camera.newest, "image/jpeg")
            assert answer.headers["Cache-Control"] == "no-store"
        camera.newest = None  # private, and what was made for others is a moment old
        async with asyncio.timeout(PATIENCE_S):
            while await status_of(session, "/picture/anna", **bearer) != 204:
                pass
        assert await status_of(session, "/picture/zo", **bearer) == 204
        async with session.ws_connect("/live", headers=bearer) as link:
            await link.receive_json()
            [sensor] = (await link.receive_json())["wearers"][0]["sensors"]
            assert (sensor["is_camera"], sensor["has_picture"]) == (True, True)


@pytest.mark.parametrize(
    ("wish", "status", "words"),
    [
        ({"verb": "dance", "wearer": "anna"}, 400, "Invalid enum value 'dance'"),
        ({"verb": "pause", "wearer": "../etc"}, 400, "`$.wearer`"),
        ({"verb": "record", "wearer": "anna", "label": "../x"}, 400, "`$.label`"),
        ({"verb": "pause", "wearer": "zo"}, 409, 'nobody here is called "zo"; here are anna'),
        ({"verb": "mark", "wearer": "zo"}, 409, 'nobody here is called "zo"'),
        (
            {"verb": "correct", "wearer": "anna", "label": "x"},
            409,
            "nothing is kept here: add a table [keep]",
        ),
        ({"verb": "mark", "wearer": "anna"}, 409, "there is no folder to write to; give state_dir"),
    ],
)
async def test_a_button_that_can_do_nothing_says_why(wish: dict[str, str], status: int, words: str) -> None:
    async with served(config(free_port())) as (_, session), session.post("/do", json=wish) as answer:
        assert answer.status == status
        assert words in (await answer.json())["error"]


async def test_a_port_that_is_taken_is_named_and_the_daemon_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = config(taken.getsockname()[1])
        daemon = Daemon(settings)
        async with page_beside(daemon, settings), running(daemon):
            await until(lambda: "address already in use" in caplog.text and "trying again" in caplog.text)
            await until(lambda: daemon.feeds[0].is_up)


async def test_the_demos_page_has_another_port_where_the_usual_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(page_app, "Dashboard", lambda: Dashboard(f"127.0.0.1:{port}"))
        settings = replace(config(1), dashboard=None)
        async with demo_page(Daemon(settings), settings) as address, aiohttp.ClientSession() as session:
            assert str(port) not in address
            assert await status_of(session, address) == 200


WEARER = '[[wearer]]\nid = "anna"\n[wearer.simulator]\nplacements = ["wrist"]\n'


@pytest.mark.parametrize("listen", ["0.0.0.0:8765", "192.168.1.7:8765", "[::]:8765"])
def test_a_page_for_the_network_wants_a_token(listen: str) -> None:
    text = f'{WEARER}[dashboard]\nlisten = "{listen}"\n'
    with pytest.raises(
        ConfigError,
        match=r"toml:6: dashboard\.listen: .* shows the network what wearers do; give a token_file",
    ):
        parse(text)
    assert parse(f'{text}token_file = "./token"\n').dashboard


@pytest.mark.parametrize("listen", ["127.0.0.1:8765", "127.0.0.2:1", "[::1]:8765"])
def test_a_page_for_this_host_alone_wants_none(listen: str) -> None:
    assert parse(f'{WEARER}[dashboard]\nlisten = "{listen}"\n').dashboard == Dashboard(listen)


def test_an_address_that_is_none_is_refused_by_its_key() -> None:
    with pytest.raises(ConfigError, match=r"dashboard\.listen: \"here\": expected an address of this host"):
        parse(f'{WEARER}[dashboard]\nlisten = "here"\n')


def test_a_token_that_cannot_be_read_is_refused_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dashboard\.token_file: .*/none: cannot be read"):
        Daemon(config(1, token=tmp_path / "none"))
