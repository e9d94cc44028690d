"""The work behind the command line's verbs: one application a module."""
