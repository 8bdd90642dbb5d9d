"""INFORMATION_SCHEMA.TABLES had no views, so dbt's catalog left them out."""

from string import Template

from fakesnow import info_schema

_TABLES = "from duckdb_tables tables"
_TABLES_AND_VIEWS = """from (
    select database_name, schema_name, table_name, estimated_size, 'BASE TABLE' as kind
    from duckdb_tables()
    union all
    select database_name, schema_name, view_name, null, 'VIEW' from duckdb_views()
    where not internal
) tables"""
_ORIGINAL_SQL = info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW.template


def apply() -> None:
    """Add the views, with their kind."""
    sql = (
        _ORIGINAL_SQL.replace(_TABLES, _TABLES_AND_VIEWS)
        .replace("'BASE TABLE' AS", "tables.kind AS")
        .replace("create view if not exists", "create or replace view")
    )
    info_schema.SQL_CREATE_INFORMATION_SCHEMA_TABLES_VIEW = Template(sql)
