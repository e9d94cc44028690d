"""A file that a verb writes takes the place of an older one of its kind, and of nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgehar.apps.whole_file import require_replaceable, write_whole
from edgehar.errors import ConfigError

BEGINS = b"<!doctype html>"


@pytest.mark.parametrize("content", [None, b"", b"<!DOCTYPE html><p>", BEGINS])
def test_a_new_an_empty_and_an_older_one_are_written(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "page.html"
    if content is not None:
        path.write_bytes(content)
    require_replaceable(path, "a page", BEGINS)
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (Path.mkdir, "it is a folder"),
        (os.mkfifo, "it is a pipe, a device or a socket"),
        (lambda path: path.write_bytes(b"edgehar\x01"), "is there already and is not a page"),
        (lambda path: path.symlink_to("/dev/null"), "it is a pipe, a device or a socket"),
    ],
)
def test_anything_else_is_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], object], complaint: str
) -> None:
    path = tmp_path / "page.html"
    make(path)
    before = path.lstat()
    with pytest.raises(ConfigError, match=complaint):
        require_replaceable(path, "a page", BEGINS)
    assert path.lstat() == before
    assert [*tmp_path.iterdir()] == [path]


def test_a_name_that_cannot_be_written_is_refused_before_the_work() -> None:
    with pytest.raises(ConfigError, match=r"there is no folder /nowhere"):
        require_replaceable(Path("/nowhere/page.html"), "a page", BEGINS)
    with pytest.raises(ConfigError, match=r"/proc/page\.html: .*; name another file"):
        require_replaceable(Path("/proc/page.html"), "a page", BEGINS)
    with pytest.raises(ConfigError, match=r"/proc/page\.html: .*; name another file"):
        write_whole(Path("/proc/page.html"), b"")


def test_where_a_link_points_is_written(tmp_path: Path) -> None:
    page, link = tmp_path / "page.html", tmp_path / "link.html"
    link.symlink_to(page)
    require_replaceable(link, "a page", BEGINS)
    write_whole(link, BEGINS)
    assert link.is_symlink()
    assert page.read_bytes() == BEGINS
