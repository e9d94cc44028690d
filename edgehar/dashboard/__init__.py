"""The live page: what every wearer does, their sensors, and buttons; one small page that loads nothing from elsewhere.

`page` composes what is shown and is a publisher beside the others, `viewers` are who looks on, `server` speaks HTTP, `access`
says who may look, `strips` are what sensors measured last, `pictures` come from cameras, `history` is what was done,
`recorder` writes what the buttons record, and `static` are the files that the browser gets.
While nobody looks nothing is composed, and the pipeline hands nothing over.
"""
