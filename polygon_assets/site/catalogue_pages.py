"""The pages of the asset catalogue."""

from collections.abc import Iterator

from polygon_assets.site.catalogue import LAYERS, Asset, Catalogue
from polygon_assets.site.lineage import neighbours, overview
from polygon_assets.site.markdown import code, description
from polygon_assets.site.pages import AUTOMATION, CATALOGUE, CHECKS, Pages
from polygon_assets.site.source_pages import SourcePages


def write_assets(pages: Pages, sources: SourcePages, catalogue: Catalogue) -> Iterator[Asset]:
    """Write a page for each asset; yields those that are written."""
    groups = catalogue.groups
    paths = {asset.key: asset.path for asset in catalogue.assets}
    for asset in catalogue.assets:
        pages.write(
            asset.path,
            "asset",
            asset.key,
            asset=asset,
            groups=groups,
            paths=paths,
            drawing=neighbours(asset, catalogue),
            description=description(asset.description),
            source=sources.page(asset.source) if asset.source else "",
            columns=[(column, description(column.description)) for column in asset.columns],
            described=any(column.description for column in asset.columns),
            checks=[(check, description(check.description)) for check in asset.checks],
            sql=code(asset.sql, "sql") if asset.sql else "",
        )
        yield asset


def write_tables(pages: Pages, catalogue: Catalogue) -> None:
    """Write what is about all assets: the catalogue, the checks, the automation."""
    common = {"catalogue": catalogue, "groups": catalogue.groups}
    pages.write(
        CATALOGUE,
        "catalogue",
        "Assets",
        **common,
        drawing=overview(catalogue),
        layers=LAYERS,
        summaries={asset.key: description(asset.summary) for asset in catalogue.assets},
    )
    checks = catalogue.checks
    texts = {(check.asset, check.name): description(check.description) for check in checks}
    pages.write(CHECKS, "checks", "Checks", **common, texts=texts, counts=_counts(catalogue))
    paths = {asset.key: asset.path for asset in catalogue.assets}
    pages.write(AUTOMATION, "automation", "Automation", **common, paths=paths)


def _counts(catalogue: Catalogue) -> dict[str, tuple[int, int, int]]:
    """Layer -> how many checks are blocking ERROR, other ERROR, and WARN."""
    counts: dict[str, tuple[int, int, int]] = {}
    for group in catalogue.groups:
        blocking, error, warn = counts.get(group.layer, (0, 0, 0))
        checks = [check for asset in group.assets for check in asset.checks]
        blocks = sum(check.blocking for check in checks)
        warns = sum(check.severity == "WARN" for check in checks)
        counts[group.layer] = (
            blocking + blocks,
            error + len(checks) - blocks - warns,
            warn + warns,
        )
    return counts
