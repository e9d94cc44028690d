"""Forms of the arrays of a set of trials: of what kind each is, and what no array of its key can hold."""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

_NUMBERS, _TEXT = "iuf", "U"
_KINDS = {_NUMBERS: "numbers", _TEXT: "text", "iuU": "text", _NUMBERS + _TEXT: "numbers or text"}
"""By NumPy's letters of what may come, what is expected, in words."""
_LARGEST_WHOLE = 2.0**53
"""As far as a float counts."""


class Form(Struct, frozen=True):
    """Form that the array of one key must have."""

    dimensions: int
    kinds: str
    """Letters of `dtype.kind`."""
    least: float = -_LARGEST_WHOLE
    most: float = _LARGEST_WHOLE
    is_whole: bool = False
    """True where a number has no fraction."""


_FORMS = {
    # A float32 still holds their product.
    "x": Form(2, _NUMBERS),
    "scale": Form(1, _NUMBERS),
    "columns": Form(1, _TEXT),
    "rate_hz": Form(0, _NUMBERS, 0.1, 1e5),
    "n": Form(1, _NUMBERS, 0, is_whole=True),
    "subject": Form(1, _NUMBERS + _TEXT, is_whole=True),
    "activity": Form(1, "iuU"),
    "trial": Form(1, _NUMBERS, is_whole=True),
    # Three thousand years: any date, but not one in µs.
    "t_ms": Form(1, _NUMBERS, -1e14, 1e14),
    "row_label": Form(1, "iuU"),
    "inertial": Form(2, _NUMBERS, -1e5, 1e5),
    "n_inertial": Form(1, _NUMBERS, 0, is_whole=True),
    "placement": Form(1, _TEXT),
}


def check_form(key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Refuse an array that is not of its key's form by ValueError."""
    form = _FORMS[key]
    if len(shape) != form.dimensions or min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}, expected {form.dimensions}-D")
    if dtype.kind not in form.kinds and 0 not in shape:
        raise ValueError(f"{dtype}, expected {_KINDS[form.kinds]}")


def check_values(key: str, array: NDArray[Any], first: int = 0) -> None:
    """Refuse an array, whose first row is `first` in its file, for a value that its key cannot have, by ValueError."""
    if array.dtype.kind == "U":
        _check_text(array)
    elif (bad := _first_misfit(_FORMS[key], array)) is not None:
        index = ", ".join(map(str, (first + bad[0], *bad[1:]))) if bad else ""
        where = f"index {index}: " if bad else ""
        raise ValueError(f"{where}{array[bad]}, expected {_expected(_FORMS[key])}")


def _expected(form: Form) -> str:
    return f"a {'whole ' if form.is_whole else ''}number from {form.least:g} to {form.most:g}"


def _first_misfit(form: Form, array: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the index of the first number that is none or out of bounds; None if all fit."""
    if not array.size:
        return None
    is_float = array.dtype.kind == "f"
    # Some bytes are a NaN that signals as soon as it is compared.
    with np.errstate(invalid="ignore"):
        within = form.least <= array.min() and array.max() <= form.most
        if within and not (is_float and form.is_whole):
            return None
        fits = (array >= form.least) & (array <= form.most)
        if is_float and form.is_whole:
            fits &= np.floor(array) == array
    if fits.all():
        return None
    return tuple(int(i) for i in np.unravel_index(int(np.argmin(fits)), array.shape))


def _check_text(array: NDArray[Any]) -> None:
    """Refuse text that would break a line, command a terminal, or is no text at all, by ValueError."""
    codes = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).view(np.uint32)
    present = np.flatnonzero(np.bincount(np.minimum(codes, 0x110000))).tolist() if codes.size else []
    for code in present:
        if code and (code > 0x10FFFF or not chr(code).isprintable()):
            raise ValueError(f"character U+{code:04X}, expected text that can be printed in a line")
