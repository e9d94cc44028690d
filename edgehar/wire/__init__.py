"""The wire format of a sensor with edgehar's own firmware, without I/O."""
