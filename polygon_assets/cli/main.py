"""The command ``polygon``."""

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from polygon_assets.cli.board import console
from polygon_assets.cli.dashboard_commands import dashboards
from polygon_assets.garbage import look_rarely_for_garbage
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

app.add_typer(dashboards, name="dashboards")

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
Bi = Annotated[
    bool,
    typer.Option("--bi", help="With Superset, which is installed at the first time: 0.7 GB."),
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
    bi: Bi = False,
    keep: Annotated[bool, typer.Option(help="Leave the sandbox running afterwards.")] = False,
) -> None:
    """Run the whole platform once, offline: both halves, every check, and a summary."""
    from polygon_assets.cli.demo import Options, run_demo

    os.environ[KAFKA_VARIABLE] = kafka
    raise typer.Exit(run_demo(Options.parse(sessions, symbols, speed, keep=keep, bi=bi)))


@app.command()
def up(
    symbols: Symbols = "60",
    kafka: Kafka = "embedded",
    *,
    bi: Bi = False,
    detach: Annotated[bool, typer.Option(help="Return when all of it runs.")] = False,
) -> None:
    """Start the sandbox with the Dagster UI and daemon, with --bi Superset too, and stay."""
    from polygon_assets.cli.sandbox import up as run

    os.environ[KAFKA_VARIABLE] = kafka
    raise typer.Exit(run(symbols, bi=bi, detach=detach))


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
def roll(
    image: Annotated[str, typer.Argument(help="With its digest: REPOSITORY@sha256:...")],
) -> None:
    """Run another image of the stream in the services that bootstrap has made."""
    from polygon_assets.env import deployment_names
    from polygon_assets.resources.ecs import stream_services

    stream_services(deployment_names()).process_config_and_initialize().roll(image)
    console.print(f"✓ {image}")


@app.command()
def migrate(
    *, dry_run: Annotated[bool, typer.Option(help="Only show what would be applied.")] = False
) -> None:
    """Bring the tables of ClickHouse up to date, and show each migration."""
    from polygon_assets.cli.migrate import run_migrate

    raise typer.Exit(run_migrate(dry_run=dry_run))


@app.command()
def gate(
    sessions: Annotated[
        str,
        typer.Option(
            help="The sessions to judge: a date, FIRST:LAST, latest, latest:3, or as many before "
            "2005-02-28."
        ),
    ],
    select: Annotated[
        str,
        typer.Option(help='Assets in Dagster\'s syntax, such as key:"raw/polygon/splits"+'),
    ] = "",
    changed_since: Annotated[
        str,
        typer.Option(metavar="REF", help="Only what differs from this commit, and all below it."),
    ] = "",
    defer_to: Annotated[
        str,
        typer.Option(
            metavar="DATABASE",
            help="With --changed-since: where dbt reads the models that this deployment lacks.",
        ),
    ] = "",
    summary: Annotated[
        Path | None, typer.Option(help="Write the summary to this Markdown file, too.")
    ] = None,
    symbols: Symbols = "60",
    *,
    sandbox: Annotated[
        bool, typer.Option(help="On a sandbox: the one that runs, or one for the time of the gate.")
    ] = False,
) -> None:
    """Materialize assets with their checks here and now.

    Exit code 1 if a run or an ERROR check fails, 2 if there is nothing to judge.
    """
    from polygon_assets.cli.gate import run_gate
    from polygon_assets.cli.gate_options import Options

    market = symbols if sandbox else ""
    options = Options(sessions, select, changed_since, defer_to, summary, market)
    raise typer.Exit(run_gate(options))


@app.command()
def doctor(
    systems: Annotated[
        list[str] | None, typer.Argument(help="Which systems, such as kafka snowflake; all.")
    ] = None,
    *,
    probe: Annotated[
        bool,
        typer.Option(
            help="Also try what can only be known by trying; what is made is removed again."
        ),
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, help="Limit for each system.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Check settings, reachability, permissions and versions of every outside system."""
    from polygon_assets.cli.doctor import run_doctor

    raise typer.Exit(run_doctor(systems or [], probe=probe, seconds=seconds, as_json=as_json))


@app.command()
def site(
    output: Annotated[
        Path, typer.Option(help="The folder; one that an earlier build made is replaced.")
    ] = Path(".site"),
) -> None:
    """Build a static site: documents, asset catalogue, dbt docs and API reference.

    Needs no network, no service and no warehouse.
    """
    from polygon_assets.cli.site import run_site

    raise typer.Exit(run_site(output))


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
    look_rarely_for_garbage()
    from pydantic import ValidationError

    from polygon_assets.sandbox.control import SandboxError

    # Dagster's notes to whoever writes definitions are nothing to whoever runs a command. Named
    # by their words, because its import takes seconds.
    warnings.filterwarnings("ignore", message=r".* is currently in (beta|preview)")
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
