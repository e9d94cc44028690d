"""Float weights beside a pair: what is written is read again, and only for that pair."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import lacking

from edgehar.errors import ModelError
from edgehar.pipeline import manifest
from edgehar.training import weights
from edgehar.training.tcn import Layer, Network, build

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

SHAPE = Network(stem=(Layer(4, 3),), fused=4, layers=(Layer(4, 1),), hidden=4)
SPEC = manifest.read(manifest.find("imu_tcn"))


def made(labels: int) -> object:
    try:
        return build(SHAPE, 16, 2, 6, labels)
    except ImportError as error:
        lacking(f"TensorFlow ({error})")


def test_the_same_weights_are_the_same_file_and_come_back_as_half_floats(tmp_path: Path) -> None:
    model = made(3)
    for name in ("a", "b"):
        weights.write(tmp_path / name, weights.of_model(model, SHAPE), SPEC.sha256)
    first, second = (tmp_path / f"{name}.weights.npz" for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    kept = weights.read(tmp_path / "a.json", SPEC)
    assert kept.network == SHAPE
    other = made(3)
    weights.assign(other, kept)
    for variable, again in zip(model.weights, other.weights, strict=True):  # type: ignore[attr-defined]
        assert np.array_equal(np.asarray(variable).astype(np.float16), np.asarray(again))


def test_outputs_of_new_labels_stay_as_they_are_drawn() -> None:
    base, larger = made(3), made(5)
    before = larger.get_layer("logits").get_weights()[0].copy()  # type: ignore[attr-defined]
    weights.assign(larger, weights.of_model(base, SHAPE))
    after = larger.get_layer("logits").get_weights()[0]  # type: ignore[attr-defined]
    assert np.array_equal(after[:, 3:], before[:, 3:])
    assert not np.array_equal(after[:, :3], before[:, :3])


def test_weights_of_another_pair_damaged_or_missing_ones_are_refused(tmp_path: Path) -> None:
    stem = tmp_path / "a"
    with pytest.raises(
        ModelError, match=r"a\.weights\.npz: no such file; fine-tuning starts from a pair with"
    ):
        weights.read(stem, SPEC)
    weights.write(stem, weights.of_model(made(3), SHAPE), "0" * 64)
    with pytest.raises(ModelError, match=f"sha256: expected {SPEC.sha256} as the manifest says, got 0000"):
        weights.read(stem, SPEC)
    (tmp_path / "a.weights.npz").write_bytes(b"PK\3\4 torn")
    with pytest.raises(ModelError, match="expected float weights, got something else"):
        weights.read(stem, SPEC)


def test_the_shipped_weights_are_no_larger_than_a_network() -> None:
    for path in manifest.available():
        assert path.with_name(f"{path.stem}.weights.npz").stat().st_size <= 300_000
