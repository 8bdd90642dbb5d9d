"""Markdown to HTML. Raw HTML in it is shown as text, so a description can do no harm."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_by_name
from pygments.util import ClassNotFound

LIGHT_STYLE, DARK_STYLE = "xcode", "github-dark"

Resolve = Callable[[str], str | None]
"""Target of a link or a picture as it is written -> as the page needs it; None for no link."""


@dataclass(frozen=True)
class Heading:
    """A heading that a table of contents shows."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True)
class Document:
    """A rendered text.

    Attributes:
        html: Safe to put into a page.
        title: Its first heading of level one.
        headings: All of them, in order.
    """

    html: Markup
    title: str = ""
    headings: list[Heading] = field(default_factory=list[Heading])


def render(text: str, link: Resolve, picture: Resolve) -> Document:
    """A whole document, with anchors at its headings as GitHub names them."""
    markdown = _parser()
    tokens = markdown.parse(text)
    headings = list(_anchor_headings(tokens))
    for token in tokens:
        _resolve(token.children or [], link, picture)
    html = Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704
    title = next((heading.text for heading in headings if heading.level == 1), "")
    return Document(html, title, headings)


def description(text: str) -> Markup:
    """A description of an asset, a column or a check: its own links lead outside."""
    return render(text, _outside, lambda _: None).html


def code(text: str, language: str) -> Markup:
    """Highlighted code."""
    return Markup(_highlight(text, language, ""))  # noqa: S704


def code_style() -> str:
    """The style sheet of highlighted code, light and dark."""
    light, dark = _token_style(LIGHT_STYLE), _token_style(DARK_STYLE)
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _token_style(style: str) -> str:
    formatter = HtmlFormatter(style=style)
    return "\n".join(formatter.get_token_style_defs([".code", ".pdoc-code"]))


def first_paragraph(text: str) -> str:
    """The first paragraph that says something: badges say nothing."""
    tokens = _parser().parse(text)
    for opening, inline in pairwise(tokens):
        children = inline.children or []
        if opening.type == "paragraph_open" and any(
            one.content.strip() for one in children if one.type == "text"
        ):
            return inline.content
    return ""


def fences(text: str) -> list[str]:
    """The code blocks of a document."""
    return [token.content for token in _parser().parse(text) if token.type == "fence"]


def _parser() -> MarkdownIt:
    options = {"html": False, "highlight": _highlight}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


def _highlight(text: str, language: str, _: str) -> str:
    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    lines = highlight(text, lexer, HtmlFormatter(nowrap=True))
    return f'<pre class="code"><code>{lines}</code></pre>'


def _anchor_headings(tokens: list[Token]) -> Iterator[Heading]:
    used: dict[str, int] = {}
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        text = "".join(child.content for child in inline.children or [])
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        times = used[anchor] = used.get(anchor, -1) + 1
        anchor = f"{anchor}-{times}" if times else anchor
        opening.attrSet("id", anchor)
        yield Heading(int(opening.tag[1]), text, anchor)


def _resolve(tokens: list[Token], link: Resolve, picture: Resolve) -> None:
    for token in tokens:
        name, resolve = {"link_open": ("href", link), "image": ("src", picture)}.get(
            token.type, ("", _outside)
        )
        if not name:
            continue
        target = resolve(str(token.attrs[name]))
        if target is None:
            del token.attrs[name]
        else:
            token.attrs[name] = target


def _outside(target: str) -> str | None:
    return target if target.startswith(("https://", "http://")) else None
