"""The published networks have the published sizes, and kernels that do not mind how many channels there are."""

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from edgehar.training.studies import published_tcn  # noqa: E402


def _convolutions(model: Any) -> int:
    return sum(layer.count_params() for layer in model.layers if layer.name.endswith(published_tcn.CONVS))


@pytest.mark.parametrize(
    ("rows", "channels", "labels", "millions"),
    [(100, 40, 12, 55.18), (100, 6, 12, 8.39), (24, 113, 18, 14.94)],
)
def test_a_tcnn_is_of_the_published_size(
    rows: int, channels: int, labels: int, millions: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Drawing 55 million weights takes seconds, and this is about their number.
    monkeypatch.setattr(keras.initializers, "Orthogonal", lambda _gain: keras.initializers.Zeros())
    model = published_tcn.build(rows, channels, labels)
    assert _convolutions(model) == 62_016
    assert model.count_params() / 1e6 == pytest.approx(millions, abs=0.006)


def test_channels_do_not_meet_before_the_dense_layers() -> None:
    model = published_tcn.build(20, 3, 2)
    convolved = keras.Model(model.inputs, model.get_layer("conv4").output)
    x = np.random.default_rng(1).standard_normal((1, 20, 3)).astype(np.float32)
    turned = convolved.predict_on_batch(x[:, :, [2, 0, 1]])
    assert turned == pytest.approx(convolved.predict_on_batch(x)[:, :, [2, 0, 1]], abs=1e-5)
    assert turned.shape == (1, 4, 3, 64)


def test_a_tcnn_imu_looks_at_each_part_of_the_body_by_itself() -> None:
    model = published_tcn.build(20, 4, 2, [(0, 1), (2, 3)])
    assert _convolutions(model) == 2 * 62_016
    limbs = keras.Model(model.inputs, [model.get_layer(f"part{i}_hidden1").output for i in range(2)])
    x = np.random.default_rng(1).standard_normal((1, 20, 4)).astype(np.float32)
    before = limbs.predict_on_batch(x)
    x[:, :, 3] += 1.0
    after = limbs.predict_on_batch(x)
    assert after[0] == pytest.approx(before[0])
    assert np.abs(after[1] - before[1]).max() > 0.01
    assert model.output_shape == (None, 2)


def test_kernels_are_orthogonal_of_gain_root_2() -> None:
    kernel = np.asarray(published_tcn.build(20, 1, 2).get_layer("conv2").kernel).reshape(-1, 64)
    assert kernel.T @ kernel == pytest.approx(2.0 * np.eye(64), abs=1e-4)


def test_a_window_too_short_for_four_convolutions_is_refused() -> None:
    with pytest.raises(ValueError, match="16 rows; four convolutions need at least 17"):
        published_tcn.build(16, 3, 2)
