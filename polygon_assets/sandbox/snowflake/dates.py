"""Date functions whose result DuckDB types or formats in another way."""

import re

from sqlglot import Expr, exp

from polygon_assets.sandbox.snowflake.errors import unsupported

_WHOLE_DAYS = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
_FORMAT_ELEMENTS = {
    "YYYY": "%Y",
    "YY": "%y",
    "MM": "%m",
    "MON": "%b",
    "MMMM": "%B",
    "DD": "%d",
    "DY": "%a",
    "HH24": "%H",
    "HH12": "%I",
    "AM": "%p",
    "PM": "%p",
    "MI": "%M",
    "SS": "%S",
    "FF3": "%g",
    "FF6": "%f",
}
_ELEMENT = re.compile(
    "|".join(sorted(_FORMAT_ELEMENTS, key=len, reverse=True)) + "|[A-Za-z]+|.",
    re.IGNORECASE | re.DOTALL,
)


def typed_like_its_date(node: exp.DateAdd | exp.TimestampTrunc | exp.DateTrunc) -> Expr:
    """A date plus whole days, or cut to them, is a date; DuckDB makes it a timestamp."""
    unit = str(getattr(node.args.get("unit"), "name", "") or "DAY").upper()
    operand = node.this
    if unit.split("(")[0] not in _WHOLE_DAYS or isinstance(operand, exp.Literal):
        return node
    return exp.Anonymous(this="cast_to_type", expressions=[node.copy(), operand.copy()])


def formatted(node: exp.ToChar) -> Expr:
    """TO_CHAR with a format, which the translation for DuckDB would leave out.

    Raises:
        ProgrammingError: The format has an element that is not translated.
    """
    given = node.args.get("format")
    if given is None:
        return node
    if not isinstance(given, exp.Literal) or not given.is_string:
        raise unsupported("TO_CHAR with a computed format")
    return exp.func("strftime", node.this, exp.Literal.string(_strftime(given.name)))


def _strftime(snowflake_format: str) -> str:
    parts: list[str] = []
    for element in _ELEMENT.findall(snowflake_format):
        translated = _FORMAT_ELEMENTS.get(element.upper())
        if translated is None and element.isalpha() and element.upper() != "T":
            raise unsupported(f"TO_CHAR format '{snowflake_format}'")
        parts.append(translated or element.replace("%", "%%"))
    return "".join(parts)
