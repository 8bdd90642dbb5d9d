"""The command ``polygon``."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from polygon_assets.cli.board import console
from polygon_assets.sandbox.layout import KAFKA_VARIABLE

if TYPE_CHECKING:
    from pydantic import ValidationError

app = typer.Typer(
    help="US stocks from Polygon.io (Massive), batch and streaming, as Dagster assets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

connector = typer.Typer(
    help="The connector, source-polygon.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(connector, name="connector")

topics = typer.Typer(
    help="The deployment's Kafka topics.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(topics, name="topics")

Sessions = Annotated[
    str,
    typer.Option(
        help="How many NYSE sessions to load, the last of which is 2005-02-28; or "
        "FIRST:LAST, such as 2005-02-14:2005-02-28."
    ),
]
Symbols = Annotated[
    str, typer.Option(help="The simulated market: how many symbols, or their names: AAPL,IBM.")
]
Kafka = Annotated[
    str,
    typer.Option(
        envvar=KAFKA_VARIABLE,
        help="embedded, or apache: Apache Kafka itself, which needs Java 17 and Maven.",
    ),
]
Speed = Annotated[
    float, typer.Option(min=1, help="How many times faster than real time to stream the session.")
]


@app.command()
def demo(
    sessions: Sessions = "10",
    symbols: Symbols = "60",
    speed: Speed = 900.0,
    kafka: Kafka = "embedded",
    *,
    keep: Annotated[bool, typer.Option(help="Leave the sandbox running afterwards.")] = False,
) -> None:
    """Run the whole platform once, offline: both halves, every check, and a summary."""
    from polygon_assets.cli.demo import Options, run_demo

    os.environ[KAFKA_VARIABLE] = kafka
    raise typer.Exit(run_demo(Options.parse(sessions, symbols, speed, keep=keep)))


@app.command()
def up(
    symbols: Symbols = "60",
    kafka: Kafka = "embedded",
    *,
    detach: Annotated[bool, typer.Option(help="Return when all of it runs.")] = False,
) -> None:
    """Start the sandbox with the Dagster UI and daemon, and stay."""
    from polygon_assets.cli.sandbox import up as run

    os.environ[KAFKA_VARIABLE] = kafka
    raise typer.Exit(run(symbols, detach=detach))


@app.command()
def status(
    *,
    tables: Annotated[
        bool, typer.Option(help="Row count and checksum of every table, too.")
    ] = False,
) -> None:
    """Show each service with its address, health and data size."""
    from polygon_assets.cli.sandbox import status as run

    raise typer.Exit(run(tables=tables))


@app.command()
def down() -> None:
    """Stop everything that was started here."""
    from polygon_assets.cli.sandbox import down as run

    raise typer.Exit(run())


@app.command()
def replay(
    session: Annotated[str, typer.Argument(help="NYSE session, such as 2005-02-28.")],
    speed: Speed = 60.0,
) -> None:
    """Let the simulated market of a running sandbox live through a session."""
    from polygon_assets.cli.sandbox import replay as run

    raise typer.Exit(run(session, speed))


@app.command()
def bootstrap() -> None:
    """Create schemas, tables, topics, services and connections where they are missing."""
    from polygon_assets.bootstrap import bootstrap as run
    from polygon_assets.env import deployment_names

    names = deployment_names()
    run(names, lambda system: console.print(f"✓ {system}"))


@app.command()
def migrate(
    *, dry_run: Annotated[bool, typer.Option(help="Only show what would be applied.")] = False
) -> None:
    """Bring the tables of ClickHouse up to date, and show each migration."""
    from polygon_assets.cli.migrate import run_migrate

    raise typer.Exit(run_migrate(dry_run=dry_run))


@connector.command()
def publish(
    *,
    dry_run: Annotated[bool, typer.Option(help="Only read, and show what would change.")] = False,
    update_secrets: Annotated[
        bool, typer.Option(help="Send the vendor's key and Snowflake's credentials again, too.")
    ] = False,
) -> None:
    """Bring definition, sources, destination and connections to the Airbyte workspace."""
    from polygon_assets.cli.connector import publish_connector

    raise typer.Exit(publish_connector(dry_run=dry_run, update_secrets=update_secrets))


@topics.command("apply")
def apply_topics(
    *,
    dry_run: Annotated[bool, typer.Option(help="Only read, and show what would change.")] = False,
    grow: Annotated[
        bool,
        typer.Option(help="Add partitions where there are fewer than defined: symbols move."),
    ] = False,
) -> None:
    """Create the topics that are missing, and set what differs from their definition."""
    from polygon_assets.cli.topics import apply_topics as run

    raise typer.Exit(run(dry_run=dry_run, grow=grow))


def main() -> None:
    """Run the command; a known problem is one sentence and exit code 1."""
    from pydantic import ValidationError

    from polygon_assets.sandbox.control import SandboxError

    try:
        app()
    except (SandboxError, ConnectionError, ValueError) as error:
        sentence = _settings_sentence(error) if isinstance(error, ValidationError) else str(error)
        if sentence is None:
            raise
        Console(stderr=True).print(f"[red]✗[/] {escape(sentence)}", highlight=False, soft_wrap=True)
        sys.exit(1)


def _settings_sentence(error: "ValidationError") -> str | None:
    from polygon_assets.settings import wrong_setting

    return wrong_setting(error)
