"""The repository's documents as pages, with their pictures and with links that work."""

import re
from pathlib import Path
from urllib.parse import unquote

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.site import markdown
from polygon_assets.site.pages import Link, Pages
from polygon_assets.site.source_pages import SourcePages

README = "README.md"
FIXED = (README, "streaming/README.md", "airbyte_connector/README.md")
PICTURES = (".png", ".svg", ".jpg", ".jpeg", ".gif")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


class LinkError(ValueError):
    """A document links to something that is not there."""


def document_files(root: Path = PROJECT_ROOT) -> list[str]:
    """Every document, from the repository's root: the READMEs, then those in ``.github``."""
    others = sorted(path.relative_to(root).as_posix() for path in root.glob(".github/*.md"))
    return [*(name for name in FIXED if (root / name).is_file()), *others]


def page_of(document: str) -> str:
    """The page of a document: named after its folder where it is a folder's README."""
    path = Path(document)
    in_a_folder = path.name == README and path.parent != Path()
    return f"documents/{(path.parent.name if in_a_folder else path.stem).lower()}.html"


def menu(root: Path = PROJECT_ROOT) -> list[Link]:
    """Every document by its title."""
    links: list[Link] = []
    for name in document_files(root):
        found = markdown.render((root / name).read_text(), lambda _: None, lambda _: None)
        title = "Overview" if name == README else found.title or Path(name).stem.title()
        links.append(Link(title, page_of(name), name))
    return links


class Documents:
    """Renders the documents of a checkout.

    Args:
        pages: Where they are written to.
        sources: Where files are shown that they link to.
        root: The checkout.
    """

    def __init__(self, pages: Pages, sources: SourcePages, root: Path = PROJECT_ROOT) -> None:
        self._pages = pages
        self._sources = sources
        self._root = root.resolve()
        self._documents = {name: page_of(name) for name in document_files(root)}

    def write(self, entry: Link) -> None:
        """Write the page of one document, and the pictures in it.

        Raises:
            LinkError: It links to a file that does not exist.
        """
        document = self.render(entry.note)
        contents = [heading for heading in document.headings if heading.level == 2]
        self._pages.write(
            entry.path,
            "document",
            entry.title,
            html=document.html,
            file=entry.note,
            contents=contents if len(contents) > 2 else [],
        )

    def render(self, name: str, root: str = "../") -> markdown.Document:
        """A document for a page from which ``root`` leads to the site's root.

        Raises:
            LinkError: It links to a file that does not exist.
        """

        def link(target: str) -> str | None:
            found = self._target(name, target)
            return found if found is None or _is_outside(target) else f"{root}{found}"

        def picture(target: str) -> str | None:
            # One from elsewhere, such as a badge, would be fetched: its text stands in its place.
            return None if _is_outside(target) else link(target)

        return markdown.render((self._root / name).read_text(), link, picture)

    def picture(self, file: str) -> str:
        """Copy a picture; its path from the site's root."""
        path = f"images/{file.removeprefix('.github/images/').lstrip('.')}"
        if path not in self._pages.written:
            self._pages.data(path, (self._root / file).read_bytes())
        return path

    def _target(self, document: str, target: str) -> str | None:
        if _is_outside(target):
            return target
        written, _, anchor = target.partition("#")
        path = (self._root / document).parent / unquote(written) if written else Path(document)
        file = (self._root / path).resolve()
        if not file.is_relative_to(self._root) or not file.exists():
            raise LinkError(f"{document} links to {target}, which does not exist.")
        page = self._page(file)
        return f"{page}#{anchor}" if page and anchor else page

    def _page(self, file: Path) -> str | None:
        name = file.relative_to(self._root).as_posix()
        if file.is_dir():
            return self._documents.get(f"{name}/{README}")
        if name in self._documents:
            return self._documents[name]
        return self.picture(name) if file.suffix in PICTURES else self._sources.page(name)


def _is_outside(target: str) -> bool:
    return _SCHEME.match(target) is not None
