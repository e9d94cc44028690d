"""One network for many fits: each is as if it were the first, and what can be learned is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from edgehar.training.build import fitting_libraries
from edgehar.training.studies.head_first import HeadFirst, Lesson, Tuner


@pytest.fixture(scope="module")
def tuner() -> Tuner:
    fitting_libraries()
    return Tuner(2, HeadFirst(head_steps=30, steps=25, batch=8))


def lesson(seed: int) -> tuple[Lesson, NDArray[np.int64]]:
    """Return windows whose second half is louder in one label than in the other, and what is right of those tested."""
    rng = np.random.default_rng(seed)
    x = 0.3 * rng.standard_normal((64, 128, 12)).astype(np.float32)
    label = rng.integers(2, size=64)
    x[label == 1, 64:] *= 6.0
    return Lesson(x[:48], label[:48], x[48:]), label[48:]


def test_a_fit_leaves_no_trace_and_finds_what_differs(tuner: Tuner) -> None:
    first, right = lesson(1)
    frozen, tuned = tuner.fit({}, 5, first)
    assert (tuned == right).mean() > 0.9
    tuner.fit({}, 6, lesson(2)[0])
    again = tuner.fit({}, 5, first)
    assert (again[0] == frozen).all()
    assert (again[1] == tuned).all()


def test_the_head_alone_leaves_the_encoder_as_it_is(tuner: Tuner) -> None:
    some, _ = lesson(3)
    kernel = np.full((1, 5, 12, 32), 0.01, np.float32)
    seen = []
    watched = tuner._fits[1].run
    tuner._fits[1].run = lambda *_: seen.append(np.asarray(tuner._model.get_layer("conv_stem0").kernel))  # type: ignore[method-assign]
    try:
        frozen, tuned = tuner.fit({"conv_stem0/kernel": kernel}, 1, some)
    finally:
        tuner._fits[1].run = watched  # type: ignore[method-assign]
    assert (seen[0] == kernel).all()
    assert (frozen == tuned).all()
