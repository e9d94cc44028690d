"""The page as one string, which forbids itself to load or run anything."""

import hashlib
from base64 import b64encode
from importlib.resources import files

from edgehar.apps.report.looks import Looks
from edgehar.apps.report.markup import Markup, element, joined

DOCTYPE = "<!doctype html>"
"""Begin of every page."""

_SHADES = 9
_LARGEST_SHADE = 42
"""Percent of a shade's colour in the ground below letters: more is hard to read."""


def page(title: str, body: Markup, looks: Looks) -> str:
    """Return a page; `title` is no markup yet."""
    style = _style(looks)
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    icon = b64encode(_static("icon.svg").encode()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    head = joined(
        Markup(line)
        for line in (
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="robots" content="noindex">',
            '<meta name="referrer" content="no-referrer">',
            element("title", title),
            f'<link rel="icon" href="data:image/svg+xml;base64,{icon}" type="image/svg+xml">',
            f"<style>{style}</style>",
        )
    )
    return f'{DOCTYPE}\n<html lang="en">{element("head", head)}{element("body", looks.patterns(), body)}</html>\n'


def _style(looks: Looks) -> str:
    of_page = files("edgehar.apps.report").joinpath("page.css").read_text(encoding="utf-8")
    shades = "".join(
        f".right.h{i}{{--mix:{i * _LARGEST_SHADE // _SHADES}%}}.wrong.h{i}{{--mix:{i * _LARGEST_SHADE // _SHADES}%}}"
        for i in range(1, _SHADES + 1)
    )
    return _static("palette.css") + of_page + looks.css() + shades


def _static(name: str) -> str:
    """Return a file that the live page has too."""
    return files("edgehar.dashboard").joinpath("static", name).read_text(encoding="utf-8")
