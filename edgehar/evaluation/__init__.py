"""Evaluation of a model pair on recordings of people."""
