"""Phones with a sensor app."""

SILENCE_S = 30.0
"""A phone that sent something and then does not for so long has ended its recording, or left, s."""
