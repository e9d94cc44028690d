"""Several models side by side: what is kept of each, and the table of those that lie there."""

from pathlib import Path

import pytest

from edgehar.errors import ConfigError
from edgehar.evaluation import comparison
from edgehar.evaluation.comparison import FalseStarts, Figures, Scores
from edgehar.evaluation.plan import GESTURES_ROW
from edgehar.evaluation.unseen import NEVER, OTHERS
from edgehar.pipeline.model_spec import SEEN


def figures(
    fine: float, coarse: float = 0.9, mark: str = NEVER, windows: int = 500, people: int = 2
) -> Figures:
    return Figures(windows, people, fine, coarse, mark)


TUNED = Scores(
    "net@1",
    "0" * 64,
    {
        "walks wrist": figures(0.5, mark=NEVER),
        "life wrist": figures(0.8, mark=OTHERS),
        "life chest": figures(0.6, 0.7, mark=OTHERS),
        "life ankle": figures(0.1, mark=OTHERS, windows=99),
        "home wrist": figures(0.99, mark=SEEN),
    },
    {"desk wrist": FalseStarts(6.0, 2.0, 3.4, NEVER)},
)
SYNTHETIC = Scores(
    "net_synthetic@1",
    "1" * 64,
    {
        "walks wrist": figures(0.4),
        "life wrist": figures(0.3),
        "life chest": figures(0.2, people=4),
        "home wrist": figures(0.25),
    },
    {"desk wrist": FalseStarts(6.0, 20.0, 24.0, NEVER)},
)


def rows(text: str) -> dict[str, list[str]]:
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line]
    return {f"{line[0]}, {line[1]}": line[2:] for line in lines}


def test_what_lies_there_is_compared_and_what_does_not_has_no_column(tmp_path: Path) -> None:
    assert comparison.read(tmp_path, "net") == {}
    assert comparison.tables({}) == ""
    comparison.write(tmp_path, "net_random_forest", SYNTHETIC)
    comparison.write(tmp_path, "net", TUNED)
    columns = comparison.read(tmp_path, "net")
    assert columns == {"fine-tuned": TUNED, "random forest": SYNTHETIC}
    assert comparison.tables(columns).splitlines()[0].endswith("| fine-tuned | random forest |")
    assert comparison.file_of(tmp_path, "net").stat().st_size < 4000


def test_a_model_that_was_tuned_on_nobody_is_called_synthetic(tmp_path: Path) -> None:
    comparison.write(tmp_path, "net", SYNTHETIC)
    assert comparison.read(tmp_path, "net") == {"synthetic only": SYNTHETIC}


def test_rows_stand_by_whom_the_model_knows_with_their_means() -> None:
    table, _, _ = comparison.tables({"fine-tuned": TUNED}).partition("\n\n")
    assert list(rows(table))[2:] == [
        f"life wrist, {OTHERS}",
        f"life chest, {OTHERS}",
        f"**mean of collections**, {OTHERS}",
        f"walks wrist, {NEVER}",
        f"**mean of collections**, {NEVER}",
        f"home wrist, {SEEN}",  # of those who were fitted to there is no mean
    ]
    assert rows(table)[f"**mean of collections**, {OTHERS}"] == ["", "", "**0.700 / 0.800**"]
    assert rows(table)[f"life wrist, {OTHERS}"] == ["2", "500", "0.800 / 0.900"]


def test_only_the_same_people_are_compared() -> None:
    table, _, starts = comparison.tables({"fine-tuned": TUNED, "synthetic only": SYNTHETIC}).partition("\n\n")
    both = rows(table)
    assert both[f"life wrist, {OTHERS}"][2:] == ["0.800 / 0.900", "0.300 / 0.900"]
    assert both[f"life chest, {OTHERS}"][2:] == ["0.600 / 0.700", ""]
    assert both[f"**mean of collections**, {OTHERS}"][2:] == ["**0.700 / 0.800**", ""]
    assert both[f"**mean of collections**, {NEVER}"][2:] == ["**0.500 / 0.900**", "**0.400 / 0.900**"]
    assert rows(starts)[f"desk wrist, {NEVER}"] == ["6.0", "2.0 (3.4)", "20.0 (24.0)"]


def test_whoever_wore_many_sensors_counts_once_and_gestures_are_in_the_rows_of_their_sets() -> None:
    rows_of_two = {
        "life_watch wrist": 0.8,
        "life_watch all together": 0.6,
        "life_phone pocket": 0.1,
        "walks ankle": 0.9,
    }
    assert comparison.mean_of_collections(rows_of_two) == pytest.approx(0.7)
    gestures = {"walks wrist": figures(0.5), GESTURES_ROW: figures(0.1)}
    table = comparison.tables({"fine-tuned": Scores("net@1", "0" * 64, gestures, {})})
    assert rows(table)[f"**mean of collections**, {NEVER}"] == ["", "", "**0.500 / 0.900**"]
    alone = Scores("net@1", "0" * 64, {GESTURES_ROW: figures(0.1)}, {})
    assert "mean" not in comparison.tables({"fine-tuned": alone})


@pytest.mark.parametrize(
    ("name", "stem"),
    [("net", "net"), ("net_synthetic", "net"), ("net_random_forest", "net"), ("_synth", "_synth")],
)
def test_a_name_tells_what_a_model_is_compared_with(name: str, stem: str) -> None:
    assert comparison.stem_of(name) == stem


@pytest.mark.parametrize("content", [b"{}", b"\xff", b"[]"])
def test_other_content_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    comparison.write(tmp_path, "net", TUNED)
    comparison.file_of(tmp_path, "net").write_bytes(content)
    with pytest.raises(ConfigError, match=r"^[^\n]*net\.json: no scores of `edgehar-train evaluate`[^\n]*$"):
        comparison.read(tmp_path, "net")
