"""The study "transfer from video poses"."""
