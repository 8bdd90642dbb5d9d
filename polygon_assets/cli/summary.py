"""What the demo did, for a person to read."""

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from polygon_assets.cli.board import console
from polygon_assets.cli.candles import render
from polygon_assets.cli.stages import Report
from polygon_assets.defs.reconcile.bands import HIGH_LOW_BAND, OPEN_CLOSE_BAND, VOLUME_SHARE
from polygon_assets.defs.rollups.assets import BARS_5M
from polygon_assets.defs.rollups.chart import most_traded
from polygon_assets.foreign_text import one_line


def print_summary(report: Report) -> None:
    """Tables, rates, checks, reconciliation, a chart, and where to look next."""
    console.print()
    console.print(_tables(report))
    console.print(_stream(report))
    console.print(_checks(report))
    console.print(_reconciliation(report))
    chart = candle_chart(report)
    if chart is not None:
        console.print(chart)
    for line in _failures(report):
        console.print(f"[red]✗[/] {escape(one_line(line))}")
    console.print(_next_steps(report))


def _tables(report: Report) -> Table:
    table = Table(title="Tables", title_justify="left", header_style="bold")
    table.add_column("system")
    table.add_column("table")
    table.add_column("rows", justify="right")
    table.add_column("checksum", style="dim")
    for one in report.tables:
        table.add_row(one.system, one.name, f"{one.rows:,}", one.checksum)
    return table


def _stream(report: Report) -> Table:
    table = Table(title="Stream", title_justify="left", header_style="bold")
    for column in ("session", "events", "events/s", "p50", "p95", "p99"):
        table.add_column(column, justify="right")
    if report.stream is not None:
        facts = report.stream
        table.add_row(
            f"{facts.session} at {report.options.speed:g}x",
            f"{facts.events:,}",
            f"{facts.events_per_second:,.0f}",
            *(f"{value:,.0f} ms" for value in facts.latency_ms),
        )
    table.caption = "latency: from sent by the vendor to queryable in ClickHouse"
    return table


def _checks(report: Report) -> Table:
    table = Table(title="Asset checks", title_justify="left", header_style="bold")
    for column in ("layer", "passed", "warned", "failed"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    layers = sorted({one.asset.split("/")[0] for one in report.checks.values()})
    for layer in [*layers, ""]:
        of_layer = [one for one in report.checks.values() if one.asset.startswith(layer)]
        passed = sum(one.passed for one in of_layer)
        failed = sum(one.is_error for one in of_layer)
        warned = len(of_layer) - passed - failed
        table.add_row(
            layer or "[bold]all",
            f"[green]{passed}",
            f"[yellow]{warned}" if warned else "0",
            f"[red]{failed}" if failed else "0",
        )
    return table


def _reconciliation(report: Report) -> Table:
    table = Table(title="Stream against official bars", title_justify="left", header_style="bold")
    for column in ("what", "band", "smallest", "mean", "largest"):
        table.add_column(column, justify="left" if column == "what" else "right")
    house = report.systems.snowflake
    bands = {
        "OPEN_DIFFERENCE": f"± {OPEN_CLOSE_BAND:.1%}",
        "HIGH_DIFFERENCE": f"± {HIGH_LOW_BAND:.1%}",
        "LOW_DIFFERENCE": f"± {HIGH_LOW_BAND:.1%}",
        "CLOSE_DIFFERENCE": f"± {OPEN_CLOSE_BAND:.1%}",
        "VOLUME_SHARE": f"{VOLUME_SHARE[0]:.0%} to {VOLUME_SHARE[1]:.0%}",
    }
    for column, band in bands.items():
        values = house.query(
            f"SELECT MIN({column}), AVG({column}), MAX({column}) "
            f"FROM {house.database}.RECONCILE.DAILY_BARS WHERE SESSION_DATE = %s",
            [str(report.options.sessions[-1])],
        )[0]
        shown = [f"{float(value):.2%}" if value is not None else "-" for value in values]
        table.add_row(column.replace("_", " ").lower(), band, *shown)
    return table


def candle_chart(report: Report) -> Panel | None:
    """Five-minute candles of the most traded symbol of the streamed session."""
    found = most_traded(report.systems.clickhouse, BARS_5M, report.options.sessions[-1])
    if found is None:
        return None
    title, candles = found
    return Panel(render(candles), title=escape(one_line(title)), border_style="dim", expand=False)


def _failures(report: Report) -> list[str]:
    failed = [f"{one.asset}: {one.name}: {one.description}" for one in report.failed_checks]
    return failed + [f"{check} did not run" for check in report.never_run]


def _next_steps(report: Report) -> Panel:
    checks = len(report.checks)
    passed = sum(one.passed for one in report.checks.values())
    head = "[green]All of it worked" if report.succeeded else "[red]Not all of it worked"
    flag, boards = "", ""
    if report.options.bi:
        flag = " --bi"
        boards = f"Dashboards: {report.layout.bi_url}\n"
    return Panel(
        f"{head}[/]: {passed} of {checks} checks passed, in {report.seconds:.0f} s.\n"
        f"See it in the Dagster UI: [bold]polygon up{flag}[/], then {report.layout.ui_url}\n"
        f"{boards}"
        "Tables again: [bold]polygon status --tables[/]",
        expand=False,
    )
