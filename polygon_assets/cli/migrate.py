"""``polygon migrate``: bring the tables of ClickHouse up to date."""

from polygon_stream import schema
from rich.table import Table

from polygon_assets.bootstrap import schemas
from polygon_assets.cli.board import console
from polygon_assets.env import deployment_names
from polygon_assets.resources.clickhouse import clickhouse


def run_migrate(*, dry_run: bool) -> int:
    """Apply what is missing, and print every file with its state.

    Args:
        dry_run: Only look.

    Returns:
        Exit code: 1 when a file has changed since it was applied.
    """
    service = clickhouse(names := deployment_names())
    table = Table("database", "file", "state", "when (UTC)")
    changed = False
    with service.client() as client:
        for folder, variables in schemas(names):
            before = schema.status(client, folder, variables)
            changed = changed or any(one.changed for one in before)
            if not dry_run:
                schema.apply(client, folder, variables)
            for one in schema.status(client, folder, variables):
                when = f"{one.applied_at:%Y-%m-%d %H:%M:%S}" if one.applied_at else ""
                table.add_row(variables["database"], one.file, one.state, when)
    console.print(table)
    return 1 if changed else 0
