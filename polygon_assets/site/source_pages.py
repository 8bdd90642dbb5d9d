"""Pages that show a file of the repository, line by line: those that something links to."""

from pathlib import Path

from markupsafe import Markup
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.site.pages import Pages

LINES_SHOWN = 2_000
"""A calendar of decades is data, not something to read."""


class SourcePages:
    """The files that are asked for.

    Args:
        root: The checkout.
    """

    def __init__(self, root: Path = PROJECT_ROOT) -> None:
        self._root = root.resolve()
        self._files: set[str] = set()

    def page(self, file: str) -> str:
        """The page of a file, from the site's root; asks for it to be written."""
        self._files.add(file)
        return _page_of(file)

    def write(self, pages: Pages) -> int:
        """Write every page that was asked for; returns how many."""
        for file in sorted(self._files):
            text = (self._root / file).read_text(errors="replace")
            lines = _highlighted(file, text)
            pages.write(_page_of(file), "source", file, lines=lines[:LINES_SHOWN], count=len(lines))
        return len(self._files)


def _page_of(file: str) -> str:
    """No part begins with a dot: what serves static files often leaves those out."""
    return f"source/{'/'.join(part.lstrip('.') for part in file.split('/'))}.html"


def _highlighted(file: str, text: str) -> list[Markup]:
    """The lines, each with its own markup."""
    try:
        lexer = get_lexer_for_filename(file, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    html = highlight(text, lexer, HtmlFormatter(nowrap=True))
    return [Markup(line) for line in html.splitlines()]  # noqa: S704
