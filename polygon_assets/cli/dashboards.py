"""``polygon dashboards``: push the bundle, look at what a push would change, or write it down."""

from collections import Counter
from pathlib import Path
from typing import Literal

from rich.table import Table

from polygon_assets.cli.board import Board, console, short_path
from polygon_assets.defs.dashboards.addresses import database_addresses
from polygon_assets.defs.dashboards.assets import without_rows
from polygon_assets.defs.dashboards.bundle import Bundle, read_files
from polygon_assets.defs.dashboards.pull import pulled_files
from polygon_assets.defs.dashboards.push import ChartRun, deployment_bundle, only, push, run_charts
from polygon_assets.defs.dashboards.render import bundle_files, rendered, variables
from polygon_assets.defs.dashboards.served import Change, changes
from polygon_assets.env import deployment_names
from polygon_assets.resources.superset import Superset, superset

Target = Literal["superset", "preset"]

_COLOURS = {"create": "green", "update": "yellow", "keep": "dim"}


def push_dashboards(names: list[str], target: Target | None, *, dry_run: bool) -> int:
    """Push dashboards with all that they need, and run every chart.

    Args:
        names: Which; all of them when empty.
        target: Superset or Preset; None leaves it to DASHBOARDS_TARGET.
        dry_run: Only read, and show what would change.

    Returns:
        Exit code: 1 when a chart failed or shows nothing.
    """
    server = _server(target)
    bundle = _chosen(deployment_bundle(deployment_names(), server), names)
    with server.client() as client:
        found = changes(client, bundle)
        _print_changes(found)
        if dry_run:
            return 0
        runs: list[ChartRun] = []
        with Board() as board, board.stage("push", 1 + len(bundle.charts)) as stage:
            stage.update(0, note="databases, datasets, charts, dashboards")
            push(client, bundle, database_addresses(deployment_names()))
            for name in bundle.dashboards:
                stage.update(1 + len(runs), note=f"running the charts of {name}")
                runs += run_charts(client, bundle, name)
            stage.finish(f"{len(runs)} charts")
    console.print(_run_table(runs))
    for one in bundle.dashboards.values():
        console.print(f"{one['dashboard_title']}: [bold]{server.dashboard_url(one['slug'])}[/]")
    return 1 if without_rows(runs) or any(run.error for run in runs) else 0


def pull_dashboards(names: list[str], folder: Path) -> int:
    """Write what was changed in the browser into the bundle's files.

    Args:
        names: Which dashboards; all of them when empty.
        folder: Of the bundle.
    """
    server, files = _server(None), read_files(folder)
    addresses = database_addresses(deployment_names())
    stock_charts = not server.has_plugins
    bundle = rendered(deployment_names(), addresses, stock_charts=stock_charts, files=files)
    values = variables(deployment_names(), addresses)
    with server.client() as client:
        found = pulled_files(client, files, _chosen(bundle, names), values)
    for path, text in found.items():
        (folder / path).write_text(text)
        console.print(f"{'changed' if path in files else 'new'}: {path}")
    console.print(f"{len(found)} files written; `git diff` shows what was changed.")
    return 0


def write_dashboards(folder: Path, target: Target | None) -> int:
    """Write the deployment's bundle to a folder, for other tools that import it.

    Passwords are not in it.
    """
    bundle = deployment_bundle(deployment_names(), _server(target))
    files = bundle_files(bundle)
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    console.print(f"{len(files)} files in {short_path(folder.resolve())}")
    return 0


def _server(target: Target | None) -> Superset:
    server = superset().process_config_and_initialize()
    return server.model_copy(update={"target": target}) if target else server


def _chosen(bundle: Bundle, names: list[str]) -> Bundle:
    unknown = sorted(set(names) - bundle.dashboards.keys())
    if unknown:
        raise ValueError(
            f"There is no dashboard {', '.join(unknown)}: choose of {', '.join(bundle.dashboards)}."
        )
    return only(bundle, names or list(bundle.dashboards))


def _print_changes(found: list[Change]) -> None:
    counts = Counter(one.action for one in found)
    title = ", ".join(f"{counts[action]} to {action}" for action in _COLOURS)
    table = Table("kind", "object", "action", "differs in", title=title, title_justify="left")
    for one in found:
        if one.action != "keep":
            colour = _COLOURS[one.action]
            fields = ", ".join(one.fields[:3]) + (" ..." if len(one.fields) > 3 else "")
            table.add_row(one.kind, one.key, f"[{colour}]{one.action}[/]", fields)
    console.print(table if table.rows else title)


def _run_table(runs: list[ChartRun]) -> Table:
    table = Table(
        "chart", "type", "dataset", "rows", "seconds", title="Charts", title_justify="left"
    )
    empty = without_rows(runs)
    for one in runs:
        rows = f"{one.rows:,}" if one not in empty else f"[red]{one.rows}[/]"
        rows = f"[red]{one.error[:200]}[/]" if one.error else rows
        table.add_row(one.title, one.viz_type, one.dataset, rows, f"{one.seconds:.2f}")
    return table
