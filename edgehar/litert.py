"""The run time of networks: LiteRT, or the older tflite-runtime where there is no LiteRT."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from edgehar import native_stderr
from edgehar.errors import ModelError

_REMARK = rb"INFO: Created TensorFlow Lite XNNPACK delegate for CPU\.\n"
"""Line that the runtime writes to stderr at the first network of a process."""


def load_runtime() -> Callable[[bytes, int], Any]:
    """Return what makes an interpreter, ready to be invoked, of a network's bytes and a number of threads.

    Of a damaged file it raises any Exception.

    Raises:
        ModelError: if no run time can be imported.
    """
    interpreter_class = _interpreter_class()

    def new_interpreter(content: bytes, num_threads: int) -> Any:
        interpreter = interpreter_class(model_content=content, num_threads=num_threads)
        with native_stderr.without(_REMARK):
            interpreter.allocate_tensors()
        return interpreter

    return new_interpreter


def form(tensor: dict[str, Any]) -> str:
    """Return type and shape of a tensor from its details, such as `float32 (1, 100, 6)`."""
    return f"{np.dtype(tensor['dtype']).name} {tuple(map(int, tensor['shape']))}"


def _interpreter_class() -> Callable[..., Any]:
    try:
        return import_module("ai_edge_litert.interpreter").Interpreter  # type: ignore[no-any-return]
    except ImportError as error:
        first = error
    try:
        older = import_module("tflite_runtime.interpreter").Interpreter
    except ImportError:
        raise ModelError(
            f"neither ai-edge-litert ({first}) nor tflite-runtime can be imported; install ai-edge-litert"
        ) from None
    if int(np.__version__.partition(".")[0]) >= 2:
        # It imports, and fails only when an interpreter is made.
        raise ModelError(
            f"tflite-runtime: expected NumPy 1, got {np.__version__}; install ai-edge-litert, or 'numpy<2'"
        )
    return older  # type: ignore[no-any-return]
