"""How dbt's models become assets."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.policies import (
    CALENDAR_FRESHNESS,
    OWNERS,
    SESSION_FRESHNESS,
    UNPARTITIONED_REASON,
)

SCHEMA = "market"


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
        owners = [OWNERS[spec.key.path[0]]]
        if unique_id.startswith("seed."):
            reason = manifest["nodes"][unique_id]["meta"][UNPARTITIONED_REASON]
            return spec.replace_attributes(
                owners=owners, freshness_policy=CALENDAR_FRESHNESS
            ).merge_attributes(metadata={UNPARTITIONED_REASON: reason})
        return spec.replace_attributes(
            owners=owners, freshness_policy=SESSION_FRESHNESS, partitions_def=NYSE_SESSIONS
        )


def _layer(dbt_resource_props: Mapping[str, Any]) -> str:
    """The folder below ``models``; seeds belong to the marts, snapshots are their own layer."""
    kind = dbt_resource_props["resource_type"]
    return {"seed": "marts", "snapshot": "snapshots"}.get(kind) or dbt_resource_props["fqn"][1]
