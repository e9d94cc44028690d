"""Processes that work beside this one: for simulating people and for scoring models on them."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.synchronize import Event
from threading import Thread


@contextmanager
def processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Start fresh interpreters that do not hear Ctrl-C: a fork would copy whatever threads the caller runs."""
    context = multiprocessing.get_context("spawn")
    all_started = context.Event()
    pool = ProcessPoolExecutor(count, context, _begin, (all_started,))
    try:
        _start(pool, count, all_started)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _start(pool: ProcessPoolExecutor, count: int, all_started: Event) -> None:
    # A terminal sends SIGINT to all of them; they inherit that it is blocked, and the caller alone hears it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        # A job starts a process only while none is idle: until all are there, none ends its job.
        for _ in range(count):
            pool.submit(int)
    finally:
        all_started.set()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(all_started: Event) -> None:
    """Begin as a process of a pool: end with the caller, however that ends, and wait until all have started."""
    Thread(target=_end_with_caller, daemon=True).start()
    all_started.wait()


def _end_with_caller() -> None:
    caller = multiprocessing.parent_process()
    assert caller
    connection.wait([caller.sentinel])
    os._exit(1)  # nobody waits for what is still being done
