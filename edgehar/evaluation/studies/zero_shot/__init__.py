"""The study of movements that are told by their names alone."""
