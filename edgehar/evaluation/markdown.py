"""Tables in Markdown."""

from collections.abc import Container, Iterable, Sequence


def figure(value: float | None) -> str:
    """Show a share in three digits; nothing for None."""
    return "" if value is None else f"{value:.3f}"


def table(head: Iterable[str], rows: Sequence[Sequence[str]], words: Container[int] = (0,)) -> str:
    """Lay out a table, to the right all columns but those of `words`, by index; empty without rows."""
    names = list(head)
    if not rows:
        return ""
    marks = ["---" if i in words else "---:" for i in range(len(names))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (names, marks, *rows))
