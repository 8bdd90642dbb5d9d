"""What needs no server: headers, counting, the order of work, and who is replaced."""

import gzip
import threading
import time
from datetime import date
from pathlib import Path

import pytest
from support.sql_guard import findings

from polygon_assets.defs.flat_files.agreement import PAIRS, comparison
from polygon_assets.defs.flat_files.ahead import one_ahead
from polygon_assets.defs.flat_files.checks import inside_session
from polygon_assets.defs.flat_files.files import UnknownFormatError, read_whole, require_columns
from polygon_assets.defs.flat_files.replacements import Replacement, replacements
from polygon_assets.defs.flat_files.tables import COLUMNS, FLAT_DAILY_BARS, MINUTE_BARS
from polygon_assets.resources.flat_files import key_of

HEADER = "ticker,volume,open,close,high,low,window_start,transactions"


def test_a_header_may_have_any_order() -> None:
    assert require_columns("k", HEADER) == tuple(COLUMNS)
    other = tuple(reversed(COLUMNS))
    assert require_columns("k", ",".join(other)) == other


@pytest.mark.parametrize(
    ("header", "named"),
    [
        (f"{HEADER},vwap", "vwap unknown"),
        (HEADER.replace(",transactions", ""), "transactions missing"),
        (HEADER.replace("ticker", "symbol"), "symbol unknown; ticker missing"),
        (f"{HEADER},open", "open repeated"),
        ("<html>", "<html> unknown; ticker, volume,"),
    ],
)
def test_another_header_is_refused_by_name(header: str, named: str) -> None:
    with pytest.raises(UnknownFormatError, match=named):
        require_columns("us_stocks_sip/x.csv.gz", header)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("h\n", 0), ("h", 0), ("h\na\n", 1), ("h\na\nb", 2), ("h\r\n" + "a,b\n" * 400_000, 400_000)],
    ids=["only a header", "no line end", "one", "no last line end", "many"],
)
def test_rows_are_the_lines_after_the_header(tmp_path: Path, text: str, rows: int) -> None:
    file = tmp_path / "x.csv.gz"
    file.write_bytes(gzip.compress(text.encode()[:3]) + gzip.compress(text.encode()[3:]))
    assert read_whole(file) == ("h", rows)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"ticker,volume\n", "not a gzip file"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(b"h\na\n" * 9999)[:-9], "not a gzip file"),
        (gzip.compress(b"h\n" * 9999)[:-5] + b"12345", "not a gzip file"),
    ],
    ids=["no bytes", "text", "no text", "torn", "wrong checksum"],
)
def test_what_is_no_whole_gzip_file_is_refused(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    file = tmp_path / "x.csv.gz"
    file.write_bytes(content)
    with pytest.raises(UnknownFormatError, match=problem):
        read_whole(file)


def test_keys_are_the_vendors() -> None:
    day = date(2005, 2, 28)
    assert key_of("minute_aggs_v1", day) == "us_stocks_sip/minute_aggs_v1/2005/02/2005-02-28.csv.gz"


def test_one_item_is_worked_on_ahead_and_no_more() -> None:
    begun: list[int] = []
    done = threading.Semaphore(0)

    def work(item: int) -> int:
        begun.append(item)
        done.release()
        return item * 10

    results = one_ahead(work, [1, 2, 3, 4])
    assert next(results) == 10
    for _ in range(2):
        assert done.acquire(timeout=5), "the second is worked on while the first is used"
    time.sleep(0.05)
    assert begun == [1, 2]
    assert list(results) == [20, 30, 40]
    assert list(one_ahead(work, [])) == []
    assert list(one_ahead(work, [7])) == [70]


def test_an_error_comes_at_the_turn_of_its_item() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError("two")
        return item

    results = one_ahead(work, [1, 2, 3])
    assert next(results) == 1
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_replaced_sessions_are_those_with_another_etag() -> None:
    friday, monday, tuesday = date(2005, 2, 25), date(2005, 2, 28), date(2005, 3, 1)
    loaded = {tuesday: "c", monday: "b", friday: "a"}
    assert replacements(MINUTE_BARS, loaded, {friday: "a", monday: "b", tuesday: "c"}) == []
    found = replacements(MINUTE_BARS, loaded, {friday: "x", monday: "b", tuesday: "y"})
    assert found == [
        Replacement("minute_bars", friday, "a", "x"),
        Replacement("minute_bars", tuesday, "c", "y"),
    ]
    assert found[0].run_key == "minute_bars-2005-02-25-x"
    gone = replacements(FLAT_DAILY_BARS, loaded, {friday: "a"})
    assert gone == [], "a file that is gone replaces nothing"


@pytest.mark.parametrize("table", [MINUTE_BARS, FLAT_DAILY_BARS], ids=lambda table: table.name)
def test_the_rule_is_snowflakes_sql(table) -> None:
    text = inside_session(table).violations.replace("{database}", "D")
    assert findings(text.replace("%(first)s", "'x'").replace("%(last)s", "'x'")) == []


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.file.name)
def test_the_comparison_is_snowflakes_sql(pair) -> None:
    text = comparison(pair).replace("{database}", "D").replace("%(first)s", "'2005-02-28'")
    assert findings(text.replace("%(last)s", "'2005-02-28'") + " SELECT * FROM compared") == []
