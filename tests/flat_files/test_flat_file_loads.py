"""The assets, against the simulated vendor's bucket and the sandbox's Snowflake."""

import gzip
import io
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import pytest
from flat_files_support import SYMBOLS, Outside

from polygon_assets.defs.flat_files.checks import flat_file_checks
from polygon_assets.defs.flat_files.files import FetchedFile, read_whole
from polygon_assets.defs.flat_files.loading import Loader, LoadRejectedError
from polygon_assets.defs.flat_files.sensors import flat_files_next_day
from polygon_assets.defs.flat_files.tables import COLUMNS, FLAT_DAILY_BARS
from polygon_assets.resources.flat_files import PublishedFile, key_of

pytestmark = pytest.mark.xdist_group("flat_files")

FRIDAY, MONDAY, TUESDAY = "2005-02-25", "2005-02-28", "2005-03-01"
DAYS, MINUTES = "day_aggs_v1", "minute_aggs_v1"

LOAD_AND_DIE = """
import os, signal, sys, tempfile
from datetime import date
from pathlib import Path
from polygon_assets.defs.flat_files.files import fetch
from polygon_assets.defs.flat_files.loading import Loader
from polygon_assets.defs.flat_files.tables import MINUTE_BARS
from polygon_assets.env import Deployment, Names
from polygon_assets.resources.flat_files import flat_files
from polygon_assets.resources.snowflake import warehouse
def load_until(last_words):
    run = Loader._run
    def run_or_die(self, sql, *parameters):
        if sql.startswith(last_words):
            os.kill(os.getpid(), signal.SIGKILL)
        return run(self, sql, *parameters)
    Loader._run = run_or_die
    snowflake = warehouse(Names(Deployment.LOCAL, "_local")).process_config_and_initialize()
    bucket = flat_files().process_config_and_initialize().open()
    with tempfile.TemporaryDirectory() as folder, snowflake.cursor() as cursor:
        loader = Loader(cursor, snowflake.database, MINUTE_BARS)
        loader.prepare()
        loader.load(fetch(bucket, "minute_aggs_v1", date(2005, 2, 28), Path(folder)))
for last_words in sys.argv[1:]:
    child = os.fork()
    if not child:
        load_until(last_words)
    _, status = os.waitpid(child, 0)
    print(last_words, os.waitstatus_to_exitcode(status), flush=True)
"""
"""Processes that are killed right before a statement that begins with each of these words."""


def published_rows(outside: Outside, dataset: str, session: str) -> list[list[str]]:
    """The rows of the file in the bucket, read without any of our code."""
    key = key_of(dataset, date.fromisoformat(session))
    body = outside.flat_files.service("s3").get_object(Bucket="flatfiles", Key=key)["Body"].read()
    header, *rows = io.TextIOWrapper(gzip.GzipFile(fileobj=io.BytesIO(body))).read().splitlines()
    assert header == ",".join(COLUMNS)
    return [row.split(",") for row in rows]


def as_published(rows: list[tuple]) -> list[list[str]]:
    """Rows of the table as the file has them: without the ETag, numbers as text."""
    return [["" if value is None else str(value) for value in row[:-1]] for row in rows]


def same_numbers(rows: list[list[str]]) -> Counter[tuple[object, ...]]:
    return Counter(
        (ticker, *(float(one) if one else None for one in numbers)) for ticker, *numbers in rows
    )


def test_a_range_is_one_run_with_everything_in_its_metadata(outside: Outside) -> None:
    run = outside.run(FRIDAY, TUESDAY, with_checks=True)
    assert run.success, run.failure
    assert len(run.checks) == sum(len(list(one.check_keys)) for one in flat_file_checks)
    assert run.failed_checks == set()
    shown = {one.data["session"]: one.data for one in run.metadata["rows_by_session"].records}
    assert list(shown) == [FRIDAY, MONDAY, TUESDAY]
    for session, data in shown.items():
        rows = outside.rows("minute_bars", session)
        assert same_numbers(as_published(rows)) == same_numbers(
            published_rows(outside, MINUTES, session)
        )
        assert data["rows"] == len(rows) > 1000
        assert {row[-1] for row in rows} == {data["etag"]}
        assert outside.loads(MINUTES)[session] == (data["etag"], len(rows))
    assert run.metadata["dagster/partition_row_count"] == sum(one["rows"] for one in shown.values())
    assert run.metadata["bytes"] == sum(one["bytes"] for one in shown.values())
    assert run.metadata["dagster/table_name"] == "polygon_local.raw.minute_bars"
    assert run.metadata["downloads_repeated"] == run.metadata["rejected_rows"] == 0
    stages = ("download", "verify", "put", "copy", "replace")
    assert all(run.metadata[f"{stage}_seconds"] >= 0 for stage in stages)


def test_tickers_that_look_like_something_else_stay_text(outside: Outside) -> None:
    assert outside.run(MONDAY, only="flat_daily_bars").success
    tickers = [row[0] for row in outside.rows("flat_daily_bars", MONDAY)]
    assert {"NA", "TRUE", "NAN", "NULL", "KIMpL", "ZZ.B"} <= set(tickers)
    assert sorted(tickers) == sorted(SYMBOLS.split(","))


def test_torn_downloads_are_repeated_and_told(outside: Outside) -> None:
    before = outside.rows("flat_daily_bars", MONDAY)
    for kind in ("truncated", "disconnect", "html"):
        outside.control("faults", kind=kind, count=1, path="/flatfiles")
    run = outside.run(MONDAY, only="flat_daily_bars")
    assert run.success, run.failure
    assert run.metadata["downloads_repeated"] == 3
    assert outside.rows("flat_daily_bars", MONDAY) == before


