"""The networks of the published comparison, and a network that is fitted many times."""

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from edgehar.training.studies import loop, lrcn
from edgehar.training.studies.refit import Refit, plain


def test_networks_are_as_large_as_the_published_ones() -> None:
    assert lrcn.recurrent(12).count_params() == 925_844
    assert lrcn.basic(19).count_params() == 37_395
    assert lrcn.advanced(19).count_params() == 888_275


@pytest.mark.parametrize("make", [lrcn.basic, lrcn.advanced])
def test_lrcn_answers_each_clip_by_its_own_pictures_in_their_order(make: Any) -> None:
    model = make(4)
    clips = np.random.default_rng(1).random((3, lrcn.PICTURES, lrcn.HEIGHT, lrcn.WIDTH, 3), np.float32)
    clips *= np.linspace(0.0, 1.0, lrcn.PICTURES, dtype=np.float32)[:, None, None, None]
    together = model.predict_on_batch(clips)
    assert together.shape == (3, 4)
    assert np.concatenate([model.predict_on_batch(clip[None]) for clip in clips]) == pytest.approx(
        together, abs=1e-5
    )
    assert not np.allclose(model.predict_on_batch(clips[:, ::-1]), together, atol=1e-5)


@pytest.fixture(scope="module")
def network() -> Refit:
    return plain(lambda: lrcn.recurrent(2))


def fitted(network: Refit, seed: int) -> Any:
    x = np.random.default_rng(2).random((8, lrcn.FRAMES, lrcn.NUMBERS), np.float32)
    targets = np.eye(2, dtype=np.float32)[[0, 1] * 4]
    model = network.restart(seed)
    batches = ((x[rows], targets[rows]) for rows in loop.drawn(np.arange(8), 4, 5, seed))
    loop.fit(model, batches, 5, lambda *_: None, "fit")
    return model.predict_on_batch(x)


def test_a_network_that_is_fitted_again_knows_nothing_of_the_fit_before(network: Refit) -> None:
    first = fitted(network, 1)
    assert not np.array_equal(fitted(network, 2), first)
    assert np.array_equal(fitted(network, 1), first)
