"""``polygon dashboards``: its commands and their options."""

from pathlib import Path
from typing import Annotated, Literal

import typer

dashboards = typer.Typer(
    help="The dashboards in Superset or Preset.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Names = Annotated[list[str] | None, typer.Argument(help="Which, such as live_market; all.")]
Target = Annotated[
    Literal["superset", "preset"] | None,
    typer.Option(help="Where to; DASHBOARDS_TARGET unless given."),
]


@dashboards.command("push")
def push_dashboards(
    names: Names = None,
    target: Target = None,
    *,
    dry_run: Annotated[bool, typer.Option(help="Only read, and show what would change.")] = False,
) -> None:
    """Push dashboards with their charts and datasets, and run every chart.

    Exit code 1 if a chart fails or shows nothing.
    """
    from polygon_assets.cli.dashboards import push_dashboards as run

    raise typer.Exit(run(names or [], target, dry_run=dry_run))


@dashboards.command("pull")
def pull_dashboards(
    names: Names = None,
    folder: Annotated[Path | None, typer.Option(help="The bundle's; the project's own.")] = None,
) -> None:
    """Write what was changed in the browser back into the bundle's files."""
    from polygon_assets.cli.dashboards import pull_dashboards as run
    from polygon_assets.defs.dashboards.bundle import BUNDLE

    raise typer.Exit(run(names or [], folder or BUNDLE))


@dashboards.command("write")
def write_dashboards(
    folder: Annotated[Path, typer.Argument(help="Where to; created where it is missing.")],
    target: Target = None,
) -> None:
    """Write this deployment's bundle to a folder, for other tools that import it."""
    from polygon_assets.cli.dashboards import write_dashboards as run

    raise typer.Exit(run(folder, target))
