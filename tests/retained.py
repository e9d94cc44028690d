"""Memory that an object keeps, measured from outside."""

import contextlib
import gc
import pickle
import tracemalloc
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def retained_bytes() -> Iterator[Callable[[], int]]:
    """Yield a function that returns how many bytes Python objects take more than at the beginning."""
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield lambda: tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def pickled_bytes(stage: object) -> int:
    """Return how much a stage keeps at this moment, whatever it calls it: the bytes of its pickle."""
    return len(pickle.dumps(stage))
