"""Motion capture: readers of recorded movement, whatever recorded it, and a recorded body to put sensors on."""
