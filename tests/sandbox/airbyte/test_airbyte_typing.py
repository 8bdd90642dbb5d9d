"""Values of the wrong type, and lines that are written in unusual ways: no record is lost."""

import json
from datetime import date
from typing import Any

import dagster as dg
import pytest
from airbyte_messages import good, record, split, state, status

pytestmark = pytest.mark.xdist_group("airbyte")

NEWS = 'select ID, PUBLISHED_UTC, TICKERS, SIZE, "IT\'S" from {db}.RAW.NEWS order by ID'


def nulled(*fields: str) -> list[dict[str, str]]:
    reason = "DESTINATION_TYPECAST_ERROR"
    return [{"field": field, "change": "NULLED", "reason": reason} for field in fields]


def changes(airbyte: Any, table: str) -> list[Any]:
    rows = airbyte.query(f"select _AIRBYTE_META from {{db}}.RAW.{table} order by ID")
    return [json.loads(row[0])["changes"] for row in rows]


def test_a_value_of_the_wrong_type_becomes_null_and_is_named(airbyte: Any) -> None:
    rows = [
        split(1),
        split(2, split_to="many", execution_date="soon"),
        split(3, split_from={"a": 1}, ticker=5, split_to="3.5"),
        split(4, split_to=None),
    ]
    report = airbyte.sync(good(rows))
    assert report.rows == 4
    columns = "ID, TICKER, EXECUTION_DATE, SPLIT_FROM, SPLIT_TO"
    day = date(2005, 2, 28)
    assert airbyte.query(f"select {columns} from {{db}}.RAW.SPLITS order by ID") == [
        ("S1", "AAPL", day, 1.0, 2.5),
        ("S2", "AAPL", None, 1.0, None),
        ("S3", "5", day, None, 3.5),
        ("S4", "AAPL", day, 1.0, None),
    ]
    assert changes(airbyte, "SPLITS") == [
        [],
        nulled("execution_date", "split_to"),
        nulled("split_from"),
        [],
    ]
    assert airbyte.states()["splits"] == {"at": 1}


def test_every_type_may_be_wrong_and_a_later_good_record_heals_it(airbyte: Any) -> None:
    airbyte.choose("news", "bars")
    broken = {"id": "N1", "published_utc": "x", "tickers": "y", "size": 1e99, "it's": []}
    whole = {
        "id": "N1",
        "published_utc": "2005-02-28T10:00:00Z",
        "tickers": ["A", "B"],
        "size": 9223372036854775807,
        "it's": 0.5,
    }
    bar = {"ticker": "NA", "t": 1, "c": 1.5, "v": 0.25, "otc": "perhaps"}

    def lines(item: Any) -> list[Any]:
        ends = [state("news", 1, 1), status("news"), state("bars", 1, 1), status("bars")]
        return [record("news", item), record("bars", bar), *ends]

    airbyte.sync(lines(broken))
    assert changes(airbyte, "NEWS") == [nulled("published_utc", "size", "it's")]
    assert airbyte.query(NEWS) == [("N1", None, '"y"', None, None)]
    assert airbyte.query("select TICKER, V, OTC from {db}.RAW.BARS") == [("NA", 0.25, None)]
    airbyte.sync(lines(whole))
    [(_, published, tickers, size, its)] = airbyte.query(NEWS)
    assert published.isoformat().startswith("2005-02-28T10:00:00")
    assert json.loads(tickers) == ["A", "B"]
    assert (size, its) == (whole["size"], 0.5)
    assert changes(airbyte, "NEWS") == [[]]


def test_a_key_without_a_value_does_not_multiply(airbyte: Any) -> None:
    airbyte.choose("bars")
    lines = [
        record("bars", {"ticker": None, "t": 1, "c": 1}),
        state("bars", 1, 1),
        status("bars"),
    ]
    airbyte.sync(lines)
    airbyte.sync(lines)
    assert airbyte.query("select TICKER, T from {db}.RAW.BARS") == [(None, 1)]


