"""`edgehar report`: a recording as one page for people, that loads nothing.

write     from a file to a page
collect   takes the replay's answers and samples, in bounded memory; of these `spans`, `envelope`, `sensor`, `doubts`
truth     answers against what was done
rows      how the recording's time is laid out
chart     pictures, as SVG
sections  parts of the page, of which `page` makes one
"""
