"""Flat files: their values are the REST API's, and they appear and change like the vendor's."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from flat_files_calls import BUCKET, client, key_of
from polygon_vendor import Vendor

from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.flat_files import FlatFiles
from polygon_assets.sandbox.polygon.flat_files import key_of as own_key_of
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sessions import NEW_YORK

pytestmark = pytest.mark.xdist_group("polygon_flat_files")
SYMBOLS = "AAPL,GOOG,IBM,ZZAC,ZZAE,ZZAF,ZZAG,NA,TRUE,NAN,NULL,KIMpL,ZZ.B"
DAYS, MINUTES = "day_aggs_v1", "minute_aggs_v1"
HEADER = "ticker,volume,open,close,high,low,window_start,transactions"
SESSIONS = {
    "2005-02-28": ("05:00:00", 390),  # AAPL's split
    "2005-04-01": ("05:00:00", 390),  # the last session of winter time
    "2005-04-04": ("04:00:00", 390),  # the first one of summer time
    "2012-11-23": ("05:00:00", 210),  # a half day
}
"""Midnight in New York in UTC, and the minutes of the session."""


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    running = Vendor(tmp_path_factory.mktemp("flat"), symbols=SYMBOLS)
    yield running
    running.stop()


def read(vendor: Vendor, dataset: str, session: str) -> bytes:
    s3: Any = client(vendor.url)
    return s3.get_object(Bucket=BUCKET, Key=key_of(dataset, session))["Body"].read()


def text_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(content).decode())))


def numbers(row: dict[str, str]) -> tuple[float | None, ...]:
    """A row of a file: volume, open, close, high, low, transactions; None for an empty field."""
    names = ("volume", "open", "close", "high", "low", "transactions")
    return tuple(float(row[name]) if row[name] else None for name in names)


def of_bar(bar: Any) -> tuple[float | None, ...]:
    """The same of the official client's bar."""
    return (bar.volume, bar.open, bar.close, bar.high, bar.low, bar.transactions)


@pytest.mark.parametrize("session", SESSIONS)
def test_days_are_those_of_the_rest_api(vendor: Vendor, session: str) -> None:
    rows = text_rows(read(vendor, DAYS, session))
    bars = {b.ticker: b for b in vendor.rest.get_grouped_daily_aggs(session, adjusted=False)}
    assert [row["ticker"] for row in rows] == sorted(bars)
    assert {row["ticker"]: numbers(row) for row in rows} == {t: of_bar(b) for t, b in bars.items()}
    midnight = datetime.fromisoformat(f"{session}T{SESSIONS[session][0]}+00:00").timestamp()
    assert {int(row["window_start"]) for row in rows} == {int(midnight) * 10**9}


@pytest.mark.parametrize("session", SESSIONS)
def test_minutes_are_those_of_the_rest_api(vendor: Vendor, session: str) -> None:
    rows = text_rows(read(vendor, MINUTES, session))
    assert [(r["ticker"], int(r["window_start"])) for r in rows] == sorted(
        (r["ticker"], int(r["window_start"])) for r in rows
    )
    tickers = {row["ticker"] for row in rows}
    assert {"AAPL", "ZZAG", "NULL", "KIMpL"} <= tickers
    for ticker in tickers:
        mine = [row for row in rows if row["ticker"] == ticker]
        bars = list(
            vendor.rest.list_aggs(ticker, 1, "minute", session, session, False, limit=50_000)
        )
        assert [int(row["window_start"]) for row in mine] == [b.timestamp * 10**6 for b in bars]
        assert [numbers(row) for row in mine] == [of_bar(bar) for bar in bars]
    assert sum(row["ticker"] == "AAPL" for row in rows) == SESSIONS[session][1]


def test_the_text_is_what_json_says(vendor: Vendor) -> None:
    lines = gzip.decompress(read(vendor, DAYS, "2005-02-28")).decode().splitlines()
    assert lines[0] == HEADER
    grouped = vendor.http.get(
        "/v2/aggs/grouped/locale/us/market/stocks/2005-02-28?adjusted=false"
    ).text
    found = {
        bar["T"]: bar for bar in json.loads(grouped, parse_float=str, parse_int=str)["results"]
    }
    for line in lines[1:]:
        ticker, *fields = line.split(",")
        bar = found[ticker]
        assert [*fields[:5], fields[6]] == [bar[n] for n in "vochl"] + [bar.get("n", "")]
    assert not any("e" in field for line in lines[1:] for field in line.split(",")[1:])


def test_a_first_edition_lacks_late_volume(vendor: Vendor) -> None:
    s3: Any = client(vendor.url)
    for dataset in (DAYS, MINUTES):
        wanted = {"dataset": dataset, "session": "2005-03-01"}
        final = read(vendor, dataset, "2005-03-01")
        answer = vendor.http.post("/sandbox/flat-files", json={**wanted, "version": "early"})
        assert answer.json() == {"key": key_of(dataset, "2005-03-01"), "version": "early"}
        early = read(vendor, dataset, "2005-03-01")
        told = s3.head_object(Bucket=BUCKET, Key=key_of(dataset, "2005-03-01"))
        assert told["ETag"] == f'"{hashlib.md5(early).hexdigest()}"'
        assert early != final
        pairs = list(zip(text_rows(early), text_rows(final), strict=True))
        less = [(a, b) for a, b in pairs if a != b]
        assert 0 < len(less) < len(pairs)
        for a, b in pairs:
            assert float(a["volume"]) <= float(b["volume"])
            assert (a["ticker"], a["window_start"]) == (b["ticker"], b["window_start"])
        assert all(float(a["volume"]) < float(b["volume"]) for a, b in less)
        vendor.http.post("/sandbox/flat-files", json=wanted).raise_for_status()
        assert read(vendor, dataset, "2005-03-01") == final


