"""Lines of the Airbyte protocol, as a connector prints them."""

from typing import Any

Json = dict[str, Any]


def split(number: int, **fields: Any) -> Json:
    """A record of the stream `splits`, whose key is the number."""
    data = {
        "id": f"S{number}",
        "ticker": "AAPL",
        "execution_date": "2005-02-28",
        "split_from": 1,
        "split_to": 2.5,
        "historical_adjustment_factor": None,
    }
    return record("splits", data | fields)


def record(stream: str, data: Json) -> Json:
    return {
        "type": "RECORD",
        "record": {"stream": stream, "data": data, "emitted_at": 1_795_340_770_809.5},
    }


def state(stream: str, value: Any, count: int) -> Json:
    """A state after so many records since the last one."""
    return {
        "type": "STATE",
        "state": {
            "type": "STREAM",
            "stream": {"stream_descriptor": {"name": stream}, "stream_state": {"at": value}},
            "sourceStats": {"recordCount": float(count)},
        },
    }


def status(stream: str, value: str = "COMPLETE") -> Json:
    return {
        "type": "TRACE",
        "trace": {
            "type": "STREAM_STATUS",
            "emitted_at": 0,
            "stream_status": {"stream_descriptor": {"name": stream}, "status": value},
        },
    }


def error(message: str, kind: str = "config_error") -> Json:
    return {
        "type": "TRACE",
        "trace": {
            "type": "ERROR",
            "emitted_at": 0,
            "error": {"message": message, "failure_type": kind},
        },
    }


def good(splits: list[Json], value: Any = 1) -> list[Json]:
    """A complete read of the connection `polygon_actions`: these splits and no dividends."""
    return [
        {"type": "LOG", "log": {"level": "INFO", "message": "Starting"}},
        status("splits", "STARTED"),
        *splits,
        state("splits", value, len(splits)),
        status("splits"),
        state("dividends", value, 0),
        status("dividends"),
    ]
