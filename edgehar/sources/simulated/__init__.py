"""A simulated wearer, what goes wrong on its links, and ports to serve it on."""
