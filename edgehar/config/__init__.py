"""edgehar.toml: its keys, how it is read, and how a sensor is written into it."""
