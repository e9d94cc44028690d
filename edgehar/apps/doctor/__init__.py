"""`edgehar doctor`: what is measured on sensors, machine, broker and software, each with what to do about it."""