HUGE = "x" * 3_000_000

TORTURE = [
    # Any order of the keys, any whitespace, escapes, and fields that look like the envelope.
    '  {"record": {"emitted_at": 1, "data": {"execution_date" : "2005-02-28",\t"id":"S1",'
    '"ticker":"\\u00e9\\"x"}, "stream": "splits"}, "type": "RECORD"}  ',
    '{"type":"RECORD","record":{"data":{"id":"S2","ticker":"}\\n{\\"type\\":\\"STATE\\"}"},'
    '"stream":"splits","emitted_at":1.5}}',
    '{"namespace":null,"type":"RECORD","record":{"namespace":null,"stream":"splits","meta":{},'
    '"data":{"id":"S3","ticker":"\\ud83d\\ude00 \\u4e2d","data":{"id":"no"},"type":"STATE"},'
    '"emitted_at":1}}\r',
    '{"type":"RECORD","record":{"stream":"splits","data":{"id":"S4","ticker":"null",'
    '"split_to":12345678901234567890123},"emitted_at":1}}',
    json.dumps(split(5, ticker=HUGE)),
    json.dumps(split(6, ticker="é 😀 \u2028 \t \\ / '"), ensure_ascii=False),
    '{"type":"RECORD","record":{"stream":"splits","data":{"id":"S7","ticker":""},"emitted_at":1}}',
]


def test_no_way_of_writing_a_line_loses_a_record(airbyte: Any) -> None:
    around = [
        "UserWarning: a library speaks",
        "",
        {"type": "TRACE", "trace": {"type": "ESTIMATE", "emitted_at": 0}},
        {"type": "CONTROL", "control": {"type": "CONNECTOR_CONFIG"}},
    ]
    ends = [state("splits", 1, len(TORTURE)), status("splits")]
    ends += [state("dividends", 1, 0), status("dividends")]
    report = airbyte.sync([*around, *TORTURE, *ends])
    assert report.rows == len(TORTURE)
    found = dict(airbyte.query("select ID, TICKER from {db}.RAW.SPLITS"))
    assert found == {
        "S1": 'é"x',
        "S2": '}\n{"type":"STATE"}',
        "S3": "😀 中",
        "S4": "null",
        "S5": HUGE,
        "S6": "é 😀 \u2028 \t \\ / '",
        "S7": "",
    }
    assert airbyte.query("select SPLIT_TO from {db}.RAW.SPLITS where ID = 'S4'") == [
        (1.2345678901234568e22,)
    ]


def test_a_line_that_was_cut_off_is_told_from_one_that_is_wrong(airbyte: Any) -> None:
    cut = '{"type": "RECORD", "record": {"stream": "spl'
    lines = [split(1), state("splits", 1, 1)]
    with pytest.raises(dg.Failure, match=r"exit code 137 before these streams were complete"):
        airbyte.sync(lines, tail=cut, exit=137)
    assert airbyte.query("select ID from {db}.RAW.SPLITS") == [("S1",)]
    with pytest.raises(dg.Failure, match="not a protocol message"):
        airbyte.sync(good([split(1)]), tail=cut)
    # A last line without its end counts when the connector ended well.
    airbyte.sync(good([split(1)])[:-1], tail=json.dumps(status("dividends")))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"type":"RECORD"}', "RECORD without its content"),
        (record("splits", 5), "not a JSON object"),  # type: ignore[arg-type]
        ('{"type":"RECORD","record":{"stream":"splits","data":{}}}', "emitted_at"),
        ('{"type":"RECORD","record":{"data":{},"emitted_at":1}}', "stream"),
    ],
)
def test_a_record_that_cannot_be_read_fails_the_job(airbyte: Any, line: Any, reason: str) -> None:
    with pytest.raises(dg.Failure, match=reason):
        airbyte.sync([line, *good([])])
