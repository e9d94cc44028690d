"""Activities of the simulated body, one kind a module: each draws one person's way, poses over time."""
