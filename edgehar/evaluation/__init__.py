"""How good a model pair is on recordings of people."""
