"""A statement's result in the words of Snowflake's protocol."""

import time
import uuid
from datetime import UTC, datetime
from typing import Any

from fakesnow.statement_type import DML_TYPE_IDS, SELECT
from snowflake.connector.errors import Error

from polygon_assets.sandbox.snowflake.bindings import batch_rows, bound_values, is_batch
from polygon_assets.sandbox.snowflake.cursor import SandboxCursor
from polygon_assets.sandbox.snowflake.history import KEPT_CHARACTERS, Statement, known_rows
from polygon_assets.sandbox.snowflake.results import arrow_base64, column_info, text_rows
from polygon_assets.sandbox.snowflake.session import Session
from polygon_assets.sandbox.snowflake.uploads import upload_answer

Json = dict[str, Any]


def run_statement(session: Session, body: Json, base_url: str) -> Json:
    """Run the statement of a query request, and describe its result as the protocol does.

    Args:
        session: Whose statement it is; one runs at a time.
        body: The request.
        base_url: This server's address, for uploads.
    """
    with session.lock:
        cursor, began, tag = session.cursor(), datetime.now(UTC), session.query_tag
        error: Exception | None = None
        try:
            return _answer_to(cursor, body, base_url)
        except Exception as refusal:
            error = refusal
            raise
        finally:
            session.idle_since = time.monotonic()
            if not body.get("describeOnly"):
                session.history.add(_remembered(cursor, body["sqlText"], tag, began, error))


def _remembered(
    cursor: SandboxCursor, sql: str, tag: str, began: datetime, error: Exception | None
) -> Statement:
    """The statement for the history, under the query tag that it ran with."""
    session, ended = cursor.session, datetime.now(UTC)
    rows = None if error is not None else known_rows(cursor.query_type, cursor.rowcount)
    return Statement(
        query_id=cursor.sfqid or str(uuid.uuid4()),
        query_text=sql[:KEPT_CHARACTERS],
        database_name=session.database,
        schema_name=session.schema,
        query_type=cursor.query_type,
        session_id=session.session_id,
        user_name=session.context["CURRENT_USER"],
        role_name=session.context["CURRENT_ROLE"],
        warehouse_name=session.context["CURRENT_WAREHOUSE"],
        query_tag=tag,
        execution_status="SUCCESS" if error is None else "FAILED_WITH_ERROR",
        error_code=_error_code(error),
        error_message=None if error is None else str(error),
        start_time=began,
        end_time=ended,
        total_elapsed_time=round((ended - began).total_seconds() * 1000),
        rows_produced=rows,
    )


def _error_code(error: Exception | None) -> str | None:
    number = error.errno if isinstance(error, Error) else None
    return None if number is None else f"{number:06d}"


def _answer_to(cursor: SandboxCursor, body: Json, base_url: str) -> Json:
    sql: str = body["sqlText"]
    bindings: Json = body.get("bindings") or {}
    if body.get("describeOnly"):
        described = cursor.described(sql)
        if described is not None:
            return _description(cursor, described)
    if bindings and is_batch(bindings):
        affected = cursor.execute_rows(sql, batch_rows(bindings))
        rows: Json = {"queryResultFormat": "json", "rowset": [[str(affected)]], "total": 1}
        return _answer(cursor, rows)
    cursor.execute(sql, binding_params=bound_values(bindings) if bindings else None)
    if cursor.put is not None and cursor.statement is not None:
        return upload_answer(cursor.put, cursor.statement, base_url)
    return _answer(cursor, _rows(cursor))


def _rows(cursor: SandboxCursor) -> Json:
    table = cursor.arrow
    if table is None:
        return {"queryResultFormat": "arrow", "rowsetBase64": "", "total": 0}
    if cursor.statement_type in DML_TYPE_IDS:
        rowset = text_rows(table)
        return {"queryResultFormat": "json", "rowset": rowset, "total": table.num_rows}
    columns = [column_info(*column) for column in cursor.columns]
    encoded = arrow_base64(table, columns)
    return {"queryResultFormat": "arrow", "rowsetBase64": encoded, "total": table.num_rows}


def _description(cursor: SandboxCursor, columns: list[tuple[str, str]]) -> Json:
    cursor.columns = columns
    is_query = cursor.statement_type == SELECT
    rows: Json = (
        {"queryResultFormat": "arrow", "rowsetBase64": ""}
        if is_query
        else {"queryResultFormat": "json", "rowset": []}
    )
    return {**_answer(cursor, {**rows, "total": 0}), "arrayBindSupported": not is_query}


def _answer(cursor: SandboxCursor, rows: Json) -> Json:
    session = cursor.session
    return {
        "parameters": [{"name": "TIMEZONE", "value": "Etc/UTC"}],
        "rowtype": [column_info(*column) for column in cursor.columns],
        "queryId": cursor.sfqid,
        "statementTypeId": cursor.statement_type,
        "finalDatabaseName": session.database,
        "finalSchemaName": session.schema,
        "finalWarehouseName": session.context["CURRENT_WAREHOUSE"],
        "finalRoleName": session.context["CURRENT_ROLE"],
        **rows,
    }
