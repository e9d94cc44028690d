"""One wearer's own activities: a small head over a network that stays as it is, taught in seconds where it runs."""
