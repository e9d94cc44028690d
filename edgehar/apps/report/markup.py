"""Markup: whatever is no markup yet is escaped, wherever it comes from."""

from collections.abc import Iterable, Sequence
from html import escape


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """Return an element; `class_` and `aria_label` are its `class` and `aria-label`, None leaves one out."""
    inside = "".join(child if isinstance(child, Markup) else escape(child) for child in children)
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(f"{value:g}" if isinstance(value, float) else str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{written}>{inside}</{tag}>")


def joined(parts: Iterable[str]) -> Markup:
    """Return one part after the other."""
    return Markup("".join(part if isinstance(part, Markup) else escape(part) for part in parts))


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """Return a table in a frame that scrolls; the first cell of each row names it."""
    columns = element("tr", *(element("th", name, scope="col") for name in head))
    lines = joined(
        element("tr", element("th", row[0], scope="row"), *(element("td", cell) for cell in row[1:]))
        for row in rows
    )
    return framed(
        caption,
        element(
            "table",
            element("caption", caption, class_="unseen"),
            element("thead", columns),
            element("tbody", lines),
        ),
    )


def framed(name: str, inside: Markup) -> Markup:
    """Return what may be wider than the page in a frame that the keyboard can scroll."""
    return element("div", inside, class_="frame", role="region", tabindex="0", aria_label=f"{name}, a table")


def folded(summary: str, inside: Markup) -> Markup:
    """Return what is shown to who opens it."""
    return element("details", element("summary", summary), inside)
