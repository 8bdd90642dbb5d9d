"""Every link of a static site, followed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

REFERENCES = {"href", "src", "poster", "action", "srcset", "data"}
OUTSIDE = ("https", "http", "mailto", "data")


@dataclass
class Page(HTMLParser):
    """What a page links to and what can be linked to in it."""

    links: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    anchors: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in REFERENCES and value is not None:
                self.links.append((tag, value))
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@lru_cache(maxsize=1)
def read_pages(site: Path) -> dict[Path, Page]:
    """Every page but dbt's, which is a program that makes its links while it runs."""
    pages: dict[Path, Page] = {}
    for file in sorted(site.rglob("*.html")):
        if file.relative_to(site).parts[0] != "dbt":
            pages[file] = Page()
            pages[file].feed(file.read_text())
    return pages


def broken_links(site: Path) -> Iterator[str]:
    """Each link that leads nowhere, as ``page -> link``."""
    pages = read_pages(site)
    dbt = (site / "dbt" / "index.html").read_text() if (site / "dbt").exists() else ""
    for file, page in pages.items():
        for _, link in page.links:
            parts = urlsplit(link)
            if parts.scheme in OUTSIDE:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchor = unquote(parts.fragment)
            inside = target.is_relative_to(site.resolve()) and target.is_file()
            if parts.scheme or parts.netloc or not inside or not holds(pages, target, anchor, dbt):
                yield f"{file.relative_to(site)} -> {link}"


def holds(pages: dict[Path, Page], target: Path, anchor: str, dbt: str) -> bool:
    """Whether a page has an anchor."""
    if not anchor:
        return True
    if anchor.startswith("!"):
        return f'"unique_id":"{anchor.rpartition("/")[2]}"' in dbt
    return target in pages and anchor in pages[target].anchors


def outside_resources(site: Path) -> Iterator[str]:
    """Everything that a browser would load from elsewhere when it shows a page."""
    for file, page in read_pages(site).items():
        for tag, link in page.links:
            if tag != "a" and urlsplit(link).scheme in ("http", "https"):
                yield f"{file.relative_to(site)} -> {link}"
