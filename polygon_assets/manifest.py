"""dbt's manifest: what Dagster learns the models from. It is made by ``dbt parse``."""

import os

from polygon_assets.env import PROJECT_ROOT

DBT_PROJECT = PROJECT_ROOT / "dbt_polygon"
TARGET = os.environ.get("DBT_TARGET_PATH", "target")
"""Where dbt writes, from its project; the variable is dbt's own."""

MANIFEST = DBT_PROJECT / TARGET / "manifest.json"
SOURCES = (".sql", ".yml", ".csv")


def manifest_is_current() -> bool:
    """Whether the manifest is newer than every file that it is made from."""
    if not MANIFEST.exists():
        return False
    made = MANIFEST.stat().st_mtime
    files = (path for path in DBT_PROJECT.rglob("*") if path.suffix in SOURCES)
    return all(path.stat().st_mtime <= made for path in files if "target" not in path.parts)
