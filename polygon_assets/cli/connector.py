"""``polygon connector publish``: the plan and what was done, as a table."""

from rich.markup import escape
from rich.table import Table

from polygon_assets.cli.board import console
from polygon_assets.env import deployment_names
from polygon_assets.publish.publish import Change, publish

_COLOURS = {"create": "green", "update": "yellow", "unchanged": "dim"}


def publish_connector(*, dry_run: bool, update_secrets: bool) -> int:
    """Publish to the workspace that the environment names, and print what changed.

    Returns:
        0; what goes wrong is an exception with one sentence, after what was done until then.
    """
    changes: list[Change] = []
    try:
        publish(
            deployment_names(),
            dry_run=dry_run,
            update_secrets=update_secrets,
            report=changes.append,
        )
    finally:
        if changes:
            console.print(_table(changes))
    changed = [change for change in changes if change.action != "unchanged"]
    if dry_run:
        console.print(f"{len(changed)} of {len(changes)} would change; nothing was sent.")
    else:
        console.print(f"{len(changed)} of {len(changes)} changed.")
    return 0


def _table(changes: list[Change]) -> Table:
    table = Table("object", "name", "action", "what", box=None, pad_edge=False)
    for change in changes:
        colour = _COLOURS[change.action]
        table.add_row(
            change.kind,
            change.name,
            f"[{colour}]{change.action}[/]",
            escape("\n".join(change.details)),
        )
    return table