@pytest.mark.parametrize(
    "body",
    [
        {"dataset": "quotes_v1", "session": "2005-02-28"},
        {"dataset": DAYS, "session": "2005-02-27"},
        {"dataset": DAYS, "session": "2005-02-28", "version": "second"},
        {"dataset": DAYS},
    ],
)
def test_a_wrong_replacement_is_refused(vendor: Vendor, body: dict[str, str]) -> None:
    answer = vendor.http.post("/sandbox/flat-files", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_file_appears_at_eleven_on_the_next_day(vendor: Vendor) -> None:
    s3: Any = client(vendor.url)
    friday = key_of(DAYS, "2005-02-25")

    def listed() -> str:
        prefix = "us_stocks_sip/day_aggs_v1/2005/02/"
        return s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"][-1]["Key"]

    def set_clock(now: str) -> None:
        vendor.http.post("/sandbox/clock", json={"now": now}).raise_for_status()

    try:
        set_clock("2005-02-26T10:59:00-05:00")  # Saturday
        assert listed() == key_of(DAYS, "2005-02-24")
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket=BUCKET, Key=friday)
        set_clock("2005-02-26T11:00:00-05:00")
        assert listed() == friday
        modified = s3.head_object(Bucket=BUCKET, Key=friday)["LastModified"]
        assert modified.isoformat() == "2005-02-26T16:00:00+00:00"
        set_clock("2005-02-27T15:00:00-05:00")
        wanted = {"dataset": DAYS, "session": "2005-02-25", "version": "early"}
        vendor.http.post("/sandbox/flat-files", json=wanted).raise_for_status()
        replaced = s3.head_object(Bucket=BUCKET, Key=friday)["LastModified"]
        assert replaced.isoformat() == "2005-02-27T20:00:00+00:00"
    finally:
        vendor.http.post(
            "/sandbox/flat-files", json={"dataset": DAYS, "session": "2005-02-25"}
        ).raise_for_status()
        vendor.http.delete("/sandbox/replay").raise_for_status()


def a_bucket(directory: Path, symbols: list[str], seed: int = 1) -> FlatFiles:
    noon = datetime(2005, 3, 2, 12, tzinfo=NEW_YORK).timestamp()
    return FlatFiles(Market(symbols, seed), Clock(lambda: noon), directory)


def test_the_same_market_gives_the_same_bytes(tmp_path: Path) -> None:
    key = own_key_of(MINUTES, date(2005, 2, 28))
    made = [a_bucket(tmp_path / name, ["AAPL", "ZZAG"]).get(key) for name in ("a", "b")]
    assert made[0] is not None
    assert made[1] is not None
    assert made[0].path.read_bytes() == made[1].path.read_bytes()


def test_files_outlive_the_process_but_not_their_market(tmp_path: Path) -> None:
    key = own_key_of(DAYS, date(2005, 2, 28))
    first = a_bucket(tmp_path, ["AAPL"]).get(key)
    assert first is not None
    made_at = first.path.stat().st_mtime_ns
    again = a_bucket(tmp_path, ["AAPL"]).get(key)
    assert again == first
    assert first.path.stat().st_mtime_ns == made_at
    other = a_bucket(tmp_path, ["AAPL", "IBM"]).get(key)
    assert other is not None
    assert other.md5 != first.md5
    assert not first.path.exists()


def test_a_file_that_was_not_finished_is_made_again(tmp_path: Path) -> None:
    key = own_key_of(DAYS, date(2005, 2, 28))
    made = a_bucket(tmp_path, ["AAPL"]).get(key)
    assert made is not None
    made.path.rename(made.path.with_name(f"{made.path.name}.unfinished"))
    made.path.with_name(f"{made.path.name}.unfinished").write_bytes(b"half of")
    assert a_bucket(tmp_path, ["AAPL"]).get(key) == made


@pytest.mark.parametrize(
    "key",
    [
        "us_stocks_sip/day_aggs_v1/2005/02/2005-02-27.csv.gz",  # a Sunday
        "us_stocks_sip/day_aggs_v1/2005/02/2005-03-02.csv.gz",
        "us_stocks_sip/day_aggs_v1/2005/03/2005-03-02.csv.gz",  # not yet
        "us_stocks_sip/day_aggs_v1/2005/02/2005-02-28.csv",
        "us_stocks_sip/day_aggs_v1/2005/2/20050228.csv.gz",
        "us_stocks_sip/trades_v1/2005/02/2005-02-28.csv.gz",
        "us_options/day_aggs_v1/2005/02/2005-02-28.csv.gz",
        "",
    ],
)
def test_other_keys_have_no_file(tmp_path: Path, key: str) -> None:
    assert a_bucket(tmp_path, ["AAPL"]).get(key) is None


def test_a_market_without_bars_has_a_file_without_rows(tmp_path: Path) -> None:
    made = a_bucket(tmp_path, ["FB"]).get(own_key_of(MINUTES, date(2005, 2, 28)))
    assert made is not None
    assert gzip.decompress(made.path.read_bytes()).decode() == f"{HEADER}\n"


def test_faults_reach_the_bucket(start_vendor: Callable[..., Vendor]) -> None:
    running = start_vendor(symbols="AAPL")
    s3: Any = client(running.url)
    running.http.post("/sandbox/faults", json={"kind": "500", "path": "/flatfiles"})
    with pytest.raises(ClientError, match="500"):
        s3.get_object(Bucket=BUCKET, Key=key_of(DAYS, "2005-02-28"))
    assert s3.get_object(Bucket=BUCKET, Key=key_of(DAYS, "2005-02-28"))["ContentLength"] > 0
