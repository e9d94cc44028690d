"""Sets of recorded people in the archives that their authors published, one file per set.

`form` is what each reader returns, `number_files` how tables of numbers are read and refused. To add a set: a file here,
and a row into `evaluation.studies.published.sets`.
"""
