"""Dates and times as other programs write them."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Literal

from edgehar.types import Times

Order = Literal["day first", "month first"]
"""Order of a date whose first number is no year."""

_MOMENT = re.compile(
    r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})[T _]+(\d{1,2})[:.](\d{1,2})[:.](\d{1,2})(?:[.,:_](\d{1,9}))?"
    r"\s*([AaPp][Mm])?\s*(Z|UTC|GMT|[-+]\d{2}:?\d{2})?(?:\s+[A-Z]{2,5})?"
)
_DAY_S = 86_400.0
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def reader_of_dates(order: Order = "month first") -> Callable[[str], float]:
    """Return a function that reads Unix time, s, of a date and time, as UTC where no zone is named; ValueError if it is none."""

    def read(text: str) -> float:
        parts = _MOMENT.fullmatch(text.strip())
        if parts is None:
            raise ValueError(text)
        first, second, third, hour, minute, second_of, fraction, half, zone = parts.groups()
        hours = int(hour)
        if half:
            hours = hours % 12 + (12 if half in {"PM", "pm", "Pm"} else 0)
        if hours > 24 or int(minute) > 59 or int(second_of) > 60:
            raise ValueError(text)
        t = _day_s(first, second, third, order) + hours * 3600.0 + int(minute) * 60.0 + int(second_of)
        return t + (int(fraction) / 10 ** len(fraction) if fraction else 0.0) - _offset_s(zone)

    return read


def has_zone(text: str) -> bool:
    """Tell whether a date and time says its offset from UTC."""
    parts = _MOMENT.fullmatch(text.strip())
    return parts is not None and parts[9] is not None


def moved_to_zone(t: Times, zone: tzinfo) -> Times:
    """Return Unix times, s, of a clock on the wall there that was not changed while it recorded."""
    begin = float(t[0])
    return t + (in_zone(begin, zone) - begin)


def in_zone(t: float, zone: tzinfo) -> float:
    """Return Unix time, s, of a clock on the wall there, which was read as if it were UTC's."""
    wall = datetime(1970, 1, 1) + timedelta(seconds=t)  # noqa: DTZ001 - a wall has no zone
    return t - (wall.replace(tzinfo=zone).utcoffset() or timedelta(0)).total_seconds()


@lru_cache(maxsize=64)
def _day_s(first: str, second: str, third: str, order: Order) -> float:
    """Return Unix time, s, at which a day began, in UTC; ValueError if there is no such day."""
    if len(first) == 4:
        year, month, day = first, second, third
    elif order == "month first":
        month, day, year = first, second, third
    else:
        day, month, year = first, second, third
    years = int(year) + (2000 if len(year) == 2 else 0)
    return (date(years, int(month), int(day)).toordinal() - _EPOCH_DAY) * _DAY_S


def _offset_s(zone: str | None) -> float:
    if zone is None or zone in {"Z", "UTC", "GMT"}:
        return 0.0
    digits = zone[1:].replace(":", "")
    offset = int(digits[:2]) * 3600.0 + int(digits[2:]) * 60.0
    return -offset if zone[0] == "-" else offset
