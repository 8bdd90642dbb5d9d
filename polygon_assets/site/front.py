"""The front page: what it is in a paragraph, a picture, and the way to every part."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from polygon_assets.env import PROJECT_ROOT
from polygon_assets.site import markdown
from polygon_assets.site.api import Module
from polygon_assets.site.catalogue import Catalogue
from polygon_assets.site.documents import README, Documents
from polygon_assets.site.pages import API, AUTOMATION, CATALOGUE, CHECKS, DBT, Link, Pages

ARCHITECTURE = ".github/images/architecture.svg"
SCREENSHOT = re.compile(r"^!\[([^\]]+)\]\(([^)]+\.png)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Parts:
    """What was built."""

    catalogue: Catalogue
    models: int
    modules: Sequence[Module]


def write_front(pages: Pages, documents: Documents, parts: Parts) -> None:
    """Write it, from the README's first paragraph, first commands and pictures."""
    text = (PROJECT_ROOT / README).read_text()
    commands = next(iter(markdown.fences(text)), "")
    gallery = [(documents.picture(file), caption) for caption, file in SCREENSHOT.findall(text)]
    pages.write(
        "index.html",
        "front",
        "",
        introduction=markdown.description(markdown.first_paragraph(text)),
        architecture=documents.picture(ARCHITECTURE),
        start=markdown.code(commands, "bash"),
        counts=_counts(parts),
        cards=_cards(parts),
        gallery=gallery,
    )


def _counts(parts: Parts) -> list[tuple[int, str, str]]:
    catalogue = parts.catalogue
    schedules = sum(one.kind == "schedule" for one in catalogue.triggers)
    return [
        (len(catalogue.assets), "assets", CATALOGUE),
        (len(catalogue.checks), "checks", CHECKS),
        (len(catalogue.jobs), "jobs", f"{AUTOMATION}#jobs"),
        (schedules, "schedules", f"{AUTOMATION}#schedules"),
        (len(catalogue.triggers) - schedules, "sensors", f"{AUTOMATION}#sensors"),
        (parts.models, "dbt models", DBT),
        (len(parts.modules), "modules", API),
    ]


def _cards(parts: Parts) -> list[Link]:
    return [
        Link(
            "Documents",
            "documents/readme.html",
            "What it does, how to run it, the runbook, each program's settings and guarantees.",
        ),
        Link(
            "Asset catalogue",
            CATALOGUE,
            "Every table, topic and dashboard: columns, checks, partitions, freshness, lineage.",
        ),
        Link("dbt docs", DBT, "Every model with its SQL, columns, tests and lineage graph."),
        Link("API reference", API, "Both Python packages, module by module."),
    ]
