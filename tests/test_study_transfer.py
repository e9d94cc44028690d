"""`edgehar-train study transfer`: the whole command on sets that the test writes, what it lacks, and where it goes on."""

from pathlib import Path

import archives
import msgspec
import numpy as np
import pytest
from people_sets import simulate

pytest.importorskip("keras")

from skeletons import PICTURES, drawn

from edgehar.cli import train as cli
from edgehar.evaluation.studies.outcome import outcome
from edgehar.evaluation.studies.results import Results
from edgehar.evaluation.studies.transfer.plan import (
    LONG,
    LONGER,
    OURS,
    OURS_ALL,
    OURS_LONG,
    RANDOM,
    TIMES,
    Cell,
    Settings,
    plan,
)  # fmt: skip
from edgehar.evaluation.studies.transfer.scores import Scores
from edgehar.evaluation.studies.transfer.starts import Fit
from edgehar.evaluation.studies.transfer.study import open_results
from edgehar.evaluation.studies.transfer.tables import tables
from edgehar.motion.capture.planar import JHMDB_JOINTS
from edgehar.training.studies.transfer import PUBLISHED, SMALL

PAGE = "# Studies\n<!-- scores study transfer -->\n<!-- /scores -->\nAfter.\n"
TINY = """
targets = ["dsads wrist"]
portions = [0.3]
seeds = 2
source = "jhmdb synth"
other_sources = ["ntu synth"]
other_targets = ["dsads wrist"]
published_targets = []
layers_target = "selfback wrist"
parts = false
windows = 100
simulated = 60
small = { steps = 1, batch = 8, learning_rate = 1e-3 }
published = { steps = 1, batch = 8, learning_rate = 1e-4 }
small_source = { steps = 1, batch = 8, learning_rate = 1e-3 }
published_source = { steps = 1, batch = 8, learning_rate = 1e-4 }
ours = { windows = 60, steps = 1, batch = 8, mocap = false }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with data, settings, and docs to write to."""
    script = [("walking", 14.0), ("sitting", 14.0)]
    (tmp_path / "data").mkdir()
    simulate(tmp_path / "data" / "imu" / "dsads.npz", script, ["wrist_right"], people=(1, 2))
    (tmp_path / "data" / "pose").mkdir()
    np.savez(
        tmp_path / "data" / "pose" / "jhmdb_gt_pose.npz",
        pose=np.tile(np.tile(drawn(JHMDB_JOINTS), (2, 1, 1)), (6, 1, 1)),
        n=np.full(6, 2 * PICTURES),
        label=["wave", "clap"] * 3,
        split1_train=np.arange(6) < 4,
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "studies.md").write_text(PAGE)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def _run(folder: Path, *more: str, data: str = "data") -> None:
    arguments = (
        "--data",
        str(folder / data),
        "--settings",
        str(folder / "tiny.toml"),
        "--out",
        str(folder / "docs"),
    )
    cli.main(["study", "transfer", *arguments, "--work", str(folder / "work"), *more])


def _main(folder: Path, *more: str, data: str = "data") -> int:
    with pytest.raises(SystemExit) as ended:
        _run(folder, *more, data=data)
    return int(ended.value.code or 0)


@pytest.mark.timeout(300)
def test_the_whole_study_on_little_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(folder) == 0
    shown = capsys.readouterr().out
    rows = [row for row in shown.splitlines() if row.startswith("| small tCNN | dsads wrist")]
    assert {row.split(" | ")[2] for row in rows} == {
        RANDOM, LONG, "jhmdb synth", OURS, OURS_ALL, OURS_LONG, "ntu synth",
    }  # fmt: skip
    assert [row for row in rows if "not at hand" in row] == [row for row in rows if "ntu" in row]
    assert "| pamap2 | tCNN | published, best transfer | 81.98 |" in shown
    assert "| pamap2 | tCNN | measured here | not run: data not at hand |" in shown
    assert shown.strip() in (folder / "docs" / "studies" / "transfer.md").read_text()
    page = (folder / "docs" / "studies.md").read_text()
    assert "[All tables](studies/transfer.md)" in page
    assert f"| small tCNN | dsads wrist | {OURS} |" in page
    assert "ntu synth" not in page
    assert (folder / "docs" / "studies" / "transfer.png").stat().st_size > 1000
    kept = (folder / "docs" / "studies" / "transfer.json").read_bytes()
    assert kept.count(b"seed 0") == 6

    # Whatever was scored is not fitted again, and with --no-fit nothing is.
    assert _main(folder) == 0
    again = capsys.readouterr().out
    assert again == shown
    assert _main(folder, "--no-fit") == 0
    assert capsys.readouterr().out == shown
    assert (folder / "docs" / "studies" / "transfer.json").read_bytes() == kept


