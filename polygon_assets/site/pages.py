"""Writes pages: every one from a template that escapes what it is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

HERE = Path(__file__).parent
STATIC = HERE / "static"

NAME = "polygon-assets"
CATALOGUE, CHECKS, AUTOMATION = "assets/index.html", "assets/checks.html", "assets/automation.html"
DBT, API = "dbt/index.html", "api/index.html"


@dataclass(frozen=True)
class Link:
    """An entry of a menu.

    Attributes:
        title: What is shown.
        path: The page, from the site's root.
        note: What stands beside it.
    """

    title: str
    path: str
    note: str = ""


MENU = (
    Link("Documents", "documents/readme.html"),
    Link("Assets", CATALOGUE),
    Link("Checks", CHECKS),
    Link("Automation", AUTOMATION),
    Link("dbt", DBT),
    Link("API", API),
)


class Pages:
    """The pages of one site.

    Args:
        folder: The site's root.
        documents: What the documents' menu lists.
    """

    def __init__(self, folder: Path, documents: Sequence[Link] = ()) -> None:
        self.folder = folder
        self.written: list[str] = []
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._common = {"site": NAME, "menu": MENU, "documents": documents}

    def write(self, path: str, template: str, title: str, **values: Any) -> None:
        """Render a page.

        Args:
            path: Where, from the site's root.
            template: Its template without suffix.
            title: Of the browser's tab; the page is about it.
            values: What the template is given beside ``title``, ``path`` and ``root``, which leads
                from the page to the site's root.
        """
        root = "../" * path.count("/")
        values |= {**self._common, "path": path, "root": root, "title": title}
        self.text(path, self._templates.get_template(f"{template}.html.jinja2").render(values))

    def text(self, path: str, text: str) -> None:
        """Write a text as it is."""
        self.data(path, text.encode())

    def data(self, path: str, data: bytes) -> None:
        """Write bytes as they are."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self.written.append(path)
