"""What a sync leaves in the warehouse, well or badly ended."""

import json
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg
import pytest
from airbyte_messages import error, good, record, split, state, status

pytestmark = pytest.mark.xdist_group("airbyte")

COLUMNS = "ID, TICKER, EXECUTION_DATE, SPLIT_FROM, SPLIT_TO, HISTORICAL_ADJUSTMENT_FACTOR"
SPLITS = f"select {COLUMNS} from {{db}}.RAW.SPLITS order by ID"
COUNT = "select count(*) from {db}.RAW.SPLITS"


def ids(airbyte: Any) -> list[str]:
    return [row[0] for row in airbyte.query("select ID from {db}.RAW.SPLITS order by ID")]


def test_rows_arrive_exactly_and_repeated_syncs_change_nothing(airbyte: Any) -> None:
    lines = good([split(1), split(2, ticker="NAN", split_to=1.000000001)])
    first = airbyte.sync(lines)
    day = date(2005, 2, 28)
    expected = [("S1", "AAPL", day, 1.0, 2.5, None), ("S2", "NAN", day, 1.0, 1.000000001, None)]
    assert airbyte.query(SPLITS) == expected
    assert first.rows == 2
    assert first.bytes == sum(len(json.dumps(line)) + 1 for line in lines[2:4])
    second = airbyte.sync(lines)
    assert airbyte.query(SPLITS) == expected
    assert (second.rows, second.job_id) == (2, first.job_id + 1)


def test_each_row_says_where_it_came_from(airbyte: Any) -> None:
    airbyte.sync(good([split(1), split(2)]))
    rows = airbyte.query(
        "select _AIRBYTE_RAW_ID, _AIRBYTE_EXTRACTED_AT, _AIRBYTE_META, _AIRBYTE_GENERATION_ID"
        " from {db}.RAW.SPLITS"
    )
    assert len({row[0] for row in rows}) == 2
    moment = datetime.fromtimestamp(1_795_340_770.809, UTC)
    assert all(abs((row[1] - moment).total_seconds()) < 0.01 for row in rows)
    sync_id = airbyte.call("GET", "/jobs?limit=1")["data"][0]["jobId"]
    assert [json.loads(row[2]) for row in rows] == [{"sync_id": sync_id, "changes": []}] * 2
    assert {row[3] for row in rows} == {1}


def test_the_last_of_several_records_with_one_key_stays(airbyte: Any) -> None:
    airbyte.sync(good([split(1, split_to=2), split(1, split_to=3), split(1, split_to=4)]))
    assert airbyte.query("select ID, SPLIT_TO from {db}.RAW.SPLITS") == [("S1", 4.0)]
    airbyte.sync(good([split(1, split_to=7)]))
    assert airbyte.query("select ID, SPLIT_TO from {db}.RAW.SPLITS") == [("S1", 7.0)]


def test_the_next_sync_starts_from_the_saved_state(airbyte: Any) -> None:
    airbyte.sync(good([split(1)], value={"nested": ["2005-02-28", "it's"]}))
    path = airbyte.script(good([]))
    airbyte.resource().sync_window("polygon_actions", "2005-02-28", "2005-02-28")
    given = json.loads(path.with_name(f"{path.name}.state").read_text())
    by_stream = {
        each["stream"]["stream_descriptor"]["name"]: each["stream"]["stream_state"]
        for each in given
    }
    assert by_stream["splits"] == {"at": {"nested": ["2005-02-28", "it's"]}}


def test_statistics_and_the_log_are_those_of_airbyte(airbyte: Any) -> None:
    skipped = {"level": "INFO", "message": "NOT_ENTITLED: the plan\nlacks it."}
    warned = {"level": "WARN", "message": "odd"}
    said = [{"type": "LOG", "log": log} for log in (skipped, skipped, warned)]
    report = airbyte.sync([*said, *good([split(1, surprise=1), split(2)])])
    entry = airbyte.attempt(report.job_id)
    attempt = entry["attempt"]
    assert attempt["totalStats"] == {
        "recordsEmitted": 2,
        "bytesEmitted": report.bytes,
        "recordsCommitted": 2,
        "stateMessagesEmitted": 2,
    }
    emitted = {one["streamName"]: one["stats"]["recordsEmitted"] for one in attempt["streamStats"]}
    assert emitted == {"splits": 2, "dividends": 0}
    assert "failureSummary" not in attempt
    assert entry["logs"]["logLines"] == [
        "INFO NOT_ENTITLED: the plan lacks it.",
        "WARN odd",
        "INFO Starting",
        "WARN splits: records carry fields without a schema: surprise",
    ]


def test_a_failing_connector_fails_the_job_with_its_reason(airbyte: Any) -> None:
    airbyte.sync(good([split(1)], value=1))
    lines = [
        split(2),
        state("splits", 2, 1),
        split(3),
        error("Polygon refused this date (403)."),
        status("splits", "INCOMPLETE"),
        state("dividends", 2, 0),
        status("dividends"),
    ]
    with pytest.raises(dg.Failure, match=r"polygon_actions failed: Polygon refused this date"):
        airbyte.sync(lines, exit=1)
    # What was read before the failure is kept; the state is that of the last whole slice.
    assert ids(airbyte) == ["S1", "S2", "S3"]
    assert airbyte.states() == {"splits": {"at": 2}, "dividends": {"at": 2}}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([split(1), split(2), state("splits", 2, 3)], "counted 3 records .* but 2 arrived"),
        ([split(1), status("splits")], "1 records came after the stream's last state"),
        (['{"type": "RECORD", "record": {"stream": "spl'], "not a protocol message"),
        ([record("quotes", {"id": 1})], "'quotes', which is not in the catalog"),
        ([{"type": "STATE", "state": {"type": "GLOBAL"}}], "state of type GLOBAL"),
    ],
)
def test_what_breaks_the_protocol_fails_the_job_and_keeps_the_state(
    airbyte: Any, lines: list[Any], reason: str
) -> None:
    airbyte.sync(good([split(1)], value=1))
    with pytest.raises(dg.Failure, match=reason):
        airbyte.sync([*lines, *good([])[-1:]])
    assert airbyte.states()["splits"] == {"at": 1}
    assert airbyte.query(COUNT) == [(1,)]


def test_a_connector_that_stops_half_way_fails_the_job(airbyte: Any) -> None:
    with pytest.raises(dg.Failure, match=r"exit code 0 before .* complete: splits, dividends"):
        airbyte.sync([split(1), state("splits", 1, 1)])
    with pytest.raises(dg.Failure, match=r"exit code 3.*Its last words: out of luck"):
        airbyte.sync(good([]), exit=3, stderr="out of luck")


@pytest.mark.slow
def test_a_large_stream_is_loaded_in_batches(airbyte: Any) -> None:
    rows = [split(number) for number in range(221_000)]
    lines: list[Any] = []
    for slice_start in range(0, len(rows), 110_000):
        part = rows[slice_start : slice_start + 110_000]
        lines += [*part, state("splits", slice_start, len(part))]
    report = airbyte.sync([*lines, *good([], value="end")[-4:]])
    assert report.rows == len(rows)
    assert airbyte.query("select count(*), count(distinct ID) from {db}.RAW.SPLITS") == [
        (len(rows), len(rows))
    ]
    assert airbyte.states()["splits"] == {"at": "end"}
