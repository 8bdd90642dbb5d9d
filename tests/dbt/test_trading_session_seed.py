"""The trading-session seed equals the exchange calendar.

To write it anew: `python tests/dbt/test_trading_session_seed.py`.
"""

import csv
import io
from itertools import pairwise
from pathlib import Path

import exchange_calendars
import pandas as pd
import pandas_market_calendars
import pytest

SEED = Path(__file__).parents[2] / "dbt_polygon" / "seeds" / "dim_trading_session.csv"
FIRST = "2000-01-03"
LAST = "2030-12-31"
COLUMNS = [
    "session_date",
    "session_number",
    "open_at",
    "close_at",
    "pre_market_open_at",
    "post_market_close_at",
    "is_half_day",
    "previous_session_date",
    "next_session_date",
]
FULL_SESSION = pd.Timedelta(hours=6, minutes=30)
AFTER_CLOSE = pd.Timedelta(hours=4)

# Late opens and early closes that pandas_market_calendars has and exchange_calendars has not.
AD_HOC_SESSIONS = {
    *("2001-09-17", "2001-10-08", "2002-09-11", "2003-03-20"),
    *("2004-06-07", "2005-06-01", "2006-12-27"),
}


def pre_market_open(session: pd.Timestamp) -> pd.Timestamp:
    """04:00 in New York, in UTC."""
    return pd.Timestamp(f"{session:%Y-%m-%d} 04:00", tz="America/New_York").tz_convert("UTC")


def expected_rows() -> list[dict[str, str]]:
    """One row per NYSE session from FIRST to LAST; instants are UTC, `YYYY-MM-DD HH:MM:SS`.

    The first session has no previous session. The last one's next session lies outside the
    window and is the calendar's own.
    """
    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST, end="2031-01-31")
    sessions = calendar.sessions_in_range(FIRST, "2031-01-31")
    rows: list[dict[str, str]] = []
    for position, session in enumerate(sessions[:-1]):
        if session > pd.Timestamp(LAST):
            break
        opened, closed = calendar.session_open(session), calendar.session_close(session)
        rows.append(
            {
                "session_date": f"{session:%Y-%m-%d}",
                "session_number": str(position + 1),
                "open_at": f"{opened:%Y-%m-%d %H:%M:%S}",
                "close_at": f"{closed:%Y-%m-%d %H:%M:%S}",
                "pre_market_open_at": f"{pre_market_open(session):%Y-%m-%d %H:%M:%S}",
                "post_market_close_at": f"{closed + AFTER_CLOSE:%Y-%m-%d %H:%M:%S}",
                "is_half_day": "true" if closed - opened < FULL_SESSION else "false",
                "previous_session_date": f"{sessions[position - 1]:%Y-%m-%d}" if position else "",
                "next_session_date": f"{sessions[position + 1]:%Y-%m-%d}",
            }
        )
    return rows


def as_csv(rows: list[dict[str, str]]) -> str:
    """The rows as the text of the seed file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def seed_rows() -> list[dict[str, str]]:
    """The rows of the seed file."""
    with SEED.open(newline="") as file:
        return list(csv.DictReader(file))


def test_seed_equals_the_exchange_calendar() -> None:
    assert SEED.read_text() == as_csv(expected_rows())


def test_seed_equals_an_independent_calendar() -> None:
    """Every session, and every open and close after the ad-hoc interruptions of old."""
    calendar = pandas_market_calendars.get_calendar("NYSE")
    schedule = calendar.schedule(start_date=FIRST, end_date=LAST)
    rows = seed_rows()
    assert [row["session_date"] for row in rows] == [f"{day:%Y-%m-%d}" for day in schedule.index]
    differing = {
        row["session_date"]: (row["open_at"], row["close_at"], opened, closed)
        for row, opened, closed in zip(
            rows,
            schedule["market_open"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            schedule["market_close"].dt.strftime("%Y-%m-%d %H:%M:%S"),
            strict=True,
        )
        if (row["open_at"], row["close_at"]) != (opened, closed)
    }
    assert set(differing) == AD_HOC_SESSIONS


def test_sessions_are_linked_in_order() -> None:
    rows = seed_rows()
    assert rows[0]["previous_session_date"] == ""
    for before, row in pairwise(rows):
        assert row["previous_session_date"] == before["session_date"]
        assert before["next_session_date"] == row["session_date"]
    assert rows[-1]["next_session_date"] == "2031-01-02"


@pytest.mark.parametrize(
    ("day", "row"),
    [
        ("2012-10-29", None),  # hurricane Sandy
        ("2025-01-09", None),  # mourning for President Carter
        ("2012-11-23", ("2012-11-23 14:30:00", "2012-11-23 18:00:00", "true")),
        ("2026-11-20", ("2026-11-20 14:30:00", "2026-11-20 21:00:00", "false")),
        ("2026-07-06", ("2026-07-06 13:30:00", "2026-07-06 20:00:00", "false")),
    ],
)
def test_remarkable_days(day: str, row: tuple[str, str, str] | None) -> None:
    found = [r for r in seed_rows() if r["session_date"] == day]
    expected = [row] if row else []
    assert [(r["open_at"], r["close_at"], r["is_half_day"]) for r in found] == expected


if __name__ == "__main__":
    SEED.write_text(as_csv(expected_rows()))
