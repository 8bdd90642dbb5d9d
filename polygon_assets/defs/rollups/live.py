"""The rollups' database: the migrations of ``schema/``."""

from pathlib import Path

from polygon_assets.resources.clickhouse import ClickHouse

SCHEMA = Path(__file__).parent / "schema"


def create_rollups(clickhouse: ClickHouse) -> None:
    """Apply the migrations that are missing; the tick tables must exist.

    Raises:
        ChangedMigrationError: A file has changed since it was applied.
    """
    from polygon_stream.schema import apply

    with clickhouse.client() as client:
        apply(client, SCHEMA, migration_names(clickhouse.ticks, clickhouse.rollups))


def migration_names(ticks: str, rollups: str) -> dict[str, str]:
    """What the placeholders of the files stand for: the databases of ticks and of rollups."""
    return {"database": rollups, "ticks": ticks, "rollups": rollups}
