"""Text from anywhere on one line: whoever is in reach of the radio, or of a port, chooses what stands in it."""


def one_line(text: str) -> str:
    r"""Return a text with what could break a line or command a terminal written as escapes, such as `\u001b`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
