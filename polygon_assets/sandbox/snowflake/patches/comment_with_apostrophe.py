"""A table comment with an apostrophe ended the statement that stored it (dbt's persist_docs)."""

from fakesnow import info_schema

_original = info_schema.insert_table_comment_sql


def _insert_table_comment_sql(catalog: str, schema: str, table: str, comment: str | None) -> str:
    return _original(catalog, schema, table, (comment or "").replace("'", "''"))


def apply() -> None:
    """Escape the comment."""
    info_schema.insert_table_comment_sql = _insert_table_comment_sql