def test_a_missing_file_fails_by_name_and_the_others_are_loaded(outside: Outside) -> None:
    outside.set_clock("2005-03-02T10:00")
    run = outside.run(MONDAY, "2005-03-02", only="flat_daily_bars")
    assert not run.success
    assert f"has not published the file {DAYS} of {TUESDAY}, 2005-03-02: " in run.failure
    assert "The other 1 sessions of the run are loaded" in run.failure
    assert len(outside.rows("flat_daily_bars", MONDAY)) == len(SYMBOLS.split(","))


def test_killed_in_mid_load_a_plain_run_gives_the_same_rows(outside: Outside) -> None:
    assert outside.run(MONDAY, TUESDAY, only="minute_bars").success
    before, others = outside.rows("minute_bars", MONDAY), outside.rows("minute_bars", TUESDAY)
    died = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD_AND_DIE, "COPY", "COMMIT"],
        env=os.environ | outside.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    killed = -signal.SIGKILL
    assert died.stdout == f"COPY {killed:d}\nCOMMIT {killed:d}\n", died.stderr
    assert outside.rows("minute_bars", MONDAY) == before, "half a load is none"
    run = outside.run(MONDAY, only="minute_bars")
    assert run.success, run.failure
    assert outside.rows("minute_bars", MONDAY) == before
    assert outside.rows("minute_bars", TUESDAY) == others
    assert outside.loads(MINUTES)[MONDAY][1] == len(before)


def test_a_replaced_file_is_found_and_only_its_session_loaded_again(outside: Outside) -> None:
    outside.control("flat-files", dataset=DAYS, session=MONDAY, version="early")
    assert outside.run(FRIDAY, TUESDAY, only="flat_daily_bars").success
    early, others = outside.rows("flat_daily_bars", MONDAY), outside.loads(DAYS)
    assert outside.replacement_requests() == []

    outside.control("flat-files", dataset=DAYS, session=MONDAY, version="final")
    stale = outside.checks("flat_daily_bars", MONDAY)["file_is_current"]
    assert (stale.passed, stale.severity.value) == (False, "WARN")
    assert stale.metadata["violations"].value == 1
    [request] = outside.replacement_requests()
    assert request.partition_key == request.tags["market/session"] == MONDAY
    assert request.asset_selection == [dg.AssetKey(FLAT_DAILY_BARS.key)]
    assert request.run_key == f"flat_daily_bars-{MONDAY}-{request.tags['flat_files/etag']}"

    assert outside.run(request.partition_key, only="flat_daily_bars").success
    final, loads = outside.rows("flat_daily_bars", MONDAY), outside.loads(DAYS)
    assert final != early
    assert same_numbers(as_published(final)) == same_numbers(published_rows(outside, DAYS, MONDAY))
    assert {one for one in loads if loads[one] != others[one]} == {MONDAY}
    assert outside.replacement_requests() == []
    assert outside.checks("flat_daily_bars", MONDAY)["file_is_current"].passed


def hand_made(tmp_path: Path, *lines: str) -> FetchedFile:
    """A file that the bucket never had."""
    path = tmp_path / "day_aggs_v1_2005-02-25.csv.gz"
    columns = tuple(reversed(COLUMNS))
    path.write_bytes(gzip.compress("\n".join([",".join(columns), *lines]).encode()))
    published = PublishedFile("made/by/hand.csv.gz", "etag", path.stat().st_size)
    rows = read_whole(path)[1]
    return FetchedFile(date(2005, 2, 25), published, path, columns, rows, 1, 0.0, 0.0)


def test_rejected_rows_fail_the_load_and_change_nothing(outside: Outside, tmp_path: Path) -> None:
    assert outside.run(FRIDAY, only="flat_daily_bars").success
    before, loads = outside.rows("flat_daily_bars", FRIDAY), outside.loads(DAYS)
    good = "1,1109307600000000000,1.0,3.0,2.0,1.5,100.5,AAPL"
    with outside.snowflake.cursor() as cursor:
        loader = Loader(cursor, str(outside.snowflake.database), FLAT_DAILY_BARS)
        for bad in (good.replace("3.0", "n/a"), "1,2,3", f"{good},more"):
            with pytest.raises(LoadRejectedError, match=r"rejected 1 of the 3 rows .* line 3"):
                loader.load(hand_made(tmp_path, good, bad, good))
        with pytest.raises(LoadRejectedError, match="has 3 rows, but the warehouse read 2"):
            loader.load(hand_made(tmp_path, good, "", good))
        assert outside.rows("flat_daily_bars", FRIDAY) == before
        assert outside.loads(DAYS) == loads
        # The columns are told by their names, and an empty field is the only NULL.
        loader.load(hand_made(tmp_path, good, good.replace("AAPL", '"NULL"')[1:]))
    assert [row[:-1] for row in outside.rows("flat_daily_bars", FRIDAY)] == [
        ("AAPL", 100.5, 1.5, 2.0, 3.0, 1.0, 1109307600000000000, 1),
        ("NULL", 100.5, 1.5, 2.0, 3.0, 1.0, 1109307600000000000, None),
    ]


def test_the_schedule_asks_for_the_session_of_the_day_before() -> None:
    def tick(day: str) -> dg.RunRequest | dg.SkipReason:
        moment = datetime.fromisoformat(f"{day}T11:30:00-05:00")
        context = dg.build_schedule_context(scheduled_execution_time=moment)
        found = flat_files_next_day(context)
        assert isinstance(found, dg.RunRequest | dg.SkipReason)
        return found

    for day, session in {"2005-02-26": FRIDAY, "2005-03-01": MONDAY}.items():
        request = tick(day)
        assert isinstance(request, dg.RunRequest)
        assert request.partition_key == session
    assert isinstance(tick("2005-02-28"), dg.SkipReason), "Sunday has no session"
