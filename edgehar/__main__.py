"""`edgehar`, which is `python -m edgehar` too: loads little itself, so that Ctrl-C while the rest is loaded ends it well."""

import sys

EXIT_STOPPED = 130
"""128 and the number of SIGINT, as shells have it."""


def main() -> None:
    """Run a verb as `edgehar.cli.main` does; Ctrl-C at any time is the exit code 130."""
    try:
        from edgehar.cli import main as run_verb  # noqa: PLC0415 - what takes time to load

        run_verb()
    except KeyboardInterrupt:
        sys.exit(EXIT_STOPPED)


if __name__ == "__main__":
    main()
