"""The API reference: every public module of both packages, from its docstrings, by pdoc."""

import re
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.manifest import MANIFEST
from polygon_assets.site.pages import HERE, MENU, NAME, Pages

PACKAGES = ("polygon_assets", "polygon_stream")

LEFT_OUT = {
    "polygon_assets/sandbox/superset/superset_config.py": "Superset reads it, in an environment of "
    "its own: it imports Superset, which conflicts with what this package needs.",
}
"""File -> why it has no page. Programs (``__main__``) have none either."""

STYLE = "api/api.css"

PLACES = {MANIFEST.parent: "dbt_polygon/target", Path(sys.prefix): ".venv", PROJECT_ROOT: ""}
"""Folders of this machine -> what they are called from the checkout."""

_ANCHOR = re.compile(r'\bid="([^"]+)"')
_OWN_LINK = re.compile(r'<a href="#([^"]+)">(.*?)</a>')


class MissingError(ValueError):
    """The package that renders the reference is not installed."""


@dataclass(frozen=True)
class Module:
    """A module with a page.

    Attributes:
        name: Whole name, with dots.
        summary: The first line of its docstring.
        names: Its public functions and classes.
        has_parts: Whether it is a package.
    """

    name: str
    summary: str
    names: tuple[str, ...]
    has_parts: bool = False

    @property
    def path(self) -> str:
        """Its page, from the site's root."""
        return page_of(self.name)

    @property
    def depth(self) -> int:
        return self.name.count(".")


def require_pdoc() -> None:
    """Say what to install where pdoc is missing.

    Raises:
        MissingError: It is.
    """
    if find_spec("pdoc") is None:
        raise MissingError(
            "The API reference needs pdoc, which is in the group dev: run `uv sync --group dev`."
        )


def module_of(file: str) -> str:
    """The name of the module in a file."""
    return file.removesuffix(".py").replace("/", ".")


def page_of(module: str) -> str:
    """The page of a module, from the site's root."""
    return f"api/{module.replace('.', '/')}.html"


def write_modules(pages: Pages) -> Iterator[tuple[Module, int]]:
    """Write the page of one module after the other; yields each with the number of all.

    Raises:
        RuntimeError: A module cannot be imported.
    """
    require_pdoc()
    with warnings.catch_warnings():
        # About other packages: programs that they start when they are imported, which pdoc refuses.
        warnings.simplefilter("ignore")
        yield from _write_modules(pages)


def _write_modules(pages: Pages) -> Iterator[tuple[Module, int]]:
    import pdoc.doc
    import pdoc.extract
    import pdoc.render

    pdoc.render.configure(
        docformat="google",
        show_source=False,
        search=False,
        template_directory=HERE / "pdoc_templates",
    )
    cast("dict[str, Any]", pdoc.render.env.globals).update(site=NAME, menu=MENU)
    specs = [*PACKAGES, *(f"!{module_of(file)}$" for file in LEFT_OUT)]
    names = list(pdoc.extract.walk_specs(specs))
    modules = {name: pdoc.doc.Module.from_name(name) for name in names}
    for name, module in modules.items():
        pages.text(page_of(name), tidied(pdoc.render.html_module(module, modules)))
        own = [one for one in module.flattened_own_members if one.kind in ("class", "function")]
        # Pydantic puts its own variants of a class, such as Resource[Any], beside it.
        members = tuple(one.name for one in own if re.fullmatch(r"[A-Za-z]\w*", one.name))
        summary = module.docstring.strip().partition("\n")[0]
        yield Module(name, summary, members, module.is_package), len(modules)
    pages.text(STYLE, pdoc.render.env.get_template("style.css.jinja2").render())


def tidied(html: str) -> str:
    """A page that does not tell where this checkout is, and links to nothing that it lacks."""
    for folder, name in PLACES.items():
        for quote in ("&#39;", "'"):
            html = html.replace(f"{quote}{folder}/", f"{quote}{name}/" if name else quote)
            html = html.replace(f"{quote}{folder}{quote}", f"{quote}{name or '.'}{quote}")
    anchors = set(_ANCHOR.findall(html))
    return _OWN_LINK.sub(lambda link: link[0] if link[1] in anchors else link[2], html)
