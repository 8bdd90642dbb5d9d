"""Rules in SQL that hold for every raw table, and those that hold for every table of bars."""

from collections.abc import Sequence

from polygon_assets.checks import Rule
from polygon_assets.raw.table import RawTable, StreamTable

KEY_UNIQUE = "key_unique"
NOTHING_REJECTED = "nothing_rejected"
NOTHING_VANISHED = "nothing_vanished"


def generic_rules(table: RawTable) -> list[Rule]:
    """The rules of any table; Airbyte's columns are looked at where Airbyte fills it."""
    rules = [key_unique(table)]
    if isinstance(table, StreamTable):
        rules.append(nothing_rejected(table))
        if table.whole_sessions:
            rules.append(nothing_vanished(table))
    return rules


def key_unique(table: RawTable) -> Rule:
    """No two rows with one key, and no row without."""
    keys = ", ".join(table.unique_by)
    incomplete = " OR ".join(f"{key} IS NULL" for key in table.unique_by)
    return Rule(
        KEY_UNIQUE,
        f"Every row has a key of its own ({keys}), and no part of it is missing.",
        f"SELECT {_session(table)}, {keys}, COUNT(*) AS COPIES FROM {_from(table)} "
        f"WHERE {_in_window(table)} GROUP BY {table.session}, {keys} "
        f"HAVING COUNT(*) > 1 OR {incomplete}",
    )


def nothing_rejected(table: StreamTable) -> Rule:
    """Every value that the vendor sent is in the table.

    Airbyte replaces a value of the wrong type by null, and lists it in the row.
    """
    return Rule(
        NOTHING_REJECTED,
        "Airbyte took every value as the vendor sent it: none has the wrong type.",
        f"SELECT {_session(table)}, {', '.join(table.unique_by)}, "
        f"CAST(_AIRBYTE_META:changes AS VARCHAR) AS CHANGES FROM {_from(table)} "
        f"WHERE {_in_window(table)} AND ARRAY_SIZE(_AIRBYTE_META:changes) > 0",
    )


def nothing_vanished(table: StreamTable) -> Rule:
    """The vendor still delivers every row of a session.

    A sync adds and replaces rows, and removes none. Airbyte writes the number of the sync into each
    row; where a version does not, nothing is found.
    """
    sync = "CAST(_AIRBYTE_META:sync_id AS NUMBER)"
    return Rule(
        NOTHING_VANISHED,
        "The newest sync of a session brought every row that the table has of it.",
        f"SELECT {_session(table)}, {', '.join(table.unique_by)}, _AIRBYTE_EXTRACTED_AT "
        f"FROM {_from(table)} WHERE {table.session} BETWEEN %(first)s AND %(last)s "
        f"QUALIFY {sync} < MAX({sync}) OVER (PARTITION BY {table.session})",
        severity="WARN",
    )


def bar_rules(
    table: RawTable,
    keys: Sequence[str] = ("TICKER", "T"),
    prices: tuple[str, str, str, str] = ("O", "H", "L", "C"),
    volume: str = "V",
) -> list[Rule]:
    """What holds for the bars of any table.

    Args:
        table: The table.
        keys: Columns that tell which bar it is.
        prices: Columns of open, high, low and close, in USD.
        volume: Column of the volume, in shares.
    """
    opened, high, low, close = prices
    which = f"{_session(table)}, {', '.join(keys)}"
    return [
        Rule(
            "ohlc_consistent",
            "Low is the lowest and high the highest of a bar's prices, and all are positive.",
            f"SELECT {which}, {opened}, {high}, {low}, {close} FROM {_from(table)} "
            f"WHERE {_in_window(table)} AND NOT COALESCE({low} > 0 "
            f"AND {low} <= LEAST({opened}, {close}) AND {high} >= GREATEST({opened}, {close}), "
            "FALSE)",
        ),
        Rule(
            "volume_not_negative",
            "A bar has a volume, and it is not negative.",
            f"SELECT {which}, {volume} FROM {_from(table)} "
            f"WHERE {_in_window(table)} AND NOT COALESCE({volume} >= 0, FALSE)",
        ),
    ]


def _session(table: RawTable) -> str:
    return f"{table.session} AS SESSION_DATE"


def _from(table: RawTable) -> str:
    return table.qualified("{database}")


def _in_window(table: RawTable) -> str:
    """The rows of the window, and those of which nobody knows the session."""
    return f"({table.session} BETWEEN %(first)s AND %(last)s OR {table.session} IS NULL)"
