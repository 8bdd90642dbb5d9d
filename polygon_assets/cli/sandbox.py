"""``polygon up``, ``status``, ``down`` and ``replay``."""

import os
import signal
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

from polygon_assets.cli.board import Board, console, short_path
from polygon_assets.cli.prepare import (
    choose_tickers,
    install_superset,
    missing_builds,
    prepare,
    write_dagster_config,
)
from polygon_assets.sandbox.control import (
    Sandbox,
    SandboxError,
    is_running,
    read_state,
    stop_sandbox,
)
from polygon_assets.sandbox.layout import BI, SERVERS, UI, SandboxLayout, sandbox_layout
from polygon_assets.sandbox.market import SimulatedMarket
from polygon_assets.sandbox.services import dagster_ui, servers, superset
from polygon_assets.sessions import session as nyse_session

LOOK_SECONDS = 0.5


def up(symbols: str, *, bi: bool = False, detach: bool) -> int:
    """Start everything, and stay until interrupted or until ``polygon down``.

    Args:
        symbols: The simulated market.
        bi: Superset, too.
        detach: Return when all of it runs.
    """
    layout = sandbox_layout()
    if is_running(layout):
        state = read_state(layout)
        wanted = {UI, BI} if bi else {UI}
        if state is not None and wanted <= state.services.keys():
            console.print("Already running.")
            _print_addresses(layout, state.services)
            return 0
        stop_sandbox(layout)
    sandbox = Sandbox(layout)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _start(sandbox, symbols, bi=bi, detach=detach)
        _print_addresses(layout, [UI, BI] if bi else [UI])
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


def _print_addresses(layout: SandboxLayout, services: Collection[str]) -> None:
    console.print(f"Dagster UI: [bold]{layout.ui_url}[/]")
    if BI in services:
        login = layout.environment()
        console.print(
            f"Dashboards: [bold]{layout.bi_url}[/] "
            f"(user {login['DASHBOARDS_USER']}, password {login['DASHBOARDS_PASSWORD']})"
        )


def _start(sandbox: Sandbox, symbols: str, *, bi: bool, detach: bool) -> None:
    layout = sandbox.layout
    choose_tickers(symbols)
    write_dagster_config(layout.data(UI))
    services = len(SERVERS) + 1 + bi
    with Board() as board:
        if bi:
            install_superset(board, layout.root / "logs")
        with board.stage("up", services) as stage:
            builds = missing_builds(layout.root / "logs")
            for number, build in enumerate(builds):
                stage.update(number, services + len(builds), f"building the {build.name}")
                process = build.start()
                process.wait()
                build.require(process)
            last = "the Dagster UI and Superset" if bi else "the Dagster UI"
            stage.update(len(builds), note=f"starting services, then {last}")
            sandbox.start(symbols, ui=True, bi=bi, detach=detach)
            sandbox.wait(lambda healthy, _: stage.update(len(builds) + healthy))
            stage.finish("everything answers")
        if bi:
            _import_dashboards(board, layout)


def _import_dashboards(board: Board, layout: SandboxLayout) -> None:
    """Give Superset the dashboards; their charts are run when there is something to show."""
    os.environ.update(layout.environment())
    with board.stage("dashboards", 1) as stage:
        stage.update(0, note="importing into Superset")
        from polygon_assets.defs.dashboards.push import import_dashboards

        stage.finish(", ".join(import_dashboards()))


@contextmanager
def sandbox_for(symbols: str) -> Generator[None, None, None]:
    """The sandbox for the time of a block, with everything created that the platform writes to.

    One that runs already is used, and goes on running. The environment must name it, see
    :meth:`SandboxLayout.environment`; what is to be told goes to standard error.
    """
    sandbox = Sandbox(sandbox_layout())
    try:
        with Board(Console(stderr=True)) as board:
            prepare(board, sandbox, symbols)
            from polygon_assets.bootstrap import STEPS, bootstrap
            from polygon_assets.env import deployment_names

            with board.stage("bootstrap", STEPS) as stage:
                bootstrap(deployment_names(), lambda system: stage.update(0, note=system))
                stage.finish("schemas, tables, topics, services")
        yield
    finally:
        sandbox.stop()


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
    for service in [*servers(layout, "1"), dagster_ui(layout), superset(layout)]:
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
