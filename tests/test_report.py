"""The figures beside a model and in its work folder, which belong to that model."""

from pathlib import Path

import msgspec
import pytest
from conftest import ROOT

from edgehar.errors import ConfigError
from edgehar.evaluation import report
from edgehar.evaluation.results import Results
from edgehar.pipeline import manifest

SHIPPED = ROOT / "models" / "imu_tcn.json"
OTHERS = "0" * 64


def beside(folder: Path, sha256: str) -> tuple[Path, Path]:
    """Write a model, and a work folder whose results are of the network with this hash."""
    (folder / "imu_tcn.json").write_bytes(SHIPPED.read_bytes())
    results = Results("imu_tcn@1", sha256, "", "", {}, {}, {}, {}, {}, {})
    (folder / "work").mkdir()
    (folder / "work" / "results.json").write_bytes(msgspec.json.encode(results))
    return folder / "imu_tcn", folder / "work"


def test_other_scores_are_added_to_the_figures_of_the_same_network(tmp_path: Path) -> None:
    stem, work = beside(tmp_path, manifest.read(SHIPPED).sha256)
    readme = tmp_path / "DETAILS.md"
    readme.write_text("Above\n<!-- scores imu_tcn baselines -->\n<!-- /scores -->\nBelow\n", encoding="utf-8")
    report.check(stem, work, write=True)
    report.add(stem, work, "baselines", {"forest": 1}, "| all, ° |", "| macro-F1, ° |")
    results = report.read_results(work / "results.json")
    assert results is not None
    assert results.more == {"baselines": {"forest": 1}}
    assert (work / "baselines.md").read_text(encoding="utf-8") == "| all, ° |\n"
    marked = "<!-- scores imu_tcn baselines -->\n| macro-F1, ° |\n<!-- /scores -->"
    assert readme.read_text(encoding="utf-8") == f"Above\n{marked}\nBelow\n"


def test_nothing_is_added_to_the_figures_of_another_network(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stem, work = beside(tmp_path, OTHERS)
    before = (work / "results.json").read_bytes()
    refusal = r"results\.json: .*another network.*run `edgehar-train evaluate .*imu_tcn\.json` first$"
    with pytest.raises(ConfigError, match=refusal):
        report.check(stem, work, write=True)
    with pytest.raises(ConfigError, match=refusal):
        report.add(stem, work, "baselines", {}, "", "")
    assert (work / "results.json").read_bytes() == before
    assert not (work / "baselines.md").exists()
    report.check(stem, work, write=False)
    [record] = caplog.records
    assert "another network" in record.getMessage()


def test_without_results_a_model_that_was_never_scored_is_refused_what_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stem, work = beside(tmp_path, OTHERS)
    (work / "results.json").unlink()
    report.check(stem, work, write=True)
    spec = msgspec.structs.replace(manifest.read(SHIPPED), metrics={}, manifest_sha256="")
    stem.with_suffix(".json").write_bytes(msgspec.json.encode(spec))
    refusal = r"imu_tcn\.json: a network that was not scored yet; run `edgehar-train evaluate .*imu_tcn\.json` first$"
    with pytest.raises(ConfigError, match=refusal):
        report.check(stem, work, write=True)
    with pytest.raises(ConfigError, match=refusal):
        report.add(stem, work, "baselines", {}, "", "")
    assert not list(work.iterdir())
    report.check(stem, work, write=False)
    [record] = caplog.records
    assert "not scored yet" in record.getMessage()


def test_where_no_model_is_nothing_is_required(tmp_path: Path) -> None:
    report.check(tmp_path / "imu_tcn", tmp_path, write=True)
    report.add(tmp_path / "imu_tcn", tmp_path, "baselines", {}, "| table |", "")
    assert [path.name for path in tmp_path.iterdir()] == ["baselines.md"]


@pytest.mark.parametrize("text", ["# Models\n", "<!-- scores imu_tcn baselines -->\nnever closed\n"])
def test_a_page_without_a_place_for_a_table_gets_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    (tmp_path / "DETAILS.md").write_text(text)
    report.add(tmp_path / "imu_tcn", tmp_path, "baselines", {}, "", "| table |")
    [record] = caplog.records
    assert f"{tmp_path / 'DETAILS.md'}: left as it is" in record.getMessage()
    assert "<!-- scores imu_tcn baselines --> and <!-- /scores -->" in record.getMessage()
    assert (tmp_path / "DETAILS.md").read_text() == text


@pytest.mark.parametrize("content", [b"{}", b"\xff", b'{"model": "\xff"}'])
def test_what_are_no_results_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"^[^\n]*results\.json: no results of[^\n]*$"):
        report.check(tmp_path / "imu_tcn", tmp_path, write=False)
