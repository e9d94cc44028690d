"""Recorded movement of people, whatever it was recorded with, as a body to put sensors on."""
