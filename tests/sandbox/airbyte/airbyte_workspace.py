"""A small workspace for the tests of the engine: made through the API, as any other."""

from typing import Any

Json = dict[str, Any]

TEXT, NUMBER = {"type": ["null", "string"]}, {"type": ["null", "number"]}
WHOLE, DATE = {"type": ["null", "integer"]}, {"type": ["null", "string"], "format": "date"}
TIME = {"type": ["null", "string"], "format": "date-time"}
SWITCH, LIST = {"type": ["null", "boolean"]}, {"type": ["null", "array"]}

STREAMS: dict[str, tuple[list[str], str, Json]] = {
    "splits": (
        ["id"],
        "execution_date",
        {
            "id": {"type": "string"},
            "ticker": TEXT,
            "execution_date": DATE,
            "split_from": NUMBER,
            "split_to": NUMBER,
            "historical_adjustment_factor": NUMBER,
        },
    ),
    "dividends": (["id"], "ex_dividend_date", {"id": TEXT, "ex_dividend_date": DATE}),
    "bars": (
        ["ticker", "t"],
        "t",
        {"ticker": TEXT, "t": WHOLE, "c": NUMBER, "v": NUMBER, "otc": SWITCH},
    ),
    "news": (
        ["id"],
        "published_utc",
        {"id": TEXT, "published_utc": TIME, "tickers": LIST, "size": WHOLE, "it's": NUMBER},
    ),
}
"""Name -> primary key, cursor, fields."""

ALL = "incremental_deduped_history"


def manifest(**more: Any) -> Json:
    """A connector's manifest with these streams, by reference as the Builder writes them."""
    schemas = {
        name: {"type": "object", "properties": fields, "additionalProperties": True}
        for name, (_, _, fields) in STREAMS.items()
    }
    return {
        "version": "7.39.1",
        "type": "DeclarativeSource",
        "definitions": {
            "streams": {
                name: {
                    "type": "DeclarativeStream",
                    "name": name,
                    "primary_key": key,
                    "incremental_sync": {"cursor_field": cursor},
                    "schema_loader": {"schema": {"$ref": f"#/schemas/{name}"}},
                }
                for name, (key, cursor, _) in STREAMS.items()
            }
        },
        "streams": [{"$ref": f"#/definitions/streams/{name}"} for name in STREAMS],
        "spec": {
            "connection_specification": {
                "type": "object",
                "required": ["api_key"],
                "additionalProperties": True,
                "properties": {
                    "api_key": {"type": "string", "airbyte_secret": True},
                    "start_date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
                    "requests_per_minute": {"type": "integer", "maximum": 6000},
                },
            }
        },
        "schemas": schemas,
        **more,
    }


def snowflake(port: int, database: str) -> Json:
    """Settings of a destination that is the sandbox's Snowflake."""
    return {
        "destinationType": "snowflake",
        "host": f"http://127.0.0.1:{port}",
        "role": "SANDBOX",
        "warehouse": "SANDBOX",
        "database": database,
        "schema": "RAW",
        "username": "sandbox",
        "credentials": {"auth_type": "Username and Password", "password": "sandbox"},
    }


def streams(*names: str, mode: str = ALL) -> Json:
    """The part of a connection that says what it syncs."""
    return {"streams": [{"name": name, "syncMode": mode} for name in names]}
