"""What a verb of the command line does: one application a module."""
