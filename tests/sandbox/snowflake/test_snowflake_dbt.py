"""The real dbt-snowflake builds a project twice, and fails at once where it has to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import small_dbt_project
from snowflake.connector.cursor import SnowflakeCursor

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("snowflake_dbt")]


class Dbt:
    """Runs dbt in the project's folder."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = small_dbt_project.write(folder)
        own = {"SNOWFLAKE_PORT": str(port), "DBT_PROFILES_DIR": str(folder)}
        self.environment = {**os.environ, **own, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}

    def run(self, *arguments: str, **variables: object) -> dict[str, str]:
        """Status of every node by name."""
        command = [str(Path(sys.executable).with_name("dbt")), *arguments]
        command += ["--vars", json.dumps(variables)]
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        file = self.folder / "target" / "run_results.json"
        assert file.exists(), result.stdout + result.stderr
        results = json.loads(file.read_text())["results"]
        return {each["unique_id"].split(".")[2]: each["status"] for each in results}


@pytest.fixture(scope="module")
def dbt(server, tmp_path_factory: pytest.TempPathFactory) -> Dbt:
    return Dbt(tmp_path_factory.mktemp("small"), server.port)


@pytest.fixture
def cursor(server) -> SnowflakeCursor:
    return server.connect(database="SMALL_DBT", schema="MARTS").cursor()


def test_the_project_builds_twice_and_only_the_window_changes(
    dbt: Dbt, cursor: SnowflakeCursor
) -> None:
    assert set(dbt.run("build").values()) == {"success", "pass"}
    statuses = dbt.run("build", first="2005-02-28", last="2005-02-28", generation=2)
    assert set(statuses.values()) == {"success", "pass"}
    assert len(statuses) == 10
    found = cursor.execute(
        "select session_date::varchar, symbol, generation from window_bars order by 1, 2"
    ).fetchall()
    assert found == [
        ("2005-02-25", "AAPL", 1),
        ("2005-02-28", "AAPL", 2),
        ("2005-02-28", "MSFT", 2),
    ]
    merged = cursor.execute("select count(*), min(generation) from merged_bars").fetchone()
    assert merged == (3, 2)
    history = cursor.execute("select count(*), count(dbt_valid_to) from last_bars_history")
    assert history.fetchone() == (2, 0)
    comment = "select comment from information_schema.tables where table_name = 'LAST_BARS'"
    assert cursor.execute(comment).fetchone() == (
        'The "last" bar of each symbol; it\'s one row a symbol.',
    )
    shown = cursor.execute("show objects in schema SMALL_DBT.MARTS").fetchall()
    assert not [row for row in shown if "tmp" in row[1].lower()]


def test_a_broken_contract_fails_at_once(dbt: Dbt) -> None:
    model = dbt.folder / "models" / "last_bars.sql"
    whole = model.read_text()
    model.write_text(whole.replace("select symbol,", "select null::varchar as symbol,"))
    try:
        statuses = dbt.run("run", "--select", "last_bars")
    finally:
        model.write_text(whole)
    assert statuses == {"last_bars": "error"}
