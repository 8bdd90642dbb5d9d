"""``polygon topics apply``: the topics of a deployment, and what was changed, as a table."""

from rich.markup import escape
from rich.table import Table

from polygon_assets.cli.board import console
from polygon_assets.env import deployment_names
from polygon_assets.resources.kafka import kafka_admin
from polygon_assets.topics import TopicChange, apply, await_visible, declared, plan

_COLOURS = {"create": "green", "update": "yellow", "unchanged": "dim", "differs": "red"}
_DAY_MS = 24 * 3600 * 1000


def apply_topics(*, dry_run: bool, grow: bool) -> int:
    """Bring the topics of the deployment that the environment names to their definition.

    Args:
        dry_run: Only compare.
        grow: Add partitions where there are fewer than defined.

    Returns:
        0; 1 where a topic has another number of partitions and was left so. A refusal is an
        exception with one sentence, after what was done until then.
    """
    admin = kafka_admin()
    topics = declared(deployment_names().topic_prefix)
    changes = plan(admin, topics, grow=grow)
    todo = [c for c in changes if c.action in ("create", "update") or c.configs]
    done: list[TopicChange] = []
    try:
        for change in [] if dry_run else todo:
            apply(admin, change)
            done.append(change)
    finally:
        failed = not dry_run and len(done) < len(todo)
        console.print(_table([c for c in changes if not failed or c in done]))
    if done:
        await_visible(admin, topics, grow=grow)
    if dry_run:
        console.print(f"{len(todo)} of {len(changes)} would change; nothing was sent.")
    else:
        console.print(f"{len(done)} of {len(changes)} changed.")
    return int(any(change.action == "differs" for change in changes))


def _table(changes: list[TopicChange]) -> Table:
    table = Table("topic", "partitions", "retention", "action", "what", box=None, pad_edge=False)
    for change in changes:
        colour = _COLOURS[change.action]
        table.add_row(
            change.topic.name,
            str(change.partitions or change.topic.partitions),
            f"{int(change.topic.configs['retention.ms']) // _DAY_MS} days",
            f"[{colour}]{change.action}[/]",
            escape("\n".join(change.details)),
        )
    return table
