"""dbt's own documentation as one file: its page with the manifest and a catalog in it.

``dbt docs generate`` asks the warehouse for the columns. Here they are those that the models
declare and that the connector delivers, so it needs no connection.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polygon_assets.columns import columns

OUTSIDE_TIME = "1970-01-01T00:00:00Z"
"""dbt's page wants a time. The site says the same whenever it is built."""

OF_ONE_RUN = ("generated_at", "invocation_started_at", "run_started_at")
CATALOG_SCHEMA = "https://schemas.getdbt.com/dbt/catalog/v1.json"


def docs_page(manifest: Mapping[str, Any]) -> str:
    """The page.

    Args:
        manifest: As ``dbt parse`` writes it.
    """
    from dbt.task.docs import DOCS_INDEX_FILE_PATH

    page = Path(DOCS_INDEX_FILE_PATH).read_text()
    for name, data in (("MANIFEST", manifest_of_no_run(manifest)), ("CATALOG", catalog(manifest))):
        place = f'"{name}.JSON INLINE DATA"'
        if place not in page:
            raise ValueError(f"dbt's page has no {place}: this version of dbt is not known.")
        page = page.replace(place, _script_safe(data))
    return page


def manifest_of_no_run(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest without what tells when, where and by whom it was made."""
    metadata = {**manifest["metadata"], **dict.fromkeys(OF_ONE_RUN, OUTSIDE_TIME)}
    metadata |= {"invocation_id": None, "user_id": None, "env": {}}
    return {
        name: {key: _timeless(value) for key, value in part.items()}
        if isinstance(part, dict)
        else part
        for name, part in manifest.items()
    } | {"metadata": metadata}


def catalog(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """dbt's catalog of the declared columns."""
    models = {
        name: _entry(node, {one: told["data_type"] for one, told in node["columns"].items()})
        for name, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed", "snapshot")
    }
    sources = {
        name: _entry(node, columns().get(_asset_key(node), {}))
        for name, node in manifest["sources"].items()
    }
    metadata = {
        "dbt_schema_version": CATALOG_SCHEMA,
        "dbt_version": manifest["metadata"]["dbt_version"],
        "generated_at": OUTSIDE_TIME,
        "invocation_id": None,
        "env": {},
    }
    return {"metadata": metadata, "nodes": models, "sources": sources, "errors": None}


def _entry(node: Mapping[str, Any], types: Mapping[str, str | None]) -> dict[str, Any]:
    view = node.get("config", {}).get("materialized") == "view"
    return {
        "unique_id": node["unique_id"],
        "metadata": {
            "type": "VIEW" if view else "BASE TABLE",
            "database": node["database"],
            "schema": node["schema"],
            "name": node.get("alias") or node["identifier"],
            "comment": None,
            "owner": None,
        },
        "columns": {
            name: {"type": type_ or "", "index": number, "name": name, "comment": None}
            for number, (name, type_) in enumerate(types.items(), start=1)
        },
        "stats": {},
    }


def _asset_key(source: Mapping[str, Any]) -> str:
    layer = "reconcile/market" if source["source_name"] == "reconcile" else "raw/polygon"
    return f"{layer}/{source['name'].lower()}"


def _timeless(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    left = {key: value for key, value in node.items() if key not in ("created_at", "root_path")}
    return left | ({"created_at": 0} if "created_at" in node else {})


def _script_safe(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the script that it stands in."""
    return json.dumps(data, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")