def test_without_any_data_every_row_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty").mkdir()
    assert _main(folder, data="empty") == 0
    shown = capsys.readouterr().out
    assert shown.count("not run: data not at hand") > 20
    assert "[" not in shown
    assert not (folder / "docs" / "studies" / "transfer.png").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('targets = ["dsads knee"]', "no target is called 'dsads knee'; there are dsads wrist"),
        (
            'source = "jhmdb cubic"',
            "no source is called 'jhmdb cubic'; expected one of jhmdb, penn, cad60, ntu, then",
        ),
        ("source_window_s = 0.5", "source_window_s: expected at least 0.68, got 0.5"),
        ("portions = [0.0]", "portions"),
        ("epochs = 3", "epochs"),
    ],
)
def test_settings_that_make_no_study_are_refused(
    folder: Path, line: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "tiny.toml").write_text(line)
    assert _main(folder) == 78
    out, err = capsys.readouterr()
    assert not out
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_a_missing_folder_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(folder, data="none") == 78
    assert "none: no such folder; --data takes the one that holds imu/ and pose/" in capsys.readouterr().err


def test_missing_motion_is_said_before_the_first_fit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = folder / "tiny.toml"
    settings.write_text(settings.read_text().replace(", mocap = false", ""))
    assert _main(folder) == 78
    err = capsys.readouterr().err
    assert "data/mocap: no such folder; to do without recorded motion say mocap = false" in err
    assert not (folder / "docs" / "studies" / "transfer.json").exists()


def test_a_damaged_archive_is_said_before_the_first_fit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archives.pamap2_archive(folder / "data", [(4, 3.2)])
    damaged = next((folder / "data").glob("PAMAP2_Dataset/Protocol/subject106.dat"))
    damaged.write_text("no number\n")
    assert _main(folder) == 78
    assert "subject106.dat" in capsys.readouterr().err
    assert not (folder / "docs" / "studies" / "transfer.json").exists()


def test_a_plan_has_each_fit_once_and_begins_with_what_matters() -> None:
    settings = Settings()
    cells = plan(settings)
    keys = [cell.key(settings) for cell in cells]
    assert len(set(keys)) == len(keys)
    first = cells[: 4 * 2 * 6 * settings.seeds]
    assert {cell.portion for cell in first} == {0.1, 0.3}
    assert {cell.start for cell in first} == {RANDOM, settings.source, OURS, OURS_ALL, *LONGER}
    steps = {start: settings.course(SMALL, start).steps for start in (RANDOM, LONG, OURS, OURS_LONG)}
    assert steps[LONG] == steps[OURS_LONG] == TIMES * steps[RANDOM] == TIMES * steps[OURS]
    assert {(cell.layers, cell.frozen) for cell in cells if cell.network == PUBLISHED} >= {
        (4, True),
        (1, False),
    }


def test_other_settings_are_other_figures() -> None:
    usual, other = Settings(), msgspec.structs.replace(Settings(), simulated=100)
    ours = Cell(PUBLISHED, "selfback wrist", 0.1, OURS, 0)
    random = Cell(PUBLISHED, "selfback wrist", 0.1, RANDOM, 0)
    assert ours.key(usual) != ours.key(other)
    assert random.key(usual) == random.key(other)


def _scored(settings: Settings, folder: Path, right: dict[tuple[str, float], float]) -> Scores:
    """Return scores of so many right answers by start and portion, of the small network on the first target."""
    (folder / "studies").mkdir()
    results: Results[Fit] = open_results(folder)
    for (start, portion), share in right.items():
        for seed in range(settings.seeds):
            rng = np.random.default_rng(seed)
            person = np.repeat([f"{seed} {i}" for i in range(4)], 50)
            true = np.tile(np.arange(2), 100)
            answer = np.where(rng.random(200) < share, true, 1 - true)
            cell = Cell(SMALL, settings.targets[0], portion, start, seed)
            results.keep(cell.key(settings), Fit(outcome(("a", "b"), person, true, answer), 10, 1.0))
    return Scores(settings, results, folder)


def test_the_crossing_is_where_the_last_sure_gain_ends(tmp_path: Path) -> None:
    settings = Settings(archives=())
    of = {(RANDOM, portion): 0.8 for portion in settings.portions}
    of |= {(OURS, 0.1): 0.95, (OURS, 0.3): 0.95, (OURS, 0.5): 0.8, (OURS, 0.75): 0.8, (OURS, 1.0): 0.8}
    of |= {(OURS_ALL, 0.1): 0.95, (OURS_ALL, 1.0): 0.95}
    rows = [
        row
        for row in tables(_scored(settings, tmp_path, of)).splitlines()
        if row.startswith("| selfback wrist | ours")
    ]
    assert rows[0].endswith("| 50 % |")
    assert rows[0].count("**") == 4
    assert rows[1].endswith("| still is at 100 % |")
    assert rows[1].count("not run") == 3
