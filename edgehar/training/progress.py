"""The progress of long work."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Hears of a stage, how much of it is done, and how much there is."""
