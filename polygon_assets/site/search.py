"""The names that the search box knows, as a script: a page opened from a disk may not fetch."""

import json
from collections.abc import Iterable, Iterator

from polygon_assets.site.api import Module
from polygon_assets.site.catalogue import Catalogue
from polygon_assets.site.pages import AUTOMATION, STATIC, Link, Pages

Entry = tuple[str, str, str]
"""Name, kind and page."""


def write_search(
    pages: Pages, documents: Iterable[Link], catalogue: Catalogue, modules: Iterable[Module]
) -> int:
    """Write the script of the search box; returns how many names it knows."""
    entries = [(entry.title, "document", entry.path) for entry in documents]
    entries += [*_of_catalogue(catalogue), *_of_modules(modules)]
    names = ",\n".join(json.dumps(entry) for entry in entries)
    script = (STATIC / "search.js").read_text()
    pages.text("search.js", f"const NAMES = [\n{names}\n];\n{script}")
    return len(entries)


def _of_catalogue(catalogue: Catalogue) -> Iterator[Entry]:
    paths = {asset.key: asset.path for asset in catalogue.assets}
    for asset in catalogue.assets:
        yield asset.key, "asset", asset.path
    for job in catalogue.jobs:
        yield job.name, "job", f"{AUTOMATION}#job-{job.name}"
    for one in catalogue.triggers:
        yield one.name, one.kind, f"{AUTOMATION}#{one.kind}-{one.name}"
    for check in catalogue.checks:
        yield f"{check.asset}: {check.name}", "check", f"{paths[check.asset]}#{check.anchor}"


def _of_modules(modules: Iterable[Module]) -> Iterator[Entry]:
    for module in modules:
        yield module.name, "module", module.path
        for name in module.names:
            yield f"{module.name}.{name}", "API", f"{module.path}#{name}"
