"""``polygon up``, ``status``, ``down`` and ``replay``."""

import os
import signal
import time
from datetime import date
from pathlib import Path

from rich.table import Table

from polygon_assets.cli.board import Board, console, short_path
from polygon_assets.cli.prepare import choose_tickers, missing_builds, write_dagster_config
from polygon_assets.sandbox.control import (
    Sandbox,
    SandboxError,
    is_running,
    read_state,
    stop_sandbox,
)
from polygon_assets.sandbox.layout import SERVERS, UI, SandboxLayout, sandbox_layout
from polygon_assets.sandbox.market import SimulatedMarket
from polygon_assets.sandbox.services import dagster_ui, servers
from polygon_assets.sessions import session as nyse_session

LOOK_SECONDS = 0.5
SERVICES_WITH_UI = len(SERVERS) + 1


def up(symbols: str, *, detach: bool) -> int:
    """Start everything, and stay until interrupted or until ``polygon down``."""
    layout = sandbox_layout()
    if is_running(layout):
        state = read_state(layout)
        if state is not None and UI in state.services:
            console.print(f"Already running: {layout.ui_url}")
            return 0
        stop_sandbox(layout)
    sandbox = Sandbox(layout)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _start(sandbox, symbols, detach=detach)
        console.print(f"Dagster UI: [bold]{layout.ui_url}[/]")
        if detach:
            console.print("It runs in the background: [bold]polygon down[/] stops it.")
            return 0
        console.print("Ctrl-C stops it.")
        while is_running(layout):
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        console.print("Stopping.")
    finally:
        if not detach:
            sandbox.stop()
    return 0


def _start(sandbox: Sandbox, symbols: str, *, detach: bool) -> None:
    layout = sandbox.layout
    choose_tickers(symbols)
    write_dagster_config(layout.data(UI))
    with Board() as board, board.stage("up", SERVICES_WITH_UI) as stage:
        builds = missing_builds(layout.root / "logs")
        for number, build in enumerate(builds):
            stage.update(number, SERVICES_WITH_UI + len(builds), f"building the {build.name}")
            process = build.start()
            process.wait()
            build.require(process)
        stage.update(len(builds), note="starting services, then the Dagster UI")
        sandbox.start(symbols, ui=True, detach=detach)
        sandbox.wait(lambda healthy, _: stage.update(len(builds) + healthy))
        stage.finish("everything answers")


def status(*, tables: bool) -> int:
    """Print the services, and the tables if asked for."""
    layout = sandbox_layout()
    console.print(_service_table(layout))
    if not tables:
        return 0
    if is_running(layout):
        _print_tables(layout)
        return 0
    if not layout.data("snowflake").exists():
        raise SandboxError(f"There is no data in {layout.root}: run `polygon demo` first.")
    sandbox = Sandbox(layout)
    console.print("Starting the sandbox to read its tables.")
    try:
        sandbox.start("1")
        sandbox.wait(lambda _healthy, _all: None)
        _print_tables(layout)
    finally:
        sandbox.stop()
    return 0


def _service_table(layout: SandboxLayout) -> Table:
    state = read_state(layout) if is_running(layout) else None
    table = Table(
        title=f"Sandbox in {short_path(layout.root)}", title_justify="left", header_style="bold"
    )
    for column in ("service", "address", "health", "restarts", "data"):
        table.add_column(column, justify="right" if column in ("restarts", "data") else "left")
    for service in [*servers(layout, "1"), dagster_ui(layout)]:
        found = state.services.get(service.name) if state else None
        health = "[dim]stopped"
        if found is not None:
            health = "[green]healthy" if service.is_healthy() else "[red]does not answer"
        table.add_row(
            service.name,
            f"127.0.0.1:{service.port}",
            health,
            str(found.restarts) if found else "-",
            _size(layout.data(service.name)),
        )
    return table


def _print_tables(layout: SandboxLayout) -> None:
    os.environ.update(layout.environment())
    from polygon_assets.cli.tables import table_facts
    from polygon_assets.env import deployment_names

    table = Table(title="Tables", title_justify="left", header_style="bold")
    for column in ("system", "table", "rows", "checksum"):
        table.add_column(column, justify="right" if column == "rows" else "left")
    for one in table_facts(deployment_names()):
        table.add_row(one.system, one.name, f"{one.rows:,}", one.checksum)
    console.print(table)


def _size(folder: Path) -> str:
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    for unit in ("B", "KB", "MB"):
        if total < 1000:
            return f"{total:.0f} {unit}"
        total /= 1000
    return f"{total:.1f} GB"


def down() -> int:
    """Stop everything."""
    layout = sandbox_layout()
    count = stop_sandbox(layout)
    console.print(f"Stopped {count} processes." if count else "Nothing was running.")
    return 0


def replay(session: str, speed: float) -> int:
    """Let the simulated market live through a session; the sensors start the stream."""
    layout = sandbox_layout()
    if not is_running(layout):
        raise SandboxError("No sandbox is running: start one with `polygon up` first.")
    day = nyse_session(date.fromisoformat(session)).session_date
    market = SimulatedMarket(layout)
    market.start(day, speed)
    with Board() as board, board.stage("replay", 1) as stage:
        stage.update(0, note="waiting for the market-hours sensor to start the producer")
        while (found := market.replay()).state in ("armed", "running"):
            stage.update(found.events_sent, found.events_total or 1)
            time.sleep(LOOK_SECONDS)
        stage.finish(f"{found.events_sent:,} second bars of {day}")
    return 0
