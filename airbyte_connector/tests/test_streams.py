"""Every stream: declared in full, read from the vendor, and read again from its state."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from coverage_table import documented, fields, stream_names
from jsonschema import Draft7Validator, FormatChecker
from reading import Read, Record, key, last_state, messages, records, schema, stream

MONTH = {"start_date": "2005-02-01"}
ONE_DAY = {"start_date": "2005-02-28", "end_date": "2005-02-28", "trades_and_quotes": True}
CHOSEN = {"tickers": ["AAPL", "NA", "TRUE"]}
THIN = {"tickers": ["NAN"]}
CASES: dict[str, dict[str, Any]] = {
    "daily_bars": {},
    "minute_bars": CHOSEN,
    "day_bars": CHOSEN,
    "open_close": CHOSEN,
    "tickers": {"end_date": "2005-03-03"},
    "ticker_types": {},
    "exchanges": {},
    "conditions": {},
    "market_holidays": {},
    "ticker_details": CHOSEN,
    "ticker_events": CHOSEN,
    "related_tickers": CHOSEN,
    "splits": {},
    "dividends": MONTH,
    "ipos": MONTH,
    "financials": MONTH,
    "short_interest": MONTH,
    "short_volume": {},
    "news": MONTH,
    "trades": THIN | ONE_DAY,
    "quotes": THIN | ONE_DAY,
}
"""The settings with which the simulated vendor has records of each stream."""

NEW_FIELD = "field_of_tomorrow"
VALIDATORS = {name: Draft7Validator(schema(name), format_checker=FormatChecker()) for name in CASES}


def test_every_stream_has_a_test_and_is_in_the_readme() -> None:
    assert list(CASES) == stream_names()
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert [name for name in CASES if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", CASES)
def test_a_stream_is_declared_in_full(name: str) -> None:
    declared, fully = stream(name), schema(name)
    assert declared["primary_key"]
    assert declared["incremental_sync"]["lookback_window"]
    assert fully["description"]
    assert fully["additionalProperties"] is True
    assert all("type" in definition for _, definition in fields(fully["properties"]))
    good, total = documented(name)
    assert good == total, "a field has no description"
    for field in [*declared["primary_key"], declared["incremental_sync"]["cursor_field"]]:
        assert isinstance(fully["properties"][field]["type"], str), f"{field} could be null"
    in_capitals = {field.upper() for field in fully["properties"]}
    assert len(in_capitals) == len(fully["properties"]), "two fields differ in case only"


@pytest.mark.parametrize("name", CASES)
def test_a_stream_is_read_and_read_again(name: str, vendor: Any, read_stream: Read) -> None:
    vendor.fault("new_field", count=0)
    output = read_stream(name, **CASES[name])
    assert not output.errors
    found = records(output)
    assert found
    for record in found:
        VALIDATORS[name].validate(record)
        assert record[NEW_FIELD] or name == "related_tickers"
    keys = [key(name, record) for record in found]
    assert len(set(keys)) == len(keys), "the primary key is not unique"

    vendor.clear_faults()
    state = last_state(output)
    again = read_stream(name, state=state, **CASES[name] | {"lookback_days": 1})
    assert not again.errors
    after = last_state(again)
    # The CDK writes the seconds of a sync, at least one, into the state of a stream with parts.
    seconds = {"lookback_window": max(after.get("lookback_window", 0), 1)}
    assert after == state | (seconds if "states" in state else {})
    read_again = {key(name, record) for record in records(again)}
    assert read_again == {
        key(name, record) for record in found if _is_looked_back_at(name, record, state)
    }


def test_a_dataset_outside_the_plan_is_skipped_with_a_notice(
    vendor: Any, read_stream: Read
) -> None:
    vendor.fault("not_entitled", count=0)
    output = read_stream(*CASES, **CHOSEN, trades_and_quotes=True, end_date="2005-02-24")
    assert not output.errors
    assert not output.records
    notices = [text for text in messages(output) if text.startswith("NOT_ENTITLED")]
    assert len(notices) == sum(map(_requests_for_a_day, CASES))


@pytest.mark.parametrize("kind", ["truncated", "html"])
def test_an_unreadable_answer_is_never_an_empty_one(
    kind: str, vendor: Any, read_stream: Read
) -> None:
    vendor.fault(kind, count=0)
    output = read_stream(
        *CASES,
        **CHOSEN,
        trades_and_quotes=True,
        end_date="2005-02-24",
        num_workers=20,
        expecting_exception=True,
    )
    assert not output.records
    for name in CASES:
        assert str(output.get_stream_statuses(name)[-1].value) == "INCOMPLETE"


def _requests_for_a_day(name: str) -> int:
    """One, or one for each of its router's values: the chosen tickers, listed and delisted."""
    router = stream(name)["retriever"].get("partition_router")
    if router is None:
        return 1
    values = router["values"]
    return len(values if isinstance(values, list) else CHOSEN["tickers"])


def _is_looked_back_at(name: str, record: Record, state: dict[str, Any]) -> bool:
    """Whether a read from the state, less a day, asks for the record again."""
    cursor = stream(name)["incremental_sync"]["cursor_field"]
    reached = state.get("state", state)[cursor]
    if name == "news":
        return _moment(record[cursor]) >= _moment(reached) - timedelta(days=1)
    day = record[cursor]
    if isinstance(day, int):
        day = datetime.fromtimestamp(day / 1000, UTC).date().isoformat()
    return day >= (date.fromisoformat(reached[:10]) - timedelta(days=1)).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
