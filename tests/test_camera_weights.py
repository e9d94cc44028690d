"""Which file is taken for MoveNet's weights, and where it is looked for."""

import os
import shutil
from pathlib import Path

import pytest
from published import int8_file

from edgehar.errors import OperatorError
from edgehar.sources.camera import weights
from edgehar.sources.camera.weights import FILE_NAME, INT8, LARGEST, find_weights, folders, identify


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the folders of a service that is told of all, the machine's made up."""
    monkeypatch.setattr(weights, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv("CACHE_DIRECTORY", f"{tmp_path}/service:{tmp_path}/another")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return [tmp_path / "service", tmp_path / "user" / "edgehar", tmp_path / "system"]


def test_the_services_cache_comes_before_the_users_and_that_before_the_machines(places: list[Path]) -> None:
    assert folders() == places


@pytest.mark.parametrize(("account", "count"), [(0, 1), (1000, 2)], ids=["root", "a user"])
def test_root_has_no_cache_but_the_machines_as_it_pulls_for_the_service(
    account: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/paths/do/not/count")
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setattr(os, "geteuid", lambda: account)
    assert folders() == [Path("/home/anna/.cache/edgehar"), weights.SYSTEM][-count:]


def test_the_first_whole_file_is_taken_and_a_damaged_one_passed_over(places: list[Path], data: Path) -> None:
    for folder in places:
        folder.mkdir(parents=True)
    (places[0] / FILE_NAME).write_bytes(b"half a download")
    for folder in places[1:]:
        shutil.copy(int8_file(data), folder / FILE_NAME)
    assert find_weights() == places[1] / FILE_NAME


def test_where_there_is_none_the_error_says_how_to_get_it_and_where_it_was_looked_for(
    places: list[Path],
) -> None:
    places[0].mkdir()
    (places[0] / FILE_NAME).write_bytes(b"half a download")
    with pytest.raises(OperatorError) as caught:
        find_weights()
    told = str(caught.value)
    assert "`edgehar models pull movenet-lightning` fetches them" in told
    assert ", ".join(map(str, places)) in told
    assert (
        f"{places[0] / FILE_NAME}: expected MoveNet's weights, 2,894,840 bytes (int8, sha256 cd7cc22f" in told
    )
    assert "got 15 bytes" in told


def test_a_file_that_is_named_is_taken_or_refused_whatever_lies_elsewhere(
    places: list[Path], data: Path
) -> None:
    places[0].mkdir()
    shutil.copy(int8_file(data), places[0] / FILE_NAME)
    assert find_weights(int8_file(data)) == int8_file(data)
    for path, says in (
        (places[0] / "nothing.tflite", "No such file"),
        (places[0], "Is a directory"),
        (Path("/dev/zero"), f"got more than {LARGEST:,} bytes"),
    ):
        with pytest.raises(OperatorError, match=says) as caught:
            find_weights(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "`edgehar models pull movenet-lightning` fetches it" in str(caught.value)


def test_one_flipped_bit_is_another_file(data: Path) -> None:
    content = bytearray(int8_file(data).read_bytes())
    assert identify(bytes(content)) == INT8
    content[1_000_000] ^= 1
    with pytest.raises(OperatorError, match=r"got 2,894,840 bytes, sha256 [0-9a-f]{64}$"):
        identify(bytes(content))
