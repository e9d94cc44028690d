"""`python -m edgehar` is `edgehar`."""

from edgehar.cli import main

main()
