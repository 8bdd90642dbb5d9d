"""Do the flat files and the REST API say the same about the bars that both have?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polygon_assets.defs.bars.assets import DAILY_BARS
from polygon_assets.defs.flat_files.tables import (
    FLAT_DAILY_BARS,
    MINUTE_BARS,
    FlatFileTable,
)
from polygon_assets.defs.symbols.assets import MINUTE_BARS as SYMBOL_MINUTE_BARS
from polygon_assets.partitions import SessionWindow
from polygon_assets.raw.deliveries import existing_tables
from polygon_assets.raw.table import RawTable
from polygon_assets.resources.snowflake import Warehouse

SAMPLE_ROWS = 5

_COLUMNS = {"O": "OPEN", "H": "HIGH", "L": "LOW", "C": "CLOSE", "V": "VOLUME", "N": "TRANSACTIONS"}
"""Columns of the REST API's table -> the flat file's."""

_NANOSECONDS = 1_000_000
"""In a millisecond."""


@dataclass(frozen=True)
class Pair:
    """Two tables with the same bars.

    Attributes:
        file: The table from flat files.
        rest: The table from the REST API.
        scope: Columns that tell which rows are compared: those whose values of these columns are
            in both tables. The REST API's table may hold a few symbols only.
        start: Expression over the REST API's table that is the flat file's WINDOW_START; None
            where the two stamp a bar differently and it is told by its session.
    """

    file: FlatFileTable
    rest: RawTable
    scope: tuple[str, ...]
    start: str | None


DAILY = Pair(FLAT_DAILY_BARS, DAILY_BARS, ("SESSION_DATE",), None)
MINUTES = Pair(MINUTE_BARS, SYMBOL_MINUTE_BARS, ("SESSION_DATE", "TICKER"), f"T * {_NANOSECONDS}")
PAIRS = (DAILY, MINUTES)


@dataclass(frozen=True)
class Agreement:
    """What a comparison found.

    Attributes:
        sessions: Sessions that were compared.
        rows: Bars that were compared, those of one side only included.
        differences: Bars that only one side has, or with other values.
        sample: Some of them: column -> value as text.
    """

    sessions: int
    rows: int
    differences: int
    sample: Sequence[dict[str, str]]


def compare(snowflake: Warehouse, pair: Pair, window: SessionWindow) -> Agreement:
    """Compare the bars of the sessions that both tables have."""
    if not {pair.file.name, pair.rest.name} <= existing_tables(snowflake):
        return Agreement(0, 0, 0, ())
    compared = comparison(pair).replace("{database}", str(snowflake.database))
    parameters = {"first": str(window.first), "last": str(window.last)}
    with snowflake.cursor() as cursor:
        cursor.execute(
            f"{compared} SELECT COUNT(DISTINCT SESSION_DATE), COUNT(*), COUNT(DIFFERENCE) "
            "FROM compared",
            parameters,
        )
        [(sessions, rows, differences)] = cursor.fetchall()
        sample: list[dict[str, str]] = []
        if differences:
            cursor.execute(
                f"{compared} SELECT * FROM compared WHERE DIFFERENCE IS NOT NULL "
                f"ORDER BY SESSION_DATE, TICKER, WINDOW_START LIMIT {SAMPLE_ROWS}",
                parameters,
            )
            names = [column.name.lower() for column in cursor.description or []]
            sample = [_record(names, row) for row in cursor.fetchall()]
    return Agreement(int(sessions), int(rows), int(differences), sample)


def comparison(pair: Pair) -> str:
    """The common table expressions up to ``compared``: a row per bar, with its difference.

    ``{database}`` stands for the database, ``%(first)s`` and ``%(last)s`` for the window.
    """
    bar = ("SESSION_DATE", "TICKER", *(["WINDOW_START"] if pair.start else []))
    rest_values = ", ".join(_COLUMNS)
    file_values = ", ".join(_COLUMNS.values())
    scope = ", ".join(pair.scope)
    same_bar = " AND ".join(f"f.{name} = r.{name}" for name in bar)
    in_scope = " AND ".join(f"side.{name} = shared.{name}" for name in pair.scope)
    differs = " OR ".join(f"f.{name} IS DISTINCT FROM r.{rest}" for rest, name in _COLUMNS.items())
    both = ", ".join(
        f"f.{name} AS FILE_{name}, r.{rest} AS REST_{name}" for rest, name in _COLUMNS.items()
    )
    return (
        f"WITH rest AS (SELECT {pair.rest.session} AS SESSION_DATE, TICKER, "
        f"{pair.start or 'NULL'} AS WINDOW_START, {rest_values} "
        f"FROM {pair.rest.qualified('{database}')} "
        f"WHERE {pair.rest.session} BETWEEN %(first)s AND %(last)s), "
        f"file AS (SELECT SESSION_DATE, TICKER, WINDOW_START, {file_values} "
        f"FROM {pair.file.qualified('{database}')} "
        "WHERE SESSION_DATE BETWEEN %(first)s AND %(last)s), "
        f"shared AS (SELECT DISTINCT {scope} FROM rest "
        "WHERE SESSION_DATE IN (SELECT SESSION_DATE FROM file)), "
        f"f AS (SELECT side.* FROM file AS side JOIN shared ON {in_scope}), "
        f"r AS (SELECT side.* FROM rest AS side JOIN shared ON {in_scope}), "
        "compared AS (SELECT COALESCE(f.SESSION_DATE, r.SESSION_DATE) AS SESSION_DATE, "
        "COALESCE(f.TICKER, r.TICKER) AS TICKER, "
        "COALESCE(f.WINDOW_START, r.WINDOW_START) AS WINDOW_START, "
        "CASE WHEN r.TICKER IS NULL THEN 'only in the flat file' "
        "WHEN f.TICKER IS NULL THEN 'only in the REST API' "
        f"WHEN {differs} THEN 'other values' END AS DIFFERENCE, {both} "
        f"FROM f FULL OUTER JOIN r ON {same_bar})"
    )


def _record(names: Sequence[str], row: Any) -> dict[str, str]:
    return {name: str(value) for name, value in zip(names, row, strict=True)}
