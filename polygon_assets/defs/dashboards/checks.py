"""Checks that need no server: the bundle against the tables it reads, and against dbt."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg

from polygon_assets.code_versions import METADATA_KEY, code_version
from polygon_assets.columns import columns
from polygon_assets.defs.dashboards.assets import dashboard_key
from polygon_assets.defs.dashboards.bundle import Bundle, own_bundle, own_digest
from polygon_assets.defs.dashboards.lineage import assets_of
from polygon_assets.manifest import MANIFEST
from polygon_assets.policies import check_metadata

MARTS = ("marts", "market")


def marts_columns(manifest: Mapping[str, Any]) -> dict[str, set[str]]:
    """Asset key of every mart, as ``a/b/c`` -> its columns, as dbt's manifest has them."""
    return {
        "/".join((*MARTS, str(node["name"]))): set(node["columns"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["fqn"][1] == MARTS[0]
    }


def columns_exist(bundle: Bundle, dashboard: str, known: Mapping[str, set[str]]) -> list[str]:
    """What a dashboard's datasets read and the tables do not have, in words.

    Args:
        bundle: Not rendered.
        dashboard: Key of the dashboard.
        known: Asset key as ``a/b/c`` -> the columns of the table.
    """
    # Analyses SQL, which the definitions have no need of.
    from polygon_assets.defs.dashboards.datasets import missing_columns

    return [
        f"{key}: {problem}"
        for key, dataset in bundle.datasets_of(dashboard).items()
        for problem in missing_columns(dataset, bundle.database_of(dataset), known)
    ]


def exposure_differences(
    bundle: Bundle, dashboard: str, manifest: Mapping[str, Any]
) -> tuple[set[str], set[str]]:
    """The marts that a dashboard reads and dbt's exposure lacks, and the other way round."""
    read = {key.path[-1] for key in assets_of(bundle, dashboard) if tuple(key.path[:2]) == MARTS}
    declared = {
        unique_id.rpartition(".")[2]
        for exposure in manifest["exposures"].values()
        if exposure["name"] == dashboard
        for unique_id in exposure["depends_on"]["nodes"]
    }
    return read - declared, declared - read


def _manifest() -> dict[str, Any]:
    return json.loads(MANIFEST.read_text())


def _columns_check(dashboard: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dashboard_key(dashboard),
        name="columns_exist",
        description="Every column of its datasets exists in dbt's manifest or in ClickHouse.",
        metadata=_metadata(dashboard),
    )
    def check() -> dg.AssetCheckResult:
        known = {key: set(found) for key, found in columns().items()} | marts_columns(_manifest())
        problems = columns_exist(own_bundle(), dashboard, known)
        return dg.AssetCheckResult(
            passed=not problems,
            description="; ".join(problems) or "every column exists",
            metadata={"datasets": len(own_bundle().datasets_of(dashboard))},
        )

    return check


def _exposure_check(dashboard: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dashboard_key(dashboard),
        name="exposure_agrees",
        description="The exposure in dbt's docs names the models that its datasets read.",
        metadata=_metadata(dashboard),
    )
    def check() -> dg.AssetCheckResult:
        lacks, too_many = exposure_differences(own_bundle(), dashboard, _manifest())
        problems = [f"the exposure lacks {name}" for name in sorted(lacks)]
        problems += [f"the exposure names {name}, which is not read" for name in sorted(too_many)]
        return dg.AssetCheckResult(
            passed=not problems, description="; ".join(problems) or "the models are the same"
        )

    return check


def _metadata(dashboard: str) -> dict[str, str]:
    version = code_version(__name__, own_digest())
    return {METADATA_KEY: version, **check_metadata(dashboard_key(dashboard).path, "ERROR")}


dashboard_checks = [
    make(name) for name in own_bundle().dashboards for make in (_columns_check, _exposure_check)
]
