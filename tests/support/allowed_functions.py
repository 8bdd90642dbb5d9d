"""The Snowflake functions that our models use, with what Snowflake documents of each.

A model may use no other: each is proven to give the same in the sandbox. Whoever needs a new one
adds it here, with expressions for its ordinary case and for what engines disagree about: nulls,
zero, signs, time zones, the last day of a month.
"""

from datetime import date, datetime
from typing import Any

ROWS = "(select * from values (1, 'a', 2.0::double), (2, 'a', 4.0), (3, 'b', null), (4, 'b', 9.0))"
"""Columns column1, column2, column3."""


def of_windows(figure: str, window: str, rows: str = ROWS) -> str:
    """One figure of the values that a window function gives."""
    return f"(select {figure} from (select {window} as x from {rows}))"


ALLOWED: dict[str, list[tuple[str, Any]]] = {
    "ABS": [("abs(-1.5::double)", 1.5), ("abs(null::double)", None)],
    "AVG": [(f"(select avg(column3) from {ROWS})", 5.0)],
    "CAST": [("cast('7' as integer)", 7), ("cast('2005-02-28' as date)", date(2005, 2, 28))],
    "COALESCE": [("coalesce(null, null, 3)", 3)],
    "CONVERT_TIMEZONE": [
        (
            "convert_timezone('America/New_York', 'UTC', '2005-07-01 11:00:00'::timestamp_ntz)",
            datetime(2005, 7, 1, 15),
        ),
        (
            "convert_timezone('America/New_York', 'UTC', '2005-01-03 11:00:00'::timestamp_ntz)",
            datetime(2005, 1, 3, 16),
        ),
        (
            "convert_timezone('UTC', '2005-01-03 11:00:00 -0500'::timestamp_tz)::timestamp_ntz",
            datetime(2005, 1, 3, 16),
        ),
    ],
    "COUNT": [
        (f"(select count(*) from {ROWS})", 4),
        (f"(select count(column3) from {ROWS})", 3),
        (f"(select count(distinct column2) from {ROWS})", 2),
    ],
    "COUNT_IF": [
        (f"(select count_if(column3 > 3) from {ROWS})", 2),
        (f"(select count_if(column3 > 99) from {ROWS})", 0),
    ],
    "CURRENT_TIMESTAMP": [("current_timestamp() > '2020-01-01'::timestamp_ltz", True)],
    "DATEADD": [
        ("dateadd('hour', 35, '2005-02-28'::timestamp_ntz)", datetime(2005, 3, 1, 11)),
        ("dateadd('day', -1, '2005-03-01'::date)", date(2005, 2, 28)),
    ],
    "DATEDIFF": [("datediff('day', '2005-02-28'::date, '2005-03-01'::date)", 1)],
    "DATE_FROM_PARTS": [("date_from_parts(2002, 1, 1)", date(2002, 1, 1))],
    "DENSE_RANK": [
        (of_windows("listagg(x, ',')", "dense_rank() over (order by column2)"), "1,1,2,2"),
    ],
    "EXP": [("exp(0)", 1.0), ("exp(ln(2))", 2.0)],
    "FLATTEN": [
        ("(select sum(value::integer) from table(flatten(input => parse_json('[1,2]'))))", 3)
    ],
    "GREATEST": [("greatest(1, 3, 2)", 3), ("greatest(1, null)", None)],
    "LAG": [
        (of_windows("sum(x)", "lag(column1) over (order by column1)"), 6),
    ],
    "LEAD": [
        (of_windows("sum(x)", "lead(column1) over (order by column1)"), 9),
    ],
    "LEAST": [("least(1, 3, 2)", 1), ("least(1, null)", None)],
    "LN": [("ln(1)", 0.0), ("ln(null::double)", None)],
    "MAX": [(f"(select max(column3) from {ROWS})", 9.0)],
    "MD5": [("md5('figi|A')", "2b05edee984057511ce5c3824a09b433")],
    "MEDIAN": [
        (f"(select median(column3) from {ROWS})", 4.0),
        (f"(select median(column1) from {ROWS})", 2.5),
    ],
    "MIN": [(f"(select min(column3) from {ROWS})", 2.0)],
    "NULLIF": [("nullif(0, 0)", None), ("nullif(1, 0)", 1), ("1 / nullif(0, 0)", None)],
    "POWER": [("power(0.5::double, 2)", 0.25), ("power(2::double, -1)", 0.5)],
    "ROUND": [
        ("round(2.5::double)", 3.0),
        ("round(-2.5::double)", -3.0),
        ("round(1.23456789::double, 6)", 1.234568),
    ],
    "ROW_NUMBER": [
        (of_windows("max(x)", "row_number() over (partition by column2 order by column1)"), 2),
    ],
    "SIGN": [("sign(-3.5::double)", -1), ("sign(0)", 0)],
    "SQRT": [("sqrt(2.25::double)", 1.5)],
    "STDDEV_POP": [(f"(select stddev_pop(column1) from {ROWS})", 1.118033988749895)],
    "STDDEV_SAMP": [
        (f"(select stddev_samp(column1) from {ROWS})", 1.2909944487358056),
        ("(select stddev_samp(column1) from values (1))", None),
    ],
    "SUM": [
        (f"(select sum(column3) from {ROWS})", 15.0),
        (f"(select sum(column3) from {ROWS} where column1 > 9)", None),
    ],
    "TO_DATE": [("to_date('2005-02-28 23:59:59'::timestamp_ntz)", date(2005, 2, 28))],
    "TO_TIMESTAMP_NTZ": [("to_timestamp_ntz(1109624400000, 3)", datetime(2005, 2, 28, 21))],
    "VAR_SAMP": [(f"(select var_samp(column1) from {ROWS})", 1.6666666666666667)],
    "YEAR": [("year('2005-12-31'::date)", 2005)],
}  # fmt: skip
"""Function -> expressions with the result that Snowflake documents."""

_DAY = "dateadd('day', column1, '2005-01-01'::date)"

FRAMES: list[tuple[str, Any]] = [
    (
        of_windows(
            "sum(x)",
            "sum(column1) over (order by column1 rows between 1 preceding and current row)",
        ),
        16,
    ),
    (
        of_windows(
            "sum(x)",
            "sum(column1) over (order by column1 range between 2 preceding and 1 preceding)",
        ),
        9,
    ),
    (
        of_windows(
            "max(x)",
            f"count(*) over (order by {_DAY} "
            "range between interval '1 days' preceding and current row)",
        ),
        2,
    ),
    (
        of_windows(
            "sum(x)",
            "sum(ln(column1)) over (order by column1 desc "
            "rows between 1 following and unbounded following)",
            f"{ROWS} where column1 < 3",
        ),
        0.0,
    ),
]
"""Window frames that the models use."""
