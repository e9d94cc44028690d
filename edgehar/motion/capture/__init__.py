"""Motion capture: readers of recorded movement, whatever recorded it, as a body to put sensors on."""
