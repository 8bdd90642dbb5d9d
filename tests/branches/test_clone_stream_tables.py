"""A branch's ClickHouse databases: production's newest final sessions, which stay as they are."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from branches_support import content, deployed_as, serve, store_session, stream_tables_of_production
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.httpclient import HttpClient
from polygon_stream.schema import status

from polygon_assets import bootstrap
from polygon_assets.defs.platform.clone import CloneError, clone_stream_tables
from polygon_assets.defs.rollups.assets import BARS_1D, BARS_1M
from polygon_assets.defs.rollups.drift import sessions_changed_since_rebuild
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.env import PROD, DeploymentError, branch_names, deployment_names
from polygon_assets.resources.clickhouse import ClickHouse, clickhouse

pytestmark = pytest.mark.xdist_group("clone_stream_tables")

THURSDAY, FRIDAY, MONDAY = date(2005, 2, 24), date(2005, 2, 25), date(2005, 2, 28)
OPEN, HALF = date(2005, 3, 1), date(2005, 3, 2)
"""Sessions that are not rolled up yet, and not in every width."""

BRANCH = branch_names(7)


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serve(tmp_path_factory.mktemp("clone"), "clickhouse") as found:
        yield found


@pytest.fixture(scope="module")
def production(variables: dict[str, str]) -> ClickHouse:
    with deployed_as(PROD, variables):
        store = clickhouse(PROD).process_config_and_initialize()
        stream_tables_of_production(store, THURSDAY, FRIDAY, MONDAY)
        store_session(store, OPEN, final=False)
        store_session(store, HALF, final=False)
        for rollup in (BARS_1M, BARS_1D):
            rebuild_session(store, rollup, HALF)
    return store


@pytest.fixture
def branch(production: ClickHouse, variables: dict[str, str]) -> Iterator[ClickHouse]:
    """The branch's ClickHouse, without databases; production must be as before afterwards."""
    before = content(production)
    with deployed_as(BRANCH, variables):
        store = clickhouse(BRANCH).process_config_and_initialize()
        yield store
    drop(store)
    assert content(production) == before


def drop(store: ClickHouse) -> None:
    with store.client() as client:
        for database in (store.rollups, store.ticks):
            client.command(f"DROP DATABASE IF EXISTS {database} SYNC")


def clone(store: ClickHouse, sessions: int = 2, *, refresh: bool = False) -> dict[str, object]:
    return dict(clone_stream_tables(BRANCH, store, sessions=sessions, refresh=refresh))


def test_a_clone_and_what_the_branch_does_with_it(
    production: ClickHouse, branch: ClickHouse
) -> None:
    told = clone(branch)
    assert told["sessions"] == [str(FRIDAY), str(MONDAY)]
    assert told["databases"] == ["ticks_pr_7", "rollups_pr_7"]
    assert content(branch, [FRIDAY, MONDAY]) == content(production, [FRIDAY, MONDAY])
    # Neither what is not wanted nor what is not final.
    for table in ("ticks.bars_1s", "rollups.bars_1d"):
        assert content(branch, [THURSDAY, OPEN, HALF])[table] == (0, 0)
    # No sensor takes a cloned session for one that has changed since it was rolled up.
    assert sessions_changed_since_rebuild(branch) == []

    with branch.client() as client:
        client.command(
            f"ALTER TABLE {branch.rollups}.bars_1d UPDATE close = 1 WHERE symbol = 'IBM' "
            "SETTINGS mutations_sync = 2"
        )
    store_session(branch, OPEN, final=False)
    before = content(branch)
    assert clone(branch)["attached_partitions"] == 0
    assert content(branch) == before
    assert clone(branch, 3)["attached_partitions"] > 0
    kept = content(branch, [FRIDAY, MONDAY, OPEN])
    assert kept["rollups.bars_1d"] == before["rollups.bars_1d"]

    assert clone(branch, 0, refresh=True)["sessions"] == []
    assert {rows for rows, _ in content(branch).values()} == {0}


