"""What the simulated body does, one kind of activity a module."""
