"""Files of other programs' recordings, to samples: what `edgehar import` reads.

One file per format: a `form.Format` with `detect`, which tells from names and first lines whether a source is of it, and
`read`. To add a format: one file here, and its name into `FORMATS` of `registry`; what writes a file of it into
`tests/foreign.py`, and a row into the table of docs/import.md.
"""