@pytest.mark.slow
def test_a_clone_that_was_killed_goes_on(
    production: ClickHouse, branch: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every eleventh command of the clone: the same as without the crash."""
    expected = content(production, [FRIDAY, MONDAY])
    command, left = HttpClient.command, [10**9]

    def killed(self: HttpClient, *arguments: object, **options: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return command(self, *arguments, **options)

    monkeypatch.setattr(HttpClient, "command", killed)
    crashes = 0
    for after in range(3, 200, 11):
        left[0] = 10**9
        drop(branch)
        left[0] = after
        try:
            clone(branch)
        except KeyboardInterrupt:
            crashes += 1
        else:
            break
        left[0] = 10**9
        clone(branch)
        assert content(branch, [FRIDAY, MONDAY]) == expected
    assert 3 < crashes < 18


@pytest.fixture
def one_migration_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What a pull request adds to the tick tables."""
    folder = tmp_path / "schema"
    shutil.copytree(str(bootstrap.TICKS), folder)
    added = folder / "900_venue.sql"
    added.write_text(
        "ALTER TABLE {database}.bars_1s ADD COLUMN IF NOT EXISTS venue String DEFAULT 'XNAS';\n"
    )
    monkeypatch.setattr(bootstrap, "TICKS", folder)
    return added.name


def test_the_branch_s_own_migrations_come_over_production_s_rows(
    branch: ClickHouse, production: ClickHouse, one_migration_more: str
) -> None:
    clone(branch)
    assert branch.query("SELECT count(), any(venue) FROM {ticks}.bars_1s") == [(480, "XNAS")]
    with branch.client() as client:
        states = {
            one.file: one.state
            for one in status(client, bootstrap.TICKS, {"database": branch.ticks})
        }
        assert states[one_migration_more] == "applied"
        theirs = status(client, bootstrap.TICKS, {"database": production.ticks})
        assert theirs[-1].state == "pending"
    # Its tables are no longer production's: an older session comes with a new beginning only.
    assert clone(branch, 3)["attached_partitions"] == 0


def test_a_table_that_the_branch_changed_by_hand_says_so(branch: ClickHouse) -> None:
    clone(branch, 0)
    with branch.client() as client:
        client.command(f"ALTER TABLE {branch.rollups}.bars_1d ADD COLUMN venue String")
    with pytest.raises(CloneError, match=r"did not attach session 2005-02-28 .*with refresh"):
        clone(branch, 1)


def test_a_branch_that_lacks_a_migration_of_production_says_so(
    branch: ClickHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "schema"
    shutil.copytree(str(bootstrap.TICKS), folder)
    (folder / "009_dead_letters.sql").unlink()
    monkeypatch.setattr(bootstrap, "TICKS", folder)
    with pytest.raises(CloneError, match=r"ticks has 009_dead_letters.sql, .* merge the main"):
        clone(branch)


def test_a_changed_migration_says_so(
    branch: ClickHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "schema"
    shutil.copytree(str(bootstrap.TICKS), folder)
    with (folder / "008_gaps.sql").open("a") as file:
        file.write("SELECT 1;\n")
    monkeypatch.setattr(bootstrap, "TICKS", folder)
    with pytest.raises(CloneError, match=r"008_gaps.sql says something else"):
        clone(branch)


def test_only_a_branch_is_made(branch: ClickHouse, production: ClickHouse) -> None:
    for names in (PROD, deployment_names({}), branch_names(70)):
        with pytest.raises(DeploymentError):
            clone_stream_tables(names, branch, sessions=1, refresh=True)
        with pytest.raises(DeploymentError):
            clone_stream_tables(BRANCH, production, sessions=1, refresh=True)
    with branch.client() as client, pytest.raises(DatabaseError, match="does not exist"):
        client.query(f"SELECT 1 FROM {branch.ticks}.bars_1s")
