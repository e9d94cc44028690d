from pathlib import Path

import pytest

from edgehar.errors import ConfigError
from edgehar.training.files import check_writable, write_whole


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted(new: Path) -> None:
        new.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, interrupted)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"file/a\.txt: cannot be written: Not a directory; make room"):
        write_whole(tmp_path / "file" / "a.txt", lambda path: path.write_text("new"))


def test_a_folder_to_write_to_is_made_and_tried(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b", "mend it")
    assert not list((tmp_path / "a" / "b").iterdir())
    (tmp_path / "file").touch()
    for folder in (
        tmp_path / "file",
        tmp_path / "file" / "a",
        Path("/proc"),
    ):  # nobody writes there, not even root
        with pytest.raises(ConfigError, match=rf"^{folder}: .*; mend it$"):
            check_writable(folder, "mend it")
