"""What Airbyte tells about a job, in each of the ways that its versions have."""

from typing import Any

import pytest

from polygon_assets.resources.airbyte_job import (
    MAX_NOTICES,
    StreamCounts,
    StreamFailure,
    details_of,
)

SKIPPED = (
    "NOT_ENTITLED: the Polygon plan does not include this dataset "
    "(https://api.massive.com/stocks/v1/short-interest?limit=50000&sort=settlement_date.asc); "
    "nothing was read for this request."
)


def answer(*attempts: dict[str, Any], logs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"attempts": [{"attempt": one, "logs": logs or {}} for one in attempts]}


def stats(name: str, read: int, loaded: int) -> dict[str, Any]:
    counts = {"recordsEmitted": read, "recordsCommitted": loaded, "bytesEmitted": read * 100}
    return {"streamName": name, "stats": counts}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"attempts": None},
        {"attempts": [{}]},
        {"attempts": [{"attempt": None, "logs": None}]},
        {"attempts": [{"attempt": {"streamStats": [{"streamName": "a"}], "totalStats": None}}]},
        {"attempts": [{"attempt": {"failureSummary": {"failures": None}}, "logs": {"events": {}}}]},
    ],
    ids=range(6),
)
def test_nothing_told_is_no_error(given: dict[str, Any]) -> None:
    details = details_of(given)
    assert details.totals == StreamCounts()
    assert all(counts == StreamCounts() for counts in details.streams.values())
    assert (details.notices, details.failures, details.skipped) == ((), (), frozenset())


def test_counts_are_those_of_all_attempts() -> None:
    first = {"streamStats": [stats("news", 5, 3)]}
    second = {"streamStats": [stats("news", 7, 7)], "totalStats": {"recordsCommitted": 7}}
    details = details_of(answer(first, second))
    assert details.streams == {"news": StreamCounts(read=12, loaded=10, bytes=1200)}
    assert details.totals == StreamCounts(loaded=7)


@pytest.mark.parametrize(
    "logs",
    [
        {"logLines": [f"INFO {SKIPPED}", "INFO reading", "WARN slow"]},
        {
            "events": [
                {"level": "info", "message": SKIPPED},
                {"level": "info", "message": "reading"},
                {"level": "WARN", "message": "slow"},
            ]
        },
    ],
    ids=["lines", "events"],
)
def test_warnings_and_skipped_datasets_are_notices(logs: dict[str, Any]) -> None:
    details = details_of(answer({}, logs=logs))
    assert len(details.notices) == 2
    assert "NOT_ENTITLED" in details.notices[0]
    assert details.notices[1] == "WARN slow"
    assert details.skipped == {"/stocks/v1/short-interest"}


def test_a_skipped_dataset_without_an_address_is_not_lost() -> None:
    details = details_of(answer({}, logs={"logLines": ["INFO NOT_ENTITLED: no address"]}))
    assert details.skipped == {""}


def test_many_notices_hide_no_skipped_dataset() -> None:
    lines = [f"WARN {number}" for number in range(3 * MAX_NOTICES)] + [f"INFO {SKIPPED}"] * 2
    details = details_of(answer({}, logs={"logLines": lines}))
    assert len(details.notices) == MAX_NOTICES
    assert details.skipped == {"/stocks/v1/short-interest"}


def test_failures_carry_stream_and_message_once() -> None:
    failures = [
        {"externalMessage": "rejected the key", "streamDescriptor": {"name": "news"}},
        {"internalMessage": "lost", "streamDescriptor": None},
        {"streamDescriptor": {"name": "news"}},
    ]
    summary = {"failureSummary": {"failures": failures}}
    details = details_of(answer(summary, summary))
    assert details.failures == (
        StreamFailure("news", "rejected the key"),
        StreamFailure("", "lost"),
    )
    assert [str(one) for one in details.failures] == ["news: rejected the key", "lost"]
