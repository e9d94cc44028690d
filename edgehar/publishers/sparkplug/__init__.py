"""An edge node of Sparkplug B 3.0: `publisher` has the connection, `node` says what is told and in which order."""
