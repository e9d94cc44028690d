"""The official lists of HMDB51: who learns from which clip, and what is no list."""

from pathlib import Path

import pytest

from edgehar.errors import RecordingError
from edgehar.evaluation.studies.clips.hmdb51 import CLASSES, SPLITS, read_split

LISTS = "testTrainMulti_7030_splits"


def write_lists(folder: Path, lines: dict[str, str], split: int = 1) -> Path:
    (folder / LISTS).mkdir(exist_ok=True)
    for label, text in lines.items():
        (folder / label).mkdir(exist_ok=True)
        (folder / LISTS / f"{label}_test_split{split}.txt").write_text(text)
    return folder


def test_each_split_says_who_learns_and_who_is_tested(tmp_path: Path) -> None:
    for split in SPLITS:
        parts = ["1", "2", "0"][split - 1 :] + ["1", "2", "0"][: split - 1]
        names = ["a_walk_f_nm_np1_fr_med_0.avi", "b !walk_1.avi", "c.avi"]
        text = "".join(f"{name} {part} \n" for name, part in zip(names, parts, strict=True))
        write_lists(tmp_path, {"walk": text, "wave": "only.avi 2\n\n"}, split)
    (tmp_path / "wave" / "only.avi").touch()
    told = {
        split: {clip.path.name: clip.tested for clip in read_split(tmp_path, split, ("walk", "wave"))}
        for split in SPLITS
    }
    assert told[1] == {"a_walk_f_nm_np1_fr_med_0.avi": False, "b !walk_1.avi": True, "only.avi": True}
    assert told[2] == {"a_walk_f_nm_np1_fr_med_0.avi": True, "c.avi": False, "only.avi": True}
    assert told[3] == {"b !walk_1.avi": False, "c.avi": True, "only.avi": True}
    [clip] = [clip for clip in read_split(tmp_path, 1, ("wave", "walk")) if clip.label == "wave"]
    assert clip.path == tmp_path / "wave" / "only.avi"


def test_the_general_movements_of_the_body_are_nineteen() -> None:
    assert len(set(CLASSES)) == 19


@pytest.mark.parametrize("line", ["a.avi", "a.avi 3", " 1", "../../a.avi 1", "a\0.avi 1"])
def test_a_line_of_another_form_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    write_lists(tmp_path, {"walk": f"good.avi 1\n{line}\n"})
    with pytest.raises(
        RecordingError, match=r"walk_test_split1\.txt:2: expected NAME\.avi and 0, 1 or 2, got"
    ):
        read_split(tmp_path, 1, ("walk",))


def test_lists_that_are_missing_and_clips_that_are_all_missing_are_one_error_each(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"cartwheel_test_split1\.txt: No such file.*official lists"):
        read_split(tmp_path, 1)
    write_lists(tmp_path, {"walk": "a.avi 1\nb.avi 2\n"})
    with pytest.raises(RecordingError, match=r"expected walk/\*\.avi and the like, got none of 2"):
        read_split(tmp_path, 1, ("walk",))
