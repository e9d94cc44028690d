"""Recordings: files of packets, sets of labelled trials, and the score of events against the truth."""
