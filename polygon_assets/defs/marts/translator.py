"""How dbt's models become assets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from polygon_assets.automation import FOLLOW_CORRECTIONS, REFERENCE
from polygon_assets.manifest import DBT_PROJECT
from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.policies import (
    MONTHLY_FRESHNESS,
    OWNERS,
    SESSION_FRESHNESS,
    UNPARTITIONED_REASON,
    check_metadata,
)
from polygon_assets.sources import code_reference

SCHEMA = "market"
AFTER_RECONCILIATION = "after_reconciliation"
"""dbt's tag of the models that read what Dagster computes from other models."""


class MarketTranslator(DagsterDbtTranslator):
    """Keys ``[layer, market, model]``, owners, freshness and session partitions by layer."""

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """``raw/<source>/<table>`` for a source, ``<layer>/market/<model>`` for the rest.

        The source ``reconcile`` is not Airbyte's: Dagster's own asset fills it.
        """
        name = dbt_resource_props["name"]
        if dbt_resource_props["resource_type"] == "source":
            if dbt_resource_props["source_name"] == "reconcile":
                return dg.AssetKey(["reconcile", SCHEMA, name])
            return dg.AssetKey(["raw", dbt_resource_props["source_name"], name.lower()])
        return dg.AssetKey([_layer(dbt_resource_props), SCHEMA, name])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """``<layer>_market``."""
        return f"{_layer(dbt_resource_props)}_{SCHEMA}"

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """The spec with what every asset of its layer has."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        owners = [OWNERS[spec.key.path[0]]]
        file = DBT_PROJECT / Path(node["original_file_path"])
        spec = spec.merge_attributes(metadata=code_reference(file))
        if unique_id.startswith("seed."):
            return spec.replace_attributes(
                owners=owners,
                freshness_policy=MONTHLY_FRESHNESS,
                automation_condition=REFERENCE,
            ).merge_attributes(metadata={UNPARTITIONED_REASON: node["meta"][UNPARTITIONED_REASON]})
        return spec.replace_attributes(
            owners=owners,
            freshness_policy=SESSION_FRESHNESS,
            partitions_def=NYSE_SESSIONS,
            automation_condition=(
                FOLLOW_CORRECTIONS if AFTER_RECONCILIATION in node["tags"] else None
            ),
        )

    def get_asset_check_spec(
        self,
        asset_spec: dg.AssetSpec,
        manifest: Mapping[str, Any],
        unique_id: str,
        project: DbtProject | None,
    ) -> dg.AssetCheckSpec | None:
        """The check of a test, with its severity and the owner of its asset."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        told = check_metadata(spec.asset_key.path, "ERROR" if spec.blocking else "WARN")
        return spec._replace(metadata={**(spec.metadata or {}), **told})  # pyright: ignore[reportPrivateUsage]


def _layer(dbt_resource_props: Mapping[str, Any]) -> str:
    """The folder below ``models``; seeds belong to the marts, snapshots are their own layer."""
    kind = dbt_resource_props["resource_type"]
    return {"seed": "marts", "snapshot": "snapshots"}.get(kind) or dbt_resource_props["fqn"][1]
