"""Text that others wrote, such as tickers and reasons, made fit to be shown.

A ticker is whatever the vendor sends. Shown as it is, it could move a terminal's cursor, turn the
rest of a line around, load a picture from somewhere, or call everybody of a GitHub organisation.
"""

import re

_OBEYED_IN_A_TITLE = re.compile(r"([\\`\[\]<>&*!])")
_PLAIN = re.compile(r"(?:[\w\s.,;:/%()'\"+=?-])*")
_BAR = re.compile(r"(\\*)\|")
_LINK = re.compile(r"://|www\.", re.IGNORECASE)


def one_line(text: str) -> str:
    """The text on one line, with a sign in the place of each character that cannot be seen."""
    return "".join(one if one.isprintable() else "\ufffd" for one in " ".join(text.split()))


def markdown_title(text: str) -> str:
    """Text in the place of a picture's title: Markdown in it is shown, not obeyed."""
    return _OBEYED_IN_A_TITLE.sub(r"\\\1", one_line(text))


def markdown_cell(text: str) -> str:
    """Text as a table's cell, as code where it could be more than words.

    In code nothing is a link, a picture, HTML, or somebody's name, which GitHub would notify. A
    backslash is no help against the last.
    """
    line = one_line(text)
    return line if _PLAIN.fullmatch(line) and not _LINK.search(line) else markdown_code(line)


def markdown_code(text: str) -> str:
    """Text as code in a line or in a table's cell."""
    line = one_line(text)
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    room = " " if "`" in line else ""
    # Also in code, a table ends its cell at a bar before which an even number of backslashes is.
    return f"{fence}{room}{_BAR.sub(_barred, line)}{room}{fence}"


def _barred(found: re.Match[str]) -> str:
    return f"{found[1] * 2}\\|"
