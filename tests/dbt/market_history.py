"""Years of a market: real bars of four symbols and a synthetic universe around them.

The synthetic securities are random walks with splits, dividends, late listings and delistings. They
are written as the raw tables that Airbyte fills.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dbt_warehouse import EXTRACTED_AT, PROJECT, Warehouse
from real_market_data import SYMBOLS, real_actions, real_bars

NEW_YORK = ZoneInfo("America/New_York")
EXTRACTED = datetime.fromisoformat(EXTRACTED_AT)
SIC_CODES = ("3674", "7372", "2834", "6022", "1311", "4911", "5411", "3711", "6798", "3531")


@dataclass(frozen=True)
class Security:
    """A synthetic security: its sessions as positions in the list of sessions, and its actions."""

    symbol: str
    first: int
    last: int
    close: np.ndarray
    splits: dict[int, int]
    dividends: dict[int, float]


def sessions_of(first: str, last: str) -> list[str]:
    """The sessions of the calendar from first to last, both included."""
    lines = (PROJECT / "seeds" / "dim_trading_session.csv").read_text().splitlines()[1:]
    return [day for line in lines if first <= (day := line.split(",")[0]) <= last]


def synthetic(count: int, sessions: int, seed: int = 1) -> list[Security]:
    """Securities of which one in ten is listed late and one in ten is delisted early.

    No action is on a security's last session: one more session restates no history.
    """
    return [_security(number, sessions, seed) for number in range(count)]


def _security(number: int, sessions: int, seed: int) -> Security:
    random = np.random.default_rng([seed, number])
    fate, when = random.random(), int(random.integers(1, max(sessions, 2)))
    first = min(when, sessions - 2) if fate < 0.1 else 0
    last = when if fate > 0.9 else sessions - 1
    steps = random.normal(0.0003, random.uniform(0.01, 0.03), last - first + 1)
    close = 40 * np.exp(np.cumsum(steps))
    splits = {int(day): 2 for day in random.integers(first, last, 1) if random.random() < 0.3}
    payer = random.random() < 0.45
    paid = range(first + int(random.integers(5, 60)), last, 63) if payer else ()
    dividends = {day: round(float(close[day - first]) * 0.005, 2) for day in paid}
    for day, ratio in splits.items():
        close[day - first :] /= ratio
    return Security(f"ZZ{number:04d}", first, last, np.round(close, 2), splits, dividends)


def load(wh: Warehouse, folder: Path, sessions: list[str], securities: list[Security]) -> int:
    """Fill the raw tables with the sessions; the number of bars."""
    bars = _bars(sessions, securities)
    _copy(wh, folder, "DAILY_BARS", bars)
    _copy(wh, folder, "TICKERS", _snapshots(sessions, securities))
    splits, dividends = _actions(sessions, securities)
    wh.insert("SPLITS", splits)
    wh.insert("DIVIDENDS", dividends)
    details = [
        {
            "SESSION_DATE": sessions[0],
            "TICKER": one.symbol,
            "SIC_CODE": SIC_CODES[number % len(SIC_CODES)],
            "SIC_DESCRIPTION": "SYNTHETIC",
        }
        for number, one in enumerate(securities)
    ]
    wh.insert("TICKER_DETAILS", details)
    return bars.num_rows


def _stamps(sessions: list[str]) -> np.ndarray:
    """16:00 in New York in milliseconds."""
    days = (datetime.combine(date.fromisoformat(day), time(16), NEW_YORK) for day in sessions)
    return np.array([int(day.timestamp() * 1000) for day in days], dtype=np.int64)


def _bars(sessions: list[str], securities: list[Security]) -> pa.Table:
    stamps = _stamps(sessions)
    parts: list[dict[str, np.ndarray]] = []
    for one in securities:
        size = one.last - one.first + 1
        random = np.random.default_rng([7, int(one.symbol[2:])])
        opened = np.round(one.close * np.exp(random.normal(0, 0.004, size)), 2)
        high = np.round(np.maximum(opened, one.close) * (1 + random.uniform(0, 0.01, size)), 2)
        low = np.round(np.minimum(opened, one.close) * (1 - random.uniform(0, 0.01, size)), 2)
        parts.append(
            {
                "TICKER": np.full(size, one.symbol, dtype=object),
                "T": stamps[one.first : one.last + 1],
                "O": opened,
                "H": np.maximum(high, np.maximum(opened, one.close)),
                "L": np.minimum(low, np.minimum(opened, one.close)),
                "C": one.close,
                "V": np.round(random.lognormal(13, 0.5, size)),
                "VW": one.close,
                "N": random.integers(100, 9000, size),
            }
        )
    known = dict(zip(sessions, stamps.tolist(), strict=True))
    real = [bar for bar in real_bars() if bar.session in known]
    if real:
        columns = {name: [bar.as_raw()[name] for bar in real] for name in ("O", "H", "L", "C", "V")}
        parts.append(
            {
                "TICKER": np.array([bar.symbol for bar in real], dtype=object),
                "T": np.array([known[bar.session] for bar in real], dtype=np.int64),
                **{name: np.array(values) for name, values in columns.items()},
                "VW": np.full(len(real), np.nan),
                "N": np.full(len(real), 1),
            }
        )
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return pa.table({name: pa.array(c, from_pandas=True) for name, c in columns.items()})


def _snapshots(sessions: list[str], securities: list[Security]) -> pa.Table:
    days = np.array(sessions, dtype="datetime64[D]")
    names = [one.symbol for one in securities] + list(SYMBOLS)
    spans = [(one.first, one.last) for one in securities] + [(0, len(sessions) - 1)] * len(SYMBOLS)
    lengths = [last - first + 1 for first, last in spans]
    symbols = np.repeat(np.array(names, dtype=object), lengths)
    return pa.table(
        {
            "SESSION_DATE": np.concatenate([days[first : last + 1] for first, last in spans]),
            "TICKER": symbols,
            "ACTIVE": np.full(len(symbols), True),
            "NAME": symbols,
            "TYPE": np.full(len(symbols), "CS", dtype=object),
            "COMPOSITE_FIGI": np.repeat(
                np.array([f"FIGI{name}" for name in names], dtype=object), lengths
            ),
        }
    )


def _actions(sessions: list[str], securities: list[Security]) -> tuple[list, list]:
    known = set(sessions)
    splits, dividends = real_actions()
    splits = [row for row in splits if row["EXECUTION_DATE"] in known]
    dividends = [row for row in dividends if row["EX_DIVIDEND_DATE"] in known]
    for one in securities:
        for day, ratio in one.splits.items():
            splits.append(split(one.symbol, sessions[day], ratio))
        for day, cash in one.dividends.items():
            dividends.append(dividend(one.symbol, sessions[day], cash))
    return splits, dividends


def split(symbol: str, day: str, ratio: float) -> dict[str, object]:
    """A raw row of a split of ``ratio`` for one."""
    return {
        "ID": f"split-{symbol}-{day}",
        "TICKER": symbol,
        "EXECUTION_DATE": day,
        "SPLIT_FROM": 1.0,
        "SPLIT_TO": float(ratio),
    }


def dividend(symbol: str, day: str, cash: float) -> dict[str, object]:
    """A raw row of a dividend in USD a share."""
    return {
        "ID": f"dividend-{symbol}-{day}",
        "TICKER": symbol,
        "EX_DIVIDEND_DATE": day,
        "CASH_AMOUNT": cash,
        "CURRENCY": "USD",
    }


def _copy(wh: Warehouse, folder: Path, table: str, rows: pa.Table) -> None:
    """Load a raw table from a Parquet file through a stage."""
    count = rows.num_rows
    rows = rows.append_column("_AIRBYTE_RAW_ID", pa.array([f"{table}-{n}" for n in range(count)]))
    extracted = pa.array([EXTRACTED.astimezone(UTC)] * count, pa.timestamp("us", tz="UTC"))
    rows = rows.append_column("_AIRBYTE_EXTRACTED_AT", extracted)
    path = folder / f"{table}.parquet"
    pq.write_table(rows, path)
    cursor = wh.connection.cursor()
    cursor.execute("create stage if not exists RAW.HISTORY")
    cursor.execute(f"put file://{path} @RAW.HISTORY auto_compress = false overwrite = true")
    cursor.execute(
        f"copy into RAW.{table} from @RAW.HISTORY/{path.name} "
        "file_format = (type = parquet) match_by_column_name = case_insensitive force = true"
    )
