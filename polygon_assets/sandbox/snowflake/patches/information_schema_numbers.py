"""The information schema called a column of whole numbers HUGEINT or INTEGER, not NUMBER(38, 0).

DuckDB's sum of integers is a HUGEINT, and so is the column of a table made from it. dbt compares
such names with those of a contract.
"""

from fakesnow import info_schema

_WHOLE_NUMBERS = "('BIGINT', 'HUGEINT', 'INTEGER', 'SMALLINT', 'TINYINT', 'UBIGINT', 'UINTEGER')"
_ORIGINAL_SQL = info_schema.SQL_CREATE_GLOBAL_INFORMATION_SCHEMA_COLUMNS_VIEW


def apply() -> None:
    """Widen fakesnow's rule for BIGINT to every integer type."""
    info_schema.SQL_CREATE_GLOBAL_INFORMATION_SCHEMA_COLUMNS_VIEW = _ORIGINAL_SQL.replace(
        "columns.data_type='BIGINT'", f"columns.data_type in {_WHOLE_NUMBERS}"
    ).replace("create view if not exists", "create or replace view")
