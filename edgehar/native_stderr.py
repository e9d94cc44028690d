"""Remarks that native code writes to stderr whatever its settings are."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(remark: bytes) -> Iterator[None]:
    """Keep what matches the pattern `remark` off stderr; all else that is written meanwhile comes out at the end."""
    try:
        stderr = os.dup(2)
    except OSError:  # closed: nobody reads it
        yield
        return
    with os.fdopen(os.memfd_create("stderr"), "r+b") as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            written.seek(0)
            if rest := re.sub(remark, b"", written.read()):
                os.write(2, rest)
