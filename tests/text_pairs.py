"""A pair whose embedding shares a space with texts, made of the shipped network in seconds and without fitting one.

Where texts lie in its embedding is solved for: each caption of an activity where windows of it lie in the mean.
"""

import shutil
from pathlib import Path

import numpy as np
from conftest import ROOT
from labelled import record
from msgspec.structs import replace

from edgehar.personal.judged import judge
from edgehar.personal.takes import read_take
from edgehar.pipeline.prototypes import Text, prototype
from edgehar.pipeline.recognizer import load
from edgehar.training import export, text_tower
from edgehar.training.texts import captions, embeddings

TRAINED = ("walking", "sitting", "standing", "running", "jumping", "waving", "clapping")
UNHEARD = ("squatting", "arm_work", "rowing")
SQUATS = "a person does squats"


def make(folder: Path) -> Path:
    """Write the pair `spoken` with its text tower, and return its stem."""
    network, pair = load(ROOT / "models" / "imu_tcn"), folder / "spoken"
    script = [(activity, 12.0) for activity in (*TRAINED, *UNHEARD)]
    judged = judge(network, [read_take(record(folder / "all.ehr", script, seed=5))], 0.64)
    label = np.array(judged.label)
    points, texts = [], []
    for activity in (*TRAINED, *UNHEARD):
        mean = judged.embedding[label == activity].mean(axis=0)
        for text in captions(activity):
            points.append(mean / np.linalg.norm(mean))
            texts.append(text)
    projection = np.linalg.lstsq(embeddings(texts), np.array(points), rcond=None)[0].astype(np.float32)
    trained = tuple(
        prototype(name, captions(name)[0], (embeddings(captions(name)[:1]) @ projection)[0])
        for name in TRAINED
    )
    spec = replace(network.spec, name="spoken", version="1", text=Text(0.01, trained), operating_points={})
    content = (ROOT / "models" / "imu_tcn.tflite").read_bytes()
    export.write_pair(pair, content, spec)
    text_tower.write(pair, projection, spec.sha256)
    return pair


def copied(stem: Path, folder: Path) -> Path:
    """Copy the pair and its text tower into a folder, and return the manifest's path."""
    for suffix in (".json", ".tflite", text_tower.SUFFIX):
        shutil.copy(stem.with_name(stem.name + suffix), folder)
    return folder / f"{stem.name}.json"
