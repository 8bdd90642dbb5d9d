"""`polygon migrate` tells what is applied, and applies what is not."""

from polygon_stream.schema import TICKS, read_migrations

from polygon_assets.cli.board import console
from polygon_assets.cli.migrate import run_migrate
from polygon_assets.resources.clickhouse import ClickHouse


def shown(*, dry_run: bool) -> tuple[int, list[list[str]]]:
    """The exit code, and the words of each row of the printed table."""
    with console.capture() as captured:
        code = run_migrate(dry_run=dry_run)
    lines = [line.replace("│", " ").split() for line in captured.get().splitlines()]
    return code, [words for words in lines if any(word.endswith(".sql") for word in words)]


def test_pending_files_are_shown_then_applied(ticks: ClickHouse) -> None:
    files = [one.file for one in read_migrations(TICKS, {"database": ticks.ticks})]
    with ticks.client() as client:
        client.command(f"ALTER TABLE {ticks.ticks}.schema_migrations DELETE WHERE 1")
    code, rows = shown(dry_run=True)
    assert code == 0
    assert [words[1:3] for words in rows][: len(files)] == [[file, "pending"] for file in files]
    code, rows = shown(dry_run=False)
    assert code == 0
    assert [words[0:3] for words in rows][: len(files)] == [
        [ticks.ticks, file, "applied"] for file in files
    ]
    assert shown(dry_run=True) == (0, rows)
