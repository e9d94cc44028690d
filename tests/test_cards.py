"""The card of each shipped model: whole, of this version, and with figures that are the manifest's."""

import json
import re
import shutil
from pathlib import Path

import pytest
from conftest import ROOT
from shell import run

from edgehar.apps.cards import MUST_NOT, card_of
from edgehar.pipeline import manifest

SECTIONS = (
    "What it is for",
    "Users, and the people it is used on",
    "What it takes and tells",
    "Whose data are in it",
    "How people are represented",
    "Figures",
    "Limits",
    MUST_NOT,
    "Law",
)
CARDS = ROOT / "models" / "cards"
NAMES = [path.stem for path in manifest.available()]


def test_each_model_has_a_card_and_each_card_a_model() -> None:
    assert sorted(path.stem for path in CARDS.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_card_has_all_sections_in_their_order_and_something_in_each(name: str) -> None:
    parts = re.split(r"^## (.+)\n", (CARDS / f"{name}.md").read_text(), flags=re.MULTILINE)
    assert tuple(parts[1::2]) == SECTIONS
    assert all(len(text.split()) >= 10 for text in parts[2::2])


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_of_the_pair_that_ships(name: str) -> None:
    spec, text = manifest.read(manifest.find(name)), (CARDS / f"{name}.md").read_text()
    assert text.startswith(f"# {spec.name} {spec.version}\n")
    assert f"| version | `{spec.version}` |" in text
    assert f"`{name}.tflite`, sha256 `{spec.sha256}`" in text
    if spec.trained_on:
        low, high = spec.trained_on.rates_hz
        assert f" of {low:g} to {high:g} " in text or f"[{name.removesuffix('_synthetic')}]" in text


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_of_a_card_are_the_manifests(name: str) -> None:
    metrics, text = manifest.read(manifest.find(name)).metrics, (CARDS / f"{name}.md").read_text()
    table = text.partition("## Figures\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (\d\.\d+) \|$", table, re.MULTILINE)
    assert len(rows) >= 4
    for recordings, mark, figure in rows:
        scores = metrics[recordings]
        assert (mark, figure) == (scores["mark"], f"{scores.get('right', scores['macro_f1']):.3f}")


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_who_must_not_be_harmed_and_who_was_never_tested(name: str) -> None:
    card = card_of(manifest.read(manifest.find(name)), manifest.find(name))
    assert card
    assert "Watching workers" in card.must_not
    assert len(card.must_not) >= 6
    text = card.path.read_text()
    for word in (
        "children",
        "pregnant",
        "wheelchair",
        "prostheses",
        "Annex III, point 4(b)",
        "no legal advice",
    ):
        assert word in " ".join(text.split()), word


def test_a_card_names_every_set_that_the_model_was_tuned_on() -> None:
    provenance, text = manifest.read(manifest.find("imu_tcn")).provenance, (CARDS / "imu_tcn.md").read_text()
    assert all(name in text for name in provenance["tuned_on"])


def test_info_says_what_a_model_must_not_be_used_for_and_where_its_card_is() -> None:
    _, out, _ = run("models", "info", "pose_tcn")
    assert "it must not be used for: watching workers; judging or ranking people;" in out
    assert f"card: {CARDS / 'pose_tcn.md'}" in out
    _, out, _ = run("models", "info", "pose_tcn", "--json")
    assert json.loads(out)["card"] == str(CARDS / "pose_tcn.md")


def test_a_model_that_was_made_from_another_has_its_bases_card(tmp_path: Path) -> None:
    raw = json.loads((ROOT / "models" / "imu_tcn.json").read_text()) | {"name": "mine"}
    raw["provenance"]["base"] = {"id": "imu_tcn@0.5.0", "sha256": raw["sha256"]}
    (tmp_path / "mine.json").write_text(json.dumps(raw | {"manifest_sha256": manifest.seal(raw)}))
    shutil.copy(ROOT / "models" / "imu_tcn.tflite", tmp_path / "mine.tflite")
    _, out, _ = run("models", "info", str(tmp_path / "mine.json"))
    assert f"card of imu_tcn, its base: {CARDS / 'imu_tcn.md'}" in out
    raw["provenance"]["base"] = None
    (tmp_path / "mine.json").write_text(json.dumps(raw | {"manifest_sha256": manifest.seal(raw)}))
    _, out, _ = run("models", "info", str(tmp_path / "mine.json"))
    assert "card" not in out
